"""The verdict of the crash drill: what callers and provider saw against the journal and the database, call by call."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec

from bench.crash_load import Ended, Witnesses, tokens_of
from proxy.adapters import counters_file
from proxy.model.usage import KINDS

LEDGER: Final = "ledger"
"""Its own journal tells of no call."""
SHOWN_MAX: Final = 8


_UNSUMMED: Final = """
WITH called AS (
    SELECT opened_us // 900000000 AS slot, owner, model, refused, count(*) AS calls, sum(cost_pico) AS cost_pico
    FROM calls GROUP BY ALL
), summed_up AS (
    SELECT opened_us // 900000000 AS slot, owner, model, refused, sum(calls)::BIGINT AS calls,
        sum(cost_pico) AS cost_pico
    FROM (FROM summed UNION ALL FROM summed_lately) GROUP BY ALL
)
SELECT count(*)
FROM ((FROM called EXCEPT FROM summed_up) UNION ALL (FROM summed_up EXCEPT FROM called))
"""


class _Call(msgspec.Struct):
    id: str
    work_item: str = ""


class _Cost(msgspec.Struct):
    total_pico: int = 0


class _Line(msgspec.Struct):
    t: str
    call: _Call | None = None
    outcome: str = ""
    estimated: bool = False
    usage: dict[str, int] = {}
    cost: _Cost = msgspec.field(default_factory=_Cost)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A call as it was settled."""

    outcome: str
    estimated: bool
    input_tokens: int
    output_tokens: int
    cost_pico: int


@dataclass(slots=True)
class Record:
    """All settlements that one of the two records holds, by the number of their call."""

    settled: dict[int, Recorded] = field(default_factory=dict)
    times: Counter[int] = field(default_factory=Counter)
    open: list[str] = field(default_factory=list)
    """Ids of calls opened and never settled: their holds are orphans."""
    unreadable: int = 0
    unsummed: int = 0
    """Groups of calls, by quarter of an hour, person and model, that the database's sums say something else of."""

    def add(self, number: int, recorded: Recorded) -> None:
        self.settled[number] = recorded
        self.times[number] += 1


def journal_record(data: Path) -> Record:
    """By the files, read without any of the product's own readers."""
    decoder, record = msgspec.json.Decoder(_Line), Record()
    open_ids: set[str] = set()
    settled_ids: set[str] = set()
    for raw in _raw_lines(data):
        try:
            line = decoder.decode(raw)
        except msgspec.DecodeError:
            record.unreadable += 1
            continue
        if line.call is None:
            continue
        if line.t in ("opened", "carried"):
            open_ids.add(line.call.id)
        elif line.t == "settled":
            settled_ids.add(line.call.id)
            usage = [line.usage.get(kind, 0) for kind in KINDS]
            amount = _split(dict(zip(KINDS, usage, strict=True)))
            record.add(int(line.call.work_item), Recorded(line.outcome, line.estimated, *amount, line.cost.total_pico))
    record.open = sorted(open_ids - settled_ids)
    return record


def _raw_lines(data: Path) -> Iterator[bytes]:
    for path in sorted((data / "journal").glob("*/*.jsonl")):
        if path.parent.name != LEDGER:
            with path.open("rb") as file:
                yield from file


def database_record(data: Path) -> Record:
    """By the database. No process may have the file open."""
    record = Record()
    kinds = ", ".join(KINDS)
    with duckdb.connect(str(data / "outlay.duckdb"), read_only=True) as database:
        rows = database.execute(
            f"SELECT work_item, outcome, estimated, cost_pico, {kinds} FROM calls WHERE NOT refused"
        )
        while found := rows.fetchmany(50_000):
            for work_item, outcome, estimated, cost_pico, *usage in found:
                amount = _split(dict(zip(KINDS, usage, strict=True)))
                record.add(int(work_item), Recorded(outcome, estimated, *amount, cost_pico))
        record.open = [each for (each,) in database.execute("SELECT id FROM open_calls").fetchall()]
        ((record.unreadable,),) = database.execute("SELECT count(*) FROM quarantine").fetchall()
        ((record.unsummed,),) = database.execute(_UNSUMMED).fetchall()
    return record


def _split(usage: dict[str, Any]) -> tuple[int, int]:
    output = usage["output_text"] + usage["reasoning"]
    return sum(usage.values()) - output, output


@dataclass(frozen=True, slots=True)
class Verdict:
    """Numbers of calls by what is wrong with them, then how many were what."""

    lost: tuple[int, ...]
    """Answered to the caller or got by the provider, and not settled in the journal, or not in the database."""
    doubled: tuple[int, ...]
    """Settled more than once in either."""
    sent_twice: tuple[int, ...]
    """The provider got them more than once: somebody retried."""
    wrong: tuple[int, ...]
    """Not estimated, and other tokens than the provider reported."""
    apart: tuple[int, ...]
    """The journal says something else than the database."""
    orphaned: int
    """Holds that no settlement ever ends, in either record."""
    unreadable: int
    unsummed: int
    """Groups of calls that the sums kept beside them say something else of."""
    estimated: int
    crashed: int
    """Settled at the hold, since a kill took what was known of them."""
    unsent: int
    """On record, and never got by the provider."""
    settled: int
    spent_pico: int

    @property
    def good(self) -> bool:
        bad = self.lost or self.doubled or self.sent_twice or self.wrong or self.apart
        return not (bad or self.orphaned or self.unreadable or self.unsummed)


def judge(witnesses: Witnesses, journal: Record, database: Record) -> Verdict:
    both = (journal, database)
    numbers = witnesses.numbers()
    owed = [each for each in numbers if witnesses.reached[each] or witnesses.ended[each] == Ended.ANSWERED]
    known = sorted(journal.settled.keys() | database.settled.keys())
    plain = (number for number, each in database.settled.items() if not each.estimated and witnesses.reached[number])
    return Verdict(
        lost=tuple(each for each in owed if not all(record.times[each] for record in both)),
        doubled=tuple(each for each in known if any(record.times[each] > 1 for record in both)),
        sent_twice=tuple(each for each in numbers if witnesses.reached[each] > 1),
        wrong=tuple(number for number in plain if not _as_reported(number, database.settled[number])),
        apart=tuple(each for each in known if journal.settled.get(each) != database.settled.get(each)),
        orphaned=len(journal.open) + len(database.open),
        unreadable=sum(record.unreadable for record in both),
        unsummed=database.unsummed,
        estimated=sum(each.estimated for each in database.settled.values()),
        crashed=sum(each.outcome == "crashed" for each in database.settled.values()),
        unsent=sum(not witnesses.reached[each] for each in known),
        settled=len(database.settled),
        spent_pico=sum(each.cost_pico for each in database.settled.values()),
    )


def _as_reported(number: int, recorded: Recorded) -> bool:
    """An error of the provider's is no usage."""
    usage = (recorded.input_tokens, recorded.output_tokens)
    return usage == tokens_of(number) or (recorded.outcome == "provider_error" and usage == (0, 0))


def counted_pico(data: Path, node: str, budget: str) -> int:
    """What the gateway's counters came to in this budget when it stopped. Raises LookupError."""
    snapshot = counters_file.read(counters_file.counters_file(data, node))
    if snapshot is None:
        raise LookupError("the gateway left no snapshot of its counters")
    return sum(each.total for account, each in snapshot.accounts.items() if account.budget == budget)


def shown(numbers: tuple[int, ...]) -> str:
    some = ", ".join(map(str, numbers[:SHOWN_MAX]))
    return f"{len(numbers):,}" + (f"   {some}{' …' if len(numbers) > SHOWN_MAX else ''}" if numbers else "")
