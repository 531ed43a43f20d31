"""Notices out of facts: what needs a person, and the record of what was told to whom."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from proxy.ledger.statements import statement
from proxy.model.entry import Act
from proxy.policy.types import Mistake
from proxy.ports.notices import Notice
from proxy.ports.store import Store

NOTICED: Final = "noticed"
"""Kind of the act that records a delivery."""
ACTOR: Final = "outlay"
MODELS_MAX: Final = 50
"""Told of at one look."""
PLACES_MAX: Final = 10
APART_MAX: Final = 5
"""Notices of one kind that are messages of their own; more go together in one."""
LISTED_MAX: Final = 15
"""In such a message, which is a short one."""
LOOK_BACK_US: Final = 7 * 86_400_000_000
"""Old enough for a ledger that was down over a weekend."""

Told = tuple[str, str]
"""Name of the target, key of the notice."""


def unpriced_models(store: Store, now_us: int) -> list[Notice]:
    """A notice for each model of a provider that was lately called without a price."""
    values = {"since_us": now_us - LOOK_BACK_US, "rows_max": MODELS_MAX}
    return [_unpriced(*row) for row in store.read(statement("unpriced_models"), values)]


def _unpriced(provider: str, model: str, first_us: int, calls: int) -> Notice:
    since = datetime.fromtimestamp(first_us / 1e6, UTC)
    return Notice(
        kind="unpriced_model",
        key=notice_key("unpriced_model", provider, model),
        title=f"No price for {model}",
        text=f"The model {model} at the provider {provider} has no known price. {calls:,} calls since "
        f"{since:%Y-%m-%d %H:%M} UTC are counted at the ceiling price of prices.yaml. "
        "`outlay report prices` shows what to add there.",
    )


def policy_mistakes(mistakes: Sequence[Mistake]) -> Notice:
    """The notice of policy files that are not in force. Places only: a mistake's words may name a person."""
    places = [f"{each.file}:{each.line}:{each.column}" if each.line else each.file for each in mistakes]
    shown = "\n".join(places[:PLACES_MAX]) + (f"\nand {len(places) - PLACES_MAX} more" if places[PLACES_MAX:] else "")
    return Notice(
        kind="policy_mistakes",
        key=notice_key("policy_mistakes", *map(str, mistakes)),
        title="Policy files are not in force",
        text=f"The policy files have mistakes ({len(places)}), so the rules before the last change stay in force. "
        f"`outlay policy check` says what is wrong:\n{shown}",
    )


def told(store: Store) -> dict[Told, int]:
    """Everything that was ever told, with the last time it was."""
    return {(target, key): at_us for target, key, at_us in store.read(statement("noticed"), {"kind": NOTICED})}


def noticed(target: str, key: str, title: str, now_us: int, random: bytes) -> Act:
    """The act that puts a delivery on record."""
    id_ = f"act_{now_us // 1000:012x}{random.hex()}0000"
    return Act(id_, now_us, ACTOR, NOTICED, key, "", {"target": target, "title": title})


def folded(notices: Sequence[Notice]) -> list[tuple[Notice, list[str]]]:
    """The messages to send, each with the keys it tells of: many of one kind are one message."""
    kinds: dict[str, list[Notice]] = {}
    for notice in notices:
        kinds.setdefault(notice.kind, []).append(notice)
    messages: list[tuple[Notice, list[str]]] = []
    for kind, those in kinds.items():
        if len(those) <= APART_MAX:
            messages += [(each, [each.key]) for each in those]
        else:
            messages.append((_together(kind, those), [each.key for each in those]))
    return messages


def _together(kind: str, notices: Sequence[Notice]) -> Notice:
    shown = "\n".join(f"- {each.title}" for each in notices[:LISTED_MAX])
    more = f"\nand {len(notices) - LISTED_MAX:,} more" if notices[LISTED_MAX:] else ""
    key = notice_key(kind, *(each.key for each in notices))
    return Notice(kind, key, f"{len(notices):,} notices: {kind.replace('_', ' ')}", shown + more)


def notice_key(kind: str, *parts: str) -> str:
    """What makes a notice this one. Short whatever the parts are: long strings are cut on the journal."""
    hashed = hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()
    return f"{kind}:{hashed[:32]}"
