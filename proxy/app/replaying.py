"""Replaying: a folder of policies run over recorded facts, with everything that the gateway decides with."""

from collections.abc import Callable
from pathlib import Path

from proxy.policy.types import PolicySet
from proxy.replay.result import Result


def replayed(
    policies: PolicySet, facts: Path, *, since_us: int, until_us: int, progress: Callable[[int], None]
) -> Result:
    """What `policies` make of the calls that `facts` holds (ledger.replay_facts wrote it), admitted in
    [since_us, until_us), microseconds since the epoch. `progress` is given how many are done, now and then.

    Raises FactsError (the file can't be used, or there are too many different callers for the memory there is) and
    PriceListError.
    """
    raise NotImplementedError
