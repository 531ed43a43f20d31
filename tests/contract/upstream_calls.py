"""Calls as the tests of Upstream make them."""

from collections.abc import AsyncIterator
from typing import Any

from proxy.ports.upstream import AtOnce, RawHeaders, Upstream, UpstreamAnswer, UpstreamRequest

CANARY = "canary-5d1f"
"""Stands in targets, headers and bodies: must never stand in an error."""


def call(
    url: str,
    target: bytes = b"/v1/messages",
    *,
    method: str = "POST",
    headers: RawHeaders = ((b"content-type", b"application/json"),),
    body: bytes | AsyncIterator[bytes] = b"{}",
    **more: Any,
) -> UpstreamRequest:
    return UpstreamRequest(method, url, target, headers, body, **more)


async def body_of(answer: UpstreamAnswer) -> bytes:
    """The whole body, and the answer closed. Every other piece is passed on in the moment in which it comes."""
    got: list[bytes] = []

    def pass_on(piece: bytes) -> bool:
        taken = len(got) % 2 == 0
        if taken:
            got.append(piece)
        return taken

    try:
        async for piece in answer.pieces(pass_on) if isinstance(answer, AtOnce) else answer.chunks():
            got.append(piece)
        return b"".join(got)
    finally:
        await answer.close()


async def exchanged(upstream: Upstream, request: UpstreamRequest) -> bytes:
    """One call; gives its answer's body."""
    return await body_of(await upstream.send(request))
