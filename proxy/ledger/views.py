"""Views: who looked at whose rows, when and why. A look goes on record before its answer is given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.ledger.people import EVERYBODY, ROWS_VIEWED, Viewer
from proxy.ledger.statements import statement
from proxy.model.entry import Act
from proxy.model.identity import OwnerKind, Role
from proxy.ports.store import Store

ROWS_MAX: Final = 1000
"""The newest."""


@dataclass(frozen=True, slots=True)
class View:
    at_us: int
    actor: str
    subject: str
    """The person whose rows were looked at, or EVERYBODY."""
    reason: str
    details: Mapping[str, str]


def viewed(
    viewer: Viewer, persons: Sequence[str], reason: str, details: Mapping[str, str], now_us: int, random: bytes
) -> list[Act]:
    """The acts that put a look on record, one for each person looked at."""
    return [
        Act(
            f"act_{now_us // 1000:012x}{random.hex()}{number:04x}",
            now_us,
            viewer.name,
            ROWS_VIEWED,
            person,
            reason,
            {**details, **viewer.author},
        )
        for number, person in enumerate(persons)
    ]


def views(store: Store, viewer: Viewer, timeout_s: float) -> list[View]:
    """Looks at the viewer's own rows, and the viewer's own looks; for an admin, everybody's. Newest first."""
    values = {
        "kind": ROWS_VIEWED,
        "all": viewer.role is Role.ADMIN,
        "name": viewer.name if viewer.kind is OwnerKind.PERSON or viewer.sees_all else "",
        "everybody": EVERYBODY,
        "rows_max": ROWS_MAX,
    }
    return [View(*row) for row in store.read(statement("views"), values, timeout_s)]
