"""The data plane's endpoint: one raw ASGI application for every model call.

The steps of a call: route, identify, read the body, admit, relay. A key is checked before a body is read, so nobody
without one can make the gateway hold 64 MiB.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import structlog
from starlette.types import Receive, Scope, Send

from proxy.dialects.dialect import Dialect
from proxy.gateway.admission import Admission, Admitted, Incoming
from proxy.gateway.batched import to_be_read
from proxy.gateway.client import Client
from proxy.gateway.fallback import Elsewhere, Moved, may_fall_back
from proxy.gateway.faults import INTERNAL, STOPPING
from proxy.gateway.headers import OF_THE_CONTENT, RANGES, HeaderLines, lookup, upstream_headers
from proxy.gateway.plane import Plane
from proxy.gateway.relay import Relay
from proxy.gateway.repeating import carried
from proxy.gateway.rules import Rules
from proxy.gateway.waiting import GoneError
from proxy.metering.content import ExpansionError, UnreadableContentError, decoded_request
from proxy.model.decision import Reason, Refusal
from proxy.model.fact import fact
from proxy.model.identity import Identity
from proxy.policy.identify import identify
from proxy.policy.keys import digest
from proxy.policy.providers import provider_target
from proxy.ports.clock import Clock
from proxy.ports.upstream import Signing, Translation, UpstreamRequest
from proxy.web.asgi_client import AsgiClient
from proxy.web.body_room import BodyRoom, NoRoomError, Share
from proxy.web.credentials import Presented, presented
from proxy.web.direct_client import client as client_of
from proxy.web.http_protocol import FULL, RAW_TARGET
from proxy.web.request_body import (
    STEADY,
    ClientGoneError,
    Pace,
    TooLargeError,
    TooSlowError,
    declared_length,
    read_whole,
    stream,
)
from proxy.web.routing import Route, Unrouted, route

log = structlog.get_logger("outlay.data")

BASES_KEPT: Final = 100
_TWICE: Final = {
    name: Refusal(
        400,
        Reason.BAD_REQUEST,
        f"The request has two {name.decode()}s, so its body can be read in two ways. Send one.",
    )
    for name in OF_THE_CONTENT
}
_TOO_SLOW: Final = Refusal(
    408,
    Reason.BAD_REQUEST,
    "The request body came too slowly (OUTLAY_BODY_IDLE_S, OUTLAY_BODY_RATE_MIN), or took longer than 300 s.",
    retryable=True,
)
_FULL: Final = Refusal(
    503,
    Reason.OVERLOADED,
    "outlay has as many connections as it takes (OUTLAY_CONNECTIONS_MAX). Try again shortly.",
    retry_after_s=1,
    retryable=True,
)


@dataclass(frozen=True, slots=True)
class DataPlane:
    rules: Callable[[], Rules]
    """What is in force now; asked once a call."""
    dialects: Sequence[Dialect]
    admission: Admission
    plane: Plane
    clock: Clock
    body_bytes_max: int
    refused: Callable[[Refusal], None]
    """Told of every refusal, for metrics."""
    pace: Pace = STEADY
    room: BodyRoom = field(default_factory=BodyRoom)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        rules = self.rules()
        headers = lookup(scope["headers"])
        caller = presented(headers, raw_target(scope))
        found = route(scope["method"], caller.target, headers, rules.policies, self.dialects)
        client = client_of(receive, send, found.dialect)
        if FULL in scope:
            return await self._refuse(client, _FULL)
        if isinstance(found, Unrouted):
            return await self._refuse(client, found.refusal)
        identity = self._identify(rules, caller)
        if isinstance(identity, Refusal):
            return await self._refuse(client, identity)
        call = _Inbound(scope, headers, receive, client, caller, found)
        share = self.room.share()
        try:
            await self._carry(rules, identity, call, share)
        except (ClientGoneError, GoneError):
            return
        except asyncio.CancelledError:
            # Only the stop of the server cancels a request's task, and here the task ends.
            if not client.started:
                await client.refuse(STOPPING, "")
        except Exception:
            log.exception("call failed")
            if not client.started:
                await client.refuse(INTERNAL, "")
        finally:
            share.leave()

    async def _carry(self, rules: Rules, identity: Identity, call: "_Inbound", share: Share) -> None:
        """Raises ClientGoneError."""
        incoming, refusal = await self._incoming(rules, call, share)
        if refusal is not None:
            refusal, call_id = self.admission.turn_away(rules, incoming, identity, refusal)
            return await self._refuse(call.client, refusal, call_id)
        admitted = await self.admission.admit(rules, incoming, identity, gone=call.client.gone)
        if not isinstance(admitted, Admitted):
            refusal, call_id = admitted
            return await self._refuse(call.client, refusal, call_id)
        elsewhere = self._elsewhere(call, incoming) if may_fall_back(admitted, incoming) else None

        def relay(client: Client) -> Relay:
            return Relay(self.plane, admitted, _upstream_request(call, admitted, self.pace), client, elsewhere)

        await carried(self.plane, admitted, call.client, relay)

    def _elsewhere(self, call: "_Inbound", incoming: Incoming) -> Elsewhere:
        def moved(admitted: Admitted, name: str) -> Moved | None:
            anew = self.admission.elsewhere(admitted, incoming, name)
            return (anew, _upstream_request(call, anew, self.pace)) if anew is not None else None

        return moved

    def _identify(self, rules: Rules, caller: Presented) -> Identity | Refusal:
        now = datetime.fromtimestamp(self.clock.now_us() / 1e6, UTC)
        return identify(rules.policies, digest(caller.key), now)

    async def _incoming(self, rules: Rules, call: "_Inbound", share: Share) -> tuple[Incoming, Refusal | None]:
        """The call with its body read, where its operation needs that; or why it isn't. Raises ClientGoneError."""
        body: bytes = b""
        content: bytes | None = b""
        refusal: Refusal | None = None
        operation = call.route.operation
        if to_be_read(rules, operation):
            operation = replace(operation, body_read=True)
        if operation.body_read:
            try:
                body = await self._body(call, share)
                content = decoded_request(body, call.headers.get(b"content-encoding", b""), self.body_bytes_max)
                if content is not None and content is not body:
                    share.take(len(content))
            except (TooLargeError, ExpansionError):
                refusal = self._too_large()
            except NoRoomError:
                refusal = self._no_room()
            except TooSlowError:
                refusal = _TOO_SLOW
            except UnreadableContentError as error:
                refusal = Refusal(400, Reason.BAD_REQUEST, f"The request body can't be read: {error}")
            call.client.body_read.set()
            names = [name for name, _ in call.scope["headers"]]
            for name, twice in _TWICE.items():
                if names.count(name) > 1:
                    refusal = refusal or twice
        incoming = Incoming(
            dialect=call.route.dialect,
            operation=operation,
            prefix=call.route.prefix,
            headers=call.headers,
            body=body,
            own_credential=call.caller.own_credential,
            target=call.route.target,
            content=content,
            sent_headers=lambda: _sent_headers(call, None),
        )
        return incoming, refusal

    async def _body(self, call: "_Inbound", share: Share) -> bytes:
        """All of it. Raises as `read_whole` does."""
        body = call.client.body_at_once()
        if body is None:
            length = declared_length(call.headers)
            return await read_whole(call.receive, length, self.body_bytes_max, share.take, pace=self.pace)
        if len(body) > self.body_bytes_max:
            raise TooLargeError
        share.take(len(body))
        return body

    def _too_large(self) -> Refusal:
        return Refusal(
            413,
            Reason.BODY_TOO_LARGE,
            f"The request body is above {self.body_bytes_max} bytes, which is as much as outlay reads of a call "
            "(decompressed). An admin raises OUTLAY_BODY_BYTES_MAX where larger calls are meant.",
        )

    def _no_room(self) -> Refusal:
        return Refusal(
            503,
            Reason.OVERLOADED,
            f"outlay already holds {self.room.bytes_max} bytes of request bodies, its limit (OUTLAY_BODIES_BYTES_MAX). "
            "Try again shortly.",
            retry_after_s=1,
            retryable=True,
        )

    async def _refuse(self, client: AsgiClient, refusal: Refusal, call_id: str = "") -> None:
        self.refused(refusal)
        log.info("refused", call_id=call_id, status=refusal.status, reason=refusal.reason)
        await client.refuse(refusal, call_id)


@fact(frozen=True, slots=True)
class _Inbound:
    """One request on its way through the steps."""

    scope: Scope
    headers: dict[bytes, bytes]
    receive: Receive
    client: AsgiClient
    caller: Presented
    route: Route


def _upstream_request(call: _Inbound, admitted: Admitted, pace: Pace) -> UpstreamRequest:
    provider = admitted.provider
    origin, prefix = split_base(provider.base_url)
    credential: tuple[bytes, bytes] | None = None
    translation: Translation | None = None
    if admitted.translated:
        translation = _translation(admitted, prefix)
    elif admitted.credential:
        credential = admitted.dialect.credential(admitted.credential)
    caller = call.caller
    lines = _sent_headers(call, credential)
    if admitted.operation.resource or admitted.operation.lists:
        # Results are metered where they are read whole: in two parts nobody would be charged for them. Part of a list
        # of models couldn't be read.
        lines = [line for line in lines if line[0] not in RANGES]
    body: bytes | AsyncIterator[bytes] = admitted.body
    length: int | None = None
    if not admitted.operation.body_read:
        length = declared_length(call.headers)
        if length or b"transfer-encoding" in call.headers:
            body = _streamed(call, pace)
        else:
            call.client.body_read.set()
    return UpstreamRequest(
        method=call.scope["method"],
        base_url=origin,
        target=prefix + provider_target(provider, admitted.target),
        headers=lines,
        body=body,
        body_length=length,
        connect_timeout_s=provider.connect_timeout_s,
        read_timeout_s=provider.read_timeout_s,
        total_timeout_s=provider.total_timeout_s,
        signing=_signing(admitted, own=caller.own_credential),
        translation=translation,
    )


def _sent_headers(call: _Inbound, credential: tuple[bytes, bytes] | None) -> HeaderLines:
    caller = call.caller
    return upstream_headers(call.scope["headers"], call.headers, credential, own=caller.own_credential, key=caller.key)


def _translation(admitted: Admitted, prefix: bytes) -> Translation:
    provider = admitted.provider
    return Translation(
        dialect=provider.dialect,
        operation=admitted.operation.name,
        model=admitted.model,
        credential=admitted.credential,
        at_provider=lambda target: prefix + provider_target(provider, target),
    )


def _signing(admitted: Admitted, *, own: bool) -> Signing | None:
    provider = admitted.provider
    if provider.api_key.source != "aws" or own:
        return None
    return Signing("bedrock", provider.region, provider.api_key.name)


async def _streamed(call: _Inbound, pace: Pace) -> AsyncIterator[bytes]:
    async for piece in stream(call.receive, pace):
        yield piece
    call.client.body_read.set()


@lru_cache(maxsize=BASES_KEPT)
def split_base(base_url: str) -> tuple[str, bytes]:
    """Scheme and host of a base URL, and the path under which its provider's paths stand."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/").encode()


def raw_target(scope: Scope) -> bytes:
    """Path and query byte for byte, as the request line had them."""
    raw: bytes = scope.get(RAW_TARGET, b"")
    if raw.startswith(b"/"):
        return raw
    query: bytes = scope["query_string"]
    path: bytes = scope["raw_path"]
    return path + b"?" + query if query else path
