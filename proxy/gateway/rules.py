"""What is in force: one policy set with the prices and the index of rules made from it, swapped whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from proxy.model.call import Call
from proxy.policy.charge import Charge
from proxy.policy.evaluate import charges
from proxy.policy.evaluations import Registered
from proxy.policy.match import Matcher, facts_of
from proxy.policy.types import PolicySet
from proxy.ports.prices import Prices


@dataclass(frozen=True, slots=True)
class Rules:
    policies: PolicySet
    prices: Prices
    matcher: Matcher = field(init=False, compare=False)
    """Of the set's rules."""
    registered: Registered = field(init=False, compare=False, repr=False)
    """Its evaluations, by who may claim them."""
    _expiring: Mapping[str, datetime] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "matcher", Matcher(self.policies.rules))
        object.__setattr__(self, "registered", Registered(self.policies.rules.evaluations))
        ends = {key.id: key.expires for key in self.policies.keys.values() if key.expires is not None}
        object.__setattr__(self, "_expiring", ends)

    def expires(self, key_id: str) -> datetime | None:
        """When a key ends; None of one that doesn't."""
        return self._expiring.get(key_id)

    def charges_of(self, call: Call) -> tuple[Charge, ...]:
        """The accounts that the call counts in."""
        facts = facts_of(call)
        return charges(self.matcher, self.matcher.matching(facts), facts, call.opened_us)
