"""From which score on a call is flagged, by class. Scores are recorded, so others can be tried on the past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy.model.waste import RECORDED_SHARE, THRESHOLDS, WASTE_CLASSES, WasteClass

DEFAULTS: Mapping[WasteClass, float] = {name: THRESHOLDS[name] / 1000 for name in WASTE_CLASSES}
"""Their numbers stand in model/waste.py, since the loader of redundancy.yaml needs them too."""
SUSPICIOUS_SHARE = RECORDED_SHARE
"""From this share of a threshold on a finding is reported, though not flagged."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    of: Mapping[WasteClass, float] = field(default_factory=lambda: DEFAULTS)

    def reached(self, waste_class: WasteClass, score: float) -> bool:
        return score >= self.of[waste_class]

    def suspicious(self, waste_class: WasteClass, score: float) -> bool:
        return score >= self.of[waste_class] * SUSPICIOUS_SHARE
