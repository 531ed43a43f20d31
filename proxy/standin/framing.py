"""Framing: how the frames of a stream stand on the wire."""

from typing import Protocol, runtime_checkable

from proxy.standin.behaviour import Behaviour
from proxy.standin.headers import EVENTS, JSON
from proxy.standin.protocol import Frame


class Framing(Protocol):
    content_type: bytes

    def wire(self, frame: Frame) -> bytes: ...

    def breath(self) -> bytes:
        """Bytes without meaning, between frames."""
        ...

    def end(self) -> bytes:
        """What follows the last frame."""
        ...


@runtime_checkable
class Framed(Protocol):
    """A Format whose streams are no events."""

    def framing(self, behaviour: Behaviour) -> Framing: ...


class Events:
    """Server-sent events."""

    content_type = EVENTS

    def __init__(self, behaviour: Behaviour) -> None:
        self._newline = b"\r\n" if behaviour.newline == "crlf" else b"\n"

    def wire(self, frame: Frame) -> bytes:
        event = b"event: " + frame.event.encode() + self._newline if frame.event else b""
        return event + b"data: " + frame.data + self._newline * 2

    def breath(self) -> bytes:
        return b": the stand-in breathes" + self._newline * 2

    def end(self) -> bytes:
        return b""


class QuietEvents(Events):
    """Without comments: not every SDK knows them."""

    def breath(self) -> bytes:
        return b""


class Elements:
    """The elements of one JSON array."""

    content_type = JSON

    def __init__(self, behaviour: Behaviour) -> None:
        self._newline = b"\r\n" if behaviour.newline == "crlf" else b"\n"
        self._before = b"["

    def wire(self, frame: Frame) -> bytes:
        before, self._before = self._before, b"," + self._newline
        return before + frame.data + self._newline

    def breath(self) -> bytes:
        return self._newline

    def end(self) -> bytes:
        return b"]" + self._newline
