"""Calls: one call by its id, ended or in flight, for whoever may see it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from proxy.ledger.people import ReasonNeededError, Viewer
from proxy.ledger.statements import statement
from proxy.ports.store import Store

ID_CHARS_MAX: Final = 200
OPENED_WITHIN_US: Final = 3_600_000_000
"""How long after its id was made a call was admitted at most: far more than reading a body takes."""
_TIMED: Final = re.compile(r"call_([0-9a-f]{12})[0-9a-f]{20}")

State = Literal["settled", "refused", "in_flight"]


class UnknownCallError(Exception):
    """No such call, or none that the viewer may know of."""


@dataclass(frozen=True, slots=True)
class FoundCall:
    state: State
    row: Mapping[str, Any]
    """Columns of `calls`, or of `open_calls` while it is in flight."""
    person: str
    """The other person whose call it is; '' where it is the viewer's own or a service's."""


def find_call(store: Store, call_id: str, viewer: Viewer, reason: str, timeout_s: float) -> FoundCall:
    """The call. Where it is another person's, the look must be on record before anybody sees it.

    Raises UnknownCallError, ReasonNeededError, QueryTimeoutError, StoreError.
    """
    found = _found(store, call_id[:ID_CHARS_MAX], timeout_s)
    if found is None:
        raise UnknownCallError
    state, row = found
    owner, kind = row["owner"], row["owner_kind"]
    if not viewer.sees_all and not viewer.is_self(owner, kind):
        # The same answer as for a call that isn't there: that somebody made it is theirs to tell.
        raise UnknownCallError
    if not viewer.is_other_person(owner, kind):
        return FoundCall(state, row, "")
    if not reason:
        raise ReasonNeededError(
            "This call is another person's. Give a reason (reason=… here, --reason on the command line): it goes on "
            "record and is shown to that person."
        )
    return FoundCall(state, row, owner)


def _found(store: Store, call_id: str, timeout_s: float) -> tuple[State, Mapping[str, Any]] | None:
    timed = _TIMED.fullmatch(call_id)
    first_us = int(timed[1], 16) * 1000 if timed else 0
    last_us = first_us + OPENED_WITHIN_US if timed else 2**63 - 1
    # In flight first: a call that ends between the two readings is then found by the second.
    for name, values in (
        ("open_call", {"id": call_id}),
        ("call", {"id": call_id, "first_us": first_us, "last_us": last_us}),
    ):
        for (row,) in store.read(statement(name), values, timeout_s):
            if name == "open_call":
                return "in_flight", row
            return ("refused" if row["refused"] else "settled"), row
    return None
