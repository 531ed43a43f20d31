"""The load of the crash drill: callers on raw connections, and a provider that counts, in one process.

Both sides are as cheap as Python allows, so that the gateway gets the machine. What a call is, follows from its number
alone: its format, how it ends, and how many tokens it uses. So both witnesses can be compared with the record, call by
call, without anybody having to remember more than a byte for each.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple, cast

CALLS_MAX: Final = 4_000_000
AGAIN_S: Final = 0.02
"""Between two tries to connect while the gateway is down."""
HANG_UP_S: Final = 0.004
ANSWER_S_MAX: Final = 20.0
"""More than that is no answer: the caller gives up, and that it did is told."""
LATE_EACH: Final = 7
"""Every seventh answer comes later, by up to 45 ms: more is in flight when the kill comes."""
HEAD_END: Final = b"\r\n\r\n"
MARKER: Final = b"x-drill-call: "


class Ended(IntEnum):
    """How a call ended for its caller. 0: it was not made, or has not ended."""

    ANSWERED = 1
    """Whole, with status 200."""
    FAILED = 2
    """The provider's own error, passed on."""
    REFUSED = 3
    """By outlay itself: nothing was sent."""
    BROKEN = 4
    """The connection was lost before the answer was whole."""
    HUNG_UP = 5
    """By the caller."""
    UNANSWERED = 6
    """Nothing came, and the connection stood."""


class Kind(NamedTuple):
    path: bytes
    stream: bool = False
    status: int = 200
    cut: bool = False
    """The provider breaks off half-way."""
    hang_up: bool = False
    """The caller does."""


CHAT: Final = b"/v1/chat/completions"
MESSAGES: Final = b"/v1/messages"
KINDS: Final = (
    *(Kind(CHAT),) * 8,
    *(Kind(MESSAGES),) * 3,
    *(Kind(CHAT, stream=True),) * 3,
    *(Kind(MESSAGES, stream=True),) * 2,
    Kind(CHAT, status=500),
    Kind(CHAT, stream=True, cut=True),
    Kind(CHAT, hang_up=True),
    Kind(MESSAGES, stream=True, hang_up=True),
)


def kind_of(number: int) -> Kind:
    return KINDS[number * 7919 % len(KINDS)]


def tokens_of(number: int) -> tuple[int, int]:
    """Input and output that the provider reports."""
    return 10 + number % 97, 1 + number % 41


@dataclass(slots=True)
class Witnesses:
    """What callers and provider saw, by the calls' numbers, which begin with 1."""

    made: int = 0
    ended: bytearray = field(default_factory=lambda: bytearray(CALLS_MAX))
    reached: bytearray = field(default_factory=lambda: bytearray(CALLS_MAX))
    """How often the provider got the call."""
    answered: int = 0

    def end(self, number: int, how: Ended) -> None:
        self.ended[number] = how
        self.answered += how is Ended.ANSWERED

    def numbers(self) -> range:
        return range(1, self.made + 1)


class Load:
    """Callers that call without pause, `rate` a second together at most, until told to stop or all calls are made."""

    def __init__(
        self,
        witnesses: Witnesses,
        port: int,
        request: Callable[[int], bytes],
        *,
        rate: float,
        callers: int,
        calls: int = CALLS_MAX - 1,
    ) -> None:
        """`request`: the bytes of the call of a number."""
        self.witnesses = witnesses
        self.stopping = False
        self.request = request
        self.calls = calls
        self._port = port
        self._gap_s = 1 / rate
        self._callers = callers
        self._slot_s = 0.0
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        await asyncio.gather(*(self._caller() for _ in range(self._callers)))

    async def _caller(self) -> None:
        while not self.done:
            caller = _Caller(self)
            try:
                await self._loop.create_connection(lambda caller=caller: caller, "127.0.0.1", self._port)  # type: ignore[misc]
            except OSError:
                await asyncio.sleep(AGAIN_S)
                continue
            await caller.lost

    def slot_s(self) -> float:
        """When the next call may be made, by the loop's clock."""
        now_s = self._loop.time()
        self._slot_s = max(self._slot_s + self._gap_s, now_s - self._gap_s)
        return self._slot_s

    @property
    def done(self) -> bool:
        return self.stopping or self.witnesses.made >= self.calls


def question(number: int, key: str) -> bytes:
    """A call that asks one thing."""
    said = b'[{"role":"user","content":"call %d"}]' % number
    return request_of(number, key, said)


def request_of(number: int, key: str, messages: bytes, more: bytes = b"") -> bytes:
    """The bytes of a call, whole HTTP. `more`: headers."""
    kind = kind_of(number)
    limit = b'"max_tokens":60,' if kind.path is MESSAGES else b""
    model = b"claude-sonnet-4-5" if kind.path is MESSAGES else b"gpt-4o"
    body = b'{"model":"%b",%b"stream":%b,"messages":%b}' % (
        model,
        limit,
        b"true" if kind.stream else b"false",
        messages,
    )
    return (
        b"POST %b HTTP/1.1\r\nhost: drill\r\nauthorization: Bearer %b\r\ncontent-type: application/json\r\n"
        b"x-outlay-work-item: %d\r\n%b%b%d\r\ncontent-length: %d\r\n\r\n%b"
    ) % (kind.path, key.encode(), number, more, MARKER, number, len(body), body)


class _Caller(asyncio.Protocol):
    """One connection, one call at a time."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._number = 0
        self._left_how = Ended.BROKEN
        self._patience: asyncio.TimerHandle | None = None
        self._answer = b""
        self._status = 0
        self._ours = False
        self._left = -1
        """Bytes of the answer's body still to come; -1: its head is, -2: it is chunked."""
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not asserted: uvloop's are none of asyncio's by class.
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def _next(self) -> None:
        self._loop.call_at(self._load.slot_s(), self._call)

    def _call(self) -> None:
        witnesses = self._load.witnesses
        if self._load.done or self._transport.is_closing():
            self._transport.abort()
            return
        witnesses.made += 1
        self._number, self._answer, self._left = witnesses.made, b"", -1
        self._transport.write(self._load.request(self._number))
        if self._patience is not None:
            self._patience.cancel()
        wait_s, how = (HANG_UP_S, Ended.HUNG_UP) if kind_of(self._number).hang_up else (ANSWER_S_MAX, Ended.UNANSWERED)
        self._patience = self._loop.call_later(wait_s, self._leave, self._number, how)

    def _leave(self, number: int, how: Ended) -> None:
        if number == self._number:
            self._left_how = how
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._left == -1:
            data = self._head(data)
        if self._left == -2:
            self._answer = (self._answer + data)[-5:]
            if self._answer == b"0\r\n\r\n":
                self._end()
        elif self._left >= 0:
            self._left -= len(data)
            if self._left <= 0:
                self._end()

    def _head(self, data: bytes) -> bytes:
        """What of the body came with it."""
        self._answer += data
        head, end, body = self._answer.partition(HEAD_END)
        if not end:
            return b""
        self._answer = b""
        lines = head.lower()
        self._status = int(head[9:12])
        self._ours = b"x-drill" not in lines
        at = lines.find(b"content-length: ")
        self._left = int(lines[at + 16 :].split(b"\r", 1)[0]) if at >= 0 else -2
        return body

    def _end(self) -> None:
        how = Ended.ANSWERED if self._status == 200 else Ended.REFUSED if self._ours else Ended.FAILED
        self._load.witnesses.end(self._number, how)
        self._number = 0
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._number:
            self._load.witnesses.end(self._number, self._left_how)
            self._number = 0
        if self._patience is not None:
            self._patience.cancel()
        self.lost.set_result(None)


class Provider(asyncio.Protocol):
    """One connection of the gateway to the provider."""

    def __init__(self, witnesses: Witnesses) -> None:
        self._witnesses = witnesses
        self._data = b""
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not asserted: uvloop's are none of asyncio's by class.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, end, body = self._data.partition(HEAD_END)
        if not end:
            return
        lines = head.lower()
        if len(body) < _number_after(lines, b"content-length: "):
            return
        self._data = b""
        number = _number_after(lines, MARKER)
        self._witnesses.reached[number] += 1
        if number % LATE_EACH:
            self._answer(number)
        else:
            self._loop.call_later(number % 10 * 0.005, self._answer, number)

    def _answer(self, number: int) -> None:
        kind = kind_of(number)
        pieces = answer_of(number)
        if self._transport.is_closing():
            return
        if kind.cut:
            self._transport.write(pieces[0])
            self._transport.close()
            return
        for piece in pieces:
            self._transport.write(piece)


def _number_after(lines: bytes, name: bytes) -> int:
    at = lines.index(name) + len(name)
    return int(lines[at : lines.find(b"\r", at) if b"\r" in lines[at:] else len(lines)])


async def provider(witnesses: Witnesses) -> asyncio.Server:
    """Listening on a port of its own."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Provider(witnesses), "127.0.0.1", 0, backlog=1024)


def answer_of(number: int) -> list[bytes]:
    """Bytes in the order they are sent, whole HTTP."""
    kind, (read, written) = kind_of(number), tokens_of(number)
    if kind.status != 200:
        return [_plain(b"500 Internal Server Error", b'{"error":{"type":"server_error","message":"drill"}}')]
    of_messages = kind.path is MESSAGES
    if not kind.stream:
        said = _MESSAGE if of_messages else _COMPLETION
        return [_plain(b"200 OK", said % (number, read, written))]
    events = _message_events(number, read, written) if of_messages else _completion_events(number, read, written)
    return [_STREAM_HEAD + _chunk(events[0]), *map(_chunk, events[1:-1]), _chunk(events[-1]) + b"0\r\n\r\n"]


_COMPLETION: Final = (
    b'{"id":"c%d","object":"chat.completion","created":1,"model":"gpt-4o","choices":[{"index":0,"finish_reason":"stop",'
    b'"message":{"role":"assistant","content":"done"}}],"usage":{"prompt_tokens":%d,"completion_tokens":%d}}'
)
_MESSAGE: Final = (
    b'{"id":"m%d","type":"message","role":"assistant","model":"claude-sonnet-4-5","stop_reason":"end_turn",'
    b'"content":[{"type":"text","text":"done"}],"usage":{"input_tokens":%d,"output_tokens":%d}}'
)
_STREAM_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nx-drill: 1\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)


def _plain(status: bytes, body: bytes) -> bytes:
    head = b"HTTP/1.1 %b\r\nx-drill: 1\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
    return head % (status, len(body), body)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _completion_events(number: int, read: int, written: int) -> list[bytes]:
    begin = b'data: {"id":"c%d","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":[' % number
    return [
        begin + b'{"index":0,"delta":{"role":"assistant","content":"do"},"finish_reason":null}]}\n\n',
        begin + b'{"index":0,"delta":{"content":"ne"},"finish_reason":null}]}\n\n',
        begin + b'{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
        begin + b'],"usage":{"prompt_tokens":%d,"completion_tokens":%d}}\n\n' % (read, written),
        b"data: [DONE]\n\n",
    ]


def _message_events(number: int, read: int, written: int) -> list[bytes]:
    message = (
        b'"message":{"id":"m%d","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[],' % number
    )
    usage = b'"stop_reason":null,"usage":{"input_tokens":%d,"output_tokens":1}}' % read
    text = b'"index":0,"content_block":{"type":"text","text":""}'
    return [
        _event(b"message_start", message + usage),
        _event(b"content_block_start", text),
        _event(b"content_block_delta", b'"index":0,"delta":{"type":"text_delta","text":"done"}'),
        _event(b"content_block_stop", b'"index":0'),
        _event(b"message_delta", b'"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":%d}' % written),
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    ]


def _event(name: bytes, fields: bytes) -> bytes:
    return b'event: %b\ndata: {"type":"%b",%b}\n\n' % (name, name, fields)
