"""Delivery: sending one answer, with the faults asked for, and knowing at any moment what has been sent."""

from dataclasses import replace
from typing import Final

import msgspec

from proxy.model.usage import Usage
from proxy.standin.bedrock_frames import BinaryFrames
from proxy.standin.client import Client, Headers
from proxy.standin.coding import coder
from proxy.standin.framing import Events, Framed, Framing
from proxy.standin.headers import JSON, response_headers
from proxy.standin.protocol import Answer, Format, Frame, Headed, Plain
from proxy.standin.tally import Ended

PING_EVERY: Final = 5
"""Frames between comments, where they are asked for."""


class Delivery:
    """Sends one answer, by `whole` or by `stream`; either raises ClientGoneError."""

    def __init__(self, client: Client, form: Format, answer: Answer, request_id: str) -> None:
        self._client = client
        self._format = form
        self._answer = answer
        self._behaviour = answer.behaviour
        self._request_id = request_id
        self._coder = coder(answer.behaviour.encoding)
        self._framing: Framing = (form.framing if isinstance(form, Framed) else Events)(answer.behaviour)
        self._sent_tokens = 0
        self._sent_reasoning = 0
        self._all_sent = False

    @property
    def delivered(self) -> Usage:
        """What the provider would bill now.

        All of it, once the usage has been reported or a whole answer has begun to go out. Before, the tokens sent, and
        of the hidden ones those that were told of.
        """
        if self._all_sent:
            return self._answer.usage
        sent, told = self._sent_tokens, self._sent_reasoning
        return replace(self._answer.usage, output_text=sent, reasoning=told, web_search=0)

    async def whole(self) -> Ended:
        """One JSON object, or other bytes; cut or stalled, the first half of them."""
        whole = self._format.whole(self._answer)
        plain = whole if isinstance(whole, Plain) else Plain(msgspec.json.encode(whole), JSON)
        data = plain.data
        body = self._coder.piece(data) + self._coder.end()
        await self._start(plain.content_type, [(b"content-length", str(len(body)).encode())])
        self._all_sent = True
        if self._behaviour.cut_after is None and self._behaviour.stall_after is None:
            await self._client.send(body, more=False)
            return Ended.COMPLETE
        await self._client.send(body[: len(body) // 2], more=True)
        return await self._break_off()

    async def stream(self) -> Ended:
        """A stream of frames, each written on its own. An aborted one simply ends: the server closes the connection."""
        await self._start(self._framing.content_type, [(b"cache-control", b"no-cache")])
        for number, frame in enumerate(self._format.frames(self._answer)):
            if self._behaviour.chunk_ms and frame.tokens:
                await self._client.pause(self._behaviour.chunk_ms)
            if self._due(self._behaviour.error_event_after, frame):
                return await self._fail()
            if self._due(self._behaviour.cut_after, frame) or self._due(self._behaviour.stall_after, frame):
                if isinstance(self._framing, BinaryFrames):
                    await self._write(self._framing.beginning(frame))
                return await self._break_off()
            await self._write(self._filler(number) + self._framing.wire(frame))
            self._sent_tokens += frame.tokens
            self._sent_reasoning += frame.reasoning
            self._all_sent = self._all_sent or frame.usage
        self._all_sent = True
        await self._end()
        return Ended.COMPLETE

    def _due(self, limit: int | None, frame: Frame) -> bool:
        """True where the tokens asked for are out, and `frame` is the next token or follows the last one."""
        if limit is None:
            return False
        last = self._sent_tokens >= self._answer.usage.output_text > 0
        return last or (frame.tokens > 0 and self._sent_tokens >= limit)

    async def _break_off(self) -> Ended:
        if self._behaviour.stall_after is not None:
            await self._client.gone()
            return Ended.HANGUP
        return Ended.CUT

    async def _fail(self) -> Ended:
        await self._write(self._framing.wire(self._format.failure("The stand-in was asked to fail here.")))
        await self._end()
        return Ended.ERROR

    async def _end(self) -> None:
        last = self._framing.end()
        await self._client.send((self._coder.piece(last) if last else b"") + self._coder.end(), more=False)

    async def _start(self, content_type: bytes, extra: Headers) -> None:
        encoding = self._behaviour.encoding
        coded = [(b"content-encoding", encoding.encode())] if encoding else []
        headers = response_headers(self._format.provider, self._request_id, content_type)
        own = self._format.headers(self._answer) if isinstance(self._format, Headed) else []
        await self._client.start(200, [*headers, *own, *extra, *coded])

    async def _write(self, data: bytes) -> None:
        await self._client.send(self._coder.piece(data), more=True)

    def _filler(self, number: int) -> bytes:
        if not self._behaviour.comments or not number or number % PING_EVERY:
            return b""
        ping = self._format.ping()
        return self._framing.breath() + (self._framing.wire(ping) if ping else b"")
