"""Signing with AWS Signature Version 4, in front of another Upstream: calls to Bedrock, by the proxy's own credential.

botocore finds the credential and signs. It reads the environment and ~/.aws itself, past proxy.settings: the chain of
variables, profiles, single sign-on, containers' and instances' roles is the one that AWS documents for every tool, and
to retell it here would be to get it wrong. It is imported at the first signed call, in a thread (7 MiB and 0.25 s,
measured), so that a gateway that signs nothing never pays for it. What is not signed passes for 0.1 µs; a signature
costs about 0.5 ms of CPU, most of it the library's. The session is kept, and renews what expires.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final

from proxy.ports.upstream import Fault, Signing, Upstream, UpstreamAnswer, UpstreamError, UpstreamRequest

SIGNERS: Final = 2
"""Threads. A role's credential that is fetched anew takes one for a moment."""
SIGNED_S_MAX: Final = 15.0
"""How long a call waits for its signature: a place without a role is asked for it in vain for some seconds."""
STREAMED_BYTES_MAX: Final = 16 * 1024 * 1024
"""Of a body that is streamed through: a signature covers the whole body, so it is held for that."""

_SIGNED: Final = frozenset((b"content-type", b"host"))
_MADE_ANEW: Final = frozenset((b"authorization", b"x-amz-date", b"x-amz-security-token", b"x-amz-content-sha256"))


class SigningUpstream:
    """An Upstream (see ports/upstream.py). A request that is not to be signed goes straight to the inner one."""

    def __init__(self, inner: Upstream) -> None:
        self._inner = inner
        self._threads: ThreadPoolExecutor | None = None
        self._sessions: dict[str, Any] = {}
        """By profile: as many as providers.yaml names."""

    def send(self, request: UpstreamRequest) -> Coroutine[Any, Any, UpstreamAnswer]:
        """As in the port. Raises UpstreamError with Fault.CREDENTIAL where there is nothing to sign with."""
        if request.signing is None:
            return self._inner.send(request)
        return self._send_signed(request, request.signing)

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _send_signed(self, request: UpstreamRequest, signing: Signing) -> UpstreamAnswer:
        body = request.body if isinstance(request.body, bytes) else await _whole(request.body)
        request = replace(request, body=body, body_length=None)
        self._threads = self._threads or ThreadPoolExecutor(SIGNERS, "signing")
        signed = asyncio.get_running_loop().run_in_executor(self._threads, self._lines, request, body, signing)
        try:
            made = await asyncio.wait_for(signed, SIGNED_S_MAX)
        except TimeoutError:
            raise UpstreamError(Fault.CREDENTIAL, "no credential within the time limit") from None
        kept = [line for line in request.headers if line[0].lower() not in _MADE_ANEW]
        return await self._inner.send(replace(request, headers=[*kept, *made]))

    def _lines(self, request: UpstreamRequest, body: bytes, signing: Signing) -> list[tuple[bytes, bytes]]:
        """The header lines that sign the request. Blocks; runs in a thread of its own."""
        from botocore.auth import SigV4Auth  # noqa: PLC0415  # at the first signed call, as said above
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415

        credential = self._credential(signing)
        signable = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in request.headers
            if name.lower() in _SIGNED or (name.lower().startswith(b"x-amz-") and name.lower() not in _MADE_ANEW)
        }
        url = request.base_url + request.target.decode("ascii")
        to_sign = AWSRequest(request.method, url, signable, body)
        SigV4Auth(credential, signing.service, signing.region).add_auth(to_sign)
        given = to_sign.headers.items()
        made = ((name.lower().encode(), value) for name, value in given)
        return [(name, value.encode("latin-1")) for name, value in made if name in _MADE_ANEW]

    def _credential(self, signing: Signing) -> Any:
        """Access key, secret and token, fresh. Raises UpstreamError; its words hold no part of any credential."""
        import botocore.session  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415

        try:
            session = self._sessions.get(signing.profile)
            if session is None:
                session = self._sessions[signing.profile] = botocore.session.Session(profile=signing.profile or None)
            found = session.get_credentials()
            frozen = found.get_frozen_credentials() if found is not None else None
        except BotoCoreError as error:
            raise UpstreamError(Fault.CREDENTIAL, f"botocore: {type(error).__name__}") from None
        if frozen is None or not frozen.access_key or not frozen.secret_key:
            raise UpstreamError(Fault.CREDENTIAL, "botocore finds no credential")
        return frozen


async def _whole(parts: AsyncIterator[bytes]) -> bytes:
    """A streamed body, held whole. Raises UpstreamError."""
    held = bytearray()
    try:
        async for part in parts:
            held += part
            if len(held) > STREAMED_BYTES_MAX:
                raise UpstreamError(Fault.BODY_SOURCE, f"a body above {STREAMED_BYTES_MAX} bytes can't be signed")
    except UpstreamError:
        raise
    except Exception as error:  # of the client's side, whatever it is: its text may hold what was sent
        raise UpstreamError(Fault.BODY_SOURCE, f"the request's body broke off: {type(error).__name__}") from None
    return bytes(held)
