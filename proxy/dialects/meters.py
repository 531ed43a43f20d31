"""Meters: what carries the bytes of an answer to the listener of a protocol, as events or as one JSON body."""

import re
from dataclasses import replace
from typing import Final, Protocol

from proxy.dialects.dialect import FramedMeter, Reading
from proxy.dialects.output import Output
from proxy.metering.sse import EventStream
from proxy.model.usage import Served

ANSWER_BYTES_MAX: Final = 32 * 1024 * 1024
"""Of a longer JSON answer only the end is read, for its usage. Several generated images in base64 stay below it; the
vectors of a thousand texts do not."""
END_BYTES: Final = 64 * 1024
_USAGE: Final = re.compile(rb'"usage(?:Metadata)?"\s*:')
"""No text of an answer can have it: its quotes would be escaped."""
EVENT_STREAM: Final = b"text/event-stream"
"""Content type of Server-Sent Events."""
_EVENT_STARTS: Final = (b"data:", b"event:", b"id:", b":")


class Listener(Protocol):
    """Told what one answer says; knows its protocol."""

    @property
    def output(self) -> Output: ...

    @property
    def ended(self) -> bool:
        """The protocol's own last event was told of."""
        ...

    def event(self, data: bytes) -> bool:
        """Hear the data of one event; True: the client did not ask for it. Never raises, whatever `data` is."""
        ...

    def body(self, data: bytes) -> None:
        """Hear a whole JSON answer. Never raises, whatever `data` is."""
        ...

    def reading(self) -> Reading: ...


class StreamMeter(FramedMeter):
    """Of a stream of events."""

    def __init__(self, listener: Listener, *, hide_usage: bool) -> None:
        self._listener = listener
        self._events = EventStream(listener.event, hiding=hide_usage)
        self.feed = self._events.feed
        self.finish = self._events.finish

    def tail(self) -> bytes | None:
        return self._events.joint

    @property
    def ended(self) -> bool:
        return self._listener.ended

    @property
    def output_bytes(self) -> int:
        return self._listener.output.size

    def reading(self) -> Reading:
        return self._listener.reading()


class BodyMeter:
    """Of one body, read when it is whole. A stream of events that was not announced as one is read as one."""

    ended = False

    def __init__(self, listener: Listener, *, events: bool = True) -> None:
        """`events`: False where the body may be any text, which could begin as events do."""
        self._listener = listener
        self._read_events = events
        self._pieces: list[bytes] = []
        self._end = b""
        """Of an answer that is too long."""
        self._size = 0
        self._bytes_max = ANSWER_BYTES_MAX

    @property
    def output_bytes(self) -> int:
        """All bytes so far: what of them is visible output shows at the end only."""
        return self._size

    def feed(self, data: bytes) -> bytes:
        self._size += len(data)
        if self._size <= self._bytes_max:
            self._pieces.append(data)
        else:
            self._end = b"".join((self._end, *self._pieces, data))[-END_BYTES:]
            self._pieces = []
        return data

    def shorten(self) -> None:
        """There is no room for the whole of it: from now on only its end is kept, as of one that is too long."""
        self._bytes_max = 0
        self._end = b"".join((self._end, *self._pieces))[-END_BYTES:]
        self._pieces = []

    def finish(self) -> bytes:
        data, self._pieces = b"".join(self._pieces) or self._last_members(), []
        if self._read_events and data.lstrip()[:6].startswith(_EVENT_STARTS):
            events = EventStream(self._listener.event, hiding=False)
            events.feed(data)
            events.finish()
        elif data:
            self._listener.body(data)
        return b""

    def _last_members(self) -> bytes:
        """From the usage on, as an object; b'' where none is at the end. What broke off stays unreadable."""
        found = [match.start() for match in _USAGE.finditer(self._end)] if self._read_events else ()
        return b"{" + self._end[found[-1] :] if found else b""

    def reading(self) -> Reading:
        reading = self._listener.reading()
        return reading if reading.complete else replace(reading, output_bytes=self._size)


class SilentMeter:
    """Of an answer that costs nothing, whatever it says: a list of models, a count of tokens."""

    ended = False
    output_bytes = 0

    def __init__(self) -> None:
        self._finished = False

    def feed(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        self._finished = True
        return b""

    def reading(self) -> Reading:
        return Reading(None, final=False, served=Served(), complete=self._finished, failed=False, output_bytes=0)
