"""What streams are expected to hold."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.metering.estimate import LEASE_TOKENS, first_hold
from proxy.metering.expecting import EXPECTED_TOKENS_MAX, Expecting
from proxy.model.call import Request


def test_of_streams_nobody_heard_of_a_lease_is_expected() -> None:
    assert Expecting().tokens("k", "m") == LEASE_TOKENS


@given(st.lists(st.integers(0, 10**7), max_size=30))
def test_what_is_expected_stays_within_its_bounds(lengths: list[int]) -> None:
    expecting = Expecting()
    for length in lengths:
        expecting.heard("k", "m", length)
    assert LEASE_TOKENS <= expecting.tokens("k", "m") <= EXPECTED_TOKENS_MAX


@given(st.integers(0, 20_000), st.integers(1, 20_000), st.integers(1, 64_000))
def test_no_stream_holds_more_than_its_own_limit_for_it(heard: int, limit: int, model_limit: int) -> None:
    expecting = Expecting()
    expecting.heard("k", "m", heard)
    request = Request(model="m", stream=True, output_tokens_max=limit)
    assert first_hold(request, model_limit, False, expecting.tokens("k", "m"))[1] <= limit


@given(st.lists(st.integers(0, 10**5), max_size=20), st.integers(2000, 20_000))
def test_it_comes_to_what_streams_come_to(before: list[int], length: int) -> None:
    expecting = Expecting()
    for each in (*before, *[length] * 120):
        expecting.heard("k", "m", each)
    assert abs(expecting.tokens("k", "m") - length) <= length / 20


def test_each_key_and_model_by_itself_and_no_more_than_so_many() -> None:
    expecting = Expecting(2)
    for key in ("a", "b", "a", "c"):
        expecting.heard(key, "m", 5000)
    assert expecting.tokens("a", "m") > LEASE_TOKENS
    assert expecting.tokens("c", "m") > LEASE_TOKENS
    assert expecting.tokens("b", "m") == expecting.tokens("a", "other") == LEASE_TOKENS
