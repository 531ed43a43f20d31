"""What a report of budgets is asked for: which budgets, and which of their windows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from proxy.ledger.periods import Period, PeriodError, period, zone_of
from proxy.ledger.selection import VALUES_MAX, ParameterError, reason_of
from proxy.policy.mistakes import shown, suggestion
from proxy.policy.rules import Budget
from proxy.policy.windows import NEVER_US, bounds
from proxy.ports.balances import AskedBudget, asked

REPORT: Final = "budgets"
WINDOWS_MAX: Final = 100
"""Of one budget in one report: more than three months of days."""
_SINGLE: Final = ("since", "until", "tz", "reason")


@dataclass(frozen=True, slots=True)
class BudgetsAsked:
    zone: ZoneInfo
    period: Period | None = None
    """Each window that it touches; None: the one of this moment."""
    names: tuple[str, ...] = ()
    """Of budgets; empty: all."""
    reason: str = ""
    """Why other people's rows are looked at; '' where none was given."""

    def described(self) -> dict[str, str]:
        """In short, for the record of a look at somebody's rows. A budget may be named after somebody, so names stay
        out."""
        return {
            "report": REPORT,
            "by": "",
            "filters": "budget" if self.names else "",
            "since": self.period.since.isoformat() if self.period else "",
            "until": self.period.until.isoformat() if self.period else "",
        }


class Window(NamedTuple):
    """One budget in one of its windows."""

    budget: Budget
    asked: AskedBudget
    at_us: int
    """The moment as of which its grants are told: now, or just before the window's end."""

    @property
    def start_us(self) -> int:
        """As in Account."""
        return 0 if self.asked.bucket_us else self.asked.since_us

    @property
    def has_end(self) -> bool:
        return self.asked.until_us != NEVER_US

    def resets_us(self, now_us: int) -> int:
        """When it begins anew; 0: never, bit by bit (rolling), or it is over already."""
        ends = self.has_end and not self.asked.bucket_us and now_us < self.asked.until_us
        return self.asked.until_us if ends else 0


def budgets_asked(parameters: Sequence[tuple[str, str]], now_us: int) -> BudgetsAsked:
    """Read the parameters of a request; `budget` may be repeated. Raises ParameterError."""
    single: dict[str, str] = {}
    names: list[str] = []
    for name, value in parameters:
        if name == "budget":
            names.append(value)
        elif name not in _SINGLE:
            near = get_close_matches(name, [*_SINGLE, "budget", "format"], 1, 0.5)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ParameterError(name[:80], f"there is no such parameter of this report{hint}")
        elif name in single:
            raise ParameterError(name, "given twice")
        else:
            single[name] = value
    if len(names) > VALUES_MAX:
        raise ParameterError("budget", f"more than {VALUES_MAX} names")
    zone = _zone(single)
    return BudgetsAsked(zone, _period(single, zone, now_us), tuple(names), reason_of(single.get("reason", "")))


def chosen(asked: BudgetsAsked, budgets: Sequence[Budget]) -> list[Budget]:
    """The budgets asked for, in the order of their file. Raises ParameterError where a name is none of them."""
    known = {each.name for each in budgets}
    for name in asked.names:
        if name not in known:
            hint = suggestion(name, sorted(known))
            raise ParameterError("budget", f"{shown(name[:80])} is no budget of yours: {hint}")
    return [each for each in budgets if not asked.names or each.name in asked.names]


def windows(budget: Budget, asked_: BudgetsAsked, now_us: int) -> Iterator[Window]:
    """Those that have begun, in order. A rolling budget has one: that of the end of the period. Raises
    ParameterError."""
    span = asked_.period
    last_us = now_us if span is None else min(now_us, span.until_us - 1)
    if span is None or budget.window.kind in ("total", "rolling"):
        yield _window(budget, last_us, now_us)
        return
    at_us = span.since_us
    for _ in range(WINDOWS_MAX):
        if at_us > last_us:
            return
        yield _window(budget, at_us, now_us)
        at_us = bounds(budget.window, at_us)[1]
    if at_us <= last_us:
        raise ParameterError(
            "since/until",
            f"the budget {shown(budget.name)} has more than {WINDOWS_MAX} windows in it; take a shorter period",
        )


def _window(budget: Budget, at_us: int, now_us: int) -> Window:
    found = asked(budget, at_us)
    rolling = bool(found.bucket_us)
    return Window(budget, found, at_us if rolling else min(now_us, found.until_us - 1))


def _zone(single: Mapping[str, str]) -> ZoneInfo:
    try:
        return zone_of(single.get("tz") or "UTC")
    except PeriodError as error:
        raise ParameterError("tz", str(error)) from None


def _period(single: Mapping[str, str], zone: ZoneInfo, now_us: int) -> Period | None:
    since, until = single.get("since", ""), single.get("until", "")
    if not since and not until:
        return None
    try:
        return period(since, until, zone, now_us)
    except PeriodError as error:
        raise ParameterError("since/until", str(error)) from None
