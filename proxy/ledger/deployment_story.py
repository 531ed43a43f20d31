"""The story of one deployment, from everything that was told until now: as reports are made of it, and as of now."""

from collections.abc import Iterable, Mapping
from typing import Final

from proxy.ledger.outcome_facts import told_lines
from proxy.model.service import Services
from proxy.model.told import Told
from proxy.outcomes.crediting import judge
from proxy.outcomes.definition import CURRENT, Definition
from proxy.outcomes.explaining import Document, explained, found
from proxy.outcomes.folding import fold_ordered
from proxy.outcomes.quarantine import decided, quarantined
from proxy.ports.store import Store

NAMED_MAX: Final = 10
ID_CHARS_MAX: Final = 500
SHA_CHARS_MIN: Final = 7
_UNKNOWN: Final = (
    "No deployment is called so. Give its id, the source's own id of it, or at least seven characters of its commit; "
    "it shows about a second after it was told."
)


class UnknownDeploymentError(Exception):
    """Nothing that was told is called so, or more than one thing is; the message says what to do."""


def deployment_story(
    store: Store,
    text: str,
    services: Services,
    aliases: Mapping[str, str],
    now_us: int,
    definition: Definition = CURRENT,
) -> Document:
    """`text`: an id, the end of one, a source's own id, or a commit's beginning. `aliases`: as folding takes them.

    Raises UnknownDeploymentError, StoreError, QueryTimeoutError.
    """
    with told_lines(store) as lines:
        history = fold_ordered(decided(lines(), services), services, aliases, definition)
        held_back = "" if (ids := found(history, text[:ID_CHARS_MAX])) else _held_back(lines(), text, services)
    if len(ids) > 1:
        named = ", ".join(ids[:NAMED_MAX]) + (" …" if len(ids) > NAMED_MAX else "")
        raise UnknownDeploymentError(f"{len(ids)} deployments are called so: {named}. Name one of them.")
    story = explained(history, judge(history, services, now_us, definition), services, ids[0]) if ids else None
    if story is None:
        raise UnknownDeploymentError(held_back or _UNKNOWN)
    return story


def _held_back(told: Iterable[Told], text: str, services: Services) -> str:
    """Why it has no story though it was told."""
    for line in told:
        name, sha = line.facts.get("deployment", ""), line.facts.get("sha", "")
        named = text == name or text.endswith(f"/{name}") or (len(text) >= SHA_CHARS_MIN and sha.startswith(text))
        if line.kind == "deployment" and name and named and (why := quarantined(line, services)):
            return f"It was told, and is held back: {why}. GET /v1/events/quarantine has what to add to services.yaml."
    return ""
