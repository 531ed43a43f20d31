"""Importing: what an admin brings in from the past, a document for each fact: as the generic events have it, and
besides changes, reviews and commits, by the fields that lines of the journal have.

Nobody told of them when they happened. They are labelled imported, and form baselines at most.
"""

from typing import Any, Final, get_type_hints

import msgspec

from proxy.model.repository import repository
from proxy.model.told import ChangeTold, CommitTold, Fact, ReviewTold, Trust
from proxy.model.told_facts import fact_of
from proxy.outcomes.events import generic
from proxy.outcomes.events.delivery import Delivery, UnreadableError, digest, id_of
from proxy.outcomes.events.moments import moment_us
from proxy.outcomes.events.tree import Tree, named

SOURCE: Final = "import"
_FIELDS: Final[dict[str, dict[str, Any]]] = {
    "change": get_type_hints(ChangeTold),
    "review": get_type_hints(ReviewTold),
    "commit": get_type_hints(CommitTold),
}
KINDS: Final = (*generic.KINDS, *_FIELDS)


def imported(value: object) -> Delivery:
    """Of one document: known again by its `event_id`, else by what it says. Raises UnreadableError."""
    if not isinstance(value, dict):
        raise UnreadableError("it is no JSON object")
    sent = Tree(value)
    kind = sent.text("kind") or "deployment"
    if kind not in KINDS:
        raise UnreadableError(f"kind is one of {', '.join(KINDS)}")
    at_us = moment_us(sent.at("occurred_at").value)
    if not at_us:
        raise UnreadableError(
            "occurred_at is needed: a time with its zone, as 2026-03-01T10:00:00Z, or seconds since 1970"
        )
    payload = digest(msgspec.json.encode(value, order="sorted"))
    id_ = id_of(sent.name("event_id")) if sent.name("event_id") else payload[:32]
    fact = _fact(kind, sent) if kind in _FIELDS else _generic(value, id_)
    return Delivery(SOURCE, id_, Trust.CLAIMED, payload, [(at_us, fact)], imported=True)


def _generic(value: dict[str, Any], id_: str) -> Fact:
    ((_, fact),) = generic.translate(Tree({**value, "event_id": id_}), "")
    return fact


def _fact(kind: str, sent: Tree) -> Fact:
    place = repository(sent.text("repository"))
    if not place:
        raise UnreadableError("repository is needed: host/owner/name, or its URL")
    facts = {name: _text(name, sent, wanted) for name, wanted in _FIELDS[kind].items()}
    found = fact_of(kind, {name: text for name, text in {**facts, "repository": place}.items() if text})
    if found is None:
        raise UnreadableError(f"a field of a {kind} is missing: {', '.join(_NEEDED[kind])}")
    return found


def _text(name: str, sent: Tree, wanted: Any) -> str:
    """As the journal has it."""
    if wanted is bool:
        return "1" if sent.at(name).value is True else ""
    if name == "merged_us":
        return str(moment_us(sent.at("merged_at").value) or "")
    if wanted is not str:
        return " ".join(filter(None, (named(each.value) for each in sent.items(name) if isinstance(each.value, str))))
    return sent.name(name)


_NEEDED: Final = {
    "change": ("number", "author", "head", "base"),
    "review": ("number", "reviewer", "state"),
    "commit": ("sha",),
}
