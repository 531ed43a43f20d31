"""Outcomes: what was told and what was spent, brought to verdicts, weeks and attributed spend, and kept as tables.

All of it is derived. The database writes what is needed to files, the work is done from those (outcome_work; where that
is much, in a process of its own), and its rows replace the tables' in one transaction. Where nothing but calls came
since, they alone are attributed: the verdicts stay, and the weeks of those calls are made anew.

Baselines alone are frozen: those of the running quarter are put on record as acts, and stay.
"""

import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proxy.ledger.kept import RAW_FROM
from proxy.ledger.outcome_facts import BASELINES_FROZEN, EVER_US, RUNS_FILE, SCRATCH_FOLDER, OutcomeFacts, of_weeks
from proxy.ledger.outcome_tables import TABLES, add_rows, replace_rows
from proxy.ledger.outcome_work import PROOFS_FILE, Done, Job, Say, first_seen, work
from proxy.ledger.statements import statement
from proxy.model.entry import Act
from proxy.model.service import Services
from proxy.outcomes.attribution import Owner
from proxy.outcomes.crediting import week_us
from proxy.outcomes.definition import CURRENT, Definition
from proxy.outcomes.people import Aliases, Named, aliases_in
from proxy.outcomes.quarters import WEEK_US
from proxy.ports.store import Row, Store, StoreError, Transaction

SMALL_ROWS: Final = 20_000
"""Of lines told and calls: a ledger that has no more makes its outcomes anew for each report."""
FOLDER: Final = "outcomes"
SHARES: Final = "outcome_shares"
_STATE: Final = """
SELECT
    (SELECT coalesce(max(load), 0) FROM positions),
    (SELECT count(*) FROM told),
    (SELECT count(*) FROM acts WHERE kind = $kind),
    (SELECT count(*) FROM jobs WHERE attributed)
"""
_KEPT: Final = """
SELECT coalesce((SELECT max(load) FROM outcome_state), if(EXISTS (FROM outcome_shares), $load, 0))
"""
"""Up to which load there are shares. Where nothing says so and there are some, of all: none is to be made twice."""
_STATES: Final = "SELECT count(*) FROM outcome_state"
_GONE_ON: Final = "UPDATE outcome_state SET built_us = $built_us, load = $load"
_EMPTY_SHARES: Final = """
DELETE FROM outcome_shares WHERE week_us >= $open_us AND ($all OR week_us IN (SELECT unnest($weeks)))
"""
_EMPTY_SUMS: Final = "DELETE FROM outcome_spend WHERE $all OR week_us IN (SELECT unnest($weeks))"
_SIZE: Final = "SELECT (SELECT count(*) FROM told) + (SELECT count(*) FROM calls)"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a rebuild was made of: nothing has to be done while it is the same."""

    load: int
    told: int
    frozen: int
    jobs: int
    """Whose calls were put on who submitted them: rows that were there already are others now."""
    services: Services
    aliases: Aliases


@dataclass(frozen=True, slots=True)
class Built:
    seen: Seen
    at_us: int
    due_us: int
    """When the next soak or quarter ends: verdicts change without anything being told."""
    took_s: float
    steps: Mapping[str, float]
    """Seconds of each step."""
    acts: tuple[Act, ...]
    """To be put on record."""
    weeks: tuple[int, ...] | None
    """Whose spend was attributed anew; None: that of all."""
    judged: bool
    """False: the verdicts are those of the rebuild before."""
    memory_mib: int
    """That a process of its own took at most; 0: there was none."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Of a rebuild that runs."""

    step: str
    part: float
    """Of the step, as far as that is known: 0 to 1."""


Run = Callable[[Job, Path, Say], Done]
"""Does the work in the folder. Raises OSError, and what `work` raises."""


class Outcomes:
    """Safe from any thread; one rebuild at a time."""

    def __init__(
        self,
        store: Store,
        services: Callable[[], Services],
        aliases: Callable[[], Named],
        now_us: Callable[[], int],
        definition: Definition = CURRENT,
        run: Run = work,
        small_rows: int = SMALL_ROWS,
    ) -> None:
        """`aliases`: as folding takes them."""
        self.built: Built | None = None
        self.progress: Progress | None = None
        """None: no rebuild runs."""
        self._store = store
        self._services = services
        self.aliases = aliases
        self._now_us = now_us
        self._definition = definition
        self._run = run
        self._small_rows = small_rows
        self._folder = store.path.parent / SCRATCH_FOLDER / FOLDER
        self._first: Mapping[str, Owner] = {}
        self._one = threading.Lock()

    def told_since(self) -> bool:
        """Whether anything but calls has changed since the last rebuild."""
        return self.built is None or self._judged_before(self.built, self._seen()) is None

    def changed(self) -> bool:
        return self.built is None or self._now_us() >= self.built.due_us or self._seen() != self.built.seen

    def refresh(self) -> Built:
        """Rebuild if anything has changed. Raises StoreError, QueryTimeoutError, and what doing the work raises."""
        with self._one:
            if self.built is None or self.changed():
                try:
                    self.built = self._rebuild()
                finally:
                    self.progress = None
            return self.built

    def freshen(self) -> None:
        """What a report wants: made anew where that is quick; else it has what was found last, and says when."""
        ((size,),) = self._store.read(_SIZE)
        if size <= self._small_rows:
            self.refresh()

    def _seen(self) -> Seen:
        ((load, told, frozen, jobs),) = self._store.read(_STATE, {"kind": BASELINES_FROZEN})
        return Seen(load, told, frozen, jobs, self._services(), aliases_in(self.aliases()))

    def _judged_before(self, built: Built | None, seen: Seen) -> Built | None:
        """What was built last, if nothing but calls came since."""
        if built is None or self._now_us() >= built.due_us:
            return None
        before = built.seen
        same = (seen.told, seen.services, seen.aliases) == (before.told, before.services, before.aliases)
        return built if same else None

    def _rebuild(self) -> Built:
        now_us, seen, began_s = self._now_us(), self._seen(), time.monotonic()
        before = self._judged_before(self.built, seen)
        ((after,),) = self._store.read(_KEPT, {"load": seen.load})
        open_us = self._open_us(self._store.read(RAW_FROM))
        facts = OutcomeFacts(self._store, seen.load, after, open_us)
        kept = self._store.read(_STATES) == [(1,)] and self._has_proofs()
        unjudged = before and before.seen.frozen == seen.frozen and before.seen.load == after and kept
        if before and unjudged:
            weeks, done = self._attribute(before, seen, facts, now_us)
            due_us, acts = before.due_us, before.acts
        else:
            weeks, done = None, self._judge(seen, facts, now_us)
            due_us, acts = done.due_us, done.acts
        self._clear()
        took_s = time.monotonic() - began_s
        return Built(seen, now_us, due_us, took_s, done.steps, acts, weeks, not unjudged, done.memory_mib)

    def _judge(self, seen: Seen, facts: OutcomeFacts, now_us: int) -> Done:
        """All of it, from the beginning."""
        self._say("reading", 0.0)
        self._fresh_folder()
        told, spends = facts.told(self._folder), facts.spent(self._folder, None)
        facts.sessions(self._folder)
        job = Job(now_us, seen.services, seen.aliases, facts.recorded(), told, spends, self._definition)
        done = self._run(job, self._folder, self._say)
        self._first = first_seen(self._folder)
        state = {"built_us": now_us, "load": seen.load, "version": self._definition.version, "began_us": done.began_us}
        self._say("replacing", 0.0)
        with self._store.beside() as change:
            for table in TABLES.keys() - {SHARES}:
                replace_rows(change, self._folder, table)
            self._replace_shares(change, facts, None)
            change.execute("DELETE FROM outcome_state")
            change.execute("INSERT INTO outcome_state VALUES ($built_us, $load, $version, $began_us)", state)
        return done

    def _attribute(
        self, before: Built, seen: Seen, facts: OutcomeFacts, now_us: int
    ) -> tuple[tuple[int, ...] | None, Done]:
        """What was spent since, by the proofs that are there. Other weeks' spend stays where it was put."""
        self._say("reading", 0.0)
        facts.sessions(self._folder)
        first = first_seen(self._folder)
        # A call that came late may show that a session was another one's; calls of jobs move to who submitted them.
        moved = any(first.get(session) != owner for session, owner in self._first.items())
        weeks = None if moved or seen.jobs != before.seen.jobs else tuple(facts.touched())
        done = Done()
        if weeks != ():
            spends = facts.spent(self._folder, weeks)
            job = Job(now_us, seen.services, seen.aliases, {}, None, spends, self._definition)
            done = self._run(job, self._folder, self._say)
        self._first = first
        self._say("replacing", 0.0)
        with self._store.beside() as change:
            if weeks != ():
                self._replace_shares(change, facts, weeks)
            change.execute(_GONE_ON, {"built_us": now_us, "load": seen.load})
        return weeks, done

    def _replace_shares(self, change: Transaction, facts: OutcomeFacts, weeks: Sequence[int] | None) -> None:
        """Of weeks whose calls are no longer there one by one, the shares stay that were found when they were."""
        if self._open_us(change.execute(RAW_FROM)) != facts.open_us:
            raise StoreError("calls were dropped while outcomes were made of them: the next rebuild makes them again")
        of = of_weeks(weeks)
        change.execute(_EMPTY_SHARES, {**of, "open_us": facts.open_us})
        for file in (self._folder / f"{SHARES}.jsonl", self._folder / RUNS_FILE):
            add_rows(change, file, SHARES)
        change.execute(_EMPTY_SUMS, of)
        change.execute(statement("outcome_summed"), of)

    @staticmethod
    def _open_us(raw_from: Sequence[Row]) -> int:
        """The first week whose calls are all there."""
        ((from_us,),) = raw_from
        return week_us(from_us + WEEK_US - 1) if from_us else -EVER_US

    def _has_proofs(self) -> bool:
        return (self._folder / PROOFS_FILE).exists()

    def _say(self, step: str, part: float) -> None:
        self.progress = Progress(step, part)

    def _fresh_folder(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(mode=0o700, parents=True)

    def _clear(self) -> None:
        """Only the proofs are of use later."""
        for file in self._folder.iterdir():
            if file.name != PROOFS_FILE:
                file.unlink()
