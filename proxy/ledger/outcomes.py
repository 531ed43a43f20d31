"""Outcomes: what was told and what was spent, brought to verdicts, weeks and attributed spend, and kept as tables.

All of it is derived: a rebuild reads everything, works it out outside of the database's lock, and replaces the tables
in one transaction. Baselines alone are frozen: those of the running quarter are put on record as acts, and stay.
"""

import gc
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from proxy.ledger.kept import RAW_FROM
from proxy.ledger.outcome_facts import BASELINES_FROZEN, OutcomeFacts
from proxy.ledger.outcome_figures import RUN
from proxy.ledger.outcome_tables import (
    Rows,
    ShareKey,
    baseline_rows,
    change_rows,
    deployment_rows,
    landing_rows,
    replace_all,
    share_rows,
    week_rows,
)
from proxy.model.entry import Act
from proxy.model.service import Services
from proxy.outcomes.attribution import Attribution
from proxy.outcomes.crediting import Verdicts, judge, week_us
from proxy.outcomes.definition import CURRENT, Definition
from proxy.outcomes.entities import History
from proxy.outcomes.folding import fold
from proxy.outcomes.proofs import proofs
from proxy.outcomes.quarantine import decided
from proxy.outcomes.quarters import (
    IMPORTED_US,
    WEEK_US,
    Quarters,
    counts_from,
    is_settled,
    quarter_us,
    quarters,
    written,
)
from proxy.outcomes.service_weeks import service_weeks
from proxy.outcomes.verdicts import Standing
from proxy.ports.store import Store, Transaction

T = TypeVar("T")

ACT_SERVICES_MAX: Final = 500
"""Baselines in one act, so that its line stays short."""
FOREVER_US: Final = 2**63 - 1
QUICK_S: Final = 0.3
"""A rebuild that takes no longer is made for a report; else the report has what the last one found."""
_STATE: Final = """
SELECT
    (SELECT coalesce(max(load), 0) FROM positions),
    (SELECT count(*) FROM told),
    (SELECT count(*) FROM acts WHERE kind = $kind)
"""
_CLOSED: Final = "SELECT * FROM outcome_shares WHERE week_us < $open_us"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a rebuild was made of: nothing has to be done while it is the same."""

    load: int
    told: int
    frozen: int
    services: Services
    aliases: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Built:
    seen: Seen
    at_us: int
    due_us: int
    """When the next soak ends: verdicts change without anything being told. Far off where none is pending, and the
    baselines of the running quarter may be on record."""
    took_s: float
    steps: Mapping[str, float]
    """Seconds of each step."""
    acts: tuple[Act, ...]
    """To be put on record."""


class Outcomes:
    """Safe from any thread; one rebuild at a time."""

    def __init__(
        self,
        store: Store,
        services: Callable[[], Services],
        aliases: Callable[[], Mapping[str, str]],
        now_us: Callable[[], int],
        definition: Definition = CURRENT,
    ) -> None:
        """`aliases`: as folding takes them."""
        self.built: Built | None = None
        self._store = store
        self._services = services
        self.aliases = aliases
        self._now_us = now_us
        self._definition = definition
        self._one = threading.Lock()

    def told_since(self) -> bool:
        """Whether anything but calls has changed since the last rebuild."""
        built, seen = self.built, self._seen()
        return (
            built is None
            or self._now_us() >= built.due_us
            or (seen.told, seen.services, seen.aliases) != (built.seen.told, built.seen.services, built.seen.aliases)
        )

    def changed(self) -> bool:
        return self.built is None or self._now_us() >= self.built.due_us or self._seen() != self.built.seen

    def refresh(self) -> Built:
        """Rebuild if anything has changed. Raises StoreError, QueryTimeoutError."""
        with self._one:
            if self.built is None or self.changed():
                with _uncollected():
                    self.built = self._rebuild()
            return self.built

    def freshen(self) -> None:
        """What a report wants: made anew where that is quick, or where nothing was made yet."""
        if self.built is None or self.built.took_s < QUICK_S:
            self.refresh()

    def _seen(self) -> Seen:
        ((load, told, frozen),) = self._store.read(_STATE, {"kind": BASELINES_FROZEN})
        return Seen(load, told, frozen, self._services(), self.aliases())

    def _rebuild(self) -> Built:
        now_us, seen, clock = self._now_us(), self._seen(), _Steps()
        facts = OutcomeFacts(self._store, seen.load)
        told = clock.done("read", facts.told())
        imported_us = max((each.at_us for each in told if each.imported), default=0)
        lines = decided(told, seen.services)
        del told  # It goes as it is folded: there may be gigabytes of it.
        history = clock.done("folded", fold(lines, seen.services, seen.aliases, self._definition))
        verdicts = clock.done("judged", judge(history, seen.services, now_us, self._definition))
        weeks = service_weeks(history, verdicts, seen.services)
        counting = counts_from(verdicts, seen.services)
        recorded = facts.recorded()
        normal = clock.done("weeks", quarters(weeks, seen.services, counting, recorded, now_us, self._definition))
        shares = clock.done("attributed", attributed(facts, history, verdicts, seen))
        tables = {
            "outcome_deployments": deployment_rows(verdicts),
            "outcome_changes": change_rows(verdicts),
            "outcome_landings": landing_rows(verdicts),
            "outcome_weeks": week_rows(weeks),
            "outcome_services": counting.items(),
            "outcome_baselines": baseline_rows(normal),
            "outcome_shares": share_rows(shares),
        }
        began_us = min((start_us for _, start_us in weeks), default=0)
        self._replace(
            tables,
            {"built_us": now_us, "load": seen.load, "definition": verdicts.definition, "began_us": began_us},
        )
        clock.done("written", None)
        pending = (each.until_us for each in verdicts.deployments if each.standing == Standing.PENDING)
        settled = is_settled(imported_us, history, verdicts, seen.services, now_us)
        latest_us = FOREVER_US if settled else now_us + IMPORTED_US
        due_us = min(each for each in (*pending, latest_us) if each > now_us)
        acts = tuple(_acts(normal, now_us)) if settled else ()
        return Built(seen, now_us, due_us, sum(clock.steps.values()), clock.steps, acts)

    def _replace(self, tables: Mapping[str, Rows], state: Mapping[str, object]) -> None:
        with self._store.transaction() as change:
            ((raw_from_us,),) = change.execute(RAW_FROM)
            if raw_from_us:
                tables = {**tables, "outcome_shares": _with_closed(change, tables["outcome_shares"], raw_from_us)}
            replace_all(change, tables)
            change.execute("DELETE FROM outcome_state")
            change.execute("INSERT INTO outcome_state VALUES ($built_us, $load, $definition, $began_us)", state)


def _with_closed(change: Transaction, shares: Rows, raw_from_us: int) -> Rows:
    """Of weeks whose calls are no longer there one by one, the shares stay that were found when they were."""
    open_us = week_us(raw_from_us + WEEK_US - 1)
    # Read before anything is replaced.
    closed = change.execute(_CLOSED, {"open_us": open_us})
    return [*closed, *(row for row in shares if row[0] >= open_us)]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the search for circles of garbage, which would look again and again at what is all in use: a third of the
    time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _Steps:
    """Time that each step took: a step is what was done since the one before."""

    def __init__(self) -> None:
        self.steps: dict[str, float] = {}
        self._last = time.monotonic()

    def done(self, name: str, result: T) -> T:
        now = time.monotonic()
        self.steps[name], self._last = now - self._last, now
        return result


def attributed(facts: OutcomeFacts, history: History, verdicts: Verdicts, seen: Seen) -> dict[ShareKey, list[int]]:
    """Pico-dollars and calls, by the week of the calls."""
    sessions = {session for each in history.changes.values() for session in each.sessions}
    found_proofs = proofs(history, verdicts, seen.services)
    attribution = Attribution(found_proofs, facts.first_seen(sessions), seen.services, seen.aliases)
    found: dict[ShareKey, list[int]] = defaultdict(lambda: [0, 0])
    for spends in facts.spends():
        for spend in spends:
            start_us = week_us(spend.at_us)
            for each in attribution.shares(spend):
                sums = found[start_us, spend.team, spend.project, each.method, each.service, each.group]
                sums[0] += each.cost_pico
                sums[1] += each.calls
    for start_us, team, project, cost_pico, calls in facts.runs():
        found[start_us, team, project, RUN, "", ""] = [cost_pico, calls]
    return found


def _acts(normal: Quarters, now_us: int) -> list[Act]:
    """What of the running quarter is on no record yet."""
    start_us = quarter_us(now_us)
    missing = {name: each for name, each in normal.get(start_us, {}).items() if not each.at_us}
    names = sorted(missing)
    return [
        Act(
            id=f"baselines-{start_us}-{now_us}-{at}",
            at_us=now_us,
            actor="outlay",
            kind=BASELINES_FROZEN,
            subject=str(start_us),
            details={name: written(missing[name].baseline) for name in names[at : at + ACT_SERVICES_MAX]},
        )
        for at in range(0, len(names), ACT_SERVICES_MAX)
    ]
