"""The callers of `bench.gateway`: raw HTTP/1.1 on connections that are kept, each with one call at a time.

They read no more of an answer than they must to know its end, so that they cost less than what they measure.
"""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, cast

from bench.gateway_bodies import Bodies

ANSWER_S_MAX: Final = 120.0
"""A call that takes longer ends the run."""
_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: *(\d+)\r\n")
_DONE: Final = b"data: [DONE]"
_TAIL_BYTES: Final = 400


class BadAnswerError(RuntimeError):
    """An answer that is none: what is measured doesn't work."""


@dataclass(frozen=True, slots=True)
class Load:
    """One kind of call, as it is sent to one server."""

    port: int
    path: str
    headers: Sequence[tuple[str, str]]
    bodies: Bodies
    in_flight: int
    seconds: float
    """No call begins after that."""
    stream: bool = False

    def head(self) -> bytes:
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        begin = f"POST {self.path} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\n{lines}"
        return begin.encode() + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the callers saw."""

    took_s: Sequence[float]
    """Of each call, sorted."""
    first_s: Sequence[float]
    """To the first byte of its answer's body, sorted."""

    @property
    def calls(self) -> int:
        return len(self.took_s)

    @property
    def p50_s(self) -> float:
        return median(self.took_s)

    @property
    def p99_s(self) -> float:
        return self.took_s[len(self.took_s) * 99 // 100]


class _Caller(asyncio.Protocol):
    """One connection. `done` is told of its end: None, or what was wrong."""

    def __init__(self, load: Load, number: int, until_s: float, done: Callable[[Exception | None], None]) -> None:
        self._load = load
        self._head = load.head()
        self._number = number
        self._until_s = until_s
        self._done = done
        self._over = False
        self.took_s: list[float] = []
        self.first_s: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._call()

    def _call(self) -> None:
        body = self._load.bodies.next(self._number)
        self._got = b""
        self._left: int | None = None
        self._chunked = False
        self._answered = False
        self._begun_s = time.perf_counter()
        self._transport.write(self._head % len(body) + body)

    def data_received(self, data: bytes) -> None:
        if self._left is None:
            data = self._after_head(data)
        if not data or self._over:
            return
        if not self._answered:
            self._answered = True
            self.first_s.append(time.perf_counter() - self._begun_s)
        if self._ended(data):
            self.took_s.append(time.perf_counter() - self._begun_s)
            if time.perf_counter() < self._until_s:
                self._call()
            else:
                self._end(None)

    def _after_head(self, data: bytes) -> bytes:
        """What has come of the body."""
        self._got += data
        end = self._got.find(b"\r\n\r\n") + 4
        if end < 4:
            return b""
        head, body = self._got[:end], self._got[end:]
        if not head.startswith(b"HTTP/1.1 200"):
            self._end(BadAnswerError(self._got[:2000].decode("latin-1")))
        length = _LENGTH.search(head)
        self._chunked = length is None
        self._left = int(length[1]) if length else 0
        self._got = b""
        return body

    def _ended(self, data: bytes) -> bool:
        """Whether the answer ends with `data`."""
        if not self._chunked:
            self._left = (self._left or 0) - len(data)
            return self._left <= 0
        self._got = (self._got + data[-_TAIL_BYTES:])[-_TAIL_BYTES:]
        ended = self._got.endswith(b"0\r\n\r\n")
        if ended and self._load.stream and _DONE not in self._got:
            self._end(BadAnswerError("a stream without its end"))
        return ended

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(BadAnswerError(f"connection lost ({exc!r})"))

    def _end(self, why: Exception | None) -> None:
        if not self._over:
            self._over = True
            self._transport.close()
            self._done(why)


async def played(load: Load) -> Seen:
    """Make the calls. Raises BadAnswerError, TimeoutError, OSError."""
    loop = asyncio.get_running_loop()
    until_s = time.perf_counter() + load.seconds
    ends: list[asyncio.Future[None]] = []
    callers: list[_Caller] = []

    def done(end: "asyncio.Future[None]") -> Callable[[Exception | None], None]:
        def told(why: Exception | None) -> None:
            if not end.done():
                end.set_exception(why) if why is not None else end.set_result(None)

        return told

    for number in range(load.in_flight):
        end: asyncio.Future[None] = loop.create_future()
        ends.append(end)
        caller = _Caller(load, number, until_s, done(end))
        callers.append(caller)
        await loop.create_connection(lambda caller=caller: caller, "127.0.0.1", load.port)  # type: ignore[misc]
    async with asyncio.timeout(load.seconds + ANSWER_S_MAX):
        await asyncio.gather(*ends)
    took = sorted(each for caller in callers for each in caller.took_s)
    return Seen(took, sorted(each for caller in callers for each in caller.first_s))
