"""Increases: more for a budget until a day, asked for by whom it concerns, granted by an admin. All of it is acts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from proxy.ledger.people import Viewer
from proxy.ledger.statements import statement
from proxy.model.entry import Act
from proxy.policy.grants import Grant
from proxy.policy.rules import Unit
from proxy.ports.store import Store

REQUESTED: Final = "budget_requested"
GRANTED: Final = "budget_granted"
REVOKED: Final = "budget_grant_revoked"
ACTS_MAX: Final = 10_000
"""Read at once. More than are ever in force: each one is a decision of a person."""

INSTANCE: Final = "instance."
"""Each value by itself: what stands in details is cut where it is long, and half a list can't be read."""

State = Literal["open", "granted", "in force", "expired", "revoked"]


class UnknownBudgetError(Exception):
    """No budget in force has this name, or no increase this id. The message says so."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for or granted."""

    budget: str
    instance: tuple[str, ...]
    unit: Unit
    amount: int
    until_us: int
    reason: str
    request: str = ""
    """Of a grant: the id of what it answers."""

    def act(self, kind: str, viewer: Viewer, now_us: int, random: bytes) -> Act:
        """On the journal; its id is the id of the request or grant."""
        id_ = f"{'req' if kind == REQUESTED else 'gr'}_{now_us // 1000:012x}{random.hex()}"
        details = {
            **{f"{INSTANCE}{number}": value for number, value in enumerate(self.instance)},
            "unit": str(self.unit),
            "amount": str(self.amount),
            "until_us": str(self.until_us),
            "request": self.request,
            **viewer.author,
        }
        return Act(id_, now_us, viewer.name, kind, self.budget, self.reason, details)


def revocation(grant: "Increase", viewer: Viewer, reason: str, now_us: int, random: bytes) -> Act:
    """The act that ends a grant."""
    details = {"grant": grant.id, "until_us": str(grant.wish.until_us), **viewer.author}
    id_ = f"rev_{now_us // 1000:012x}{random.hex()}"
    return Act(id_, now_us, viewer.name, REVOKED, grant.wish.budget, reason, details)


@dataclass(frozen=True, slots=True)
class Increase:
    """A request or a grant, and what became of it."""

    id: str
    kind: Literal["request", "grant"]
    at_us: int
    actor: str
    wish: Wish
    state: State
    ended_by: str = ""
    """Of a grant that was revoked: by whom."""
    ended_reason: str = ""


def budget_acts(store: Store, ends_after_us: int, timeout_s: float = 30.0) -> list[Act]:
    """The acts on record that concern increases which end after that time. Newest first."""
    values = {"ends_after_us": ends_after_us, "rows_max": ACTS_MAX}
    return [Act(*row) for row in store.read(statement("budget_acts"), values, timeout_s)]


def increases(acts: Iterable[Act], now_us: int) -> list[Increase]:
    """What the acts come to, newest first."""
    known = {act.id: act for act in acts}
    revoked = {act.details.get("grant", ""): act for act in known.values() if act.kind == REVOKED}
    answered = {act.details.get("request", "") for act in known.values() if act.kind == GRANTED}
    found = []
    for act in sorted(known.values(), key=lambda each: (each.at_us, each.id), reverse=True):
        wish = _wish(act) if act.kind != REVOKED else None
        if wish is None:
            continue
        end = revoked.get(act.id)
        state: State = "expired" if wish.until_us <= now_us else "in force" if act.kind == GRANTED else "open"
        if act.kind == REQUESTED:
            state = "granted" if act.id in answered else state
            found.append(Increase(act.id, "request", act.at_us, act.actor, wish, state))
        else:
            state = "revoked" if end else state
            by, why = (end.actor, end.reason) if end else ("", "")
            found.append(Increase(act.id, "grant", act.at_us, act.actor, wish, state, by, why))
    return found


def in_force(found: Sequence[Increase]) -> list[Grant]:
    return [
        Grant(each.id, wish.budget, wish.instance, wish.unit, wish.amount, each.at_us, wish.until_us)
        for each in found
        if each.state == "in force" and each.kind == "grant"
        for wish in (each.wish,)
    ]


def _wish(act: Act) -> Wish | None:
    """None where the act isn't one that this program wrote."""
    details: Mapping[str, str] = act.details
    try:
        amount, until_us = int(details["amount"]), int(details["until_us"])
        unit = Unit(details["unit"])
    except (KeyError, ValueError):
        return None
    numbers = range(sum(name.startswith(INSTANCE) for name in details))
    instance = tuple(details.get(f"{INSTANCE}{number}", "") for number in numbers)
    return Wish(act.subject, instance, unit, amount, until_us, act.reason, details.get("request", ""))
