"""The verdict of the soak beyond the crash drill's: refusals, counters and tokens against the database, to the unit."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from bench.crash_load import Ended, Witnesses, tokens_of
from bench.crash_verdict import Record
from proxy.adapters import counters_file

UNSEEN: Final = {Ended.REFUSED, Ended.HUNG_UP}
"""How a call may have ended for its caller where outlay refused it: who hung up may not have seen that."""
_REFUSED: Final = "SELECT work_item FROM calls WHERE refused"
_BY_OWNER: Final = "SELECT owner, count(*), sum(cost_pico)::VARCHAR FROM calls WHERE NOT refused GROUP BY owner"


@dataclass(frozen=True, slots=True)
class Sums:
    """Of one budget's accounts: what the gateway counted, beside what the database holds."""

    budget: str
    counted: Mapping[tuple[str, ...], int]
    recorded: Mapping[tuple[str, ...], int]

    @property
    def apart(self) -> int:
        """How many accounts are not equal."""
        return sum(
            self.counted.get(each, 0) != self.recorded.get(each, 0) for each in {**self.counted, **self.recorded}
        )


@dataclass(frozen=True, slots=True)
class Equal:
    """Whether all that counted came to the same."""

    refused: int
    """On record."""
    refused_wrongly: int
    """Refused on record, and answered to the caller or got by the provider; or the other way round; or twice."""
    sums: tuple[Sums, ...]
    reported_tokens: int
    """By the provider, of all calls whose usage is on record as its own."""
    recorded_tokens: int
    """Of the same calls, by the database."""

    @property
    def good(self) -> bool:
        apart = any(each.apart for each in self.sums)
        return not (self.refused_wrongly or apart) and self.reported_tokens == self.recorded_tokens


def compared(data: Path, node: str, short: str, witnesses: Witnesses, database: Record) -> Equal:
    """`short`: who has the budget that counts calls. No process may have the database open. Raises LookupError."""
    with duckdb.connect(str(data / "outlay.duckdb"), read_only=True) as opened:
        refused = Counter(int(number) for (number,) in opened.execute(_REFUSED).fetchall())
        owners = {owner: (calls, int(pico)) for owner, calls, pico in opened.execute(_BY_OWNER).fetchall()}
    spent: dict[tuple[str, ...], int] = {(owner,): pico for owner, (_, pico) in owners.items()}
    recorded: dict[str, dict[tuple[str, ...], int]] = {
        "all": {(): sum(spent.values())},
        "each": spent,
        "short": {(): owners.get(short, (0, 0))[0]},
    }
    counted = _counted(data, node)
    own = [
        (number, each)
        for number, each in database.settled.items()
        if not each.estimated and each.outcome != "provider_error" and witnesses.reached[number]
    ]
    return Equal(
        refused=refused.total(),
        refused_wrongly=sum(_wrongly(number, refused[number], witnesses) for number in witnesses.numbers()),
        sums=tuple(Sums(name, counted.get(name, {}), recorded[name]) for name in recorded),
        reported_tokens=sum(sum(tokens_of(number)) for number, _ in own),
        recorded_tokens=sum(each.input_tokens + each.output_tokens for _, each in own),
    )


def _wrongly(number: int, times: int, witnesses: Witnesses) -> bool:
    how = Ended(witnesses.ended[number]) if witnesses.ended[number] else None
    if not times:
        return how is Ended.REFUSED
    return times > 1 or how not in UNSEEN or bool(witnesses.reached[number])


def _counted(data: Path, node: str) -> dict[str, dict[tuple[str, ...], int]]:
    snapshot = counters_file.read(counters_file.counters_file(data, node))
    if snapshot is None:
        raise LookupError("the gateway left no snapshot of its counters")
    found: dict[str, dict[tuple[str, ...], int]] = {}
    for account, each in snapshot.accounts.items():
        found.setdefault(account.budget, {})[account.instance] = each.total
    return found
