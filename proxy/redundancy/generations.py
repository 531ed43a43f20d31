"""Generations: the detector, under another key every two weeks.

What one generation remembers is worth nothing to the next, so that no hash lives longer than that. On the last day of
one the next is shown every call, too: what is repeated over the change is seen, as evidence halves with each day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .bounds import DAY_US, STATE_BYTES_MAX
from .detector import Detector
from .findings import Attribution, Judgement
from .sight import Answer, Sight
from .snapshot import SnapshotError
from .thresholds import Thresholds

EPOCH_US = 14 * DAY_US
OVERLAP_US = DAY_US
"""A call costs twice as much then, and the next generation takes its memory from this one: up to half of it."""


class Generations:
    """Decides and learns as a Detector does. `key_of`: the key of an epoch, by its number."""

    __slots__ = ("_detectors", "_epoch", "_key_of", "_thresholds")

    def __init__(self, key_of: Callable[[int], bytes], thresholds: Thresholds | None = None) -> None:
        self._key_of = key_of
        self._thresholds = thresholds
        self._epoch = -1
        self._detectors: dict[int, Detector] = {}
        """By epoch: the one in force, and the next where it is near."""

    def decide(self, sight: Sight) -> Judgement:
        self._turn(sight.at_us)
        now = self._detectors[self._epoch]
        for epoch, detector in self._detectors.items():
            if epoch > self._epoch:
                detector.decide(sight)
                now.scales.bytes_max = STATE_BYTES_MAX - detector.scales.bytes
        return now.decide(sight)

    def learn(self, call_id: str, answer: Answer) -> tuple[Attribution, ...]:
        attributions: tuple[Attribution, ...] = ()
        for epoch, detector in self._detectors.items():
            found = detector.learn(call_id, answer)
            if epoch == self._epoch:
                attributions = found
        return attributions

    def state(self) -> Iterator[bytes]:
        """Lines for `restoring`, as Detector.state gives them."""
        for epoch, detector in list(self._detectors.items()):
            for line in detector.state():
                yield b"%d %b" % (epoch, line)

    def restoring(self, now_us: int) -> Callable[[bytes], None]:
        """Takes such lines one by one. Those of an epoch that is over are passed by; raises SnapshotError."""
        self._turn(now_us)
        taking = {epoch: detector.restoring() for epoch, detector in self._detectors.items()}

        def take(line: bytes) -> None:
            number, _, rest = line.partition(b" ")
            if not number.isdigit():
                raise SnapshotError("a line without its epoch")
            found = taking.get(int(number))
            if found is not None:
                found.take(rest)

        return take

    @property
    def bytes(self) -> int:
        """As of a Detector, of all of them."""
        return sum(detector.bytes for detector in self._detectors.values())

    def _turn(self, at_us: int) -> None:
        """Time that runs backwards turns nothing back."""
        epoch, into_us = divmod(at_us, EPOCH_US)
        if epoch > self._epoch:
            self._epoch = epoch
            self._detectors = {epoch: self._detectors.get(epoch) or self._made(epoch)}
            self._detectors[epoch].scales.bytes_max = STATE_BYTES_MAX
        if epoch == self._epoch and into_us >= EPOCH_US - OVERLAP_US and epoch + 1 not in self._detectors:
            self._detectors[epoch + 1] = self._made(epoch + 1)
            self._detectors[epoch + 1].scales.bytes_max = STATE_BYTES_MAX // 2

    def _made(self, epoch: int) -> Detector:
        return Detector(self._key_of(epoch), self._thresholds)
