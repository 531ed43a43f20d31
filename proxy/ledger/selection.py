"""Selection: what a spend report is asked for, read from the words of a request, with mistakes named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from proxy.ledger.dimensions import DIMENSIONS, TAG_PREFIX, Dimension, UnknownDimensionError, dimension
from proxy.ledger.people import REASON_CHARS_MAX
from proxy.ledger.periods import Period, PeriodError, before, period, zone_of

BY_MAX: Final = 6
VALUES_MAX: Final = 100
"""Values of one filter."""
VALUE_CHARS_MAX: Final = 300
_OWN: Final = ("by", "since", "until", "tz", "reason", "compare")
PREVIOUS: Final = "previous"


class ParameterError(ValueError):
    """One parameter of a request is wrong; the message is for the caller."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(f"{parameter}: {message}")
        self.parameter = parameter


@dataclass(frozen=True, slots=True)
class Filter:
    dimension: Dimension
    values: tuple[str, ...]
    """Any of them."""


@dataclass(frozen=True, slots=True)
class Selection:
    period: Period
    by: tuple[Dimension, ...] = ()
    filters: tuple[Filter, ...] = ()
    """All of them."""
    reason: str = ""
    """Why another person's rows are looked at; '' where none was given."""
    compare: Period | None = None
    """The period before, to compare with."""
    report: str = "spend"

    @property
    def personal(self) -> bool:
        """True: it could single out a person."""
        return any(each.personal for each in self.by) or any(each.dimension.personal for each in self.filters)

    @property
    def near(self) -> bool:
        """True: a filter could come near a person, for whoever knows a project's people."""
        return any(each.dimension.personal or each.dimension.near for each in self.filters)

    def described(self) -> dict[str, str]:
        """In short, for the record of a look at somebody's rows. Each person looked at may read it, so the values of
        filters that single out persons stay out: they may be others."""
        filters = "; ".join(
            each.dimension.name if each.dimension.personal else f"{each.dimension.name}={','.join(each.values)}"
            for each in self.filters
        )
        return {
            "report": self.report,
            "by": ",".join(each.name for each in self.by),
            "filters": filters,
            "since": (self.compare or self.period).since.isoformat(),
            "until": self.period.until.isoformat(),
        }


def selection(
    parameters: Sequence[tuple[str, str]],
    aliases: Mapping[str, str],
    now_us: int,
    report: str = "spend",
    known: Mapping[str, Dimension] = DIMENSIONS,
) -> Selection:
    """Read the parameters of a request; a filter may be repeated. `known`: the report's dimensions, beside tags.

    Raises ParameterError.
    """
    single = {name: value for name, value in parameters if name in _OWN}
    for name in _OWN:
        if sum(each == name for each, _ in parameters) > 1:
            raise ParameterError(name, "given twice")
    by, span = _by(single.get("by", ""), known), _period(single, now_us)
    return Selection(
        period=span,
        by=by,
        compare=_compare(single.get("compare", ""), by, span),
        filters=_filters([(name, value) for name, value in parameters if name not in _OWN], aliases, known),
        reason=reason_of(single.get("reason", "")),
        report=report,
    )


def _period(single: Mapping[str, str], now_us: int) -> Period:
    try:
        zone = zone_of(single.get("tz") or "UTC")
    except PeriodError as error:
        raise ParameterError("tz", str(error)) from None
    try:
        return period(single.get("since", ""), single.get("until", ""), zone, now_us)
    except PeriodError as error:
        raise ParameterError("since/until", str(error)) from None


def _compare(text: str, by: Sequence[Dimension], span: Period) -> Period | None:
    if text and text != PREVIOUS:
        raise ParameterError("compare", f"there is only {PREVIOUS}: the period before this one")
    times = [each.name for each in by if each.unit]
    if text and times:
        raise ParameterError("compare", f"rows of {' and '.join(times)} have no counterpart in the period before")
    return before(span) if text else None


def _by(text: str, known: Mapping[str, Dimension]) -> tuple[Dimension, ...]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if len(names) > BY_MAX:
        raise ParameterError("by", f"{len(names)} dimensions; at most {BY_MAX} at once")
    try:
        found = tuple(dimension(name, known) for name in names)
    except UnknownDimensionError as error:
        raise ParameterError("by", str(error)) from None
    if len(set(found)) < len(found):
        raise ParameterError("by", "a dimension stands twice")
    return found


def _filters(
    parameters: Sequence[tuple[str, str]], aliases: Mapping[str, str], known: Mapping[str, Dimension]
) -> tuple[Filter, ...]:
    values: dict[str, list[str]] = {}
    for name, value in parameters:
        values.setdefault(name, []).append(value)
    return tuple(_filter(name, given, aliases, known) for name, given in values.items())


def _filter(name: str, given: Sequence[str], aliases: Mapping[str, str], known: Mapping[str, Dimension]) -> Filter:
    if name not in known and not name.startswith(TAG_PREFIX):
        near = get_close_matches(name, [*_OWN, "format", *known], 3, 0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise ParameterError(name[:80], f"there is no such parameter{hint}")
    try:
        found = dimension(name, known)
    except UnknownDimensionError as error:
        raise ParameterError(name[:80], str(error)) from None
    if found.unit:
        raise ParameterError(name, "time is narrowed by since and until")
    if len(given) > VALUES_MAX:
        raise ParameterError(name, f"more than {VALUES_MAX} values")
    if any(len(value) > VALUE_CHARS_MAX or not value.isprintable() for value in given):
        raise ParameterError(name, f"a value is longer than {VALUE_CHARS_MAX} characters or has control characters")
    if name == "user":
        given = [aliases.get(value, value) for value in given]
    return Filter(found, tuple(dict.fromkeys(given)))


def reason_of(text: str) -> str:
    """Raises ParameterError."""
    reason = text.strip()
    if text and not reason:
        raise ParameterError("reason", "is empty; say in a few words why you look at other people's rows")
    if len(reason) > REASON_CHARS_MAX or not reason.isprintable():
        raise ParameterError("reason", f"is longer than {REASON_CHARS_MAX} characters or has control characters")
    return reason
