"""Bedrock's event streams: binary frames (`application/vnd.amazon.eventstream`), decoded as they pass.

A frame is a prelude (total length, length of headers, CRC-32 of both), headers, payload, and a CRC-32 of all. Numbers
are big-endian (Smithy, "Amazon Event Stream Specification"). botocore reads them: 1.1 MiB and 13 ms, once.
"""

import struct
from binascii import crc32
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, Protocol

from proxy.dialects.dialect import FramedMeter, Reading
from proxy.dialects.meters import BodyMeter, Listener
from proxy.metering.content import UnreadableContentError

if TYPE_CHECKING:
    from botocore.eventstream import EventStreamBuffer

EVENT_STREAM: Final = b"application/vnd.amazon.eventstream"
_PRELUDE_BYTES: Final = 12
_CHECKSUM_BYTES: Final = 4
_TEXT: Final = 7
"""Type of a header whose value is a text."""


class FrameListener(Listener, Protocol):
    """Hears an answer as events of frames, or as one JSON body."""

    def headers(self, headers: Mapping[bytes, bytes]) -> None:
        """Told before anything else."""
        ...

    def frame(self, kind: str, payload: bytes) -> None:
        """Hear one event of a stream. Never raises, whatever `payload` is."""
        ...

    def failure(self) -> None:
        """Hear that the stream ended in an exception of the provider."""
        ...


class WholeMeter(BodyMeter, FramedMeter):
    """A Meter of one JSON body, whose headers count, too."""

    def __init__(self, listener: FrameListener) -> None:
        super().__init__(listener)
        self._heard = listener

    def headers(self, headers: Mapping[bytes, bytes]) -> None:
        self._heard.headers(headers)


class FrameMeter(FramedMeter):
    """A Meter of one stream of frames."""

    def __init__(self, listener: FrameListener) -> None:
        self._listener = listener
        self._buffer = _buffer()
        self._last = b""
        self._waiting = 0
        """Bytes of a frame that has begun."""
        self._missing: int | None = 0
        """Bytes at the start of what was fed last that complete a frame begun before; None: it isn't complete yet."""

    @property
    def ended(self) -> bool:
        return self._listener.ended

    @property
    def output_bytes(self) -> int:
        return self._listener.output.size

    def headers(self, headers: Mapping[bytes, bytes]) -> None:
        self._listener.headers(headers)

    def feed(self, data: bytes) -> bytes:
        """Raises UnreadableContentError where the bytes are no frames: the call is then settled at its hold."""
        begun, self._last, self._missing = self._waiting, data, None if self._waiting else 0
        self._waiting += len(data)
        self._buffer.add_data(data)
        for size, kind, payload in self._events():
            self._waiting -= size
            if self._missing is None:
                self._missing = size - begun
            if kind:
                self._listener.frame(kind, payload)
            else:
                self._listener.failure()
        return data

    def _events(self) -> Iterator[tuple[int, str, bytes]]:
        """Size, kind ('' for an exception) and payload of each frame that is whole."""
        from botocore.eventstream import ParserError  # noqa: PLC0415  # as in _buffer

        try:
            for message in self._buffer:
                plain = message.headers.get(":message-type", "event") == "event"
                kind = message.headers.get(":event-type")
                yield message.prelude.total_length, kind if plain and isinstance(kind, str) else "", message.payload
        except (ParserError, struct.error, ValueError, KeyError) as error:
            raise UnreadableContentError(f"no event stream: {type(error).__name__}") from None

    def tail(self) -> bytes | None:
        return None if self._missing is None else self._last[: self._missing]

    def finish(self) -> bytes:
        return b""

    def reading(self) -> Reading:
        return self._listener.reading()


def exception_frame(kind: str, payload: bytes) -> bytes:
    """A frame that ends a stream with an exception, as the SDKs of AWS know them ('throttlingException')."""
    fields = ((":message-type", "exception"), (":exception-type", kind), (":content-type", "application/json"))
    headers = b"".join(_header(name.encode(), value.encode()) for name, value in fields)
    prelude = struct.pack("!II", _PRELUDE_BYTES + len(headers) + len(payload) + _CHECKSUM_BYTES, len(headers))
    checked = prelude + struct.pack("!I", crc32(prelude)) + headers + payload
    return checked + struct.pack("!I", crc32(checked))


def _header(name: bytes, value: bytes) -> bytes:
    return struct.pack("!B", len(name)) + name + struct.pack("!BH", _TEXT, len(value)) + value


def _buffer() -> "EventStreamBuffer":
    """Imported at the first stream of this kind, so that a gateway without Bedrock never pays for it."""
    from botocore.eventstream import EventStreamBuffer  # noqa: PLC0415

    return EventStreamBuffer()
