"""Counters in the memory of one gateway: what its own calls in flight hold."""

from proxy.model.call import Call, Hold
from proxy.model.decision import Reason, Refusal


class MemoryCounters:
    """Fulfils ports.counters.Counters. Bounded by the limit on calls in flight."""

    def __init__(self, calls_in_flight_max: int) -> None:
        self._max = calls_in_flight_max
        self._held: dict[str, int] = {}
        self.held_pico = 0

    @property
    def in_flight(self) -> int:
        return len(self._held)

    def reserve(self, call: Call, hold: Hold) -> Refusal | None:
        if len(self._held) >= self._max:
            return Refusal(
                503,
                Reason.OVERLOADED,
                f"outlay already carries {self._max} calls, its limit (OUTLAY_CALLS_IN_FLIGHT_MAX). Try again shortly.",
                retry_after_s=1,
                retryable=True,
            )
        if call.id not in self._held:
            self._held[call.id] = hold.cost_pico
            self.held_pico += hold.cost_pico
        return None

    def extend(self, call_id: str, hold: Hold) -> bool:
        before = self._held.get(call_id)
        if before is not None:
            self._held[call_id] = hold.cost_pico
            self.held_pico += hold.cost_pico - before
        return True

    def settle(self, call_id: str, cost_pico: int) -> None:
        self.held_pico -= self._held.pop(call_id, 0)
