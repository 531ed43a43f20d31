"""Counters with one limit, for trying out what happens when there is no more room."""

from collections.abc import Sequence

from proxy.adapters.counters_memory import MemoryCounters
from proxy.model.call import Call, Hold
from proxy.model.decision import Refusal
from proxy.policy.charge import Account, Charge, Shortfall
from proxy.policy.rules import Budget, Scope, Unit, Window
from proxy.ports.counters import Reserved


def a_budget(name: str = "all", limit: int = 1000, **given: object) -> Budget:
    """In pico-dollars, for all time, of everybody; whatever else is given."""
    plain: dict[str, object] = {
        "where": "budgets.yaml:2",
        "scope": Scope(),
        "mode": "enforce",
        "contact": "",
        "per": (),
        "unit": Unit.USD,
        "window": Window("total"),
        "warn_at": (),
        "action": "refuse",
        "downgrade_to": "",
        "on_cap": "cut",
        "reserve": 0,
        "count_refused": False,
    }
    return Budget(name=name, limit=limit, **(plain | given))  # type: ignore[arg-type]  # by the fields' own names


def a_charge(budget: Budget, *instance: str, start_us: int = 0) -> Charge:
    return Charge(Account(budget.name, instance, start_us), budget)


class LimitedCounters(MemoryCounters):
    """The real ones, where every call is charged to one budget in pico-dollars, whatever the rules say."""

    def __init__(self, limit_pico: int) -> None:
        super().__init__(10)
        self._charges = (a_charge(a_budget(limit=limit_pico)),)

    def reserve(self, call: Call, hold: Hold, charges: Sequence[Charge] = ()) -> Reserved | Refusal | Shortfall:
        return super().reserve(call, hold, self._charges)

    def take(self, call: Call, hold: Hold, charges: Sequence[Charge] = ()) -> None:
        super().take(call, hold, self._charges)
