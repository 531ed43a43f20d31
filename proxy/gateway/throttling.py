"""Throttling: the rate limits of one gateway, asked for each call, and what a caller is told who must wait."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.dialects.dialect import Dialect, headed_allowances
from proxy.gateway.headers import HeaderLines
from proxy.model.allowance import Allowance, Measure
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

    def __init__(self, rates: Rates | None = None) -> None:
        self._rates = rates or Rates()

    def take(self, call_id: str, throttles: Sequence[Throttle], tokens: int, clock: Clock) -> Throttled:
        """Room under every limit, or under none and why. What has taken must be settled, or given back. `tokens`: what
        the call will read and write, estimated."""
        if not throttles:
            return _FREE
        now_us = clock.monotonic_us()
        taking = self._rates.take(call_id, throttles, tokens, now_us)
        if taking.excess is None and not taking.shadow:
            return _FREE
        shadow = tuple([Shadow(excess.throttle.limit.name, "throttle") for excess in taking.shadow])
        if taking.excess is None:
            return Throttled(None, shadow)
        return Throttled(_refusal(taking.excess, self.allowances(throttles, clock)), shadow)

    def give_back(self, call_id: str) -> None:
        """The call was refused otherwise after it had taken, or could not be opened."""
        self._rates.give_back(call_id)

    def settle(self, call_id: str, tokens: int, clock: Clock) -> None:
        """The call has ended. `tokens`: all that it read and wrote. A second time changes nothing."""
        self._rates.settle(call_id, tokens, clock.monotonic_us())

    def allowances(self, throttles: Sequence[Throttle], clock: Clock) -> tuple[Allowance, ...]:
        """What the limits leave now, for headers."""
        return self._rates.allowances(throttles, clock.monotonic_us(), clock.now_us()) if throttles else ()


def allowance_lines(
    dialect: Dialect, allowances: tuple[Allowance, ...], theirs: Iterable[tuple[bytes, bytes]]
) -> HeaderLines:
    """What the limits leave in the dialect's own headers; none where the provider's answer has any such: what its
    limits leave is not to be mixed with what ours do."""
    if not allowances or not headed_allowances(dialect):
        return []
    if b"\n" + dialect.allowance_prefix in b"\n".join([b"", *[name for name, _ in theirs]]).lower():
        return []
    return dialect.allowance_headers(allowances)


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
