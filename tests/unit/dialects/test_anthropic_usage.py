"""Anthropic's usage made disjoint."""

from typing import Any

import pytest
from anthropic.types import MessageDeltaUsage
from anthropic.types import Usage as SdkUsage
from recorded import MESSAGES_DELTA, MESSAGES_STARTED

from proxy.dialects.anthropic_usage import usage_of
from proxy.model.usage import Usage

ITERATION = {"input_tokens": 7, "output_tokens": 3, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 0}


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        pytest.param(
            MESSAGES_STARTED,
            Usage(input_text=25, cache_read=4000, cache_write_5m=100, cache_write_1h=200, output_text=1),
            id="cache writes by time to live",
        ),
        pytest.param(
            MESSAGES_DELTA,
            Usage(input_text=25, cache_read=4000, cache_write_5m=300, output_text=40, reasoning=50, web_search=2),
            id="writes without a split are of five minutes",
        ),
        pytest.param({"input_tokens": 9, "output_tokens": 4}, Usage(input_text=9, output_text=4), id="plain"),
        pytest.param(
            {"input_tokens": 9, "output_tokens": 4, "cache_creation": {"ephemeral_5m_input_tokens": 5}},
            Usage(input_text=9, output_text=4, cache_write_5m=5),
            id="split without its total",
        ),
        pytest.param(
            {
                "input_tokens": 1,
                "output_tokens": 4,
                "cache_creation_input_tokens": 50,
                "cache_creation": {"ephemeral_1h_input_tokens": 80, "ephemeral_5m_input_tokens": 20},
            },
            Usage(input_text=1, output_text=4, cache_write_1h=50),
            id="split above its total",
        ),
        pytest.param(
            {"input_tokens": 1, "output_tokens": 4, "output_tokens_details": {"thinking_tokens": 9}},
            Usage(input_text=1, reasoning=4),
            id="thinking above its total",
        ),
        pytest.param(
            {
                "input_tokens": 5,
                "output_tokens": 2,
                "iterations": [
                    {"type": "message", **ITERATION},
                    {"type": "compaction", **ITERATION},
                    {"type": "advisor_message", "model": "claude-opus-4-6", **ITERATION},
                ],
            },
            Usage(input_text=19, output_text=8, cache_read=200),
            id="compactions and advisors stand beside the totals",
        ),
        pytest.param(
            {
                "input_tokens": None,
                "output_tokens": 4,
                "cache_creation": None,
                "server_tool_use": None,
                "iterations": None,
            },
            Usage(output_text=4),
            id="nulls",
        ),
        pytest.param({"input_tokens": 0, "output_tokens": 0}, None, id="zeros are no report"),
        pytest.param({}, None, id="empty"),
        pytest.param(None, None, id="null"),
    ],
)
def test_usage_by_kind(reported: Any, usage: Usage | None) -> None:
    assert usage_of(reported) == usage


def test_the_samples_are_what_the_sdk_knows() -> None:
    assert SdkUsage.model_validate(MESSAGES_STARTED, strict=True).model_dump(exclude_none=True) == MESSAGES_STARTED
    assert MessageDeltaUsage.model_validate(MESSAGES_DELTA, strict=True).model_dump(exclude_none=True) == MESSAGES_DELTA
