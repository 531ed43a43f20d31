"""Usage of the realtime protocol: disjoint, and never more than its total."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.realtime_usage import response_usage, transcription_usage
from proxy.model.usage import Usage


def test_text_audio_images_and_their_cached_parts_are_disjoint() -> None:
    reported = {
        "total_tokens": 253 + 132,
        "input_tokens": 253,
        "output_tokens": 132,
        "input_token_details": {
            "text_tokens": 119,
            "audio_tokens": 94,
            "image_tokens": 40,
            "cached_tokens": 64 + 30 + 10,
            "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 30, "image_tokens": 10},
        },
        "output_token_details": {"text_tokens": 30, "audio_tokens": 102},
    }
    usage = response_usage(reported)
    assert usage == Usage(
        input_text=55,
        input_audio=64,
        input_image=30,
        cache_read=74,
        cache_read_audio=30,
        output_text=30,
        output_audio=102,
    )
    assert usage.prompt_tokens == 253


def test_cached_tokens_without_details_are_text() -> None:
    details = {"text_tokens": 80, "audio_tokens": 20, "cached_tokens": 50}
    usage = response_usage({"input_tokens": 100, "output_tokens": 1, "input_token_details": details})
    assert usage == Usage(input_text=30, input_audio=20, cache_read=50, output_text=1)


@pytest.mark.parametrize("reported", [None, {}, [], "x", {"input_tokens": 0, "output_tokens": 0}])
def test_nothing_reported_is_no_usage(reported: object) -> None:
    assert response_usage(reported) is None
    assert transcription_usage(reported) is None


def test_transcription_by_tokens_and_by_time() -> None:
    tokens = {"type": "tokens", "input_tokens": 14, "output_tokens": 5, "input_token_details": {"audio_tokens": 12}}
    assert transcription_usage(tokens) == Usage(input_audio=12, input_text=2, output_text=5)
    assert transcription_usage({"type": "duration", "seconds": 2.5}) == Usage(input_audio_ms=2500)


_numbers = st.none() | st.integers(-5, 10**14) | st.floats(allow_nan=False) | st.booleans() | st.text(max_size=2)
_cached = st.fixed_dictionaries({}, optional={f"{kind}_tokens": _numbers for kind in ("text", "audio", "image")})
_read = st.fixed_dictionaries(
    {},
    optional={f"{kind}_tokens": _numbers for kind in ("text", "audio", "image", "cached")}
    | {"cached_tokens_details": _cached | _numbers},
)


@given(st.integers(1, 10**9), st.integers(0, 10**9), _read | _numbers, _cached | _numbers)
def test_kinds_sum_to_the_totals_whatever_the_details_say(prompt: int, output: int, read: object, said: object) -> None:
    reported = {"input_tokens": prompt, "output_tokens": output}
    usage = response_usage({**reported, "input_token_details": read, "output_token_details": said})
    assert usage is not None
    assert (usage.prompt_tokens, usage.output_tokens) == (prompt, output)
