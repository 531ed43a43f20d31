"""The process that outcome_process starts: does one job, and ends. It has no database, and opens no connection."""

import gc
import os
import resource
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from proxy.app.outcome_process import Word
from proxy.ledger.outcome_work import Job, work

NICE: Final = 10
"""Calls and reports go first."""
LEFT_ALONE: Final = 3
"""Exit code where the parent is gone."""


def main(folder: str) -> int:
    # Names of people are in its memory.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(NICE)
    # All of it is in use to the end: looking for circles of garbage takes a third of the time, and finds none.
    gc.disable()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    job = msgspec.json.decode(source.readline(), type=Job)
    threading.Thread(target=_end_with_parent, args=(source,), daemon=True).start()
    done = work(job, Path(folder), lambda step, part: _say(sink, Word(step, part)))
    memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    _say(sink, Word(done=replace(done, memory_mib=memory_mib)))
    return 0


def _say(sink: BinaryIO, word: Word) -> None:
    sink.write(msgspec.json.encode(word) + b"\n")
    sink.flush()


def _end_with_parent(source: BinaryIO) -> None:
    source.read()
    os._exit(LEFT_ALONE)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1]))
    except BrokenPipeError:
        sys.exit(LEFT_ALONE)
