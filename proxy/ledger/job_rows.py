"""Job rows: which settled lines of background work count, and whose they are.

Every gateway that hears of a finished batch writes a line of the same id. The first one loaded counts, the rest say
nothing new and are dropped: they are no bad lines. What a job costs belongs to the call that submitted it, whichever of
the two is loaded first.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from proxy.journal.codec import LineError, decode
from proxy.ledger.batch import Batch, Kind, Line
from proxy.ledger.statements import statement
from proxy.ledger.summing import sum_anew
from proxy.model.entry import Settled
from proxy.ports.store import RejectedRowsError, Transaction

PREFIX: Final = b"job_"
WORK_CHARS: Final = 32
_NAMES: Final = b'"names":{"'
_RESULTS: Final = "r"


class JobRows:
    """The jobs of one batch, within its transaction."""

    def __init__(self, change: Transaction, batch: Batch, load: int) -> None:
        self._change = change
        self._batch = batch
        self._load = load

    def names(self) -> bool:
        """Keep what the batch's settled lines say of the provider's ids; True where they say anything."""
        told = [
            (settled, name, *what.partition(":")[::2])
            for settled in self._telling()
            for name, what in settled.names.items()
        ]
        if told:
            self._change.execute(
                "INSERT INTO provider_names SELECT unnest($accounts), unnest($names), unnest($whats), "
                "unnest($batches), unnest($calls), unnest($opened)",
                {
                    "accounts": [settled.call.account for settled, *_ in told],
                    "names": [name for _, name, _, _ in told],
                    "whats": [what for _, _, what, _ in told],
                    "batches": [batch for _, _, _, batch in told],
                    "calls": [settled.call.id for settled, *_ in told],
                    "opened": [settled.call.opened_us for settled, *_ in told],
                },
            )
        return bool(told)

    def counting(self, lines: Sequence[Line]) -> list[Line]:
        """Those of these job lines that count, kept as jobs. The names must be kept before.

        Raises RejectedRowsError where a line is bad."""
        jobs = [(line, self._job(line)) for line in lines]
        known = self._known({_work(settled) for _, settled in jobs})
        uploaded = self._uploaded({settled.served.request_id for _, settled in jobs})
        first: list[tuple[Line, Settled]] = []
        for line, settled in jobs:
            work, id_ = _work(settled), settled.call.id
            ids = known.setdefault(work, {})
            source = next(iter(ids.values()), _source(id_))
            own_file = (settled.call.account, settled.served.request_id) in uploaded and _source(id_) == _RESULTS
            if id_ not in ids and source == _source(id_) and not own_file:
                ids[id_] = source
                first.append((line, settled))
        self._keep([settled for _, settled in first])
        return [line for line, _ in first]

    def attribute(self) -> None:
        """Give every job whose submitting call is on record to that call. The rows must be there."""
        found = self._change.execute(statement("jobs_found"))
        if not found:
            return
        job_ids = [job_id for job_id, *_ in found]
        times = [us for _, job_us, _, call_us in found for us in (job_us, call_us)]
        pairs = {"job_ids": job_ids, "call_ids": [call_id for _, _, call_id, _ in found]}
        for table in ("calls", "marked"):
            self._change.execute(
                statement("jobs_attributed").replace("/*table*/", table),
                {**pairs, "first_us": min(times), "last_us": max(times)},
            )
        sum_anew(self._change, self._load, times)
        self._change.execute("UPDATE jobs SET attributed = true WHERE id IN (SELECT unnest($ids))", {"ids": job_ids})

    def _telling(self) -> Iterable[Settled]:
        """Settled lines that name ids of the provider: few, so they are looked for in the bytes."""
        if self._batch.data.find(_NAMES) < 0:
            return
        for _, lines in self._batch.of(Kind.SETTLED):
            for line in lines:
                if self._batch.data.find(_NAMES, line[0], line[1]) >= 0 and (settled := self._read(line)) is not None:
                    yield settled

    def _read(self, line: Line) -> Settled | None:
        """None for a line that is bad; where it is inserted, the store says so."""
        try:
            entry = decode(self._batch.text(line))
        except LineError:
            return None
        return entry if isinstance(entry, Settled) else None

    def _job(self, line: Line) -> Settled:
        settled = self._read(line)
        if settled is None:
            raise RejectedRowsError("a line of a job can't be read")
        return settled

    def _known(self, works: set[str]) -> dict[str, dict[str, str]]:
        """Of each work, the jobs that count already: id -> source."""
        known: dict[str, dict[str, str]] = {}
        sql = "SELECT work, id, source FROM jobs WHERE work IN (SELECT unnest($works))"
        for work, id_, source in self._change.execute(sql, {"works": sorted(works)}):
            known.setdefault(work, {})[id_] = source
        return known

    def _uploaded(self, names: set[str]) -> set[tuple[str, str]]:
        sql = "SELECT account, name FROM provider_names WHERE what = 'uploaded' AND name IN (SELECT unnest($names))"
        return {(account, name) for account, name in self._change.execute(sql, {"names": sorted(names)})}

    def _keep(self, jobs: Sequence[Settled]) -> None:
        if jobs:
            self._change.execute(
                "INSERT INTO jobs SELECT unnest($ids), unnest($works), unnest($sources), unnest($accounts), "
                "unnest($names), unnest($opened), false",
                {
                    "ids": [job.call.id for job in jobs],
                    "works": [_work(job) for job in jobs],
                    "sources": [_source(job.call.id) for job in jobs],
                    "accounts": [job.call.account for job in jobs],
                    "names": [job.served.request_id for job in jobs],
                    "opened": [job.call.opened_us for job in jobs],
                },
            )


def _work(job: Settled) -> str:
    return job.call.id[len(PREFIX) :][:WORK_CHARS]


def _source(job_id: str) -> str:
    return job_id[len(PREFIX) + WORK_CHARS :][:1]
