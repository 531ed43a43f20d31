"""What a deployments report is asked for: whole ISO weeks, in UTC."""

from collections.abc import Mapping, Sequence
from typing import Final

from proxy.ledger.dimensions import Dimension
from proxy.ledger.selection import ParameterError, Selection, selection
from proxy.model.calendar import floor

REPORT: Final = "deployments"
WEEK: Final = "week"
OUTCOME_DIMENSIONS: Final[Mapping[str, Dimension]] = {
    **{name: Dimension(name, name) for name in ("service", "team", "project", "tier")},
    WEEK: Dimension(WEEK, unit="week"),
}


def outcomes_asked(parameters: Sequence[tuple[str, str]], now_us: int) -> Selection:
    """Read the parameters of a request. Raises ParameterError."""
    asked = selection(parameters, {}, now_us, REPORT, OUTCOME_DIMENSIONS)
    for each in (*asked.by, *(narrowed.dimension for narrowed in asked.filters)):
        if each.tag:
            raise ParameterError(each.name, f"not in this report; there are {', '.join(OUTCOME_DIMENSIONS)}")
    if asked.compare:
        raise ParameterError("compare", "not in this report; ask for it by week")
    if asked.period.zone.key != "UTC":
        raise ParameterError("tz", "this report is by ISO weeks in UTC: its cells are the same for everybody")
    return asked


def whole_months(asked: Selection, now_us: int) -> bool:
    """Whether it begins and ends with months, or goes on until now: else what two reports differ by would tell of
    single weeks."""
    since, until = asked.period.since, asked.period.until
    ends = floor("month", until) == until or asked.period.until_us >= now_us
    return ends and floor("month", since) == since
