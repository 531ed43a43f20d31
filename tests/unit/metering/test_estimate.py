"""Holds: never below what can be proven, never above what the call itself allows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.metering.estimate import (
    FRAMING_TOKENS,
    LEASE_TOKENS,
    OUTPUT_TOKENS_DEFAULT,
    OUTPUT_TOKENS_MAX,
    expected_tokens,
    extended,
    first_hold,
    holding,
)
from proxy.model.call import Request
from proxy.model.usage import Usage

limits = st.none() | st.integers(1, 2**40)
requests = st.builds(
    Request,
    model=st.just("m"),
    stream=st.booleans(),
    choices=st.integers(1, 8),
    output_tokens_max=limits,
    thinking_tokens_max=st.none() | st.integers(0, 100_000),
    input_bytes=st.integers(0, 10**7),
    background=st.booleans(),
)


@pytest.mark.parametrize(
    ("request_", "model_max", "hidden", "output"),
    [
        (Request("m", stream=True), None, False, LEASE_TOKENS),
        (Request("m", stream=True, output_tokens_max=50), None, False, 50),
        (Request("m", stream=True, output_tokens_max=50, choices=3), None, False, 150),
        (Request("m", stream=True, output_tokens_max=8000), 32_000, True, 8000),
        (Request("m", stream=True), 32_000, True, 32_000),
        (Request("m", stream=True), None, True, OUTPUT_TOKENS_DEFAULT),
        (Request("m", stream=True, output_tokens_max=32_000, thinking_tokens_max=4000), None, True, 5000),
        (Request("m", stream=True, output_tokens_max=32_000, thinking_tokens_max=0), None, True, LEASE_TOKENS),
        (Request("m", stream=True, output_tokens_max=4500, thinking_tokens_max=4000), None, False, 4500),
        (Request("m"), None, False, OUTPUT_TOKENS_DEFAULT),
        (Request("m"), 4096, False, 4096),
        (Request("m", output_tokens_max=100, choices=4), 4096, False, 400),
        (Request("m", output_tokens_max=2**31), 4096, False, OUTPUT_TOKENS_MAX),
        (Request("m", stream=True, background=True, output_tokens_max=9000), None, False, 9000),
    ],
)
def test_output_held_at_admission(request_: Request, model_max: int | None, hidden: bool, output: int) -> None:
    assert first_hold(request_, model_max, hidden)[1] == output


def test_input_is_held_at_its_bytes_and_what_they_only_name() -> None:
    request = Request("m", input_bytes=700, input_tokens_unseen=5000)
    assert first_hold(request, None, False)[0] == 700 + 5000 + FRAMING_TOKENS


def test_no_limit_of_a_caller_makes_a_hold_overflow() -> None:
    request = Request("m", stream=True, thinking_tokens_max=10**30, choices=1000)
    assert extended(request, 1000, 1) <= 2 * OUTPUT_TOKENS_MAX * 1000
    assert first_hold(request, None, False)[1] <= OUTPUT_TOKENS_MAX * 1000


@given(requests, st.none() | st.integers(1, 10**6), st.booleans())
def test_a_hold_is_never_above_the_limit_of_the_call(request: Request, model_max: int | None, hidden: bool) -> None:
    output = first_hold(request, model_max, hidden)[1]
    assert output >= 1
    if request.output_tokens_max is not None:
        assert output <= request.output_tokens_max * request.choices


@given(requests, st.none() | st.integers(1, 10**6), st.booleans(), st.lists(st.integers(0, 5000), max_size=20))
def test_a_lease_covers_what_passed_and_only_grows(
    request: Request, model_max: int | None, hidden: bool, chunks: list[int]
) -> None:
    held = first_hold(request, model_max, hidden)[1]
    passed = 0
    for chunk in chunks:
        passed += chunk
        raised = extended(request, held, passed, model_max)
        assert raised >= held
        limit = request.output_tokens_max or model_max
        unseen = (request.thinking_tokens_max or 0) * request.choices
        ceiling = None if limit is None else min(limit, OUTPUT_TOKENS_MAX) * request.choices
        assert raised >= (passed + unseen if ceiling is None else min(passed + unseen, ceiling))
        assert raised in (held, ceiling) or (raised - held) % LEASE_TOKENS == 0
        held = raised


@pytest.mark.parametrize("sold", [{"fixed": Usage(input_characters=9)}, {"guessed": Usage(input_audio_ms=9)}])
def test_of_what_is_sold_by_unit_units_are_held_and_no_tokens(sold: dict[str, Usage]) -> None:
    request = Request("m", input_bytes=700, stream=True, **sold)  # type: ignore[arg-type]  # one field at a time
    assert holding(request, *first_hold(request, 4096, True)) == next(iter(sold.values()))
    assert extended(request, 0, 100_000) == 0


def test_beside_text_a_hold_has_what_was_guessed() -> None:
    request = Request("m", input_bytes=700, output_tokens_max=0, guessed=Usage(output_image=4160))
    assert first_hold(request, 4096, True) == (700 + FRAMING_TOKENS, 0)
    assert holding(request, 10, 0) == Usage(input_text=10, output_image=4160)


def test_what_a_call_will_come_to_is_estimated_low_where_its_hold_is_a_bound() -> None:
    agent = Request("m", input_bytes=70_000, input_tokens_unseen=500, output_tokens_max=64_000)
    assert expected_tokens(agent, 64_000) == 17_500 + 500 + LEASE_TOKENS
    assert expected_tokens(agent, 100) == 17_500 + 500 + 100
