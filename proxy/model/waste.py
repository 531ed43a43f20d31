"""Waste: the kinds of needless work that a call can be found to be. docs/redundancy.md has an example of each."""

from collections.abc import Mapping
from typing import Final, Literal, get_args

WasteClass = Literal[
    "exact_repeat",
    "disguised_repeat",
    "near_repeat",
    "shared_repeat",
    "in_flight_twin",
    "replayed_conversation",
    "tool_loop",
    "repeated_turn",
    "ping_pong",
    "trivial_context",
]
WASTE_CLASSES: Final[tuple[WasteClass, ...]] = get_args(WasteClass)
"""The most certain kind first."""
THRESHOLDS: Final[Mapping[str, int]] = {
    "exact_repeat": 3_600,
    "disguised_repeat": 3_600,
    "near_repeat": 2_900,
    "shared_repeat": 3_600,
    "in_flight_twin": 3_600,
    "replayed_conversation": 1_900,
    "tool_loop": 2_900,
    "repeated_turn": 3_800,
    "ping_pong": 4_800,
    "trivial_context": 2_900,
}
"""Score in thousandths from which on a call is flagged, where no rule says otherwise."""
RECORDED_SHARE: Final = 0.5
"""From this share of its threshold on a finding is recorded; below it nobody can judge anew."""
