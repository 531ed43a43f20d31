"""Replaying: a folder of policies run over recorded facts, with everything that the gateway decides with."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from proxy.adapters.counters_memory import MemoryCounters
from proxy.adapters.facts_duckdb import DuckFacts
from proxy.adapters.prices_litellm import price_book
from proxy.gateway.rules import Rules
from proxy.policy.rates import Rates
from proxy.policy.types import PolicySet
from proxy.replay.engine import replay
from proxy.replay.result import Result

CALLS_IN_FLIGHT_MAX: Final = 1_000_000
"""No limit of the rules: those who were in flight at once then, were."""
ACCOUNTS_MAX: Final = 200_000
"""At most some 100 MB."""
SWEEP_US: Final = 86_400_000_000
"""Accounts of windows that are over are forgotten once a day of the replay: a minute of it passes in no time."""


def replayed(
    policies: PolicySet,
    facts: Path,
    *,
    since_us: int,
    until_us: int,
    progress: Callable[[int], None],
    quietly: bool = True,
) -> Result:
    """What `policies` make of the calls that `facts` holds (ledger.replay_facts wrote it), admitted in
    [since_us, until_us), microseconds since the epoch. `progress` is given how many are done, now and then.
    `quietly`: as in replay.engine.

    Raises FactsError (the file can't be used, or there are too many different callers for the memory there is) and
    PriceListError.
    """
    rules = Rules(policies, price_book(policies))
    with DuckFacts(facts, policies.rules) as opened:
        return replay(rules, opened, _limited, since_us=since_us, until_us=until_us, progress=progress, quietly=quietly)


def _limited() -> tuple[MemoryCounters, Rates]:
    return MemoryCounters(CALLS_IN_FLIGHT_MAX, ACCOUNTS_MAX, sweep_us=SWEEP_US), Rates()


def calls_in(facts: Path, policies: PolicySet) -> int:
    """How many calls there are to be replayed, for a progress bar. Raises FactsError."""
    with DuckFacts(facts, policies.rules) as opened:
        return opened.calls
