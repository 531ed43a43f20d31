"""Replay facts: what a replay of policies needs of the calls on record, written as one Parquet file.

Beside the calls of the time asked for, it holds what was spent before: sums by everything that a rule can ask about, in
buckets fine enough for every window that reaches back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proxy.ledger.statements import statement
from proxy.policy.rules import Budget
from proxy.policy.windows import NEVER_US, SLOT_US, Windows
from proxy.ports.store import Store

MINUTE_US: Final = 60_000_000
OLD_US: Final = 30 * 86400 * 1_000_000
"""How what is older than every window that ends is summed: for budgets without end."""


@dataclass(frozen=True, slots=True)
class History:
    """How finely what was spent before a replay must be known, microseconds since the epoch."""

    minutes_since_us: int
    """By the minute since then: the buckets of rolling windows are whole minutes."""
    quarters_since_us: int
    """By quarters of an hour, where calendar windows begin and end."""


def history_of(budgets: Sequence[Budget], since_us: int) -> History:
    """What the windows of these budgets need for a replay that begins at `since_us`."""
    windows = Windows()
    minutes = quarters = since_us
    for budget in budgets:
        window = budget.window
        if window.kind == "rolling":
            # A bucket leaves when it is wholly outside: the oldest one reaches further back than the window.
            minutes = min(minutes, since_us - window.length_s * 1_000_000 - window.length_s * 1_000_000 // 60)
        elif window.kind != "total":
            quarters = min(quarters, windows.bounds(window, since_us)[0])
    return History(max(0, minutes - minutes % MINUTE_US - MINUTE_US), max(0, quarters - quarters % SLOT_US))


def write_facts(store: Store, file: Path, *, since_us: int, until_us: int, history: History, timeout_s: float) -> int:
    """Write the facts of calls admitted in [since_us, until_us) to `file`, which is replaced; gives its rows.

    Raises QueryTimeoutError, StoreError.
    """
    return store.export(
        statement("replay_facts"),
        {
            "since_us": since_us,
            "until_us": min(until_us, NEVER_US),
            "minutes_since_us": history.minutes_since_us,
            "quarters_since_us": history.quarters_since_us,
            "minute_us": MINUTE_US,
            "quarter_us": SLOT_US,
            "old_us": OLD_US,
        },
        file,
        timeout_s,
    )
