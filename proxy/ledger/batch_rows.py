"""Batch rows: the statements that bring one batch into the store, within one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.journal.codec import LineError, decode
from proxy.ledger.batch import BadLine, Batch, Kind, Line
from proxy.ledger.job_rows import PREFIX as JOB_PREFIX
from proxy.ledger.job_rows import JobRows
from proxy.ledger.marking import mark_brought, mark_named
from proxy.ledger.statements import statement
from proxy.ledger.summing import sum_up
from proxy.ledger.told_rows import ToldRows
from proxy.model.entry import Settled
from proxy.ports.segments import Segment
from proxy.ports.store import Parameters, RejectedRowsError, StoreError, Transaction

STAGED_FILE: Final = "lines.jsonl"
_FOUND: Final = b'"found":{"'
"""In a line whose call repeats earlier work."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far one segment is loaded."""

    loaded_bytes: int = 0
    loaded_lines: int = 0


class BatchRows:
    """The statements of one batch, within its transaction."""

    def __init__(self, change: Transaction, segment: Segment, batch: Batch, load: int, now_us: int) -> None:
        self._change = change
        self._segment = segment
        self._batch = batch
        self._load = load
        self._now_us = now_us
        self._where = {"node": segment.node, "boot": segment.boot, "number": segment.number}

    def insert(self) -> list[BadLine]:
        """Everything the batch says; gives the lines that settle a call a second time, which are not counted."""
        opened = {call_id for _, lines in self._batch.of(Kind.OPENED) for _, _, call_id in lines}
        settled, again, jobs = self._settled_once(opened)
        for version, once in settled.items():
            self._insert(f"v{version}_settled", once)
        self._insert_jobs(jobs)
        closed = {call_id for once in settled.values() for _, _, call_id in once}
        for version, refused in self._batch.of(Kind.REFUSED):
            self._insert(f"v{version}_refused", refused)
            closed.update(call_id for _, _, call_id in refused)
        if settled or jobs or self._batch.of(Kind.REFUSED):
            sum_up(self._change, self._load)
            mark_brought(self._change, self._load, found=_FOUND in self._batch.data)
        for version, acts in self._batch.of(Kind.ACT):
            _check(self._execute(f"v{version}_act", acts), len(acts))
        for version, stated in self._batch.of(Kind.STATED):
            _check(self._execute(f"v{version}_stated", stated), len(stated))
        for version, attributed in self._batch.of(Kind.ATTRIBUTED):
            self._execute(f"v{version}_attributed", attributed, {"load": self._load})
        if self._batch.of(Kind.ATTRIBUTED):
            mark_named(self._change, self._load)
        for version, told in self._batch.of(Kind.TOLD):
            self._insert_told(version, told)
        self._close([*(call_id for _, _, call_id in again), *(closed - opened)])
        for version, lines in self._batch.of(Kind.OPENED, Kind.CARRIED):
            self._open(version, _last(lines, closed))
        for version, lines in self._batch.of(Kind.EXTENDED):
            steps = _last(lines, closed)
            if steps:
                self._execute(f"v{version}_extended", steps)
        return [
            self._batch.bad_line(line, f"a second settlement of call {line[2].decode(errors='replace')}")
            for line in again
        ]

    def quarantine(self, bad: Sequence[BadLine]) -> None:
        for line in bad:
            self._change.execute(
                "INSERT INTO quarantine VALUES ($at_us, $node, $boot, $number, $offset, $size, $sha256, $reason)",
                {
                    **self._where,
                    "at_us": self._now_us,
                    "offset": line.offset,
                    "size": line.size,
                    "sha256": line.sha256,
                    "reason": line.reason,
                },
            )

    def move(self, before: Position | None) -> Position:
        moved = Position(self._batch.end, (before.loaded_lines if before else 0) + self._batch.lines)
        # Conditional on what was loaded before: whoever is wrong about that loads nothing.
        name = "position_begun" if before is None else "position_moved"
        values = {
            **self._where,
            "start": self._batch.start,
            "bytes": moved.loaded_bytes,
            "lines": moved.loaded_lines,
            "load": self._load,
        }
        if before is None:
            del values["start"]
        ((count,),) = self._change.execute(statement(name), values)
        if count != 1:
            raise StoreError(f"the position of {self._segment.name} is not where it was left")
        return moved

    def _insert_told(self, version: int, lines: Sequence[Line]) -> None:
        """A delivery that came twice has the same ids: the first stays."""
        rows = ToldRows(self._change, self._batch, self._load)
        if new := rows.new(lines):
            self._insert(f"v{version}_told", new)
            rows.keep(new)

    def _insert_jobs(self, jobs: Mapping[int, Sequence[Line]]) -> None:
        """Those that were not told before. A repeated one is no bad line: every gateway tells what it hears of."""
        rows = JobRows(self._change, self._batch, self._load)
        news = rows.names()
        for version, lines in jobs.items():
            counting = rows.counting(lines)
            if counting:
                self._insert(f"v{version}_settled", counting)
                news = True
        if news:
            rows.attribute()

    def _settled_once(self, opened: set[bytes]) -> tuple[dict[int, list[Line]], list[Line], dict[int, list[Line]]]:
        """The first settlement of each call, by format version; the lines that settle one again; and those of jobs.

        A call opened in this batch, or in flight before it, has not been settled yet. Only the others are looked up.
        """
        first: dict[bytes, tuple[int, Line]] = {}
        again: list[Line] = []
        jobs: dict[int, list[Line]] = {}
        for version, lines in self._batch.of(Kind.SETTLED):
            for line in lines:
                if line[2][: len(JOB_PREFIX)] == JOB_PREFIX:
                    jobs.setdefault(version, []).append(line)
                elif first.setdefault(line[2], (version, line))[1] is not line:
                    again.append(line)
        for call_id in self._settled_before(first.keys() - opened, first):
            again.append(first.pop(call_id)[1])
        once: dict[int, list[Line]] = {}
        for version, line in first.values():
            once.setdefault(version, []).append(line)
        return once, again, jobs

    def _settled_before(self, elsewhere: set[bytes], first: Mapping[bytes, tuple[int, Line]]) -> list[bytes]:
        if not elsewhere:
            return []
        in_flight = self._change.execute(
            "SELECT id FROM open_calls WHERE id IN (SELECT unnest($ids))", {"ids": _texts(elsewhere)}
        )
        suspects = elsewhere - {id_.encode() for (id_,) in in_flight}
        if not suspects:
            return []
        times = [_opened_us(self._batch.text(first[call_id][1])) for call_id in suspects]
        found = self._change.execute(
            statement("settled_before"), {"ids": _texts(suspects), "first_us": min(times), "last_us": max(times)}
        )
        return [id_.encode() for (id_,) in found]

    def _insert(self, name: str, lines: Sequence[Line]) -> None:
        """A row for each line, or the rows are rejected."""
        _check(self._execute(name, lines, {**self._where, "load": self._load}), len(lines))

    def _close(self, ids: Sequence[bytes]) -> None:
        if ids:
            self._change.execute("DELETE FROM open_calls WHERE id IN (SELECT unnest($ids))", {"ids": _texts(ids)})

    def _open(self, version: int, lines: Sequence[Line]) -> None:
        """Put calls among those in flight. One that is there already (it was carried over) is replaced."""
        if lines:
            self._close([call_id for _, _, call_id in lines])
            _check(self._execute(f"v{version}_opened", lines, self._where), len(lines))

    def _execute(self, name: str, lines: Sequence[Line], values: Parameters | None = None) -> int:
        """Rows written."""
        file = self._change.stage(STAGED_FILE, self._batch.staged(lines))
        ((count,),) = self._change.execute(statement(name), {**(values or {}), "file": file})
        return int(count)


def _last(lines: Sequence[Line], closed: set[bytes]) -> list[Line]:
    """The last line of each call that is not closed."""
    return list({line[2]: line for line in lines if line[2] not in closed}.values())


def _opened_us(text: bytes) -> int:
    """When the call of a settled line was admitted; 0 for a line that is bad, which the store will say."""
    try:
        entry = decode(text)
    except LineError:
        return 0
    return entry.call.opened_us if isinstance(entry, Settled) else 0


def _texts(ids: Iterable[bytes]) -> list[str]:
    return [id_.decode(errors="replace") for id_ in ids]


def _check(rows: int, lines: int) -> None:
    """A row for each line. Fewer or more means that some line is not what it seems."""
    if rows != lines:
        raise RejectedRowsError(f"{rows} rows of {lines} lines")
