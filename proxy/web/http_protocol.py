"""The server's side of a connection: uvicorn's protocol over httptools, with an end to every wait and an orderly stop.

A connection is at any moment in one of four states, and each has its patience: a request's head is on its way in; a
call is being answered (whoever reads its body, or writes its answer, has a patience of their own); the answer came
before the body's end, and the rest of it is thrown away; or it rests between two calls. Bytes that begin no request
change nothing about that, so that nobody is kept waiting by blank lines.

What users rely on at a stop: a connection is closed by us only after an answer that said `connection: close`, or
when nothing has come on it for a moment. So no call that comes sooner meets one that is being closed.
"""

import asyncio
import fcntl
import struct
import termios
from typing import Any, Final, cast

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from proxy.web.direct_client import CallCycle
from proxy.web.door import Door

log = structlog.get_logger("outlay.server")

HEADER_BYTES_MAX: Final = 256 * 1024
"""Request line and headers together. Agent CLIs send up to some 20 KiB; one client was seen to feed 60 MiB."""
HEADERS_MAX: Final = 1000
"""Lines of them: each takes more than a hundred bytes beside its own, so 256 KiB of short ones were 5 MiB."""
PIPELINED_MAX: Final = 16
"""Requests behind the one that is being answered."""
FRAMING: Final = frozenset((b"content-length", b"transfer-encoding"))
RAW_TARGET: Final = "outlay.raw_target"
"""Scope key of the request target exactly as it came; ASGI itself loses a bare '?'."""
FULL: Final = "outlay.full"
"""Scope key: the connection came above the limit, and the request is to be turned away."""

_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_FULL_BODY: Final = (
    b'{"type":"error","error":{"type":"overloaded_error","code":"overloaded","status":"UNAVAILABLE",'
    b'"message":"outlay has as many connections as it takes (OUTLAY_CONNECTIONS_MAX). Try again shortly."}}'
)
"""To a connection whose dialect nobody waits to hear: it can be read in those of OpenAI, Anthropic and Gemini."""
_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
    b"retry-after: 1\r\nconnection: close\r\n\r\n%b" % (len(_FULL_BODY), _FULL_BODY)
)


VERSIONS: Final = frozenset(("1.0", "1.1"))


class UnreadableError(Exception):
    """No request that is answered: of another version, of too many lines, or one more ahead of its turn than are
    kept."""


class _MadeUp:
    """What a parser tells that was given a made-up head: not of that head, but of all behind it."""

    def __init__(self, protocol: "BoundedHttpProtocol") -> None:
        self._protocol: BoundedHttpProtocol | None = None
        self._real = protocol
        self.on_body = protocol.on_body
        self.on_message_complete = protocol.on_message_complete

    def on_message_begin(self) -> None:
        if self._protocol is not None:
            self._protocol.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if self._protocol is not None:
            self._protocol.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._protocol is not None:
            self._protocol.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._protocol is not None:
            self._protocol.on_headers_complete()
        self._protocol = self._real


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection. Beside its patience: bounded heads, hang-ups told to the request being answered, and the raw
    target kept."""

    def __init__(self, door: Door, **given: Any) -> None:
        super().__init__(**given)
        self._door = door
        self._head = False
        """A request's head has begun and is not whole."""
        self._head_bytes = 0
        self._body = False
        """Of a request whose head is whole, the end hasn't come."""
        self._progress = False
        """What came last had bytes of a body."""
        self._framing_bytes = 0
        """Come since then: trailers, extensions of chunks."""
        self._answering: CallCycle | None = None
        self._timer: asyncio.TimerHandle | None = None
        """Ends the state that the connection is in."""
        self._stalled: asyncio.TimerHandle | None = None
        self._unsent = 0
        """Bytes that the client had not taken when its answer was looked at last."""
        self._above = False
        """The connection came when there were as many as may be."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]  # as the base class has it
        door = self._door
        if door.full:
            self._above = True
            door.turned_away += 1
        if door.overrun:
            self.transport.write(_FULL)
            self.transport.close()
        else:
            self._within(door.patience.closing_s if door.closing else door.patience.header_s)

    def data_received(self, data: bytes) -> None:
        self._progress = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as wish:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
            else:
                self._stay(data[wish.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("This is not a request that can be read as HTTP/1.1.")
        if self.parser is None or self.transport.is_closing():
            return
        if self._head:
            self._head_bytes += len(data)
            if self._head_bytes > HEADER_BYTES_MAX:
                self._turn_down(_TOO_LARGE)
            elif self._timer is None:
                self._within(self._door.patience.header_s)
        elif self._body and not self._progress:
            self._framing_bytes += len(data)
            if self._framing_bytes > HEADER_BYTES_MAX:
                self._turn_down(_TOO_LARGE)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._head:
            return  # a trailer: it came past all that looks at headers, and may be none (RFC 9110, section 6.5.1)
        if len(self.headers) >= HEADERS_MAX:
            raise UnreadableError
        super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        self._progress, self._framing_bytes = True, 0
        super().on_body(body)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head = True
        self._head_bytes = 0
        self._at_ease()

    def _stay(self, rest: bytes) -> None:
        """The request wishes for another protocol, as the first one of each of Java's clients does, and is answered in
        this one (RFC 9110, section 7.8). The parser has passed over its body; another reads on, told of the framing."""
        framing = [b"%b: %b\r\n" % line for line in self.headers if line[0] in FRAMING]
        self.parser = httptools.HttpRequestParser(_MadeUp(self))
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
        self.parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % b"".join(framing))
        if rest:
            self.data_received(rest)

    def _should_upgrade(self) -> bool:
        # Anything else than GET is answered as the request over HTTP that it may be (RFC 6455, section 4.1).
        return bool(super()._should_upgrade()) and self.scope["method"] == "GET"

    def on_headers_complete(self) -> None:
        self._head, self._body, self._framing_bytes = False, True, 0
        self._at_ease()
        if len(self.pipeline) >= PIPELINED_MAX or self.parser.get_http_version() not in VERSIONS:
            raise UnreadableError
        self.scope[RAW_TARGET] = self.url  # type: ignore[typeddict-unknown-key]  # ASGI allows own keys
        if self._above and self._door.full:
            self.scope[FULL] = True  # type: ignore[typeddict-unknown-key]
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before and not self._door.keeping:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade() and not self._should_upgrade():
            return  # so says a parser that passed over the body: `_stay`
        self._body = False
        super().on_message_complete()
        cycle = self.cycle
        if cycle is not None and cycle.response_complete and cycle.more_body:
            # The rest of a body that was thrown away has come.
            cycle.more_body = False
            self._rest()

    def on_response_complete(self) -> None:
        """uvicorn's own, with a rest that also bounds what is thrown away."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return self._leave()
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self.cycle.more_body:
            self._within(self._door.patience.discard_s)
        elif not self._head:
            self._rest()

    def connection_lost(self, exc: Exception | None) -> None:
        self._at_ease()
        self._stop_looking()
        super().connection_lost(exc)
        answering = self._answering
        if answering is not None:
            # uvicorn tells only the newest of pipelined requests, and this one may be older.
            answering.hang_up()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._door.waits(self._cut_off, self.transport.get_write_buffer_size())
        self._unsent = self._not_taken()
        self._look_again()

    def resume_writing(self) -> None:
        self._stop_looking()
        self._leave()
        super().resume_writing()

    def shutdown(self) -> None:
        """The port is being closed. An answer that has begun without saying so leaves the connection to one more."""
        for cycle in (self._answering, *(cycle for cycle, _ in self.pipeline)):
            if cycle is not None and not cycle.response_started:
                cycle.keep_alive = False
        if not (self._busy or self.pipeline):
            self._rest()

    def send_400_response(self, msg: str) -> None:
        self._turn_down(_TOO_LARGE if self._head and len(self.headers) >= HEADERS_MAX else None, msg)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        # uvicorn names the class that it makes; ours adds nothing but methods.
        cycle.__class__ = CallCycle
        self._answering = cast(CallCycle, cycle)
        super()._start_asgi_task(cycle, app)

    @property
    def _busy(self) -> bool:
        return self._answering is not None and not self._answering.response_complete

    def _rest(self) -> None:
        """Nothing is under way, unless the next request's head has begun."""
        if not self._head:
            patience = self._door.patience
            self._within(patience.closing_s if self._door.closing else patience.keep_alive_s)

    def _turn_down(self, answer: bytes | None, msg: str = "") -> None:
        """Answer what can't be read, and close. Where it came behind a whole request that is being answered, its answer
        would be taken for that one's, and within a body that was answered already for the next one's: then the
        connection is only broken off, or closed."""
        if self._body and self.cycle is not None and self.cycle.response_complete:
            self.transport.close()
            self._leave()
        elif self._busy and (self.pipeline or self._head or self.cycle.response_started or not self.cycle.more_body):
            self.transport.abort()
        elif answer is None:
            super().send_400_response(msg)
        else:
            self.transport.write(answer)
            self.transport.close()

    def _within(self, seconds: float) -> None:
        """The state the connection is in ends within that."""
        self._at_ease()
        self._timer = self.loop.call_later(seconds, self._over)

    def _at_ease(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _over(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if self._busy:
            # A head that came ahead of its turn: it has time until then, and once more.
            self._within(self._door.patience.header_s)
        elif self._head:
            self._turn_down(_TOO_SLOW)
        else:
            self.transport.close()
            self._leave()

    def _leave(self) -> None:
        """A connection that is closed is there until its client has taken what waits for it, or takes too little."""
        if self.transport.is_closing() and self._stalled is None and self.transport.get_write_buffer_size():
            self._unsent = self._not_taken()
            self._look_again()

    def _look_again(self) -> None:
        self._stalled = self.loop.call_later(self._door.patience.answer_idle_s, self._look)

    def _look(self) -> None:
        """Whether the client took enough of what waits for it."""
        patience = self._door.patience
        unsent = self._not_taken()
        taken, self._unsent = self._unsent - unsent, unsent
        if taken <= patience.answer_rate_min * patience.answer_idle_s or not taken:
            self._door.cut_slow += 1
            self._cut_off()
        else:
            self._look_again()

    def _cut_off(self) -> None:
        log.warning("a client took too little of its answer", unsent_bytes=self._unsent)
        self.transport.abort()

    def _not_taken(self) -> int:
        """Of what was written: bytes that wait here, and in the kernel for the client to confirm them."""
        size: int = self.transport.get_write_buffer_size()
        connected = self.transport.get_extra_info("socket")
        if connected is not None:
            answer = fcntl.ioctl(connected.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
            size += struct.unpack("i", answer)[0]
        return size

    def _stop_looking(self) -> None:
        self._door.goes_on(self._cut_off)
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
