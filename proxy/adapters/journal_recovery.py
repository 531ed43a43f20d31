"""What a crash left in a node's folder: segments to seal, calls to settle.

The theory. A segment is marked *recovered* once each call it leaves open stands in a later segment that is on disk:
carried over by a rotation, or settled by a recovery. So such a mark speaks for all segments before it too, and the
calls to settle are those that the segments after the last such mark open and don't settle. A recovery that is itself
killed can be repeated.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from proxy.adapters.journal_folder import StoredSegment, awaiting_recovery, stored_segments, write_mark
from proxy.journal.bounds import LINE_BYTES_MAX
from proxy.journal.codec import LineError, NewerLineError, decode
from proxy.journal.lines import Carried, Line
from proxy.journal.open_calls import OpenCalls
from proxy.journal.positions import Mark, Stage
from proxy.model.call import Call, Hold
from proxy.model.entry import Settled
from proxy.ports.journal import JournalUnavailableError

log = structlog.get_logger("outlay.journal")

CHUNK_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Unsettled:
    """The calls that stopped processes left open in a folder, each with its last hold."""

    calls: list[tuple[Call, Hold]]
    bad_lines: int
    """Lines that can't be read (bit rot). They are left where they are: the ledger quarantines them."""


def unsettled(folder: Path) -> Unsettled:
    """Changes nothing. Raises JournalUnavailableError where a newer outlay left calls open in a newer format."""
    calls, bad_lines = OpenCalls(), 0
    settled: set[str] = set()
    for segment in awaiting_recovery(stored_segments(folder)):
        for raw in _lines(segment):
            try:
                line = decode(raw)
            except NewerLineError as error:
                raise JournalUnavailableError(
                    f"{segment.path}: {error}. Start the newer outlay once and stop it in the ordinary way"
                ) from None
            except LineError as error:
                bad_lines += 1
                log.error("journal line unreadable", segment=str(segment.path), why=str(error))
                continue
            _apply(calls, settled, line)
    return Unsettled(calls.calls(), bad_lines)


def _apply(calls: OpenCalls, settled: set[str], line: Line) -> None:
    """A rotation that failed half-way may have left carried lines of calls that were settled after it."""
    if isinstance(line, Settled):
        settled.add(line.call.id)
    if not (isinstance(line, Carried) and line.call.id in settled):
        calls.apply(line)


def _lines(segment: StoredSegment) -> Iterator[bytes]:
    """Whole lines, and whatever can't be one: in pieces of bounded length, none dropped silently."""
    rest = b""
    try:
        with segment.path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from lines
                if len(rest) > LINE_BYTES_MAX:
                    yield rest
                    rest = b""
    except OSError as error:
        log.error("journal segment unreadable", segment=str(segment.path), why=str(error))
        yield b""


def seal(segment: StoredSegment) -> None:
    """Cut a torn last line, bring the rest to disk, and mark the segment sealed. Raises OSError.

    What was not marked synced is written to its place once more: had a sync failed before the process stopped, the
    kernel might call pages clean that never reached the disk.
    """
    descriptor = os.open(segment.path, os.O_RDWR | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        end = _whole_lines_end(descriptor, size)
        if end < segment.mark.synced:
            log.error("journal segment shrunk", segment=str(segment.path), synced=segment.mark.synced, bytes=end)
        if end < size:
            log.warning("torn line cut", segment=str(segment.path), bytes=size - end)
            os.ftruncate(descriptor, end)
        for position in range(segment.mark.synced, end, CHUNK_BYTES):
            os.pwrite(descriptor, os.pread(descriptor, min(CHUNK_BYTES, end - position), position), position)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    write_mark(segment.mark_path, Mark(end, Stage.SEALED))


def _whole_lines_end(descriptor: int, size: int) -> int:
    end = size
    while end > 0:
        start = max(end - CHUNK_BYTES, 0)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def mark_recovered(segments: list[StoredSegment]) -> None:
    """Say on disk that a recovery needs these no more. Raises OSError."""
    for segment in segments:
        write_mark(segment.mark_path, Mark(segment.path.stat().st_size, Stage.RECOVERED))
