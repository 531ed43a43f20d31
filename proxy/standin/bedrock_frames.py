"""Bedrock's frames: events as `application/vnd.amazon.eventstream` (Smithy, "Amazon Event Stream Specification")."""

import struct
import zlib
from typing import Final

from proxy.standin.behaviour import Behaviour
from proxy.standin.protocol import Frame

EVENTS: Final = b"application/vnd.amazon.eventstream"
_EXCEPTION: Final = "Exception"
_STRING: Final = 7
BROKEN_OFF_BYTES: Final = 40


class BinaryFrames:
    """The framing of a stream."""

    content_type = EVENTS

    def __init__(self, behaviour: Behaviour) -> None:
        """Nothing of a behaviour changes it."""

    def wire(self, frame: Frame) -> bytes:
        return _wire(frame)

    def beginning(self, frame: Frame) -> bytes:
        """A part of a frame, for a stream that breaks off in the middle of one."""
        return _wire(frame)[:BROKEN_OFF_BYTES]

    def breath(self) -> bytes:
        return b""

    def end(self) -> bytes:
        return b""


def _wire(frame: Frame) -> bytes:
    """One frame. An event whose name ends in 'Exception' is one."""
    kind = "exception" if frame.event.endswith(_EXCEPTION) else "event"
    headers = b"".join(
        _header(name, value)
        for name, value in (
            (f":{kind}-type", frame.event),
            (":content-type", "application/json"),
            (":message-type", kind),
        )
    )
    length = 12 + len(headers) + len(frame.data) + 4
    prelude = struct.pack(">LL", length, len(headers))
    message = prelude + struct.pack(">L", zlib.crc32(prelude)) + headers + frame.data
    return message + struct.pack(">L", zlib.crc32(message))


def _header(name: str, value: str) -> bytes:
    return bytes((len(name),)) + name.encode() + bytes((_STRING,)) + struct.pack(">H", len(value)) + value.encode()
