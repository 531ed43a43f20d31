"""Outcome facts: what a rebuild of outcomes reads, all of the same state of the ledger."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from proxy.ledger.statements import statement
from proxy.model.told import Told
from proxy.outcomes.attribution import Owner, Spend
from proxy.outcomes.definition import DAY_US, HOUR_US
from proxy.outcomes.quarters import WEEK_US, Frozen, Quarters, read
from proxy.ports.store import Row, Store

BASELINES_FROZEN: Final = "baselines_frozen"
"""Kind of the act that puts baselines of a quarter on record; the quarter's begin is its subject."""
TIMEOUT_S: Final = 600.0
SPAN_US: Final = 31 * DAY_US
"""Of calls that are read at once."""
MONDAY_US: Final = 4 * DAY_US
"""The first Monday since the epoch."""


class OutcomeFacts:
    def __init__(self, store: Store, horizon: int) -> None:
        self._store = store
        self._horizon = horizon

    def told(self) -> list[Told]:
        return [Told(*row) for row in self._read("outcome_told")]

    def spends(self) -> Iterator[Sequence[Spend]]:
        """A month of building at a time."""
        ((first_us, last_us),) = self._store.read("SELECT min(opened_us), max(opened_us) FROM calls")
        for since_us in range(first_us, last_us + 1, SPAN_US) if first_us is not None else ():
            # Hours lie whole in one span or the other.
            begin, end = since_us // HOUR_US * HOUR_US, (since_us + SPAN_US) // HOUR_US * HOUR_US
            rows = self._read("outcome_spends", hour_us=HOUR_US, since_us=begin, until_us=end)
            yield [Spend(*row) for row in rows]

    def runs(self) -> Sequence[Row]:
        """Week, team, project, pico-dollars, calls."""
        return self._read("outcome_runs", monday_us=MONDAY_US, week_us=WEEK_US)

    def first_seen(self, sessions: Collection[str]) -> dict[str, Owner]:
        if not sessions:
            return {}
        rows = self._read("outcome_sessions", sessions=sorted(sessions))
        return {session: (seen["owner"], seen["kind"]) for session, seen in rows}

    def recorded(self) -> Quarters:
        """Baselines on record: of each service and quarter what was recorded first."""
        found: dict[int, dict[str, Frozen]] = defaultdict(dict)
        rows = self._store.read(
            "SELECT at_us, subject, details FROM acts WHERE kind = $kind ORDER BY at_us, id", {"kind": BASELINES_FROZEN}
        )
        for at_us, subject, details in rows:
            for service, text in details.items():
                found[int(subject)].setdefault(service, Frozen(read(service, text), at_us))
        return found

    def _read(self, name: str, **values: object) -> Sequence[Row]:
        return self._store.read(statement(name), {"horizon": self._horizon, **values}, TIMEOUT_S)
