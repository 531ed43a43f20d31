"""Throttling: the rate limits of one gateway, asked for each call, and what a caller is told who must wait."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from proxy.model.allowance import Allowance, Measure
from proxy.model.call import Hold
from proxy.model.decision import Reason, Refusal
from proxy.policy.mistakes import shown
from proxy.policy.rates import Excess, Rates
from proxy.policy.verdict import Shadow, Throttle
from proxy.ports.clock import Clock

_SECOND_US: Final = 1_000_000
_WHAT: Final = {
    Measure.REQUESTS: "requests a minute",
    Measure.TOKENS: "tokens a minute",
    Measure.CONCURRENT: "calls at once",
}


@dataclass(frozen=True, slots=True)
class Throttled:
    """What the rate limits made of one call."""

    refusal: Refusal | None = None
    """Set: the call took nothing."""
    shadow: tuple[Shadow, ...] = ()


_FREE: Final = Throttled()


class Throttling:
    """Each gateway counts for itself: of several, each lets its own share of a limit through."""

    def __init__(self, clock: Clock, rates: Rates | None = None) -> None:
        self._clock = clock
        self._rates = rates or Rates()

    def take(self, call_id: str, throttles: Sequence[Throttle], hold: Hold) -> Throttled:
        """Room under every limit, or under none and why. What has taken must be settled, or given back."""
        if not throttles:
            return _FREE
        now_us = self._clock.monotonic_us()
        taking = self._rates.take(call_id, throttles, hold.input_tokens + hold.output_tokens, now_us)
        shadow = tuple([Shadow(excess.throttle.limit.name, "throttle") for excess in taking.shadow])
        if taking.excess is None:
            return Throttled(None, shadow)
        return Throttled(_refusal(taking.excess, self.allowances(throttles)), shadow)

    def give_back(self, call_id: str) -> None:
        """The call was refused otherwise after it had taken, or could not be opened."""
        self._rates.give_back(call_id)

    def settle(self, call_id: str, tokens: int) -> None:
        """The call has ended. `tokens`: all that it read and wrote. A second time changes nothing."""
        self._rates.settle(call_id, tokens, self._clock.monotonic_us())

    def allowances(self, throttles: Sequence[Throttle]) -> tuple[Allowance, ...]:
        """What the limits leave now, for headers."""
        return self._rates.allowances(throttles, self._clock.monotonic_us(), self._clock.now_us()) if throttles else ()


def _refusal(excess: Excess, allowances: tuple[Allowance, ...]) -> Refusal:
    limit = excess.throttle.limit
    most = f"at most {excess.limit:,} {_WHAT[excess.measure]}{_instance(excess.throttle)}"
    ask = f" Ask {limit.contact} about it." if limit.contact else ""
    if excess.wait_us is None:
        never = f"The rate limit '{limit.name}' ({limit.where}) allows {most}, so no such call passes.{ask}"
        return Refusal(400, Reason.POLICY, never, rule=limit.where)
    seconds = -(-excess.wait_us // _SECOND_US)
    wait = f"Try again in {seconds} s." if excess.measure is not Measure.CONCURRENT else "Try again when one has ended."
    return Refusal(
        429,
        Reason.RATE_LIMITED,
        f"The rate limit '{limit.name}' ({limit.where}) allows {most}, and this call would be above it. {wait}{ask}",
        retry_after_s=seconds,
        retryable=True,
        rule=limit.where,
        retry_after_ms=-(-excess.wait_us // 1000),
        allowances=allowances,
    )


def _instance(throttle: Throttle) -> str:
    """Whose instance it is, in words: ' for key k_1'."""
    values = zip(throttle.limit.per, throttle.instance, strict=False)
    named = ", ".join(f"{dimension} {shown(value) if value else 'none'}" for dimension, value in values)
    return f" for {named}" if named else ""
