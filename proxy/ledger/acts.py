"""Acts: what admins did and what outlay did by itself, as it stands on record, for whoever audits it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from proxy.ledger.people import ForbiddenError, Viewer
from proxy.ledger.periods import Period
from proxy.ledger.selection import VALUES_MAX, ParameterError, selection
from proxy.ledger.statements import statement
from proxy.model.entry import Act
from proxy.model.identity import Role
from proxy.ports.store import Store

REPORT: Final = "acts"
ROWS_MAX: Final = 5000
"""The newest of the period."""
KIND: Final = "kind"


@dataclass(frozen=True, slots=True)
class ActsAsked:
    period: Period
    kinds: tuple[str, ...] = ()
    """Any of them; empty: all."""


def acts_asked(parameters: Sequence[tuple[str, str]], now_us: int) -> ActsAsked:
    """Raises ParameterError."""
    kinds = tuple(dict.fromkeys(value for name, value in parameters if name == KIND))
    if len(kinds) > VALUES_MAX or not all(value.isidentifier() for value in kinds):
        raise ParameterError(KIND, f"at most {VALUES_MAX} words such as key_created")
    asked = selection([each for each in parameters if each[0] != KIND], {}, now_us, REPORT, {})
    unknown = [each.dimension.name for each in asked.filters]
    unknown += [name for name, given in (("reason", asked.reason), ("compare", asked.compare)) if given]
    if unknown:
        raise ParameterError(unknown[0][:80], "this report has since, until, tz, kind and format")
    return ActsAsked(asked.period, kinds)


def acts(store: Store, asked: ActsAsked, viewer: Viewer, timeout_s: float) -> Sequence[Act]:
    """Newest first. Raises ForbiddenError: persons and keys stand in them."""
    if viewer.role is not Role.ADMIN:
        raise ForbiddenError("This needs an admin key. `outlay report views` shows what concerns you.")
    span = asked.period
    values = {
        "since_us": span.since_us,
        "until_us": span.until_us,
        "kinds": list(asked.kinds),
        "rows_max": ROWS_MAX,
    }
    return [Act(*row) for row in store.read(statement("acts"), values, timeout_s)]


def details_text(act: Act) -> str:
    """On one line."""
    return "; ".join(f"{name}={value}" for name, value in act.details.items())
