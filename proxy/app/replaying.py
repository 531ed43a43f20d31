"""Replaying: a folder of policies run over recorded facts, with everything that the gateway decides with."""

from collections.abc import Callable
from pathlib import Path

from proxy.adapters.facts_duckdb import DuckFacts
from proxy.adapters.prices_litellm import price_book
from proxy.gateway.rules import Rules
from proxy.policy.types import PolicySet
from proxy.replay.engine import replay
from proxy.replay.result import Result


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
        return replay(rules, opened, since_us=since_us, until_us=until_us, progress=progress, quietly=quietly)


def calls_in(facts: Path, policies: PolicySet) -> int:
    """How many calls there are to be replayed, for a progress bar. Raises FactsError."""
    with DuckFacts(facts, policies.rules) as opened:
        return opened.calls
