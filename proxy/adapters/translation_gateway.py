"""The gateway, as litellm sees it within the translation process: an HTTP transport that reaches every provider."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from typing import Any, ClassVar, Final

import httpx
import msgspec

from proxy.adapters.translation_frames import Answer, Ask, Kind, encode, read_frame
from proxy.adapters.translation_lines import LineEnds

_TEXTS: Final = ("application/json", "text/event-stream")


class Gateway(httpx.AsyncBaseTransport):
    """Where litellm's one request of a call goes."""

    current: ClassVar[ContextVar["Gateway"]] = ContextVar("gateway")

    def __init__(self, reader: asyncio.StreamReader, say: Callable[[Kind, bytes], Any]) -> None:
        self._reader = reader
        self._say = say
        self.asked = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.asked:
            raise httpx.ReadError("a call is one request, and never repeated")
        self.asked = True
        body = await request.aread()
        await self._say(Kind.ASK, encode(Ask(request.method, request.url.raw_path, request.headers.raw, body)))
        try:
            kind, data = await read_frame(self._reader)
        except EOFError:
            raise httpx.ReadError("the gateway has gone") from None
        if kind is not Kind.ANSWER:
            raise httpx.ReadError("the provider did not answer")
        answer = msgspec.msgpack.decode(data, type=Answer)
        headers = httpx.Headers(answer.headers)
        plain = headers.get("content-type", "").startswith(_TEXTS) and "content-encoding" not in headers
        return httpx.Response(answer.status, headers=headers, stream=_Bytes(self._reader, plain))


class AnyGateway(httpx.AsyncBaseTransport):
    """For the clients that litellm makes and keeps by itself, where it doesn't pass on the one it is given (Gemini's
    embeddings): each call's own `Gateway`."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await Gateway.current.get().handle_async_request(request)


class _Bytes(httpx.AsyncByteStream):
    """The provider's answer as it comes."""

    def __init__(self, reader: asyncio.StreamReader, plain: bool) -> None:
        """`plain`: it is UTF-8 text."""
        self._reader = reader
        self._plain = plain

    async def __aiter__(self) -> AsyncIterator[bytes]:
        lines = LineEnds()
        while True:
            try:
                kind, data = await read_frame(self._reader)
            except EOFError:
                raise httpx.ReadError("the gateway has gone") from None
            if kind is Kind.DATA:
                yield lines.feed(data) if self._plain else data
            elif kind is Kind.END:
                if rest := lines.finish():
                    yield rest
                return
            else:
                raise httpx.ReadError("the provider's answer broke off")
