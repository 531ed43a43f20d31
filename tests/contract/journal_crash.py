"""Kills a process that writes a journal, and says what the next start made of it. Run as a program of its own.

`points`: a scenario of opens, extensions, settlements, rotations, close and recovery is run again and again, killed
(SIGKILL) before its first, second, third … system call that changes anything, and half-way through each write.
`moments`: a process that writes as fast as it can is killed from outside at random moments, boot after boot.

Prints one line of JSON for each kill: what was acknowledged before it, and what is settled after the recovery.
"""

import json
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog

from proxy.adapters.clock import SystemClock
from proxy.adapters.journal_file import FileJournal
from proxy.adapters.journal_folder import awaiting_recovery, stored_segments
from proxy.adapters.journal_segments import FileSegments
from proxy.model.entry import Extended, Settled
from tests.fakes.facts import a_hold, a_settled, an_opened
from tests.fakes.journal_folder import published_lines, settlements

NODE = "node-1"
CHANGING = ("open", "write", "pwrite", "ftruncate", "fsync", "fdatasync", "unlink", "mkdir", "posix_fallocate")
KILLED = -signal.SIGKILL


def journal(folder: Path) -> FileJournal:
    def sync(descriptor: int) -> None:
        os.fdatasync(descriptor)  # looked up when it is called, so that it can be killed like the others

    return FileJournal(folder, NODE, SystemClock(), segment_bytes_max=4000, reserve_bytes=65536, sync=sync)


def scenario(folder: Path, acknowledge: Callable[[str, str], None], boot: str) -> None:
    """Everything a journal does, within some 100 system calls."""
    subject = journal(folder)
    subject.open()
    for number in range(6):
        call_id = f"{boot}.{number}"
        subject.append(an_opened(call_id))
        acknowledge("opened", call_id)
        subject.append(Extended(call_id, number, a_hold(number)))
        if number >= 2:
            earlier = f"{boot}.{number - 2}"
            subject.append(a_settled(earlier))
            acknowledge("settled", earlier)
        if number % 2:
            subject.flush()
    subject.close()


def endless(folder: Path, acknowledge: Callable[[str, str], None], boot: str) -> None:
    subject = journal(folder)
    subject.open()
    for number in range(1_000_000):
        subject.append(an_opened(f"{boot}.{number}"))
        acknowledge("opened", f"{boot}.{number}")
        if number >= 3:
            subject.append(a_settled(f"{boot}.{number - 3}"))
            acknowledge("settled", f"{boot}.{number - 3}")


def killing(point: int, halfway: bool) -> None:
    """Make the `point`-th call that changes anything the last of this process."""
    seen = 0

    def wrapped(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            nonlocal seen
            if name == "open" and not (isinstance(args[1], int) and args[1] & os.O_CREAT):
                return real(*args, **kwargs)
            seen += 1
            if seen == point:
                if halfway and name in ("write", "pwrite"):
                    descriptor, data, *rest = args
                    real(descriptor, bytes(data)[: len(data) // 2], *rest)  # type: ignore[call-overload,arg-type]
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return call

    for name in CHANGING:
        setattr(os, name, wrapped(name, getattr(os, name)))


def in_child(
    work: Callable[[Path, Callable[[str, str], None], str], None], folder: Path, boot: str, prepare: Callable[[], None]
) -> tuple[int, int]:
    """Fork a child to do the work. Its process id, and a pipe of what it acknowledges."""
    reader, writer = os.pipe()
    write = os.write
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reader)
            prepare()
            work(folder, lambda what, call_id: write(writer, f"{what} {call_id}\n".encode()) and None, boot)
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    return child, reader


def run(folder: Path, boot: str, prepare: Callable[[], None]) -> tuple[int, list[list[str]]]:
    child, reader = in_child(scenario, folder, boot, prepare)
    with open(reader) as pipe:
        acknowledged = [line.split() for line in pipe]
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), acknowledged


def published(folder: Path) -> dict[str, bytes]:
    """What the ledger may have loaded."""
    segments = FileSegments(folder)
    return {segment.name: segments.read(segment, 0, 1 << 30) for segment in segments.list()}


def recover(folder: Path, acknowledged: list[list[str]], point: object) -> None:
    """Start once more, and print what came of it."""
    before = published(folder)
    subject = journal(folder)
    crashed = [entry.call.id for entry in subject.open().settled]
    subject.close()
    after = published(folder)
    as_they_were = [line.call.id for line in published_lines(folder) if isinstance(line, Settled) and line.status]
    result = {
        "point": point,
        "opened": [call_id for what, call_id in acknowledged if what == "opened"],
        "settled": [call_id for what, call_id in acknowledged if what == "settled"],
        "settlements": settlements(folder),
        "as_they_were": as_they_were,
        "crashed": crashed,
        "rewritten": [name for name, data in before.items() if not after[name].startswith(data)],
        "awaiting": [str(segment.name) for segment in awaiting_recovery(stored_segments(folder / NODE))],
    }
    print(json.dumps(result), flush=True)


def points(root: Path) -> None:
    """Each point of one boot; at some of them also each point of the recovery that follows."""
    for halfway in (False, True):
        for point in range(1, 1000):
            folder = root / f"{point}-{halfway}"
            status, acknowledged = run(folder, "a", lambda point=point, halfway=halfway: killing(point, halfway))  # type: ignore[misc]
            if status == 0:
                break
            assert status == KILLED, status
            for again in points_of_recovery() if point % 16 == 5 else ():
                status, more = run(folder, f"b{again}", lambda again=again, halfway=halfway: killing(again, halfway))  # type: ignore[misc]
                acknowledged += more
                assert status in (0, KILLED), status
            recover(folder, acknowledged, [point, halfway])


def points_of_recovery() -> Iterator[int]:
    yield from range(1, 30)


def moments(root: Path, rounds: int) -> None:
    seed = random.SystemRandom().randrange(10**9)
    dice = random.Random(seed)
    acknowledged: list[list[str]] = []
    for number in range(rounds):
        child, reader = in_child(endless, root, str(number), lambda: None)
        with open(reader) as pipe:
            for _ in range(dice.randrange(200)):
                acknowledged.append(pipe.readline().split())
            os.kill(child, signal.SIGKILL)
            acknowledged += [line.split() for line in pipe if line.endswith("\n")]
        os.waitpid(child, 0)
    recover(root, acknowledged, ["seed", seed])


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    mode, where = sys.argv[1:3]
    if mode == "points":
        points(Path(where))
    else:
        moments(Path(where), int(sys.argv[3]))
