"""Prices as the gateway needs them."""

from typing import Protocol

from proxy.model.entry import Cost
from proxy.model.limits import ModelLimits
from proxy.model.usage import Served, Usage

__all__ = ["ModelLimits", "Prices"]


class Prices(Protocol):
    def cost(
        self, provider: str, model: str, at_us: int, usage: Usage, served: Served, prompt_tokens: int | None = None
    ) -> Cost:
        """The cost of `usage` at the price in force at `at_us` (admission, microseconds UTC).

        `prompt_tokens`: how long each prompt was, where `usage` is the sum of many calls: the sum of short prompts
        must not have the price of a long one.

        `provider` names an entry of providers.yaml; `model` is the one asked for, used where `served` names none or
        one that is not listed. Never raises: a model without a price costs the ceiling price, marked `unpriced`.
        """
        ...

    def bound(self, provider: str, model: str, at_us: int, usage: Usage, served: Served) -> Cost:
        """The most that these tokens can cost, whatever kinds of their side they turn out to be: input that is written
        to a cache, output that is reasoning, a tier below the standard one that is not given."""
        ...

    def bound_of_text(
        self,
        provider: str,
        model: str,
        at_us: int,
        served: Served,
        *,
        input_tokens: int,
        output_tokens: int,
        searches: int,
    ) -> tuple[int, bool]:
        """As `bound`, of what nearly every call is held at, text and searches: pico-dollars, and whether that is
        without a price."""
        ...

    def limits(self, provider: str, model: str) -> ModelLimits: ...
