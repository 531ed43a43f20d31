"""What is in force: one policy set with the prices made from it, swapped whole."""

from dataclasses import dataclass

from proxy.policy.types import PolicySet
from proxy.ports.prices import Prices


@dataclass(frozen=True, slots=True)
class Rules:
    policies: PolicySet
    prices: Prices
