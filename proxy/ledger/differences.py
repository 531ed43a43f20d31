"""Differences between a gateway's counters and the ledger's facts: put on record when found, then told."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from proxy.ledger.conditions import Difference
from proxy.ledger.notices import ACTOR, LOOK_BACK_US, notice_key
from proxy.ledger.statements import statement
from proxy.model.entry import Act
from proxy.ports.notices import Notice
from proxy.ports.store import Store

KIND: Final = "counter_difference"
DAYS_MAX: Final = 100
"""Told of at one look: of each gateway, one a day."""


def difference_act(node: str, found: Difference, now_us: int, random: bytes) -> Act:
    """The act that puts it on record."""
    details = {
        "at_us": str(found.at_us),
        "accounts": str(found.accounts),
        "usd": found.usd,
        "budgets": ", ".join(found.budgets),
    }
    return Act(f"act_{now_us // 1000:012x}{random.hex()}0000", now_us, ACTOR, KIND, node, "", details)


def recorded(store: Store, now_us: int) -> list[tuple[str, int, str, str, str]]:
    """Node, time, accounts, dollars and budgets of each lately found, the first first."""
    rows = store.read(statement("differences"), {"kind": KIND, "since_us": now_us - LOOK_BACK_US})
    return [(node, int(at_us), accounts, usd, budgets) for node, at_us, accounts, usd, budgets in rows]


def difference_notices(found: Iterable[tuple[str, int, str, str, str]]) -> list[Notice]:
    """One for each gateway and day (UTC): of its first difference; /metrics has the others."""
    notices: dict[str, Notice] = {}
    for node, at_us, accounts, usd, budgets in found:
        at = datetime.fromtimestamp(at_us / 1e6, UTC)
        key = notice_key(KIND, node, f"{at:%Y-%m-%d}")
        notices.setdefault(
            key,
            Notice(
                KIND,
                key,
                f"Counters of gateway {node} differed from the ledger",
                f"On {at:%Y-%m-%d %H:%M} UTC the counters of the gateway {node} were not what the recorded calls come "
                f"to, by {usd} USD in {accounts} accounts of the budgets {budgets}. They were set right at once; until "
                "then a budget may have let through, or kept back, that much. This is a fault: please report it, with "
                "the gateway's log of that time.",
            ),
        )
    return list(notices.values())[:DAYS_MAX]
