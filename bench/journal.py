"""What the journal costs: `python -m bench.journal [--folder DIR]`, about ten seconds.

Paced at 3,000 calls a second (an opened and a settled line each), everything on: codec, write, sync every 50 ms,
rotation. Beside it the bare write(2) of the same lines, so that the ratio holds on any machine. The folder should lie
on the disk that the data folder is meant for: the temporary folder may be memory.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import structlog

from proxy.adapters.clock import SystemClock
from proxy.adapters.journal_file import FileJournal
from proxy.adapters.journal_folder import stored_segments
from proxy.adapters.journal_recovery import unsettled
from proxy.journal.codec import decode, encode
from tests.fakes.facts import a_settled, an_opened

CALLS_PER_S: Final = 3000
PACED_S: Final = 4.0
LINES: Final = 20_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the data folder would lie")
    parser.add_argument("--lines", type=int, default=LINES, help="of each measurement, at least 5")
    parser.add_argument("--paced-s", type=float, default=PACED_S)
    asked = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    with tempfile.TemporaryDirectory(dir=asked.folder) as scratch:
        codec(asked.lines)
        bare = bare_write(Path(scratch), asked.lines)
        unpaced(Path(scratch) / "unpaced", bare, asked.lines)
        paced(Path(scratch) / "paced", asked.paced_s)
        recovery(Path(scratch) / "crashed", asked.lines)


def codec(lines: int) -> None:
    opened, settled = an_opened(), a_settled()
    line = encode(settled)
    print(
        f"bytes per call            {len(encode(opened)) + len(line):>9,}   "
        f"opened {len(encode(opened))}, settled {len(line)}"
    )
    print(f"encode a settled line     {each(lambda: encode(settled), lines):>9.2f} us")
    print(f"decode it                 {each(lambda: decode(line), lines):>9.2f} us")


def each(work: Callable[[], object], lines: int) -> float:
    """Microseconds each, the best of five rounds."""
    rounds = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(lines // 5):
            work()
        rounds.append((time.perf_counter() - began) / (lines // 5) * 1e6)
    return min(rounds)


def bare_write(scratch: Path, lines: int) -> float:
    line = encode(a_settled())
    descriptor = os.open(scratch / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    cost = each(lambda: os.write(descriptor, line), lines)
    os.close(descriptor)
    print(f"bare write(2) of it       {cost:>9.2f} us")
    return cost


def unpaced(journal_folder: Path, bare: float, lines: int) -> None:
    journal = FileJournal(journal_folder, "bench", SystemClock())
    journal.open()
    settled = a_settled()
    cost = each(lambda: journal.append(settled), lines)
    print(f"append, as fast as it can {cost:>9.2f} us   {1e6 / cost:,.0f} lines/s, {cost / bare:.1f} x the bare write")
    journal.close()


def paced(journal_folder: Path, paced_s: float) -> None:
    journal = FileJournal(journal_folder, "bench", SystemClock(), segment_bytes_max=8 * 1024 * 1024)
    journal.open()
    took: list[float] = []
    began, cpu = time.perf_counter(), time.process_time()
    for number in range(int(CALLS_PER_S * paced_s)):
        while (ahead := began + number / CALLS_PER_S - time.perf_counter()) > 0:
            time.sleep(ahead)
        for entry in (an_opened(str(number)), a_settled(str(number))):
            before = time.perf_counter()
            journal.append(entry)
            took.append((time.perf_counter() - before) * 1e6)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    journal.close()
    took.sort()
    print(
        f"append at {len(took) / 2 / seconds:,.0f} calls/s    p50 {at(took, 0.5):.1f} us, p99 {at(took, 0.99):.1f} us, "
        f"p99.9 {at(took, 0.999):.1f} us, max {took[-1] / 1000:.1f} ms; {cpu / len(took) * 2e6:.0f} us CPU a call; "
        f"{len(stored_segments(journal_folder / 'bench'))} segments"
    )


def at(took: Sequence[float], share: float) -> float:
    return took[int(len(took) * share)]


def recovery(journal_folder: Path, lines: int) -> None:
    """The longest a start can take: a segment full of calls, none recovered."""
    journal = FileJournal(journal_folder, "bench", SystemClock())
    journal.open()
    for number in range(lines):
        journal.append(an_opened(str(number)))
        journal.append(a_settled(str(number)))
    journal.append(an_opened("open"))
    journal.close()
    began = time.perf_counter()
    found = unsettled(journal_folder / "bench")
    seconds = time.perf_counter() - began
    size = sum(stored.path.stat().st_size for stored in stored_segments(journal_folder / "bench"))
    print(
        f"recovery                  {seconds:>9.2f} s    "
        f"{size / 1e6:.0f} MB, {2 * lines + 1:,} lines, {len(found.calls)} open"
    )


if __name__ == "__main__":
    main()
