"""Places that were told of, and score nothing because services.yaml doesn't name them, or who tells of them."""

from dataclasses import dataclass
from typing import Final

from proxy.ledger.statements import statement
from proxy.model.service import Services
from proxy.outcomes.quarantine import unregistered
from proxy.outcomes.unheard import Place, unheard
from proxy.ports.store import Store

PLACES_MAX: Final = 5000
"""Of which the list is made, the latest first."""
LISTED_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Unregistered:
    """What one source said of one repository or service."""

    place: Place
    why: str
    add: str
    """To services.yaml; '' where nothing is said of how it is to be registered."""
    things: int
    """Lines of any kind."""
    deployments: int
    first_us: int
    last_us: int


def unregistered_places(store: Store, services: Services, timeout_s: float) -> list[Unregistered]:
    """By the services in force, the latest first. Raises QueryTimeoutError, StoreError."""
    found = []
    rows = store.read(statement("told_places"), {"places_max": PLACES_MAX}, timeout_s)
    for source, repository, service, trust, things, deployments, first_us, last_us, kinds, environments in rows:
        place = Place(source, repository, service, trust, tuple(kinds), tuple(environments or ()))
        why, add = _held(place, services)
        if why:
            found.append(Unregistered(place, why, add, things, deployments, first_us, last_us))
    return found[:LISTED_MAX]


def _held(place: Place, services: Services) -> tuple[str, str]:
    why = unregistered(place.source, place.repository, place.service, services)
    heard = None if why else unheard(place, services)
    return (heard.why, heard.add) if heard else (why, "")
