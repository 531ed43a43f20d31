"""Weighing: what a recorded call is held at, and what it costs, under the policies that are tried."""

from dataclasses import dataclass, replace

from proxy.gateway.holding import held_at
from proxy.gateway.rules import Rules
from proxy.metering.estimate import LEASE_TOKENS, context_tokens, expected_tokens, first_hold, holding
from proxy.model.call import Call, Hold
from proxy.model.usage import Served
from proxy.policy.verdict import Asked, Weight
from proxy.ports.counters import Spent
from proxy.replay.details import Details
from proxy.replay.names import known_as, sent_model
from proxy.replay.texts import Texts


@dataclass(frozen=True, slots=True)
class Weighing:
    """Of one call."""

    rules: Rules
    call: Call
    details: Details
    recorded: Weight
    """As it was weighed then."""
    texts: Texts

    def weigh(self, instead: str, output_limit: int | None) -> Weight:
        """As the gateway's admission does; what no rule changes weighs what it weighed then."""
        if self.details.free or (not instead and output_limit is None):
            return self.recorded
        return self._weight(self.model(instead), output_limit)

    def bare(self, model: str) -> Hold:
        """Its hold without any output."""
        return self._weight(model, 0).hold

    def asked(self) -> Asked:
        asked = self.details
        return Asked(
            self.weigh,
            context_tokens=asked.context_tokens,
            output_tokens_max=asked.output_max,
            known_as=known_as(self.rules.policies, self.call),
            free=asked.free,
            output_limited=asked.output_limited,
        )

    def model(self, instead: str = "") -> str:
        """As the provider is asked for it."""
        return sent_model(self.rules.policies, self.call, instead)

    def spent(self, recorded: Spent, instead: str, output_limit: int | None) -> Spent:
        """What the call comes to when it goes to the model `instead` ('': its own), cut to that output limit. Recorded
        prices stay as they are, save where the model or the usage is another."""
        asked, usage, served = self.details, self.details.usage, self.details.served
        model = self.model(instead)
        most = None if output_limit is None else output_limit * asked.choices
        less = 0 if most is None else max(0, usage.output_tokens - most)
        if asked.free or (not less and model == (asked.sent or self.model())):
            return recorded
        if most is not None and less:
            hidden = min(usage.reasoning, most)
            usage = replace(usage, output_text=most - hidden, reasoning=hidden, output_audio=0, output_image=0)
        cost = self.rules.prices.cost(self.call.provider, model, self.call.opened_us, usage, served)
        return Spent(cost.total_pico, recorded.tokens - less)

    def _weight(self, model: str, output_limit: int | None) -> Weight:
        text = self.details.text
        if text is not None:
            most = text.output_max if output_limit is None else output_limit
            return self.texts.weigh(self.call, model, text, most)
        request = self.details.ask.request
        if output_limit is not None:
            request = replace(request, output_tokens_max=output_limit)
        limits = self.rules.prices.limits(self.call.provider, model)
        input_tokens, output_tokens = first_hold(request, limits.output_tokens_max, limits.hidden_reasoning)
        hold, priced = held_at(self.rules, self.call, model, request, input_tokens, output_tokens)
        return Weight(hold, priced, expected_tokens(request, output_tokens))


def expected(weighing: Weighing) -> tuple[Weighing, Spent]:
    """Of a call that was refused then: with what it would have read, and put out as answers mostly do, for its usage;
    and what that comes to."""
    ask = weighing.details.ask
    if ask.free:
        return weighing, Spent(0, 0)
    request = ask.request
    usage = holding(request, context_tokens(request), min(ask.hold.output_tokens, LEASE_TOKENS))
    served = Served(
        service_tier=request.service_tier, region=request.region, speed=request.speed, variant=request.variant
    )
    weighing = replace(weighing, details=Details(replace(ask, sent=""), usage, served))
    call = weighing.call
    cost = weighing.rules.prices.cost(call.provider, weighing.model(), call.opened_us, usage, served)
    return weighing, Spent(min(cost.total_pico, ask.hold.cost_pico), ask.expected_tokens)
