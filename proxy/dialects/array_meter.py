"""ArrayMeter: of an answer that is one JSON array, whose elements come one by one."""

from typing import Protocol

from proxy.dialects.dialect import FramedMeter, Reading
from proxy.dialects.meters import Listener
from proxy.metering.json_array import ArrayStream


class ArrayListener(Listener, Protocol):
    def closed(self) -> None:
        """Hear that the array is at its end."""
        ...


class ArrayMeter(FramedMeter):
    """Tells its listener each element as an event."""

    def __init__(self, listener: ArrayListener) -> None:
        self._listener = listener
        self._array = ArrayStream(listener.event)
        self._closed = False

    def feed(self, data: bytes) -> bytes:
        self._array.feed(data)
        if self._array.closed and not self._closed:
            self._closed = True
            self._listener.closed()
        return data

    def finish(self) -> bytes:
        return b""

    def tail(self) -> bytes | None:
        return self._array.joint

    @property
    def ended(self) -> bool:
        return self._closed or self._listener.ended

    @property
    def output_bytes(self) -> int:
        return self._listener.output.size

    def reading(self) -> Reading:
        return self._listener.reading()
