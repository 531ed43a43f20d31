"""The request that goes to the provider, made of the call that was admitted."""

from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from starlette.types import Receive

from proxy.gateway.admission import Admitted
from proxy.gateway.headers import RANGES
from proxy.model.fact import fact
from proxy.policy.providers import provider_target
from proxy.ports.upstream import RawHeaders, Signing, Translation, UpstreamRequest
from proxy.web.asgi_client import AsgiClient
from proxy.web.head_facts import HeadFacts
from proxy.web.request_body import Pace, stream

BASES_KEPT: Final = 100


@fact(frozen=True, slots=True)
class Inbound:
    """One request on its way through the steps."""

    facts: HeadFacts
    length: int | None
    """Of its body, as its head states it."""
    receive: Receive
    client: AsgiClient


def upstream_request(call: Inbound, admitted: Admitted, pace: Pace) -> UpstreamRequest:
    provider, facts = admitted.provider, call.facts
    origin, prefix = split_base(provider.base_url)
    credential: tuple[bytes, bytes] | None = None
    translation: Translation | None = None
    if admitted.translated:
        translation = _translation(admitted, prefix)
    elif admitted.credential:
        credential = admitted.dialect.credential(admitted.credential)
    lines: RawHeaders = facts.sent(credential)
    if admitted.operation.resource or admitted.operation.lists:
        # Results are metered where they are read whole: in two parts nobody would be charged for them. Part of a list
        # of models couldn't be read.
        lines = [line for line in lines if line[0] not in RANGES]
    body: bytes | AsyncIterator[bytes] = admitted.body
    length: int | None = None
    if not admitted.operation.body_read:
        length = call.length
        if length or b"transfer-encoding" in facts.headers:
            body = _streamed(call, pace)
        else:
            call.client.body_was_read()
    return UpstreamRequest(
        facts.method,
        origin,
        prefix + provider_target(provider, admitted.target),
        lines,
        body,
        length,
        provider.connect_timeout_s,
        provider.read_timeout_s,
        provider.total_timeout_s,
        _signing(admitted, own=facts.caller.own_credential),
        translation,
    )


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


async def _streamed(call: Inbound, pace: Pace) -> AsyncIterator[bytes]:
    async for piece in stream(call.receive, pace):
        yield piece
    call.client.body_was_read()


@lru_cache(maxsize=BASES_KEPT)
def split_base(base_url: str) -> tuple[str, bytes]:
    """Scheme and host of a base URL, and the path under which its provider's paths stand."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/").encode()
