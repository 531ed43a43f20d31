"""Outcome work: from what was told and spent, in files, to the rows of outcomes, in files.

It needs no database and shares nothing, so that a process of its own can do it: folding a hundred thousand deployments
takes hundreds of megabytes and some twenty seconds, in which nothing else of the interpreter would run.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from proxy.ledger.outcome_facts import BASELINES_FROZEN, SESSIONS_FILE, SPENDS_FILE, read_told
from proxy.ledger.outcome_tables import (
    ShareKey,
    baseline_rows,
    change_rows,
    deployment_rows,
    landing_rows,
    share_rows,
    week_rows,
    write_rows,
)
from proxy.model.entry import Act
from proxy.model.service import Services
from proxy.model.told import Told
from proxy.outcomes.attribution import Attribution, Owner, Spend
from proxy.outcomes.crediting import Verdicts, judge, week_us
from proxy.outcomes.definition import CURRENT, DAY_US, Definition
from proxy.outcomes.folding import fold_ordered
from proxy.outcomes.people import Aliases
from proxy.outcomes.proofs import Proofs, proofs
from proxy.outcomes.quarantine import decided
from proxy.outcomes.quarters import (
    IMPORTED_US,
    Frozen,
    Quarters,
    counts_from,
    is_settled,
    quarter_us,
    quarters,
    written,
)
from proxy.outcomes.service_weeks import service_weeks
from proxy.outcomes.verdicts import Standing

T = TypeVar("T")

PROOFS_FILE: Final = "proofs.msgpack"
"""What a whole rebuild leaves for those that only attribute new calls."""
ACT_SERVICES_MAX: Final = 500
"""Baselines in one act, so that its line stays short."""
TOLD_EACH: Final = 20_000
"""Lines between two words on how far it is."""
NEVER_US: Final = 2**63 - 1

Say = Callable[[str, float], None]
"""Called with the step that is being done, and which part of it is."""


@dataclass(frozen=True, slots=True)
class Job:
    now_us: int
    services: Services
    aliases: Aliases
    recorded: Mapping[int, Mapping[str, Frozen]]
    """Baselines."""
    told: int | None
    """Lines told; None: nothing was told since the proofs were made, and calls alone are attributed."""
    spends: int
    """Rows to attribute."""
    definition: Definition = CURRENT


@dataclass(frozen=True, slots=True)
class Done:
    due_us: int = NEVER_US
    """When the next soak or quarter ends, or the baselines of the running quarter may be on record: verdicts change
    without anything being told."""
    began_us: int = 0
    """Week of the first deployment known; 0: none is."""
    acts: tuple[Act, ...] = ()
    """To be put on record."""
    steps: Mapping[str, float] = field(default_factory=dict)
    """Seconds of each step."""
    memory_mib: int = 0
    """That a process of its own took at most; 0: there was none."""


class _Session(msgspec.Struct):
    session: str
    owner: str
    kind: str


class _Spent(msgspec.Struct):
    """As the database writes it: JSON has no room for the sums of large ledgers, so they are text."""

    at_us: int
    owner: str
    owner_kind: str
    team: str
    project: str
    repository: str
    branch: str
    commit: str
    session: str
    cost_pico: str
    calls: int


def work(job: Job, folder: Path, say: Say) -> Done:
    """Read the facts in the folder, and write the rows beside them, a file for each table."""
    clock = _Steps(say)
    made, found = (Done(), _proofs_kept(folder)) if job.told is None else _judged(job, folder, clock)
    clock.begin("attributing")
    rows = share_rows(_attributed(job, folder, found, clock))
    write_rows(folder, "outcome_shares", rows)
    return replace(made, steps=clock.end())


def _judged(job: Job, folder: Path, clock: "_Steps") -> tuple[Done, Proofs]:
    services, definition = job.services, job.definition
    clock.begin("folding")
    imports = _Imports()
    lines = decided(imports.seen(clock.counted(read_told(folder), job.told or 1)), services)
    history = fold_ordered(lines, services, job.aliases, definition)
    clock.begin("judging")
    verdicts = judge(history, services, job.now_us, definition)
    clock.begin("weeks")
    weeks = service_weeks(history, verdicts, services)
    counting = counts_from(verdicts, services)
    normal = quarters(weeks, services, counting, job.recorded, job.now_us, definition)
    settled = is_settled(imports.last_us, history, verdicts, services, job.now_us)
    clock.begin("proofs")
    found = proofs(history, verdicts, services)
    # Nothing needs it any more, and attribution wants its room.
    del history
    (folder / PROOFS_FILE).write_bytes(msgspec.msgpack.encode(found))
    clock.begin("writing")
    write_rows(folder, "outcome_deployments", deployment_rows(verdicts))
    write_rows(folder, "outcome_changes", change_rows(verdicts))
    write_rows(folder, "outcome_landings", landing_rows(verdicts))
    write_rows(folder, "outcome_weeks", week_rows(weeks))
    write_rows(folder, "outcome_services", counting.items())
    write_rows(folder, "outcome_baselines", baseline_rows(normal))
    began_us = min((start_us for _, start_us in weeks), default=0)
    acts = tuple(_acts(normal, job.now_us)) if settled else ()
    return Done(_due_us(verdicts, job.now_us, settled=settled), began_us, acts), found


class _Imports:
    """When history was brought in last; 0: never."""

    def __init__(self) -> None:
        self.last_us = 0

    def seen(self, lines: Iterable[Told]) -> Iterator[Told]:
        for line in lines:
            if line.imported and line.at_us > self.last_us:
                self.last_us = line.at_us
            yield line


def _due_us(verdicts: Verdicts, now_us: int, *, settled: bool) -> int:
    # No quarter has 93 days: that is one day of the next at least.
    next_quarter_us = quarter_us(quarter_us(now_us) + 93 * DAY_US)
    ends = [next_quarter_us] if settled else [next_quarter_us, now_us + IMPORTED_US]
    ends += [each.until_us for each in verdicts.deployments if each.standing == Standing.PENDING]
    return min(each for each in ends if each > now_us)


def _proofs_kept(folder: Path) -> Proofs:
    return msgspec.msgpack.decode((folder / PROOFS_FILE).read_bytes(), type=Proofs)


def _attributed(job: Job, folder: Path, found: Proofs, clock: "_Steps") -> dict[ShareKey, list[int]]:
    """Pico-dollars and calls, by the week of the calls."""
    attribution = Attribution(found, first_seen(folder), job.services, job.aliases)
    sums: dict[ShareKey, list[int]] = {}
    for spend in clock.counted(_spends(folder), job.spends):
        method, works = attribution.work(spend)
        where = week_us(spend.at_us), spend.team, spend.project, method
        if len(works) == 1:
            _add(sums, (*where, *works[0]), spend.cost_pico, spend.calls)
            continue
        for share in attribution.shares(spend):
            _add(sums, (*where, share.service, share.group), share.cost_pico, share.calls)
    return sums


def _add(sums: dict[ShareKey, list[int]], key: ShareKey, cost_pico: int, calls: int) -> None:
    known = sums.get(key)
    if known is None:
        sums[key] = [cost_pico, calls]
    else:
        known[0] += cost_pico
        known[1] += calls


def _spends(folder: Path) -> Iterator[Spend]:
    with (folder / SPENDS_FILE).open("rb") as file:
        for row in map(_SPENT.decode, file):
            yield Spend(
                *(row.at_us, row.owner, row.owner_kind, row.team, row.project, row.repository, row.branch),
                *(row.commit, row.session, int(row.cost_pico), row.calls),
            )  # fmt: skip


def first_seen(folder: Path) -> dict[str, Owner]:
    """From whom the ledger first saw each session that a commit names."""
    with (folder / SESSIONS_FILE).open("rb") as file:
        return {each.session: (each.owner, each.kind) for each in map(_SESSION.decode, file)}


_SPENT: Final = msgspec.json.Decoder(_Spent)
_SESSION: Final = msgspec.json.Decoder(_Session)


class _Steps:
    """Time that each step takes, and how far it is."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._took: dict[str, float] = {}
        self._step = ""
        self._since = time.monotonic()

    def begin(self, name: str) -> None:
        self.end()
        self._step = name
        self._say(name, 0.0)

    def end(self) -> Mapping[str, float]:
        now = time.monotonic()
        if self._step:
            self._took[self._step] = self._took.get(self._step, 0.0) + now - self._since
        self._since = now
        return dict(self._took)

    def counted(self, lines: Iterator[T], many: int) -> Iterator[T]:
        for number, line in enumerate(lines, 1):
            yield line
            if number % TOLD_EACH == 0:
                self._say(self._step, min(1.0, number / max(many, 1)))


def _acts(normal: Quarters, now_us: int) -> Iterator[Act]:
    """What of the running quarter is on no record yet."""
    start_us = quarter_us(now_us)
    missing = {name: each for name, each in normal.get(start_us, {}).items() if not each.at_us}
    names = sorted(missing)
    for at in range(0, len(names), ACT_SERVICES_MAX):
        yield Act(
            id=f"baselines-{start_us}-{now_us}-{at}",
            at_us=now_us,
            actor="outlay",
            kind=BASELINES_FROZEN,
            subject=str(start_us),
            details={name: written(missing[name].baseline) for name in names[at : at + ACT_SERVICES_MAX]},
        )
