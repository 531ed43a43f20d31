"""Kept: from when on there are single calls. Of what was admitted before, there are sums by the quarter of an hour.

A report that these sums don't tell is refused: a figure that is silently smaller would be worse than none.
"""

from datetime import UTC, datetime
from typing import Final

from proxy.ledger.periods import SLOT_US
from proxy.ledger.selection import ParameterError, Selection
from proxy.ports.store import Store

RAW_FROM: Final = "SELECT coalesce(max(raw_from_us), 0) FROM retained"


def raw_from_us(store: Store, timeout_s: float) -> int:
    """Microseconds since the epoch; 0: no call was ever dropped."""
    ((from_us,),) = store.read(RAW_FROM, None, timeout_s)
    return int(from_us)


def check_since(store: Store, since_us: int, timeout_s: float, parameter: str = "since") -> None:
    """Of what needs single calls from `since_us` on. Raises ParameterError."""
    from_us = raw_from_us(store, timeout_s)
    if since_us < from_us:
        raise ParameterError(
            parameter,
            f"this needs single calls, which are kept from {_day(from_us)} on; of those before there are sums",
        )


def check_kept(store: Store, asked: Selection, timeout_s: float, *, single: bool) -> None:
    """Raises ParameterError where the report can't be told of a part of its period. `single`: it needs single calls."""
    from_us = raw_from_us(store, timeout_s)
    period = asked.period
    if period.since_us >= from_us:
        return
    if single:
        check_since(store, period.since_us, timeout_s)
    used = [*asked.by, *(each.dimension for each in asked.filters)]
    lost = ", ".join(dict.fromkeys(each.name for each in used if not each.kept))
    if lost:
        raise ParameterError(
            "since", f"calls are kept from {_day(from_us)} on; the sums of those before tell nothing by {lost}"
        )
    if any(border % SLOT_US for border in (period.since_us, period.until_us) if border < from_us):
        raise ParameterError(
            "since/until", f"before {_day(from_us)} there are sums by the quarter of an hour: take full quarters"
        )


def _day(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us / 1e6, UTC):%Y-%m-%dT%H:%MZ}"
