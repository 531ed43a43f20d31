"""Counters with one limit, for trying out what happens when there is no more room."""

from proxy.model.call import Call, Hold
from proxy.model.decision import Reason, Refusal


class LimitedCounters:
    """Fulfils ports.counters.Counters under a single limit in pico-dollars."""

    def __init__(self, limit_pico: int) -> None:
        self.limit_pico = limit_pico
        self.held: dict[str, int] = {}
        self.spent: dict[str, int] = {}

    def reserve(self, call: Call, hold: Hold) -> Refusal | None:
        if not self._fits(hold.cost_pico):
            return Refusal(400, Reason.POLICY, "no room")
        self.held[call.id] = hold.cost_pico
        return None

    def extend(self, call_id: str, hold: Hold) -> bool:
        if not self._fits(hold.cost_pico - self.held[call_id]):
            return False
        self.held[call_id] = hold.cost_pico
        return True

    def settle(self, call_id: str, cost_pico: int) -> None:
        if self.held.pop(call_id, None) is not None:
            self.spent[call_id] = cost_pico

    def _fits(self, more_pico: int) -> bool:
        return sum(self.held.values()) + sum(self.spent.values()) + more_pico <= self.limit_pico
