"""Weighs evidence against thresholds, and collects what is to be said about one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from proxy.model.waste import WASTE_CLASSES, WasteClass

from .bounds import EVIDENCE_MAX
from .evidence import Evidence
from .findings import Attribution, Finding
from .thresholds import Thresholds

CLEAR_AT: Mapping[WasteClass, float] = {"near_repeat": 1.7}
"""Times its threshold from which on a class also speaks for the calls before; 1 for all others."""


_RANK = {waste_class: rank for rank, waste_class in enumerate(WASTE_CLASSES)}


class Judge:
    __slots__ = ("_at_us", "_findings", "_thresholds", "attributions")

    def __init__(self, thresholds: Thresholds, at_us: int) -> None:
        self._thresholds = thresholds
        self._at_us = at_us
        self._findings: list[Finding] = []
        self.attributions: list[Attribution] = []

    def weigh(
        self,
        waste_class: WasteClass,
        evidence: Evidence,
        earlier: tuple[str, ...] = (),
        members: Iterable[str] = (),
    ) -> bool:
        """Note the evidence if it is worth a word; whether the call is flagged for it. `earlier`: calls it repeats;
        `members`: calls that belong to the campaign, should it become clear, though they spoke for nothing alone."""
        score = evidence.faded(self._at_us)
        if not self._thresholds.suspicious(waste_class, score):
            return False
        flagged = self._thresholds.reached(waste_class, score)
        repeats = tuple(dict.fromkeys(earlier + evidence.before()))[-EVIDENCE_MAX:]
        self._findings.append(Finding(waste_class, score, flagged, repeats, evidence.campaign if flagged else ""))
        clear = score >= self._thresholds.of[waste_class] * CLEAR_AT.get(waste_class, 1.0)
        if clear and not evidence.attributed:
            evidence.attributed = True
            before = tuple(dict.fromkeys([*members, *evidence.members]))
            latest = evidence.members[-1]
            ids = tuple(each for each in before if each != latest)
            self.attributions.append(Attribution(evidence.campaign, waste_class, ids))
        return flagged

    def findings(self) -> tuple[Finding, ...]:
        """Flagged ones first, then in the order of the classes, the most certain kind first."""
        if not self._findings:
            return ()
        return tuple(sorted(self._findings, key=lambda found: (not found.flagged, _RANK[found.waste_class])))
