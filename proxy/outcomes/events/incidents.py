"""Incidents that are issues with a label, and what the other labels say of the place."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from proxy.outcomes.events.tree import named

_INCIDENT: Final = re.compile(r"(?:[\w -]{1,40}(?:::|[:/]) ?)?incident", re.I)
"""'incident', 'type: incident', 'kind/incident', 'Type::Incident'."""
_PLACE: Final = re.compile(r"(service|environment|env)(?:::|[:/=]) ?(\S.{0,199})", re.I)


@dataclass(frozen=True, slots=True)
class Labelled:
    service: str = ""
    environment: str = ""


def labelled(labels: Iterable[str]) -> Labelled | None:
    """None: no label says that it is an incident."""
    given = [label.strip() for label in labels]
    if not any(_INCIDENT.fullmatch(label) for label in given):
        return None
    places = {found[1].lower()[:3]: named(found[2]) for label in given if (found := _PLACE.fullmatch(label))}
    return Labelled(places.get("ser", ""), places.get("env", ""))
