"""Holding: what a hold of so many tokens costs, by the prices in force."""

from dataclasses import replace
from typing import Final

from proxy.gateway.rules import Rules
from proxy.metering.estimate import holding
from proxy.model.call import Call, Hold, Request
from proxy.model.usage import NO_USAGE, Served
from proxy.policy.charge import Shortfall

OUTPUT_TOKENS_MIN: Final = 256
"""A call whose output limit would have to be lowered below that is refused: it would be no answer."""

_PLAIN: Final = Served()


def output_that_fits(short: Shortfall, hold: Hold, bare: Hold) -> int:
    """How many tokens a call may put out so that it fits after all. `bare`: its hold without any output."""
    charge, balance = short.charge, short.balance
    room = balance.left - charge.budget.reserve - charge.takes(bare)
    growth = charge.takes(hold) - charge.takes(bare)
    return min(hold.output_tokens, room * hold.output_tokens // growth) if room > 0 and growth > 0 else 0


def held_at(
    rules: Rules, call: Call, model: str, request: Request, input_tokens: int, output_tokens: int
) -> tuple[Hold, bool]:
    """The hold, and whether the model has a price. `model`: as it is priced.

    A bound in money too: at the dearest that these tokens may turn out to be, such as input that is written to a cache.
    What may be spoken is held at the dearer of text and audio; a model without a price for its voice has one as long as
    its text has.
    """
    tier, region, speed, variant = request.service_tier, request.region, request.speed, request.variant
    special = tier or region or speed or variant
    served = Served(service_tier=tier, region=region, speed=speed, variant=variant) if special else _PLAIN
    if request.fixed is NO_USAGE and request.guessed is NO_USAGE and not request.spoken:
        pico, unpriced = rules.prices.bound_of_text(
            call.provider,
            model,
            call.opened_us,
            served,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            searches=request.web_searches_max,
        )
        return Hold(pico, input_tokens, output_tokens), not unpriced
    written = request if not request.spoken else replace(request, spoken=False)
    usage = holding(written, input_tokens, output_tokens)
    cost = rules.prices.bound(call.provider, model, call.opened_us, usage, served)
    pico = cost.total_pico
    if request.spoken:
        usage = holding(request, input_tokens, output_tokens)
        pico = max(pico, rules.prices.bound(call.provider, model, call.opened_us, usage, served).total_pico)
    return Hold(pico, input_tokens, output_tokens), not cost.unpriced
