"""Counters: the gateway's cache of what is spent and held. All-or-nothing, idempotent by call id."""

from typing import Protocol

from proxy.model.call import Call, Hold
from proxy.model.decision import Refusal


class Counters(Protocol):
    def reserve(self, call: Call, hold: Hold) -> Refusal | None:
        """Set `hold` aside under every limit that applies to the call, or under none and say why.

        Synchronous on purpose: between evaluating the rules and reserving there must be no `await`, or two calls
        could both see the same room.
        """
        ...

    def extend(self, call_id: str, hold: Hold) -> bool:
        """Raise the call's hold to `hold` (a total). False: no room, the hold stays as it was."""
        ...

    def settle(self, call_id: str, cost_pico: int) -> None:
        """Release the hold and count what was spent. A second settlement of a call changes nothing."""
        ...
