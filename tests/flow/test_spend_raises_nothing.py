"""P17, through the whole ledger: no call that is added raises what is credited or the index, or makes a deployment
cheaper, whatever it costs, whoever makes it and whatever it names."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from proxy.adapters.store_duckdb import DuckStore
from proxy.journal.codec import encode
from proxy.ledger.outcome_asked import outcomes_asked
from proxy.ledger.outcome_figures import OutcomeRow
from proxy.ledger.outcome_report import outcome_report
from proxy.ledger.outcomes import Outcomes
from proxy.ledger.people import OPERATOR
from proxy.model.entry import Settled
from proxy.model.told import CommitTold
from proxy.model.usage import Usage
from proxy.outcomes.unit_cost import UnitCost
from tests.fakes.segments import MemorySegments
from tests.fakes.telling import DAY_US, PAY, SHOP, START, at
from tests.flow.ledger_world import a_loader, a_store, spent
from tests.flow.test_deployments_http import PERIOD, SIX, an_organisation, calls

NOW_US = at(90)
BREAKDOWNS = ("", "service", "team", "project", "service,week")
STEPS, CALLS = 4, 5
SESSIONS = {each: f"s-{each}" for each in SIX}
"""Each one's own: who uses another's before he does is not tried."""


class World:
    def __init__(self, folder: Path, store: DuckStore) -> None:
        self.org = an_organisation()
        for number, name in enumerate(SIX):
            self.org.tell(CommitTold(PAY, f"h-pay-1{number}", sessions=(SESSIONS[name],)), 7)
        self.store = store
        self.segments = MemorySegments()
        self.loader = a_loader(store, self.segments)
        aliases = {name: name for name in SIX}
        self.outcomes = Outcomes(store, lambda: self.org.services, lambda: aliases, lambda: NOW_US)

    def load(self, *entries: Any) -> None:
        self.segments.write(map(encode, entries), "n")
        self.loader.run_once()

    def rows(self) -> Iterator[tuple[tuple[str, ...], OutcomeRow]]:
        """Of each breakdown, and the total."""
        self.outcomes.refresh()
        for by in BREAKDOWNS:
            asked = outcomes_asked([("by", by), ("reason", "x"), *PERIOD.items()], NOW_US)
            found = outcome_report(self.store, asked, self.org.services, OPERATOR, NOW_US, 60.0)
            for each in (*found.rows, found.total):
                yield (by, *each.values), each


def any_call(chance: Random, name: str) -> Settled:
    owner = chance.choice([*SIX, "robot"])
    return spent(
        name,
        Usage(input_text=chance.choice([0, 1, 10**3, 10**6, 10**8])),
        opened_us=START + chance.randrange(50 * DAY_US),
        owner=owner,
        owner_kind="service" if owner == "robot" else "person",
        team=chance.choice(["money", "sales", ""]),
        project=chance.choice(["checkout", "shop", "web", "shared"]),
        purpose=chance.choice(["build", "build", "run"]),
        repository=chance.choice(["", PAY, PAY, SHOP, "github.com/acme/elsewhere"]),
        branch=chance.choice(["", "topic-00", "topic-13", "main", "nothing"]),
        session=chance.choice(["", SESSIONS.get(owner, "")]),
    )


def whole(found: UnitCost | None) -> Decimal:
    """What one costs with all that may be its; where that isn't told, the upper end of its range."""
    assert found is not None
    return found.cost or found.high or Decimal(0)


@pytest.mark.parametrize("seed", range(2))
def test_no_call_that_is_added_raises_anything(tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    with a_store(tmp_path) as store:
        world = World(tmp_path, store)
        world.load(*world.org.answered(), *calls())
        before = dict(world.rows())
        assert any(row.delivered and row.delivered.earned.credited for row in before.values())
        for step in range(STEPS):
            more = [any_call(chance, f"more-{step}-{number}") for number in range(CALLS)]
            world.load(*more)
            after = dict(world.rows())
            for key, row in before.items():
                known = after[key]
                assert known.delivered == row.delivered, (key, more)
                assert known.money.attributed + known.money.open >= row.money.attributed + row.money.open, (key, more)
                assert whole(known.cost) >= whole(row.cost), (key, more)
            before = after
