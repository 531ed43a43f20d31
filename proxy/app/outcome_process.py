"""The outcome process: where there is much to fold, it is done beside this one, which goes on answering meanwhile.

What it takes of memory goes with it. It gets its job on stdin, and says on stdout how far it is and what it found, a
line each; facts and rows are files in the folder. It ends when its parent does.
"""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import msgspec

from proxy.ledger.outcome_work import PROOFS_FILE, Done, Job, Say, work

APART_ROWS: Final = 20_000
"""Lines and calls from which on a process is worth its start."""
PROOF_BYTES: Final = 250
"""Of what is kept of one change."""
WORKER: Final = "proxy.app.outcome_worker"
LINE_BYTES_MAX: Final = 16 * 1024 * 1024


class OutcomeWorkError(Exception):
    """The process ended without a result."""


class Word(msgspec.Struct):
    """A line of the process."""

    step: str = ""
    part: float = 0.0
    done: Done | None = None


class OutcomeProcess:
    """Fulfils ledger.outcomes.Run: one job at a time. `stop` may come from any thread."""

    def __init__(self, apart_rows: int = APART_ROWS) -> None:
        self._apart_rows = apart_rows
        self._child: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()

    def __call__(self, job: Job, folder: Path, say: Say) -> Done:
        """Raises OutcomeWorkError, OSError, and what `work` raises where it is done here."""
        if self._rows(job, folder) < self._apart_rows:
            return work(job, folder, say)
        command = [sys.executable, "-P", "-m", WORKER, str(folder)]
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the ledger, which ends this one
        ) as child:
            self._child = child
            try:
                if self._stopped.is_set():
                    raise OutcomeWorkError("it is being stopped")
                return self._result(child, job, say)
            finally:
                self._child = None
                child.kill()

    @staticmethod
    def _rows(job: Job, folder: Path) -> int:
        """That the work has in memory, about."""
        read = (folder / PROOFS_FILE).stat().st_size // PROOF_BYTES if job.told is None else job.told
        return read + job.spends

    def stop(self) -> None:
        """End the process that runs, and begin no other."""
        self._stopped.set()
        child = self._child
        if child is not None:
            child.kill()

    def _result(self, child: "subprocess.Popen[bytes]", job: Job, say: Say) -> Done:
        if child.stdin is None or child.stdout is None:
            raise OutcomeWorkError("it has no pipes")
        try:
            child.stdin.write(msgspec.json.encode(job) + b"\n")
            child.stdin.flush()
        except BrokenPipeError:
            pass  # It ended at once: its exit code says more.
        for word in words(child.stdout):
            if word.done is not None:
                return word.done
            say(word.step, word.part)
        raise OutcomeWorkError(f"the process that works outcomes out ended with {child.wait()}")


def words(said: IO[bytes]) -> Iterator[Word]:
    decode = msgspec.json.Decoder(Word).decode
    while line := said.readline(LINE_BYTES_MAX):
        yield decode(line)
