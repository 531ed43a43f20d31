"""From which score on a call is flagged, by class. Scores are recorded, so others can be tried on the past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy.model.waste import WasteClass

DEFAULTS: Mapping[WasteClass, float] = {
    "exact_repeat": 3.6,
    "disguised_repeat": 3.6,
    "near_repeat": 2.9,
    "shared_repeat": 3.6,
    "in_flight_twin": 3.6,
    "replayed_conversation": 1.9,
    "tool_loop": 2.9,
    "repeated_turn": 3.8,
    "ping_pong": 4.8,
    "trivial_context": 2.9,
}
SUSPICIOUS_SHARE = 0.5
"""From this share of a threshold on a finding is reported, though not flagged."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    of: Mapping[WasteClass, float] = field(default_factory=lambda: DEFAULTS)

    def reached(self, waste_class: WasteClass, score: float) -> bool:
        return score >= self.of[waste_class]

    def suspicious(self, waste_class: WasteClass, score: float) -> bool:
        return score >= self.of[waste_class] * SUSPICIOUS_SHARE
