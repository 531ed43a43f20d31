"""Delivery: what one request of a source tells, and the journal's lines of it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qs

import msgspec

from proxy.model.told import Fact, Told, Trust
from proxy.model.told_facts import kind_of, told
from proxy.outcomes.events.tree import Tree

Telling = Sequence[tuple[int, Fact]]
"""When by the source's clock, 0 where it doesn't say, and what."""

BEFORE_US: Final = 7 * 86_400_000_000
AFTER_US: Final = 300_000_000
"""A source's time is believed from so long before receipt to so long after."""
FACTS_MAX: Final = 5000
"""Of one delivery: GitHub sends at most 2,048 commits with a push."""
ID_CHARS_MAX: Final = 100
_PLAIN_ID: Final = re.compile(rf"[\w.:/+=@~-]{{1,{ID_CHARS_MAX}}}", re.ASCII)


class UnreadableError(ValueError):
    """The body is not what this source sends. The message says what is wrong, and holds nothing of it."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is told, by one whom we know."""

    source: str
    id: str
    """The same for each redelivery, and covered by the signature."""
    trust: Trust
    payload: str
    """SHA-256 of the body, in hex."""
    telling: Telling
    name: str = ""
    """By which the source knows it, for whoever searches there; '' : the id."""
    imported: bool = False

    def lines(self, received_us: int) -> tuple[Told, ...]:
        return tuple(_line(self, at, *each, received_us) for at, each in enumerate(self.telling[:FACTS_MAX]))


def _line(delivery: Delivery, at: int, given_us: int, fact: Fact, received_us: int) -> Told:
    earliest_us = 1 if delivery.imported else received_us - BEFORE_US
    believed = earliest_us <= given_us <= received_us + AFTER_US
    return Told(
        id=f"{delivery.source}:{delivery.id}:{at}",
        at_us=received_us,
        source=delivery.source,
        delivery=delivery.name or delivery.id,
        kind=kind_of(fact),
        occurred_us=given_us if believed else received_us,
        trust=delivery.trust.value,
        payload=delivery.payload,
        clamped=not believed,
        imported=delivery.imported,
        facts=told(fact),
    )


def id_of(*parts: str) -> str:
    """An id from what a source calls it: as it is where it is plain, else its hash."""
    together = "/".join(parts)
    if _PLAIN_ID.fullmatch(together):
        return together
    return sha256("\0".join(parts).encode(errors="replace")).hexdigest()[:32]


def digest(body: bytes) -> str:
    return sha256(body).hexdigest()


def parsed(body: bytes, content_type: str = "") -> Tree:
    """The JSON object of a body, or of the field 'payload' of a form. Raises UnreadableError."""
    try:
        if content_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
            body = parse_qs(body, max_num_fields=10).get(b"payload", [b""])[0]
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError):
        raise UnreadableError("its body is no JSON") from None
    if not isinstance(value, dict):
        raise UnreadableError("its body is JSON, but no object")
    return Tree(value)


def with_reasons(lines: Iterable[Told], reasons: Mapping[str, str]) -> tuple[Told, ...]:
    """`reasons`: why a line scores nothing, by its id."""
    return tuple(replace(line, quarantine=reasons.get(line.id, "")) for line in lines)
