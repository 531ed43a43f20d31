"""Remembering: what the redundancy detector knows, over a restart of the gateway.

It is written every few minutes and at the end, and taken back at the start, in slices that calls don't notice: a full
memory has some 100,000 lines. A kill loses what came since the last time it was written; nothing else depends on it.
"""

import asyncio
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import structlog

from proxy.adapters.detector_file import UnusableError, Writer, read
from proxy.ports.clock import Clock
from proxy.redundancy.detector import STATE_VERSION
from proxy.redundancy.generations import Generations
from proxy.redundancy.snapshot import SnapshotError

log = structlog.get_logger("outlay.redundancy")

EVERY_S: Final = 180.0
START_US: Final = 200_000
"""So long a start waits for it; what is left comes while calls run."""
SLICE_US: Final = 1_500
PAUSE_S: Final = 0.02
_AT_ONCE: Final = 20
"""Lines between two looks at the clock: half a millisecond."""


class Remembering:
    def __init__(
        self, generations: Generations, path: Path, key_id: str, clock: Clock, every_s: float = EVERY_S
    ) -> None:
        self._generations = generations
        self._path = path
        self._key_id = key_id
        self._clock = clock
        self._every_s = every_s
        self._lines: Iterator[bytes] = iter(())
        self._take: Callable[[bytes], None] | None = None
        """Takes the lines of the last file until all are taken, or it is of no use. It holds on to what it took."""

    def begin(self) -> None:
        """Before the first call."""
        self._lines = read(self._path, STATE_VERSION, self._key_id)
        self._take = self._generations.restoring(self._clock.now_us())
        self._restore(START_US)

    async def run(self) -> None:
        """Until it is cancelled."""
        while self._take is not None:
            self._restore(SLICE_US)
            await asyncio.sleep(PAUSE_S)
        while True:
            await asyncio.sleep(self._every_s)
            try:
                await self._save()
            except Exception as error:
                # Writing must outlive whatever one try runs into.
                expected = isinstance(error, OSError)
                log.error(
                    "memory of the detector not written", file=str(self._path), why=str(error), exc_info=not expected
                )

    def close(self) -> None:
        """At the end, once no call runs: two seconds where the memory is full."""
        if self._take is not None:
            return  # What is on disk is more than what is here.
        try:
            writer = self._writer()
            writer.write(self._generations.state())
            writer.finish()
        except OSError as error:
            log.error("memory of the detector not written", file=str(self._path), why=str(error))

    def _restore(self, within_us: int) -> None:
        until_us = self._clock.monotonic_us() + within_us
        try:
            while self._take is not None and self._clock.monotonic_us() < until_us:
                lines = list(islice(self._lines, _AT_ONCE))
                for line in lines:
                    self._take(line)
                if len(lines) < _AT_ONCE:
                    self._take = None
        except (UnusableError, SnapshotError) as error:
            self._take = None
            log.warning("memory of the detector not used, or not all of it", file=str(self._path), why=str(error))

    async def _save(self) -> None:
        """Lines are made here, between calls; compressing and writing is a thread's."""
        writer = await asyncio.to_thread(self._writer)
        try:
            lines = self._generations.state()
            while slice_ := self._slice(lines):
                await asyncio.to_thread(writer.write, slice_)
                await asyncio.sleep(PAUSE_S)
            await asyncio.to_thread(writer.finish)
        except BaseException:
            writer.discard()
            raise

    def _slice(self, lines: Iterator[bytes]) -> list[bytes]:
        until_us = self._clock.monotonic_us() + SLICE_US
        made: list[bytes] = []
        while self._clock.monotonic_us() < until_us:
            some = list(islice(lines, _AT_ONCE))
            made += some
            if len(some) < _AT_ONCE:
                break
        return made

    def _writer(self) -> Writer:
        return Writer(self._path, STATE_VERSION, self._key_id)
