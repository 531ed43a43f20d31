"""Rate limits: what passes in any minute, who waits how long, and what stays in memory."""

from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model.allowance import Measure
from proxy.policy.rates import CONCURRENT_WAIT_US, MINUTE_US, SLICE_US, Rates, Taking
from proxy.policy.rules import RateLimit, Scope
from proxy.policy.verdict import Throttle

SECOND = 1_000_000


def throttle(
    name: str = "burst", instance: tuple[str, ...] = (), requests: int | None = None, **given: Any
) -> Throttle:
    limit = RateLimit(
        name=name,
        where="budgets.yaml:3",
        scope=Scope(),
        mode=given.get("mode", "enforce"),
        contact="",
        per=("key",) if instance else (),
        requests_per_minute=requests,
        tokens_per_minute=given.get("tokens"),
        concurrent=given.get("concurrent"),
    )
    return Throttle(limit, instance)


class Calls:
    """Calls that are numbered as they come."""

    def __init__(self, rates: Rates | None = None) -> None:
        self.rates = rates or Rates()
        self._numbers = count()

    def take(self, at_us: int, *throttles: Throttle, tokens: int = 0) -> tuple[str, Taking]:
        call_id = f"call_{next(self._numbers)}"
        return call_id, self.rates.take(call_id, throttles, tokens, at_us)

    def passes(self, at_us: int, *throttles: Throttle, tokens: int = 0) -> bool:
        return self.take(at_us, *throttles, tokens=tokens)[1].excess is None


gaps = st.integers(0, 3 * SECOND) | st.integers(0, 70 * SECOND)


@given(st.lists(gaps, max_size=80), st.integers(1, 6), st.integers(0, 10**12))
def test_no_minute_holds_more_requests_than_the_limit(between: list[int], limit: int, start_us: int) -> None:
    calls, at_us, passed = Calls(), start_us, []
    for gap in between:
        at_us += gap
        if calls.passes(at_us, throttle(requests=limit)):
            passed.append(at_us)
    for begin in passed:
        assert sum(begin <= each < begin + MINUTE_US for each in passed) <= limit


@given(st.lists(st.tuples(gaps, st.integers(0, 150)), max_size=60), st.integers(1, 100))
def test_no_minute_holds_more_estimated_tokens_than_the_limit(came: list[tuple[int, int]], limit: int) -> None:
    calls, at_us, passed = Calls(), 0, []
    for gap, tokens in came:
        at_us += gap
        if calls.passes(at_us, throttle(tokens=limit), tokens=tokens):
            passed.append((at_us, min(tokens, limit)))
    for begin, _ in passed:
        assert sum(tokens for at, tokens in passed if begin <= at < begin + MINUTE_US) <= limit


@given(st.lists(st.tuples(gaps, st.integers(1, 60)), min_size=1, max_size=60), st.integers(1, 4), st.integers(1, 60))
def test_who_waits_as_told_passes_and_who_comes_earlier_does_not(
    came: list[tuple[int, int]], requests: int, tokens_max: int
) -> None:
    calls, at_us = Calls(), 0
    both = throttle("requests", requests=requests), throttle("tokens", tokens=tokens_max)
    for gap, tokens in came:
        at_us += gap
        excess = calls.take(at_us, *both, tokens=tokens)[1].excess
        if excess is not None:
            assert excess.wait_us is not None
            assert 0 < excess.wait_us <= MINUTE_US + SLICE_US
            assert not calls.passes(at_us + excess.wait_us - 1, *both, tokens=tokens)
            at_us += excess.wait_us
            assert calls.passes(at_us, *both, tokens=tokens)


@given(
    st.lists(st.tuples(st.sampled_from(["take", "settle", "settle again", "give back"]), st.integers(0, 30))),
    st.integers(1, 4),
)
def test_calls_in_flight_never_exceed_the_limit_and_each_is_released_once(
    steps: list[tuple[str, int]], limit: int
) -> None:
    calls, running, ended, at_us = Calls(), [], [], 0
    for step, number in steps:
        at_us += number * 100_000
        if step == "take":
            call_id, taking = calls.take(at_us, throttle(concurrent=limit))
            assert (taking.excess is None) == (len(running) < limit)
            if taking.excess is None:
                running.append(call_id)
        elif step == "settle again" and ended:
            calls.rates.settle(ended[number % len(ended)], 5, at_us)
        elif running:
            call_id = running.pop(number % len(running))
            ended.append(call_id)
            if step == "give back":
                calls.rates.give_back(call_id)
            else:
                calls.rates.settle(call_id, 5, at_us)


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c", "d", "e"]), gaps), max_size=80), st.integers(1, 3))
def test_a_crowd_of_instances_beyond_the_memory_never_lets_one_exceed_its_limit(
    came: list[tuple[str, int]], instances_max: int
) -> None:
    calls, at_us, passed = Calls(Rates(instances_max)), 0, []
    for name, gap in came:
        at_us += gap
        call_id, taking = calls.take(at_us, throttle(instance=(name,), requests=2))
        if taking.excess is None:
            passed.append((name, at_us))
        calls.rates.settle(call_id, 0, at_us)
        assert calls.rates.instances <= instances_max + 1
    for name, begin in passed:
        assert sum(each == name and begin <= at < begin + MINUTE_US for each, at in passed) <= 2


def test_a_burst_of_one_instance_takes_nothing_from_another() -> None:
    calls = Calls()
    loud, quiet = throttle(instance=("k_1",), requests=3), throttle(instance=("k_2",), requests=3)
    assert [calls.passes(0, loud) for _ in range(50)].count(True) == 3
    assert [calls.passes(SECOND * second, quiet) for second in range(3)] == [True, True, True]


def test_all_limits_are_taken_or_none() -> None:
    calls = Calls()
    wide, narrow = throttle("wide", requests=2), throttle("narrow", requests=1)
    assert calls.passes(0, wide, narrow)
    assert not calls.passes(0, wide, narrow)
    assert calls.passes(0, wide)
    assert not calls.passes(0, wide)


def test_the_longest_wait_of_several_limits_is_told() -> None:
    calls = Calls()
    early, late = throttle("early", requests=1), throttle("late", tokens=10)
    calls.take(0, early)
    calls.take(30 * SECOND, late, tokens=10)
    excess = calls.take(31 * SECOND, early, late, tokens=1)[1].excess
    assert excess is not None
    assert (excess.throttle, excess.measure, excess.limit) == (late, Measure.TOKENS, 10)
    assert excess.wait_us == 30 * SECOND + SLICE_US + 29 * SECOND


@pytest.mark.parametrize("zero", [{"requests": 0}, {"tokens": 0}, {"concurrent": 0}])
def test_under_a_limit_of_zero_nothing_passes_ever(zero: dict[str, int]) -> None:
    excess = Calls().take(0, throttle(**zero), tokens=1)[1].excess
    assert excess is not None
    assert excess.wait_us is None


def test_a_call_larger_than_the_limit_passes_where_a_whole_minute_is_free() -> None:
    calls = Calls()
    assert calls.passes(0, throttle(tokens=100), tokens=5000)
    assert not calls.passes(SECOND, throttle(tokens=100), tokens=1)


def test_what_a_call_used_less_than_its_estimate_is_free_again() -> None:
    calls = Calls()
    call_id, _ = calls.take(0, throttle(tokens=100), tokens=90)
    assert not calls.passes(SECOND, throttle(tokens=100), tokens=50)
    calls.rates.settle(call_id, 40, 2 * SECOND)
    assert calls.passes(2 * SECOND, throttle(tokens=100), tokens=60)
    assert not calls.passes(2 * SECOND, throttle(tokens=100), tokens=1)


def test_what_a_long_call_used_more_than_its_estimate_counts_when_it_is_known() -> None:
    calls = Calls()
    call_id, _ = calls.take(0, throttle(tokens=100), tokens=10)
    calls.rates.settle(call_id, 500, 200 * SECOND)
    assert not calls.passes(259 * SECOND, throttle(tokens=100), tokens=1)
    assert calls.passes(261 * SECOND, throttle(tokens=100), tokens=1)


def test_a_late_settlement_below_the_estimate_gives_nothing_to_a_minute_it_was_never_in() -> None:
    calls = Calls()
    call_id, _ = calls.take(0, throttle(tokens=100), tokens=90)
    calls.passes(100 * SECOND, throttle(tokens=100), tokens=80)
    calls.rates.settle(call_id, 0, 101 * SECOND)
    assert not calls.passes(102 * SECOND, throttle(tokens=100), tokens=21)
    assert calls.passes(102 * SECOND, throttle(tokens=100), tokens=20)


def test_a_call_that_was_not_admitted_after_all_counts_nowhere() -> None:
    calls = Calls()
    every = throttle(requests=1, tokens=10, concurrent=1)
    call_id, _ = calls.take(0, every, tokens=10)
    calls.rates.give_back(call_id)
    calls.rates.give_back(call_id)
    assert calls.passes(0, every, tokens=10)


def test_a_call_takes_once() -> None:
    rates = Rates()
    for _ in range(3):
        assert rates.take("call_1", [throttle(requests=1)], 0, 0).excess is None
    assert rates.take("call_2", [throttle(requests=1)], 0, 0).excess is not None


def test_a_shadow_limit_refuses_nothing_and_says_what_it_would_have() -> None:
    calls = Calls()
    shadow = throttle(requests=1, mode="shadow")
    assert calls.take(0, shadow)[1] == Taking()
    taking = calls.take(0, shadow)[1]
    assert taking.excess is None
    assert [(each.throttle, each.measure) for each in taking.shadow] == [(shadow, Measure.REQUESTS)]
    # What it would have refused takes nothing from it, as if it had.
    assert calls.take(MINUTE_US + SLICE_US, shadow)[1] == Taking()


def test_calls_in_flight_are_tried_again_after_a_second() -> None:
    calls = Calls()
    calls.take(0, throttle(concurrent=1))
    excess = calls.take(0, throttle(concurrent=1))[1].excess
    assert excess is not None
    assert (excess.measure, excess.wait_us) == (Measure.CONCURRENT, CONCURRENT_WAIT_US)


def test_allowances_are_of_the_limit_that_leaves_least() -> None:
    calls = Calls()
    limits = throttle("a", requests=10), throttle("b", requests=3, tokens=50), throttle("c", requests=1, mode="shadow")
    calls.take(0, *limits, tokens=20)
    told = calls.rates.allowances(limits, 10 * SECOND, 1000 * SECOND)
    assert [(each.measure, each.limit, each.remaining, each.full_us, each.full_at_us) for each in told] == [
        (Measure.REQUESTS, 3, 2, 50 * SECOND + SLICE_US, 1050 * SECOND + SLICE_US),
        (Measure.TOKENS, 50, 30, 50 * SECOND + SLICE_US, 1050 * SECOND + SLICE_US),
    ]


def test_idle_instances_are_forgotten_when_room_is_needed() -> None:
    calls = Calls(Rates(instances_max=3))
    for name in "abc":
        calls.take(0, throttle(instance=(name,), requests=5))
    for call in range(3):
        calls.rates.settle(f"call_{call}", 0, SECOND)
    assert calls.passes(2 * MINUTE_US, throttle(instance=("d",), requests=5))
    assert calls.rates.instances == 1


def test_an_instance_that_was_among_the_rest_is_given_no_second_limit_with_its_own_place() -> None:
    calls = Calls(Rates(instances_max=2))
    other = throttle(instance=("b",), requests=2)
    for name in ("a", "c"):
        call_id, _ = calls.take(0, throttle(instance=(name,), requests=2))
        calls.rates.settle(call_id, 0, 0)
    for _ in range(2):
        call_id, taking = calls.take(30 * SECOND, other)
        calls.rates.settle(call_id, 0, 30 * SECOND)
        assert taking.excess is None
    assert not calls.passes(62 * SECOND, other)
    assert calls.passes(91 * SECOND, other)


def test_what_still_runs_is_never_forgotten() -> None:
    calls = Calls(Rates(instances_max=1))
    assert calls.passes(0, throttle(instance=("a",), concurrent=1))
    assert calls.passes(9 * MINUTE_US, throttle(instance=("b",), concurrent=1))
    assert not calls.passes(9 * MINUTE_US, throttle(instance=("a",), concurrent=1))
