"""What a hold costs: at the dearest of what a call may put out."""

from dataclasses import replace
from typing import Any

import pytest

from proxy.gateway.holding import held_at
from proxy.gateway.rules import Rules
from proxy.model.call import Request
from proxy.model.entry import Cost
from proxy.model.limits import ModelLimits
from proxy.model.usage import Served, Usage
from proxy.policy.types import PolicySet
from tests.fakes.facts import a_call
from tests.fakes.prices import by_bound


class Rates:
    """Fulfils ports.prices.Prices: a pico-dollar for a token of text, so many for one of audio."""

    def __init__(self, audio: int, *unknown: str) -> None:
        self.audio = audio
        self.unknown = unknown

    def cost(self, provider: str, model: str, at_us: int, usage: Usage, served: Served, *_: Any) -> Cost:
        total = usage.input_text + usage.output_text + self.audio * usage.output_audio
        unpriced = any(getattr(usage, kind) for kind in self.unknown)
        return Cost(total, {}, "rates", unpriced=unpriced)

    bound = cost
    bound_of_text = by_bound

    def limits(self, provider: str, model: str) -> ModelLimits:
        return ModelLimits()


@pytest.mark.parametrize(
    ("spoken", "prices", "pico", "priced"),
    [
        (False, Rates(4), 110, True),
        (True, Rates(4), 410, True),
        (True, Rates(0), 110, True),
        (True, Rates(4, "output_audio"), 410, True),
        (True, Rates(4, "output_text"), 410, False),
    ],
)
def test_what_may_be_spoken_is_held_at_the_dearer_of_text_and_audio(
    spoken: bool, prices: Rates, pico: int, priced: bool
) -> None:
    request = replace(Request("m", stream=True), spoken=spoken)
    hold, has_price = held_at(Rules(PolicySet("v"), prices), a_call(), "m", request, 10, 100)
    assert (hold.cost_pico, hold.output_tokens, has_price) == (pico, 100, priced)
