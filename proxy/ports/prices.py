"""Prices as the gateway needs them."""

from dataclasses import dataclass
from typing import Protocol

from proxy.model.entry import Cost
from proxy.model.usage import Served, Usage


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """What the price list knows about a model beside prices; it bounds holds. None: not known."""

    output_tokens_max: int | None = None
    hidden_reasoning: bool = False
    """True: the model may reason out of sight, so a stream doesn't show what it costs while it runs."""


class Prices(Protocol):
    def cost(self, provider: str, model: str, at_us: int, usage: Usage, served: Served) -> Cost:
        """The cost of `usage` at the price in force at `at_us` (admission, microseconds UTC).

        `provider` names an entry of providers.yaml; `model` is the one asked for, used where `served` names none or
        one that is not listed. Never raises: a model without a price costs the ceiling price, marked `unpriced`.
        """
        ...

    def limits(self, provider: str, model: str) -> ModelLimits: ...
