"""What a caller is told who is above a rate limit."""

from typing import Any

from proxy.dialects.anthropic import Anthropic
from proxy.dialects.bedrock import Bedrock
from proxy.dialects.openai import OpenAI
from proxy.gateway.throttling import Throttled, Throttling, allowance_lines
from proxy.model.allowance import Allowance, Measure
from proxy.model.decision import Reason
from proxy.policy.rules import RateLimit, Scope
from proxy.policy.verdict import Shadow, Throttle
from tests.fakes.clock import FakeClock

TOKENS = 100


def throttle(**given: Any) -> Throttle:
    plain: dict[str, Any] = {
        "name": "per-key-burst",
        "where": "budgets.yaml:12",
        "scope": Scope(),
        "mode": "enforce",
        "contact": "the platform team",
        "per": ("key",),
        "requests_per_minute": None,
        "tokens_per_minute": None,
        "concurrent": None,
    }
    return Throttle(RateLimit(**(plain | given)), ("k_1",))


def test_a_refusal_names_limit_rule_wait_and_whom_to_ask() -> None:
    clock = FakeClock()
    throttling = Throttling()
    limits = [throttle(requests_per_minute=1)]
    assert throttling.take("call_1", limits, TOKENS, clock) == Throttled()
    clock.advance(20_300_000)
    refusal = throttling.take("call_2", limits, TOKENS, clock).refusal
    assert refusal is not None
    assert (refusal.status, refusal.reason, refusal.retryable) == (429, Reason.RATE_LIMITED, True)
    assert (refusal.retry_after_s, refusal.retry_after_ms) == (41, 40_200)
    assert refusal.message == (
        "The rate limit 'per-key-burst' (budgets.yaml:12) allows at most 1 requests a minute for key 'k_1', and this "
        "call would be above it. Try again in 41 s. Ask the platform team about it."
    )
    assert refusal.rule == "budgets.yaml:12"
    assert [(each.measure, each.remaining) for each in refusal.allowances] == [(Measure.REQUESTS, 0)]
    clock.advance(40_200_000)
    assert throttling.take("call_2", limits, TOKENS, clock).refusal is None


def test_what_never_passes_is_refused_as_a_rule_refuses_so_that_nobody_waits_for_it() -> None:
    clock = FakeClock()
    refusal = Throttling().take("call_1", [throttle(tokens_per_minute=0)], TOKENS, clock).refusal
    assert refusal is not None
    assert (refusal.status, refusal.reason, refusal.retryable, refusal.retry_after_s) == (
        400,
        Reason.POLICY,
        False,
        None,
    )


def test_estimated_tokens_are_taken_and_corrected_by_what_was_used() -> None:
    clock = FakeClock()
    throttling = Throttling()
    limits = [throttle(tokens_per_minute=150)]
    assert throttling.take("call_1", limits, TOKENS, clock).refusal is None
    assert throttling.take("call_2", limits, TOKENS, clock).refusal is not None
    throttling.settle("call_1", 50, clock)
    throttling.settle("call_1", 50, clock)
    assert throttling.take("call_2", limits, TOKENS, clock).refusal is None
    assert [each.remaining for each in throttling.allowances(limits, clock)] == [0]


def test_calls_in_flight_are_free_again_after_settlement_or_when_given_back() -> None:
    clock = FakeClock()
    throttling = Throttling()
    limits = [throttle(concurrent=1)]
    for number, end in enumerate(
        (lambda: throttling.settle("call_0", 1, clock), lambda: throttling.give_back("call_1"))
    ):
        assert throttling.take(f"call_{number}", limits, TOKENS, clock).refusal is None
        refusal = throttling.take("call_9", limits, TOKENS, clock).refusal
        assert refusal is not None
        assert refusal.retry_after_s == 1
        end()


def test_a_shadow_limit_is_told_and_refuses_nothing() -> None:
    clock = FakeClock()
    throttling = Throttling()
    limits = [throttle(requests_per_minute=0, mode="shadow")]
    assert throttling.take("call_1", limits, TOKENS, clock) == Throttled(None, (Shadow("per-key-burst", "throttle"),))
    assert throttling.allowances(limits, clock) == ()


def test_a_call_without_limits_takes_nothing() -> None:
    clock = FakeClock()
    throttling = Throttling()
    assert throttling.take("call_1", (), TOKENS, clock) == Throttled()
    assert throttling.allowances((), clock) == ()


def test_headers_of_ours_go_with_an_answer_where_the_provider_sent_none_of_the_kind() -> None:
    left = (Allowance(Measure.REQUESTS, 10, 9, 1_000_000, 0),)
    told = [name for name, _ in allowance_lines(OpenAI(), left, [(b"Content-Type", b"text/plain")])]
    assert told == [b"x-ratelimit-limit-requests", b"x-ratelimit-remaining-requests", b"x-ratelimit-reset-requests"]
    assert allowance_lines(OpenAI(), left, [(b"X-RateLimit-Limit-Tokens", b"1")]) == []
    assert len(allowance_lines(Anthropic(), left, [(b"X-RateLimit-Limit-Tokens", b"1")])) == 3
    assert allowance_lines(Bedrock(), left, []) == allowance_lines(OpenAI(), (), []) == []
