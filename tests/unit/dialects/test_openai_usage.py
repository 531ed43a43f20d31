"""OpenAI's usage made disjoint, in the variants that servers of the format are known to send."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.completion_usage import CompletionUsage
from openai.types.responses.response_usage import ResponseUsage
from recorded import CHAT_USAGE, RESPONSES_USAGE

from proxy.dialects.openai_usage import usage_of
from proxy.model.usage import Usage


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        pytest.param(CHAT_USAGE, Usage(input_text=56, cache_read=64, output_text=24, reasoning=16), id="chat"),
        pytest.param(
            RESPONSES_USAGE, Usage(input_text=56, cache_read=64, output_text=24, reasoning=16), id="responses"
        ),
        pytest.param(
            {"prompt_tokens": 9, "completion_tokens": 4}, Usage(input_text=9, output_text=4), id="totals alone"
        ),
        pytest.param(
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "prompt_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 30, "audio_tokens": 10},
                "completion_tokens_details": {"audio_tokens": 40, "reasoning_tokens": 0},
            },
            Usage(input_text=40, cache_read=20, cache_write_5m=30, input_audio=10, output_text=10, output_audio=40),
            id="cache writes and audio",
        ),
        pytest.param(
            {
                "prompt_tokens": 10,
                "completion_tokens": 50,
                "completion_tokens_details": {"accepted_prediction_tokens": 20, "rejected_prediction_tokens": 5},
            },
            Usage(input_text=10, output_text=50),
            id="predictions are within the total",
        ),
        pytest.param(
            {
                "prompt_tokens": 50,
                "completion_tokens": 5,
                "prompt_cache_hit_tokens": 30,
                "prompt_cache_miss_tokens": 20,
            },
            Usage(input_text=20, cache_read=30, output_text=5),
            id="deepseek",
        ),
        pytest.param(
            {"prompt_tokens": 50, "completion_tokens": 5, "total_tokens": 55, "cached_tokens": 30},
            Usage(input_text=20, cache_read=30, output_text=5),
            id="moonshot",
        ),
        pytest.param(
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 115,
                "completion_tokens_details": {"reasoning_tokens": 100},
            },
            Usage(input_text=10, output_text=5, reasoning=100),
            id="xai: reasoning beside the completion",
        ),
        pytest.param(
            {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 75},
            Usage(input_text=10, output_text=5, reasoning=60),
            id="gemini: thoughts in the total only",
        ),
        pytest.param(
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_tokens_details": None,
                "completion_tokens_details": None,
            },
            Usage(input_text=10, output_text=5),
            id="details null",
        ),
        pytest.param(
            {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 99}},
            Usage(cache_read=10, output_text=5),
            id="detail above its total",
        ),
        pytest.param(
            {"prompt_tokens": 10.0, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": -3}},
            Usage(input_text=10, output_text=5),
            id="floats and negative numbers",
        ),
        pytest.param(
            {"prompt_tokens": 12, "completion_tokens": 0, "total_tokens": 12}, Usage(input_text=12), id="no output"
        ),
        pytest.param({"prompt_tokens": 10**30, "completion_tokens": 0}, Usage(input_text=10**12), id="absurd number"),
        pytest.param({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, None, id="zeros are no report"),
        pytest.param({"prompt_tokens": "12", "completion_tokens": True}, None, id="no numbers"),
        pytest.param({}, None, id="empty"),
        pytest.param(None, None, id="null"),
        pytest.param([1], None, id="list"),
    ],
)
def test_usage_by_kind(reported: Any, usage: Usage | None) -> None:
    assert usage_of(reported) == usage


counts = st.integers(-5, 10**6) | st.none()
details = st.none() | st.dictionaries(
    st.sampled_from(["cached_tokens", "cache_write_tokens", "audio_tokens", "image_tokens", "reasoning_tokens"]), counts
)


@given(st.integers(1, 10**6), st.integers(0, 10**6), details, details)
def test_the_kinds_of_each_side_sum_to_the_total(prompt: int, completion: int, read: Any, written: Any) -> None:
    usage = usage_of(
        {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": read,
            "completion_tokens_details": written,
        }
    )
    assert usage is not None
    assert usage.prompt_tokens == prompt
    assert usage.output_tokens == completion
    assert all(getattr(usage, kind) >= 0 for kind in usage.__slots__)


def test_the_samples_are_what_the_sdk_knows() -> None:
    assert CompletionUsage.model_validate(CHAT_USAGE, strict=True).model_dump(exclude_none=True) == CHAT_USAGE
    assert ResponseUsage.model_validate(RESPONSES_USAGE, strict=True).model_dump() == RESPONSES_USAGE


def test_searches_are_counted_beside_the_tokens() -> None:
    assert usage_of(RESPONSES_USAGE, 3) == Usage(
        input_text=56, cache_read=64, output_text=24, reasoning=16, web_search=3
    )
