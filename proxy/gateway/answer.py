"""A metered answer: the dialect's meter behind the undoing of the content-encoding.

Metering must never break a call: where the bytes can't be read (an encoding nobody knows, a corrupt gzip stream, a
fault of our own), they pass on unread and the call is settled by estimate.
"""

from typing import Final

import structlog

from proxy.dialects.dialect import FramedMeter, Meter, Reading
from proxy.dialects.meters import BodyMeter
from proxy.gateway.answer_room import FREE_BYTES, AnswerRoom
from proxy.metering.content import UnreadableContentError, answer_decoder
from proxy.model.usage import Served

log = structlog.get_logger("outlay.metering")

_NOTHING_READ: Final = Reading(None, final=False, served=Served(), complete=False, failed=False, output_bytes=0)


class MeteredAnswer:
    """Fed the raw chunks of one answer, in order."""

    def __init__(
        self,
        meter: Meter,
        content_encoding: bytes,
        call_id: str,
        *,
        hiding: bool = True,
        room: AnswerRoom | None = None,
    ) -> None:
        """`hiding` False: what is given back is never used, so decoded bytes need not be kept together. `room`: for
        what a meter keeps of a whole answer; `close` must follow."""
        self._meter = meter
        self._room = room
        self._whole = meter if room is not None and isinstance(meter, BodyMeter) else None
        """The meter, as long as it keeps the whole answer."""
        self._kept = 0
        self._taken = 0
        """Of the room."""
        self._decoder = answer_decoder(content_encoding)
        self._call_id = call_id
        self._hiding = hiding
        self._unread = self._decoder is None
        self._unread_bytes = 0

    @property
    def readable(self) -> bool:
        return not self._unread

    @property
    def ended(self) -> bool:
        return self._meter.ended

    @property
    def output_bytes(self) -> int:
        """Visible output so far; of what can't be read, all bytes count as that."""
        return self._meter.output_bytes + self._unread_bytes

    def feed(self, chunk: bytes) -> bytes:
        """Meter the chunk; gives the decoded bytes that an edited stream passes on."""
        if self._unread or self._decoder is None:
            self._unread_bytes += len(chunk)
            return chunk
        try:
            if self._decoder.identity:
                return self._meter.feed(chunk) if self._whole is None else self._fed(chunk)
            if self._hiding:
                return b"".join([self._fed(piece) for piece in self._decoder.feed(chunk)])
            for piece in self._decoder.feed(chunk):
                self._fed(piece)
            return chunk
        except UnreadableContentError as error:
            log.warning("answer not readable", call_id=self._call_id, why=str(error))
        except Exception:
            log.exception("meter failed", call_id=self._call_id)
        self._unread = True
        return chunk

    def _fed(self, piece: bytes) -> bytes:
        if self._whole is not None:
            self._kept += len(piece)
            more = self._kept - FREE_BYTES - self._taken
            if more > 0 and not self._make_room(more):
                self._whole.shorten()
                self._whole = None
        return self._meter.feed(piece)

    def _make_room(self, count: int) -> bool:
        assert self._room is not None
        if self._room.take(count):
            self._taken += count
            return True
        log.warning("no room to read an answer whole: its end is read", call_id=self._call_id)
        self.close()
        return False

    def close(self) -> None:
        """What it takes of the room is free again."""
        if self._room is not None:
            self._room.leave(self._taken)
            self._taken = 0

    def tail(self) -> bytes | None:
        """As of a FramedMeter; b"" where frames may be cut anywhere."""
        return self._meter.tail() if isinstance(self._meter, FramedMeter) else b""

    def finish(self) -> bytes:
        """The answer has ended. Gives what an edited stream still held back."""
        if self._unread:
            return b""
        try:
            return self._meter.finish()
        except Exception:
            log.exception("meter failed", call_id=self._call_id)
            self._unread = True
            return b""

    def reading(self) -> Reading:
        try:
            return self._meter.reading()
        except Exception:
            log.exception("meter failed", call_id=self._call_id)
            self._unread = True
            return _NOTHING_READ
