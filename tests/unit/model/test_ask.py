"""An ask comes back from its line as it was, and the line leaves out what is as usual."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from proxy.model.ask import BESIDE_TEXT, Ask, ask_of, recorded
from proxy.model.call import Hold, Request
from proxy.model.usage import NO_USAGE, Usage

NUMBER = st.integers(0, 10**9)
NAME = st.sampled_from(["", "flex", "eu"])
PLAIN = Ask(Request(model="gpt-4o", stream=False, input_bytes=7), Hold(1, 2, 3), expected_tokens=4)

requests = st.builds(
    Request,
    model=st.just("gpt-4o"),
    stream=st.booleans(),
    choices=st.integers(1, 9),
    output_tokens_max=st.none() | NUMBER,
    thinking_tokens_max=st.none() | NUMBER,
    service_tier=NAME,
    region=NAME,
    speed=NAME,
    input_bytes=NUMBER,
    input_tokens_unseen=NUMBER,
    web_searches_max=NUMBER,
    background=st.booleans(),
    fixed=st.builds(Usage, **dict.fromkeys(BESIDE_TEXT, NUMBER)),
    spoken=st.booleans(),
    variant=NAME,
)
asks = st.builds(
    Ask,
    request=requests,
    hold=st.builds(Hold, NUMBER, NUMBER, NUMBER),
    expected_tokens=NUMBER,
    priced=st.booleans(),
    free=st.booleans(),
    output_limited=st.booleans(),
    sent=NAME,
)


@given(asks)
def test_an_ask_comes_back_as_it_was(ask: Ask) -> None:
    assert ask_of(recorded(ask), ask.request.model, ask.request.stream) == ask


@given(asks)
def test_a_column_without_a_value_is_as_usual(ask: Ask) -> None:
    columns = dict.fromkeys(recorded(PLAIN) | recorded(replace(PLAIN, free=True, sent="x"))) | recorded(ask)
    assert ask_of(columns, ask.request.model, ask.request.stream) == ask


def test_what_is_as_usual_has_no_place_on_the_line() -> None:
    assert set(recorded(PLAIN)) == {"hold_pico", "hold_input", "hold_output", "expected", "input_bytes"}


def test_of_what_is_only_guessed_the_guess_is_recorded() -> None:
    guessed = Usage(input_image=1000)
    ask = replace(PLAIN, request=replace(PLAIN.request, guessed=guessed, fixed=NO_USAGE))
    assert ask_of(recorded(ask), "gpt-4o", stream=False).request.fixed == guessed
