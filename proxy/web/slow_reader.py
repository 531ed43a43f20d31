"""SlowReader: what is looked at while an answer waits for its client: that it takes something, and enough."""

import asyncio
import fcntl
import struct
import termios

import structlog

from proxy.web.door import Door

log = structlog.get_logger("outlay.server")


class SlowReader:
    """Of one connection, from the moment at which bytes wait for its client until none does."""

    def __init__(self, door: Door, transport: asyncio.Transport) -> None:
        self._door = door
        self._transport = transport
        self._looking: asyncio.TimerHandle | None = None
        self._unsent = 0
        """Bytes that the client had not taken when it was looked at last."""

    def waits(self) -> None:
        """More waits for the client than may be written."""
        self._door.waits(self._cut_off, self._transport.get_write_buffer_size())
        self._begin()

    def closed(self) -> None:
        """The connection is closed on our side: it is there until its client has taken what waits for it, or takes too
        little."""
        if self._transport.is_closing() and self._looking is None and self._transport.get_write_buffer_size():
            self._begin()

    def stop(self) -> None:
        """Nothing waits any more, or nobody is there."""
        self._door.goes_on(self._cut_off)
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    def _begin(self) -> None:
        self._unsent = self._not_taken()
        self._look_again()

    def _look_again(self) -> None:
        loop = asyncio.get_running_loop()
        self._looking = loop.call_later(self._door.patience.answer_idle_s, self._look)

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
        self._transport.abort()

    def _not_taken(self) -> int:
        """Of what was written: bytes that wait here, and in the kernel for the client to confirm them."""
        size: int = self._transport.get_write_buffer_size()
        connected = self._transport.get_extra_info("socket")
        if connected is not None:
            answer = fcntl.ioctl(connected.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
            size += struct.unpack("i", answer)[0]
        return size
