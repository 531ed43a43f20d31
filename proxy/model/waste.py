"""Waste: the kinds of needless work that a call can be found to be. docs/redundancy.md has an example of each."""

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
