"""Places that were told of, and score nothing because services.yaml doesn't name them."""

from dataclasses import dataclass
from typing import Final

from proxy.ledger.statements import statement
from proxy.model.service import Services
from proxy.outcomes.quarantine import unregistered
from proxy.ports.store import Store

PLACES_MAX: Final = 5000
"""Of which the list is made, the latest first."""
LISTED_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Unregistered:
    """What one source said of one repository or service."""

    source: str
    repository: str
    service: str
    why: str
    things: int
    """Lines of any kind."""
    deployments: int
    first_us: int
    last_us: int
    environments: tuple[str, ...]


def unregistered_places(store: Store, services: Services, timeout_s: float) -> list[Unregistered]:
    """By the services in force, the latest first. Raises QueryTimeoutError, StoreError."""
    rows = store.read(statement("told_places"), {"places_max": PLACES_MAX}, timeout_s)
    found = [
        Unregistered(
            source, repository, service, why, things, deployments, first_us, last_us, tuple(environments or ())
        )
        for source, repository, service, things, deployments, first_us, last_us, environments in rows
        if (why := unregistered(source, repository, service, services))
    ]
    return found[:LISTED_MAX]
