"""What is in force: one policy set with the prices and the index of rules made from it, swapped whole."""

from dataclasses import dataclass, field

from proxy.model.call import Call
from proxy.policy.charge import Charge
from proxy.policy.evaluate import charges
from proxy.policy.match import Matcher, facts_of
from proxy.policy.types import PolicySet
from proxy.ports.prices import Prices


@dataclass(frozen=True, slots=True)
class Rules:
    policies: PolicySet
    prices: Prices
    matcher: Matcher = field(init=False, compare=False)
    """Of the set's rules."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "matcher", Matcher(self.policies.rules))

    def charges_of(self, call: Call) -> tuple[Charge, ...]:
        """The accounts that the call counts in."""
        facts = facts_of(call)
        return charges(self.matcher, self.matcher.matching(facts), facts, call.opened_us)
