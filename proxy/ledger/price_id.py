"""Price ids read back: which list, which rates, and for which calls of a model (docs/prices.md has the form)."""

import re
from dataclasses import dataclass
from typing import Final

from proxy.model.usage import KINDS

CEILING: Final = "ceiling"
_FORM: Final = re.compile(
    r"(?P<list>[^:]*):(?P<name>.*):(?P<digest>[0-9a-f]{8})"
    r"(?P<lane>(?:@[^>*+!]*)?(?:>\w+)?(?:\*[^*+!]*)*)(?:\+(?P<rule>[^!]*))?(?P<unknown>(?:!\w+)*)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class PriceId:
    text: str
    source: str
    """The list: 'litellm-1.106.2'; 'own', or 'ceiling'."""
    rates: str
    """The same for the same rates."""
    lane: str
    """Tier, threshold, region and speed: prices of different lanes hold side by side, and don't follow each other."""
    rule: str
    unknown: frozenset[str]
    """Kinds of usage that cost the ceiling."""


def price_id(text: str) -> PriceId:
    """Whatever can't be read is a price of its own."""
    if text == CEILING:
        return PriceId(text, CEILING, CEILING, "", "", frozenset(KINDS))
    found = _FORM.fullmatch(text)
    if found is None:
        return PriceId(text, text.partition(":")[0], text, "", "", frozenset())
    unknown = frozenset(filter(None, found["unknown"].split("!")))
    return PriceId(text, found["list"], found["digest"], found["lane"], found["rule"] or "", unknown)
