"""When a provider that fails is left alone, for how long, and how it comes back."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.breaker import (
    BREAKERS_MAX,
    FAILURES_MAX,
    OPEN_US,
    OPEN_US_MAX,
    PROBE_US_MAX,
    Breakers,
    State,
)


def opened(at_us: int = 0) -> Breakers:
    breakers = Breakers()
    for _ in range(FAILURES_MAX):
        breakers.failed("openai", at_us)
    return breakers


def test_it_opens_after_failures_in_a_row_and_only_then() -> None:
    breakers = Breakers()
    for _ in range(3):
        for _ in range(FAILURES_MAX - 1):
            breakers.failed("openai", 0)
        assert breakers.allows("openai", 0)
        breakers.succeeded("openai")
    for _ in range(FAILURES_MAX):
        breakers.failed("openai", 0)
    assert breakers.state("openai", 0) is State.OPEN
    assert not breakers.allows("openai", OPEN_US - 1)
    assert breakers.allows("anthropic", 0)


def test_one_call_tries_when_its_time_is_over() -> None:
    breakers = opened()
    assert breakers.state("openai", OPEN_US) is State.HALF_OPEN
    assert [breakers.allows("openai", OPEN_US) for _ in range(3)] == [True, False, False]
    breakers.succeeded("openai")
    assert breakers.state("openai", OPEN_US) is State.CLOSED
    assert [breakers.allows("openai", OPEN_US) for _ in range(3)] == [True, True, True]


def test_each_failed_trial_doubles_the_time_up_to_a_bound() -> None:
    breakers, now_us, times = opened(), OPEN_US, []
    for _ in range(10):
        assert breakers.allows("openai", now_us)
        breakers.failed("openai", now_us)
        begin = now_us
        while breakers.state("openai", now_us) is State.OPEN:
            now_us += OPEN_US
        times.append(now_us - begin)
    assert times == [OPEN_US * each for each in (2, 4, 8, 16, 32)] + [OPEN_US_MAX] * 5


def test_failures_while_it_is_open_do_not_prolong_it() -> None:
    breakers = opened()
    breakers.failed("openai", OPEN_US - 1)
    assert breakers.allows("openai", OPEN_US)


def test_a_trial_that_tells_nothing_leaves_the_next_call_to_try() -> None:
    breakers = opened()
    assert breakers.allows("openai", OPEN_US)
    breakers.told_nothing("openai")
    assert breakers.allows("openai", OPEN_US)
    assert not breakers.allows("openai", OPEN_US + PROBE_US_MAX - 1)
    assert breakers.allows("openai", OPEN_US + PROBE_US_MAX)


def test_it_remembers_a_bounded_number_of_providers() -> None:
    breakers = opened()
    for number in range(BREAKERS_MAX):
        breakers.failed(f"p{number}", 0)
    assert breakers.state("openai", 0) is State.CLOSED


steps = st.lists(st.tuples(st.sampled_from(["failed", "succeeded", "told_nothing", "allows"]), st.integers(0, 90)))


@given(steps)
def test_it_never_stays_open_longer_than_the_bound(taken: list[tuple[str, int]]) -> None:
    breakers, now_us = Breakers(), 0
    for step, seconds in taken:
        now_us += seconds * 1_000_000
        match step:
            case "failed":
                breakers.failed("openai", now_us)
            case "allows":
                breakers.allows("openai", now_us)
            case "succeeded":
                breakers.succeeded("openai")
            case "told_nothing":
                breakers.told_nothing("openai")
        assert breakers.state("openai", now_us + OPEN_US_MAX) is not State.OPEN
    assert breakers.allows("openai", now_us + OPEN_US_MAX + PROBE_US_MAX)


def test_it_says_who_is_out() -> None:
    breakers = opened()
    assert breakers.out(["openai", "anthropic"], 0) == {"openai": 1.0, "anthropic": 0.0}
    assert breakers.out(["openai"], OPEN_US) == {"openai": 0.5}
