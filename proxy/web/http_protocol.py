"""The server's side of a connection: uvicorn's protocol over httptools, with an end to every wait and an orderly stop.

A connection is at any moment in one of four states, and each has its patience: a request's head is on its way in; a
call is being answered (whoever reads its body, or writes its answer, has a patience of their own); the answer came
before the body's end, and the rest of it is thrown away; or it rests between two calls. Bytes that begin no request
change nothing about that, so that nobody is kept waiting by blank lines.

What users rely on at a stop: a connection is closed by us only after an answer that said `connection: close`, or
when nothing has come on it for a moment. So no call that comes sooner meets one that is being closed.
"""

import asyncio
from typing import Any, Final

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from proxy.gateway.deadline import Deadline
from proxy.web.call_cycle import CallCycle, OldCycle
from proxy.web.call_scope import ASGI, FULL, target
from proxy.web.door import Door
from proxy.web.made_up_head import begin_behind
from proxy.web.same_head import MISSES_MAX, SAME, SameHead, same_head
from proxy.web.slow_reader import SlowReader
from proxy.web.turned_down import OVERRUN, TOO_LARGE, TOO_MANY_HEADS, TOO_SLOW

HEADER_BYTES_MAX: Final = 256 * 1024
"""Request line and headers together. Agent CLIs send up to some 20 KiB; one client was seen to feed 60 MiB."""
HEADERS_MAX: Final = 1000
"""Lines of them: each takes more than a hundred bytes beside its own, so 256 KiB of short ones were 5 MiB."""
PIPELINED_MAX: Final = 16
"""Requests behind the one that is being answered."""
VERSIONS: Final = frozenset(("1.0", "1.1"))


class UnreadableError(Exception):
    """No request that is answered: of another version, of too many lines, or one more ahead of its turn than are
    kept."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection. Beside its patience: bounded heads, hang-ups told to the request being answered, the raw target
    kept, and a head that is the same as the one before not read again.

    uvicorn's handlers of what the parser tells are replaced rather than called: there are some forty a request.
    """

    cycle: CallCycle | None  # type: ignore[assignment]

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
        self._deadline = Deadline(self._over)
        """Ends the state that the connection is in."""
        self._reader: SlowReader
        self._above = False
        """The connection came when there were as many as may be."""
        self._same: SameHead | None = None
        """The head that the last request had, if it may come again."""
        self._misses = 0
        """Heads in a row that were other ones."""
        self._left = 0
        """Bytes to come of the body of a request whose head was the same: they pass by the parser, too."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]  # as the base class has it
        door = self._door
        self._reader = SlowReader(door, self.transport)
        if door.full:
            self._above = True
            door.turned_away += 1
        if door.overrun:
            self.transport.write(OVERRUN)
            self.transport.close()
        else:
            self._deadline.within(door.patience.closing_s if door.closing else door.patience.header_s)

    def data_received(self, data: bytes) -> None:
        if self._left:
            data = self._rest_of_body(data)
            if not data:
                return
        fresh = not (self._head or self._body or self._busy or self.pipeline)
        same = self._same
        if fresh and same is not None:
            found = same.match(data)
            if found is not None:
                return self._again(same, *found, data)
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
        if self.parser is not None and not self.transport.is_closing():
            self._bound(data)
            # Busy now: it began a request, and was no blank line.
            if fresh and self._busy and self._misses < MISSES_MAX and not (self._head or self.pipeline):
                self._remember(data)

    def _bound(self, data: bytes) -> None:
        """What is neither whole nor a body has an end."""
        if self._head:
            self._head_bytes += len(data)
            if self._head_bytes > HEADER_BYTES_MAX:
                return self._turn_down(TOO_LARGE)
            if not self._deadline.set:
                self._deadline.within(self._door.patience.header_s)
            self._door.head_grows(self._make_room, self._head_bytes)
        elif self._body and not self._progress:
            self._framing_bytes += len(data)
            if self._framing_bytes > HEADER_BYTES_MAX:
                self._turn_down(TOO_LARGE)

    def _make_room(self) -> None:
        """For heads of others that are on their way in."""
        self._turn_down(TOO_MANY_HEADS)

    def _remember(self, data: bytes) -> None:
        """The head with which it begins, if the connection is kept behind it."""
        self._same = None
        if self.scope["method"] == "POST" and self.parser.should_keep_alive():
            self._same = same_head(data, dict(self.scope), self.headers)
            self._misses += 1

    def _again(self, same: SameHead, digits: bytes, start: int, data: bytes) -> None:
        """A request whose head is the same as the one before. Its body ends where its content-length says, and what
        comes behind that is no part of it."""
        end = start + int(digits)
        self._misses = 0
        self._left = max(0, end - len(data))
        self.headers = same.headers(digits)
        scope: Any = {**same.scope, "headers": self.headers, "state": self.app_state.copy(), SAME: same}
        self.scope = scope
        self._body = self._left > 0
        self._call(self.app, keep_alive=True, body=data[start:end])
        if len(data) > end:
            self.data_received(data[end:])

    def _rest_of_body(self, data: bytes) -> bytes:
        """What comes behind it."""
        rest = data[self._left :]
        piece = data[: self._left] if rest else data
        self._left -= len(piece)
        self.on_body(piece)
        if not self._left:
            self.on_message_complete()
        return rest

    def on_message_begin(self) -> None:
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self._head = True
        self._head_bytes = 0
        self._deadline.none()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._head:
            return  # a trailer: it came past all that looks at headers, and may be none (RFC 9110, section 6.5.1)
        if len(self.headers) >= HEADERS_MAX:
            raise UnreadableError
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._head, self._body, self._framing_bytes = False, True, 0
        if self._head_bytes:
            self._door.head_over(self._make_room)
        version = self.parser.get_http_version()
        if len(self.pipeline) >= PIPELINED_MAX or version not in VERSIONS:
            raise UnreadableError
        scope: Any = {
            **ASGI,
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "method": self.parser.get_method().decode("ascii"),
            "headers": self.headers,
            "state": self.app_state.copy(),
            **target(self.url),
        }
        self.scope = scope
        if self.parser.should_upgrade() and self._should_upgrade():
            return
        keep_alive = version != "1.0" and self.parser.should_keep_alive()
        expected = self.expect_100_continue and version != "1.0"
        self._call(self.app, keep_alive=keep_alive, expect_100_continue=expected)

    def _call(self, app: Any, *, keep_alive: bool, expect_100_continue: bool = False, body: bytes = b"") -> None:
        """The request whose head is in the scope is to be answered, behind those before it."""
        self._deadline.none()
        door = self._door
        if self._above and door.full:
            self.scope[FULL] = True  # type: ignore[typeddict-unknown-key]  # ASGI allows own keys
        before = self.cycle
        made = CallCycle if self.scope["http_version"] != "1.0" else OldCycle
        self.cycle = made(
            self.scope,
            self.transport,
            self.flow,
            self.on_response_complete,
            keep_alive=keep_alive and door.keeping,
            expect_100_continue=expect_100_continue,
            body=body,
            more_body=self._body,
        )
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, app))

    def on_body(self, body: bytes) -> None:
        self._progress, self._framing_bytes = True, 0
        cycle = self.cycle
        if cycle is None or cycle.response_complete or (self.parser.should_upgrade() and self._should_upgrade()):
            return
        cycle.add(body)
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade() and not self._should_upgrade():
            return  # so says a parser that passed over the body: `_stay`
        self._body = False
        cycle = self.cycle
        if cycle is None or not cycle.more_body:
            return
        if not cycle.response_complete:
            cycle.more_body = False
            cycle.tell()
        else:
            # The rest of a body that was thrown away has come.
            cycle.more_body = False
            self._rest()

    def _stay(self, rest: bytes) -> None:
        """The request wishes for another protocol, as the first one of each of Java's clients does, and is answered in
        this one (RFC 9110, section 7.8). The parser has passed over its body; another reads on, told of the framing."""
        begin_behind(self, self.headers)
        if rest:
            self.data_received(rest)

    def _should_upgrade(self) -> bool:
        # Anything else than GET is answered as the request over HTTP that it may be (RFC 6455, section 4.1).
        return bool(super()._should_upgrade()) and self.scope["method"] == "GET"

    def on_response_complete(self) -> None:
        """uvicorn's own, with a rest that also bounds what is thrown away."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return self._reader.closed()
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self.cycle is not None and self.cycle.more_body:
            self._deadline.within(self._door.patience.discard_s)
        elif not self._head:
            self._rest()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.stop()
        self._reader.stop()
        self._door.head_over(self._make_room)
        super().connection_lost(exc)
        answering = self._answering
        if answering is not None:
            # uvicorn tells only the newest of pipelined requests, and this one may be older.
            answering.hang_up()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reader.waits()

    def resume_writing(self) -> None:
        self._reader.stop()
        self._reader.closed()
        super().resume_writing()

    def shutdown(self) -> None:
        """The port is being closed. An answer that has begun without saying so leaves the connection to one more."""
        for cycle in (self._answering, *(cycle for cycle, _ in self.pipeline)):
            if cycle is not None and not cycle.response_started:
                cycle.keep_alive = False
        if not (self._busy or self.pipeline):
            self._rest()

    def send_400_response(self, msg: str) -> None:
        self._turn_down(TOO_LARGE if self._head and len(self.headers) >= HEADERS_MAX else None, msg)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._answering = cycle
        task = self.loop.create_task(cycle.run_asgi(app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    @property
    def _busy(self) -> bool:
        return self._answering is not None and not self._answering.response_complete

    def _rest(self) -> None:
        """Nothing is under way, unless the next request's head has begun."""
        if not self._head:
            patience = self._door.patience
            self._deadline.within(patience.closing_s if self._door.closing else patience.keep_alive_s)

    def _turn_down(self, answer: bytes | None, msg: str = "") -> None:
        """Answer what can't be read, and close. Where it came behind a whole request that is being answered, its answer
        would be taken for that one's, and within a body that was answered already for the next one's: then the
        connection is only broken off, or closed."""
        cycle = self.cycle
        if cycle is not None and self._body and cycle.response_complete:
            self.transport.close()
            self._reader.closed()
        elif cycle is not None and self._busy and self._ahead(cycle):
            self.transport.abort()
        elif answer is None:
            super().send_400_response(msg)
        else:
            self.transport.write(answer)
            self.transport.close()

    def _ahead(self, cycle: CallCycle) -> bool:
        """What came last is no part of the request that is being answered, or its answer has begun."""
        return bool(self.pipeline) or self._head or cycle.response_started or not cycle.more_body

    def _over(self) -> None:
        if self.transport.is_closing():
            return
        if self._busy:
            # A head that came ahead of its turn: it has time until then, and once more.
            self._deadline.within(self._door.patience.header_s)
        elif self._head:
            self._turn_down(TOO_SLOW)
        else:
            self.transport.close()
            self._reader.closed()
