"""What is in force: one policy set with the prices and the index of rules made from it, swapped whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from proxy.model.call import Call
from proxy.model.decision import Refusal
from proxy.policy.charge import Charge
from proxy.policy.evaluate import charges
from proxy.policy.evaluations import Registered
from proxy.policy.match import Matcher, facts_of
from proxy.policy.providers import choose_provider
from proxy.policy.types import PolicySet, Provider
from proxy.ports.prices import Prices

PROVIDERS_KEPT: Final = 4096
"""Choices of a provider that are known again."""


@dataclass(frozen=True, slots=True)
class Rules:
    policies: PolicySet
    prices: Prices
    matcher: Matcher = field(init=False, compare=False)
    """Of the set's rules."""
    registered: Registered = field(init=False, compare=False, repr=False)
    """Its evaluations, by who may claim them."""
    _providers: dict[tuple[str, ...], Provider | Refusal] = field(init=False, compare=False, repr=False)
    _expiring: Mapping[str, datetime] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "matcher", Matcher(self.policies.rules))
        object.__setattr__(self, "registered", Registered(self.policies.rules.evaluations))
        ends = {key.id: key.expires for key in self.policies.keys.values() if key.expires is not None}
        object.__setattr__(self, "_expiring", ends)
        object.__setattr__(self, "_providers", {})

    def provider(
        self, dialect: str, model: str, prefix: str, project: str, *, operation: str = ""
    ) -> Provider | Refusal:
        """As `choose_provider`; found once for calls that are alike."""
        key = (dialect, model, prefix, project, operation)
        found = self._providers.get(key)
        if found is None:
            found = choose_provider(self.policies, dialect, model, prefix, project, operation=operation)
            if len(self._providers) >= PROVIDERS_KEPT:
                # Callers choose the names of models: memory must not grow with them.
                self._providers.clear()
            self._providers[key] = found
        return found

    def expires(self, key_id: str) -> datetime | None:
        """When a key ends; None of one that doesn't."""
        return self._expiring.get(key_id)

    def charges_of(self, call: Call) -> tuple[Charge, ...]:
        """The accounts that the call counts in."""
        facts = facts_of(call)
        return charges(self.matcher, self.matcher.matching(facts), facts, call.opened_us)
