"""Gemini's usage metadata, kind by kind."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.gemini_usage import tier_of, usage_of
from proxy.model.usage import Usage


def details(**counts: int) -> list[dict[str, Any]]:
    return [{"modality": modality, "tokenCount": count} for modality, count in counts.items()]


TABLE: dict[str, tuple[dict[str, Any], Usage]] = {
    "text": (
        {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
        Usage(input_text=10, output_text=5),
    ),
    "thoughts stand beside the candidates": (
        {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 90, "totalTokenCount": 105},
        Usage(input_text=10, output_text=5, reasoning=90),
    ),
    "thoughts among the candidates": (
        {"promptTokenCount": 10, "candidatesTokenCount": 95, "thoughtsTokenCount": 90, "totalTokenCount": 105},
        Usage(input_text=10, output_text=5, reasoning=90),
    ),
    "thoughts before the first word": (
        {"promptTokenCount": 10, "thoughtsTokenCount": 90, "totalTokenCount": 100},
        Usage(input_text=10, reasoning=90),
    ),
    "what only the total knows of": (
        {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 35},
        Usage(input_text=10, output_text=5, reasoning=20),
    ),
    "the cache is in the prompt": (
        {"promptTokenCount": 100, "cachedContentTokenCount": 70, "candidatesTokenCount": 5, "totalTokenCount": 105},
        Usage(input_text=30, cache_read=70, output_text=5),
    ),
    "tools feed the prompt beside it": (
        {
            "promptTokenCount": 10,
            "toolUsePromptTokenCount": 40,
            "toolUsePromptTokensDetails": details(TEXT=30, IMAGE=10),
            "candidatesTokenCount": 5,
            "thoughtsTokenCount": 2,
            "totalTokenCount": 57,
        },
        Usage(input_text=40, input_image=10, output_text=5, reasoning=2),
    ),
    "tools that the total leaves out": (
        {"promptTokenCount": 10, "toolUsePromptTokenCount": 40, "candidatesTokenCount": 5, "totalTokenCount": 15},
        Usage(input_text=50, output_text=5),
    ),
    "modalities": (
        {
            "promptTokenCount": 1000,
            "promptTokensDetails": details(TEXT=100, AUDIO=200, IMAGE=300, VIDEO=250, DOCUMENT=150),
            "candidatesTokenCount": 1300,
            "candidatesTokensDetails": details(TEXT=10, IMAGE=1290),
            "totalTokenCount": 2300,
        },
        Usage(input_text=100, input_audio=200, input_image=700, output_text=10, output_image=1290),
    ),
    "cached modalities": (
        {
            "promptTokenCount": 1000,
            "promptTokensDetails": details(TEXT=300, AUDIO=400, IMAGE=300),
            "cachedContentTokenCount": 600,
            "cacheTokensDetails": details(TEXT=100, AUDIO=300, IMAGE=200),
            "totalTokenCount": 1000,
        },
        Usage(input_text=200, input_audio=100, input_image=100, cache_read=300, cache_read_audio=300),
    ),
    "modalities as numbers": (
        {
            "promptTokenCount": 30,
            "promptTokensDetails": [{"modality": 1, "tokenCount": 10}, {"modality": 4, "tokenCount": 20}],
        },
        Usage(input_text=10, input_audio=20),
    ),
    "speech": (
        {"promptTokenCount": 3, "candidatesTokenCount": 50, "candidatesTokensDetails": details(AUDIO=50)},
        Usage(input_text=3, output_audio=50),
    ),
    "embeddings": ({"promptTokenCount": 7, "promptTokenDetails": details(IMAGE=7)}, Usage(input_image=7)),
    "details beyond their count": (
        {"promptTokenCount": 5, "promptTokensDetails": details(AUDIO=50), "candidatesTokenCount": 1},
        Usage(input_audio=5, output_text=1),
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_kinds(name: str) -> None:
    reported, usage = TABLE[name]
    assert usage_of(reported) == usage


@pytest.mark.parametrize("reported", [None, {}, [], 7, "x", {"promptTokenCount": 0}, {"promptTokenCount": "7"}])
def test_nothing_reported_is_no_usage(reported: object) -> None:
    assert usage_of(reported) is None


def test_what_a_search_fed_in_is_paid_with_the_search() -> None:
    reported = {"promptTokenCount": 10, "toolUsePromptTokenCount": 40, "candidatesTokenCount": 5, "totalTokenCount": 55}
    assert usage_of(reported, 2) == Usage(input_text=10, output_text=5, web_search=2)


counts = st.integers(0, 10**6)


@given(counts, counts, counts, counts, st.lists(st.tuples(st.sampled_from(["TEXT", "AUDIO", "IMAGE", "?"]), counts)))
def test_kinds_sum_to_the_total(
    prompt: int, candidates: int, thoughts: int, fed: int, listed: list[tuple[str, int]]
) -> None:
    shown = [{"modality": modality, "tokenCount": count} for modality, count in listed]
    total = prompt + candidates + thoughts + fed
    reported = {
        "promptTokenCount": prompt,
        "candidatesTokenCount": candidates,
        "thoughtsTokenCount": thoughts,
        "toolUsePromptTokenCount": fed,
        "cachedContentTokenCount": prompt // 2,
        "totalTokenCount": total,
        "promptTokensDetails": shown,
        "candidatesTokensDetails": shown,
        "cacheTokensDetails": shown,
        "toolUsePromptTokensDetails": shown,
    }
    usage = usage_of(reported)
    if usage is not None:
        assert usage.prompt_tokens + usage.output_tokens == total
        assert (usage.prompt_tokens, usage.cache_read_tokens) == (prompt + fed, prompt // 2)


@pytest.mark.parametrize(
    ("reported", "tier"),
    [
        ({"serviceTier": "flex"}, "flex"),
        ({"serviceTier": "SERVICE_TIER_PRIORITY"}, "priority"),
        ({"serviceTier": "standard"}, ""),
        ({"trafficType": "ON_DEMAND_FLEX"}, "flex"),
        ({"trafficType": "ON_DEMAND"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_tier(reported: object, tier: str | None) -> None:
    assert tier_of(reported) == tier
