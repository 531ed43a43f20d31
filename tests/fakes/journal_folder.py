"""What stands in a journal folder: read as the ledger reads it, for tests to compare."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from proxy.adapters.journal_segments import FileSegments
from proxy.journal.codec import decode
from proxy.journal.lines import Line
from proxy.model.entry import Settled


def published_lines(journal: Path) -> list[Line]:
    """Every line up to the published positions, in load order. Raises LineError for a bad one."""
    segments = FileSegments(journal)
    return [
        decode(line)
        for segment in segments.list()
        for line in segments.read(segment, 0, 1 << 30).splitlines(keepends=True)
    ]


def settlements(journal: Path) -> Counter[str]:
    """How often each call is settled, by what is published."""
    return Counter(line.call.id for line in published_lines(journal) if isinstance(line, Settled))


def eventually(condition: Callable[[], bool], s_max: float = 60.0) -> None:
    """Wait for what another thread brings about; fail if it never does."""
    deadline = time.monotonic() + s_max
    while not condition():
        assert time.monotonic() < deadline, "did not come about"
        time.sleep(0.005)
