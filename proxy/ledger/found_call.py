"""What was found about one call: which earlier calls it repeats, how sure it is, and what was done about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from proxy.ledger.people import Viewer
from proxy.ledger.statements import statement
from proxy.ledger.waste_asked import LOOK_BACK_US
from proxy.model.waste import THRESHOLDS, WASTE_CLASSES
from proxy.ports.store import Row, Store

_TURNED_AWAY: Final = ("refused", "justify")


@dataclass(frozen=True, slots=True)
class Named:
    """That the call was put to a run of redundant ones after it had ended."""

    campaign: str
    waste_class: str
    at_us: int


@dataclass(frozen=True, slots=True)
class FoundOfCall:
    waste_class: str
    """'' where nothing was found when it was made."""
    score_milli: int
    threshold_milli: int
    """From which score on the class is flagged where no rule says otherwise."""
    flagged: bool
    campaign: str
    exempted: str
    action: str
    saved_pico: int
    """What it would have cost: of a refused one, as much as the newest answered call that it repeats."""
    repeats: tuple[str, ...]
    """As far as the viewer may know of them."""
    not_shown: int
    """Calls that it repeats beside those."""
    named: Named | None

    @property
    def said(self) -> bool:
        """False: there is nothing to say."""
        return bool(self.waste_class or self.exempted or self.action or self.named)


def found_of_call(store: Store, row: Mapping[str, Any], viewer: Viewer, person: str, timeout_s: float) -> FoundOfCall:
    """Of a row of `calls`. `person`: the other person whose call it is, which is on record; '' for none.

    Raises QueryTimeoutError, StoreError.
    """
    told = row["found"] or {}
    values = {"id": row["id"], "classes": list(WASTE_CLASSES)}
    later = store.read(statement("attributed_call"), values, timeout_s)
    evidence = _evidence(store, row, timeout_s)
    shown = tuple(id_ for id_ in row["repeats"] if id_ in evidence and _may_know(viewer, person, evidence[id_]))
    waste_class = told.get("class") or ""
    return FoundOfCall(
        waste_class=waste_class,
        score_milli=told.get("score") or 0,
        threshold_milli=THRESHOLDS.get(waste_class, 0),
        flagged=bool(told.get("flagged")),
        campaign=told.get("campaign") or "",
        exempted=told.get("exempted") or "",
        action=told.get("action") or "",
        saved_pico=_saved(row, told, evidence),
        repeats=shown,
        not_shown=len(row["repeats"]) - len(shown),
        named=Named(*later[0]) if later else None,
    )


def _evidence(store: Store, row: Mapping[str, Any], timeout_s: float) -> Mapping[str, Row]:
    """The calls that it repeats, by id, as far as they are in the ledger."""
    ids: Sequence[str] = row["repeats"]
    if not ids:
        return {}
    values = {"ids": ids, "first_us": row["opened_us"] - LOOK_BACK_US, "last_us": row["opened_us"]}
    return {found[0]: found for found in store.read(statement("evidence"), values, timeout_s)}


def _may_know(viewer: Viewer, person: str, evidence: Row) -> bool:
    _, owner, kind, _ = evidence
    if viewer.is_self(owner, kind):
        return True
    return viewer.sees_all and (not viewer.is_other_person(owner, kind) or owner == person)


def _saved(row: Mapping[str, Any], told: Mapping[str, Any], evidence: Mapping[str, Row]) -> int:
    said = told.get("saved_pico") or 0
    if said or not row["refused"] or told.get("action") not in _TURNED_AWAY:
        return int(said)
    costs = [evidence[id_][-1] for id_ in reversed(row["repeats"]) if id_ in evidence]
    return next((int(cost) for cost in costs if cost), 0)
