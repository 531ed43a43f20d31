"""Prices through the whole adapter: a folder as litellm installs it, hand-computed costs out.

Rates are those of litellm 1.106.2's list for these models (dollars a token), frozen here so that a new list changes no
expectation. A dollar per million tokens is 1,000,000 pico-dollars a token, so each cost can be checked by eye.
"""

import json
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from proxy.adapters.prices_corrections import Correction, corrections
from proxy.adapters.prices_litellm import FILE, PriceListError, installed_folder, price_book, version
from proxy.finance.pricebook import PriceBook
from proxy.model.limits import ModelLimits
from proxy.model.usage import Served, Usage
from proxy.policy.types import PolicySet, PricePolicy, PriceRule, Provider, Secret
from proxy.ports.prices import Prices

M = 1_000_000
"""Pico-dollars a token at a dollar per million."""

OPENAI = {
    "gpt-5": {
        "input_cost_per_token": 1.25e-06,
        "input_cost_per_token_batches": 6.25e-07,
        "input_cost_per_token_flex": 6.25e-07,
        "input_cost_per_token_priority": 2.5e-06,
        "cache_read_input_token_cost": 1.25e-07,
        "cache_read_input_token_cost_batches": 6.25e-08,
        "cache_read_input_token_cost_flex": 6.25e-08,
        "cache_read_input_token_cost_priority": 2.5e-07,
        "output_cost_per_token": 1e-05,
        "output_cost_per_token_batches": 5e-06,
        "output_cost_per_token_flex": 5e-06,
        "output_cost_per_token_priority": 2e-05,
        "max_output_tokens": 128000,
        "mode": "chat",
        "supports_reasoning": True,
        "search_context_cost_per_query": {"search_context_size_low": 0.01, "search_context_size_medium": 0.01},
    },
    "gpt-5.4": {
        "input_cost_per_token": 2.5e-06,
        "input_cost_per_token_above_272k_tokens": 5e-06,
        "input_cost_per_token_above_272k_tokens_flex": 2.5e-06,
        "input_cost_per_token_flex": 1.25e-06,
        "input_cost_per_token_priority": 5e-06,
        "cache_read_input_token_cost": 2.5e-07,
        "cache_read_input_token_cost_above_272k_tokens": 5e-07,
        "cache_read_input_token_cost_above_272k_tokens_flex": 2.5e-07,
        "cache_read_input_token_cost_flex": 1.3e-07,
        "cache_read_input_token_cost_priority": 5e-07,
        "output_cost_per_token": 1.5e-05,
        "output_cost_per_token_above_272k_tokens": 2.25e-05,
        "output_cost_per_token_above_272k_tokens_flex": 1.125e-05,
        "output_cost_per_token_flex": 7.5e-06,
        "output_cost_per_token_priority": 3e-05,
        "regional_processing_uplift_multiplier_eu": 1.1,
        "max_output_tokens": 128000,
        "mode": "chat",
    },
    "gpt-4o": {
        "input_cost_per_token": 2.5e-06,
        "input_cost_per_token_batches": 1.25e-06,
        "input_cost_per_token_priority": 4.25e-06,
        "cache_read_input_token_cost": 1.25e-06,
        "cache_read_input_token_cost_priority": 2.125e-06,
        "output_cost_per_token": 1e-05,
        "output_cost_per_token_batches": 5e-06,
        "output_cost_per_token_priority": 1.7e-05,
        "max_output_tokens": 16384,
        "mode": "chat",
    },
    "gpt-4o-2024-05-13": {"input_cost_per_token": 5e-06, "output_cost_per_token": 1.5e-05, "mode": "chat"},
    "ft:gpt-4o-2024-08-06": {
        "input_cost_per_token": 3.75e-06,
        "cache_read_input_token_cost": 1.875e-06,
        "output_cost_per_token": 1.5e-05,
        "mode": "chat",
    },
    "gpt-audio": {
        "input_cost_per_token": 2.5e-06,
        "input_cost_per_audio_token": 3.2e-05,
        "output_cost_per_token": 1e-05,
        "output_cost_per_audio_token": 6.4e-05,
        "mode": "chat",
    },
    "gpt-realtime": {
        "input_cost_per_token": 4e-06,
        "input_cost_per_audio_token": 3.2e-05,
        "input_cost_per_image_token": 5e-06,
        "cache_read_input_token_cost": 4e-07,
        "cache_read_input_audio_token_cost": 4e-07,
        "output_cost_per_token": 1.6e-05,
        "output_cost_per_audio_token": 6.4e-05,
        "mode": "realtime",
    },
    "gpt-image-1": {
        "input_cost_per_token": 5e-06,
        "input_cost_per_image_token": 1e-05,
        "cache_read_input_token_cost": 1.25e-06,
        "output_cost_per_image_token": 4e-05,
        "mode": "image_generation",
    },
    "gpt-4.1": {
        "input_cost_per_token": 2e-06,
        "cache_read_input_token_cost": 5e-07,
        "output_cost_per_token": 8e-06,
        "search_context_cost_per_query": {"search_context_size_medium": 0.025},
        "mode": "chat",
    },
    "text-embedding-3-small": {
        "input_cost_per_token": 2e-08,
        "output_cost_per_token": 0.0,
        "max_tokens": 8191,
        "mode": "embedding",
    },
    "omni-moderation-latest": {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0, "mode": "moderation"},
    "sora-2": {"output_cost_per_second": 0.1, "mode": "video_generation"},
    "broken": {"input_cost_per_token": -1e-06, "output_cost_per_token": "1e-06"},
    "rerank": {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0, "input_cost_per_query": 0.002},
}
ANTHROPIC = {
    "claude-sonnet-4-5": {
        "input_cost_per_token": 3e-06,
        "input_cost_per_token_batches": 1.5e-06,
        "cache_read_input_token_cost": 3e-07,
        "cache_read_input_token_cost_batches": 1.5e-07,
        "cache_creation_input_token_cost": 3.75e-06,
        "cache_creation_input_token_cost_batches": 1.875e-06,
        "cache_creation_input_token_cost_above_1hr": 6e-06,
        "output_cost_per_token": 1.5e-05,
        "output_cost_per_token_batches": 7.5e-06,
        "search_context_cost_per_query": {"search_context_size_medium": 0.01},
        "max_output_tokens": 64000,
        "mode": "chat",
        "supports_reasoning": True,
    },
    "claude-opus-5-5": {
        "input_cost_per_token": 4e-06,
        "cache_read_input_token_cost": 2e-07,
        "cache_creation_input_token_cost": 5e-06,
        "cache_creation_input_token_cost_above_1hr": 8e-06,
        "output_cost_per_token": 2e-05,
        "search_context_cost_per_query": {"search_context_size_medium": 0.01},
        "provider_specific_entry": {"us": 1.1, "fast": 2, "notes": "text is no factor"},
        "mode": "chat",
    },
    "claude-haiku-5-5": {
        "input_cost_per_token": 1e-07,
        "input_cost_per_token_above_100k_tokens": 5e-07,
        "input_cost_per_token_above_100k_tokens_batches": 2.5e-07,
        "input_cost_per_token_batches": 5e-08,
        "cache_read_input_token_cost": 1e-08,
        "cache_read_input_token_cost_above_100k_tokens": 5e-08,
        "cache_read_input_token_cost_batches": 5e-09,
        "cache_creation_input_token_cost": 1.25e-07,
        "cache_creation_input_token_cost_above_100k_tokens": 6.25e-07,
        "cache_creation_input_token_cost_above_1hr": 2e-07,
        "cache_creation_input_token_cost_above_1hr_above_100k_tokens": 1e-06,
        "output_cost_per_token": 5e-07,
        "output_cost_per_token_above_100k_tokens": 2.5e-06,
        "output_cost_per_token_above_100k_tokens_batches": 1.25e-06,
        "output_cost_per_token_batches": 2.5e-07,
        "provider_specific_entry": {"us": 1.1},
        "mode": "chat",
    },
}
OTHERS = {
    "deepseek/deepseek-flash": {
        "litellm_provider": "deepseek",
        "input_cost_per_token": 3e-07,
        "input_cost_per_token_cache_hit": 6e-09,
        "cache_creation_input_token_cost": 0.0,
        "output_cost_per_token": 1.2e-06,
        "off_peak_pricing": {
            "input_cost_per_token": 1.5e-07,
            "cache_read_input_token_cost": 3e-09,
            "output_cost_per_token": 6e-07,
            "weekday_timezone": "Asia/Shanghai",
            "windows": [
                {"hours_utc": ["04:00-06:00", "10:00-18:00", "23:00-01:00"], "weekdays": [1, 2, 3, 4, 5]},
                {"hours_utc": "00:00-00:00", "weekdays": [6, 7]},
            ],
        },
    },
    "dashscope/qwen-plus-latest": {
        "litellm_provider": "dashscope",
        "search_context_cost_per_query": {"search_context_size_medium": 0.01},
        "tiered_pricing": [
            {
                "range": [0, 256000.0],
                "input_cost_per_token": 4e-07,
                "output_cost_per_token": 1.2e-06,
                "output_cost_per_reasoning_token": 4e-06,
            },
            {
                "range": [256000.0, 1000000.0],
                "input_cost_per_token": 1.2e-06,
                "output_cost_per_token": 3.6e-06,
                "output_cost_per_reasoning_token": 1.2e-05,
            },
        ],
    },
    "xai/grok-4": {
        "litellm_provider": "xai",
        "input_cost_per_token": 3e-06,
        "input_cost_per_token_above_128k_tokens": 6e-06,
        "output_cost_per_token": 1.5e-05,
    },
    "llama-3": {"litellm_provider": "groq", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06},
    "sample_spec": {"litellm_provider": "one of them", "max_tokens": "a text", "input_cost_per_token": 0.0},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("site-packages")
    entries = {name: {"litellm_provider": "openai", **entry} for name, entry in OPENAI.items()}
    entries |= {name: {"litellm_provider": "anthropic", **entry} for name, entry in ANTHROPIC.items()}
    (site / "litellm-1.2.3.dist-info").mkdir()
    (site / "litellm").mkdir()
    (site / "litellm" / FILE).write_text(json.dumps(entries | OTHERS))
    return site / "litellm"


def provider(name: str, prices: str = "", base_url: str = "https://example.com") -> Provider:
    return Provider(name=name, dialect="openai", base_url=base_url, api_key=Secret("none"), prices=prices)


PROVIDERS = {
    "openai": provider("openai", base_url="https://api.openai.com"),
    "openai-eu": provider("openai-eu", base_url="https://eu.api.openai.com"),
    "anthropic": provider("anthropic", "anthropic"),
    "deepseek": provider("deepseek", "deepseek"),
    "qwen": provider("qwen", "dashscope"),
    "xai": provider("xai", "xai"),
    "local": provider("local", "own-hardware"),
}
AS_LISTED = corrections(())
"""Without the shipped corrections: this list is made up for the tests."""
NOON_US = 1_792_584_000_000_000
"""2026-10-21 12:00 UTC, a Wednesday."""


def book_of(folder: Path, *rules: PriceRule) -> PriceBook:
    return price_book(PolicySet(version="v", providers=PROVIDERS, prices=PricePolicy(rules=rules)), folder, AS_LISTED)


@pytest.fixture(scope="module")
def book(folder: Path) -> PriceBook:
    return book_of(folder)


CASES: list[tuple[str, str, Usage, Served, dict[str, int], str]] = [
    # provider, model, usage, served, cost by kind, marks in the price id
    (
        "openai",
        "gpt-5",
        Usage(input_text=1000, cache_read=500, output_text=100, reasoning=20),
        Served(),
        {"input_text": 1250 * M, "cache_read": 62_500_000, "output_text": 1000 * M, "reasoning": 200 * M},
        "",
    ),
    ("openai", "gpt-5", Usage(input_text=1000), Served(model="gpt-5-2025-08-07"), {"input_text": 1250 * M}, ""),
    ("openai", "gpt-5", Usage(input_text=1000), Served(service_tier="default"), {"input_text": 1250 * M}, ""),
    (
        "openai",
        "gpt-5",
        Usage(input_text=1000, cache_read=1000, output_text=10, reasoning=10),
        Served(service_tier="flex"),
        {"input_text": 625 * M, "cache_read": 62_500_000, "output_text": 50 * M, "reasoning": 50 * M},
        "@flex",
    ),
    (
        "openai",
        "gpt-5",
        Usage(input_text=1000, cache_read=1000, output_text=10, web_search=2),
        Served(service_tier="priority"),
        {"input_text": 2500 * M, "cache_read": 250 * M, "output_text": 200 * M, "web_search": 20_000 * M},
        "@priority",
    ),
    (
        "openai",
        "gpt-5",
        Usage(input_text=1000, cache_read=1000, output_text=10),
        Served(service_tier="batch"),
        {"input_text": 625 * M, "cache_read": 62_500_000, "output_text": 50 * M},
        "@batches",
    ),
    # No cached rate in the batch price: OpenAI bills cached tokens of such a batch as batch input.
    (
        "openai",
        "gpt-4o",
        Usage(input_text=100, cache_read=100),
        Served(service_tier="batch"),
        {"input_text": 125 * M, "cache_read": 125 * M},
        "@batches",
    ),
    # A tier that the list doesn't know is billed at list price, and says so.
    ("openai", "gpt-4o", Usage(input_text=100), Served(service_tier="scale"), {"input_text": 250 * M}, "@scale?"),
    ("openai", "gpt-4o", Usage(input_text=100), Served(service_tier="flex"), {"input_text": 250 * M}, "@flex?"),
    # The whole prompt decides the band, cached tokens included; exactly at the threshold is still below.
    (
        "openai",
        "gpt-5.4",
        Usage(input_text=272_000 - 1000, cache_read=1000, output_text=10),
        Served(),
        {"input_text": 677_500 * M, "cache_read": 250 * M, "output_text": 150 * M},
        "",
    ),
    (
        "openai",
        "gpt-5.4",
        Usage(input_text=271_001, cache_read=1000, output_text=10),
        Served(),
        {"input_text": 1_355_005 * M, "cache_read": 500 * M, "output_text": 225 * M},
        ">272k",
    ),
    (
        "openai",
        "gpt-5.4",
        Usage(input_text=300_000, cache_read=1000, output_text=1000),
        Served(service_tier="flex"),
        {"input_text": 750_000 * M, "cache_read": 250 * M, "output_text": 11_250 * M},
        "@flex>272k",
    ),
    # Priority above the threshold isn't listed: both premiums apply (2 x input for each, 2 x and 1.5 x output).
    (
        "openai",
        "gpt-5.4",
        Usage(input_text=300_000, cache_read=1000, output_text=1000),
        Served(service_tier="priority"),
        {"input_text": 3_000_000 * M, "cache_read": 1000 * M, "output_text": 45_000 * M},
        "@priority>272k",
    ),
    # OpenAI's host with data residency: the uplift is on every token, cached ones too.
    (
        "openai-eu",
        "gpt-5.4",
        Usage(input_text=1000, cache_read=1000, output_text=10),
        Served(),
        {"input_text": 2750 * M, "cache_read": 275 * M, "output_text": 165 * M},
        "*eu",
    ),
    ("openai-eu", "gpt-4o", Usage(input_text=100), Served(), {"input_text": 250 * M}, ""),
    (
        "openai",
        "gpt-audio",
        Usage(input_text=10, input_audio=100, output_text=10, output_audio=100),
        Served(),
        {"input_text": 25 * M, "input_audio": 3200 * M, "output_text": 100 * M, "output_audio": 6400 * M},
        "",
    ),
    # No cached rates at all: as dear as fresh input of the same modality, never free.
    (
        "openai",
        "gpt-audio",
        Usage(cache_read=10, cache_read_audio=10),
        Served(),
        {"cache_read": 25 * M, "cache_read_audio": 320 * M},
        "",
    ),
    (
        "openai",
        "gpt-realtime",
        Usage(input_image=100, cache_read=100, cache_read_audio=100),
        Served(),
        {"input_image": 500 * M, "cache_read": 40 * M, "cache_read_audio": 40 * M},
        "",
    ),
    (
        "openai",
        "gpt-image-1",
        Usage(input_text=10, input_image=10, output_text=1, output_image=100),
        Served(),
        {"input_text": 50 * M, "input_image": 100 * M, "output_text": 40 * M, "output_image": 4000 * M},
        "",
    ),
    ("openai", "gpt-4.1", Usage(web_search=3), Served(), {"web_search": 75_000 * M}, ""),
    ("openai", "text-embedding-3-small", Usage(input_text=1), Served(), {"input_text": 20_000}, ""),
    ("openai", "omni-moderation-latest", Usage(input_text=1000), Served(), {}, ""),
    ("openai", "gpt-5", Usage(), Served(), {}, ""),
    # A dated model of its own price keeps it; a fine-tuned one has its kind's price, not the plain model's.
    ("openai", "gpt-4o", Usage(input_text=100), Served(model="gpt-4o-2024-05-13"), {"input_text": 500 * M}, ""),
    (
        "openai",
        "ft:gpt-4o-2024-08-06:acme::a1b2",
        Usage(input_text=100, cache_read=100, output_text=100),
        Served(),
        {"input_text": 375 * M, "cache_read": 187_500_000, "output_text": 1500 * M},
        "",
    ),
    # An answer that names its model in a way no list knows: the model asked for stands.
    ("openai", "gpt-4o", Usage(input_text=100), Served(model="deployment-7"), {"input_text": 250 * M}, ""),
    (
        "anthropic",
        "claude-sonnet-4-5",
        Usage(input_text=100, cache_read=1000, cache_write_5m=100, cache_write_1h=100, output_text=10, web_search=1),
        Served(model="claude-sonnet-4-5-20250929", service_tier="standard", region="not_available"),
        {
            "input_text": 300 * M,
            "cache_read": 300 * M,
            "cache_write_5m": 375 * M,
            "cache_write_1h": 600 * M,
            "output_text": 150 * M,
            "web_search": 10_000 * M,
        },
        "",
    ),
    # Batch: the hour's write isn't listed there, and is halved as input is.
    (
        "anthropic",
        "claude-sonnet-4-5",
        Usage(input_text=100, cache_read=1000, cache_write_5m=1000, cache_write_1h=100, output_text=10),
        Served(service_tier="batch"),
        {
            "input_text": 150 * M,
            "cache_read": 150 * M,
            "cache_write_5m": 1875 * M,
            "cache_write_1h": 300 * M,
            "output_text": 75 * M,
        },
        "@batches",
    ),
    (
        "anthropic",
        "claude-sonnet-4-5",
        Usage(input_text=100),
        Served(service_tier="priority"),
        {"input_text": 300 * M},
        "@priority?",
    ),
    # Region and speed multiply every token, cached ones too, and no search fee.
    (
        "anthropic",
        "claude-opus-5-5",
        Usage(input_text=100, cache_read=100, cache_write_1h=100, output_text=100, web_search=1),
        Served(region="us"),
        {
            "input_text": 440 * M,
            "cache_read": 22 * M,
            "cache_write_1h": 880 * M,
            "output_text": 2200 * M,
            "web_search": 10_000 * M,
        },
        "*us",
    ),
    (
        "anthropic",
        "claude-opus-5-5",
        Usage(input_text=100, cache_read=100, cache_write_5m=100, output_text=100),
        Served(speed="fast", region="global"),
        {"input_text": 800 * M, "cache_read": 40 * M, "cache_write_5m": 1000 * M, "output_text": 4000 * M},
        "*fast",
    ),
    (
        "anthropic",
        "claude-opus-5-5",
        Usage(input_text=100, cache_read=100),
        Served(speed="fast", region="us"),
        {"input_text": 880 * M, "cache_read": 44 * M},
        "*us*fast",
    ),
    # A model without fast mode runs, and is billed, at standard speed.
    ("anthropic", "claude-sonnet-4-5", Usage(input_text=100), Served(speed="fast"), {"input_text": 300 * M}, ""),
    (
        "anthropic",
        "claude-haiku-5-5",
        Usage(input_text=50_000, cache_read=25_000, cache_write_5m=25_000, output_text=100),
        Served(),
        {"input_text": 5000 * M, "cache_read": 250 * M, "cache_write_5m": 3125 * M, "output_text": 50 * M},
        "",
    ),
    (
        "anthropic",
        "claude-haiku-5-5",
        Usage(input_text=50_000, cache_read=25_000, cache_write_5m=25_000, cache_write_1h=1, output_text=100),
        Served(region="us"),
        {
            "input_text": 27_500 * M,
            "cache_read": 1_375 * M,
            "cache_write_5m": 17_187_500_000,
            "cache_write_1h": 1_100_000,
            "output_text": 275 * M,
        },
        ">100k*us",
    ),
    (
        "anthropic",
        "claude-haiku-5-5",
        Usage(input_text=100_001, output_text=100),
        Served(service_tier="batch"),
        {"input_text": 25_000_250_000, "output_text": 125 * M},
        "@batches>100k",
    ),
    # xAI bills the higher rates from the threshold on. The output, not listed above it, keeps its rate.
    ("xai", "grok-4", Usage(input_text=127_999), Served(), {"input_text": 383_997 * M}, ""),
    (
        "xai",
        "grok-4",
        Usage(input_text=128_000, output_text=10),
        Served(),
        {"input_text": 768_000 * M, "output_text": 150 * M},
        ">128k",
    ),
    # A bracket stands for itself: without a cached rate in it, cached tokens are its input.
    (
        "qwen",
        "qwen-plus-latest",
        Usage(input_text=255_000, cache_read=1000, output_text=10, web_search=1),
        Served(),
        {"input_text": 102_000 * M, "cache_read": 400 * M, "output_text": 12 * M, "web_search": 10_000 * M},
        "",
    ),
    (
        "qwen",
        "qwen-plus-latest",
        Usage(input_text=256_000, cache_read=1, output_text=10, reasoning=10),
        Served(),
        {"input_text": 307_200 * M, "cache_read": 1_200_000, "output_text": 36 * M, "reasoning": 120 * M},
        ">256k",
    ),
    # Wednesday noon UTC is off-peak at DeepSeek. Its free cache writes stay free.
    (
        "deepseek",
        "deepseek-flash",
        Usage(input_text=1000, cache_read=1000, cache_write_5m=1000, output_text=100, reasoning=100),
        Served(),
        {"input_text": 150 * M, "cache_read": 3 * M, "output_text": 60 * M, "reasoning": 60 * M},
        "@off_peak",
    ),
]


@pytest.mark.parametrize(("name", "model", "usage", "served", "by_kind", "marks"), CASES)
def test_a_call_costs_what_the_list_says(
    book: PriceBook, name: str, model: str, usage: Usage, served: Served, by_kind: dict[str, int], marks: str
) -> None:
    cost = book.cost(name, model, NOON_US, usage, served)
    assert dict(cost.by_kind) == by_kind
    assert cost.total_pico == sum(by_kind.values())
    assert not cost.unpriced
    head, _, tail = cost.price_id.rpartition(":")
    assert head.startswith("litellm-1.2.3:")
    assert tail[8:] == marks


def test_the_book_fulfils_the_port(book: PriceBook) -> None:
    port: Prices = book
    assert port.limits("openai", "gpt-5") == ModelLimits(128_000, hidden_reasoning=True)


UNPRICED = [
    # provider, model, usage, total, price id
    ("openai", "no-such-model", Usage(input_text=10, output_text=10), 2100 * M, "ceiling"),
    ("openai", "no-such-model", Usage(cache_read=10, reasoning=10, web_search=1), 37_100 * M, "ceiling"),
    ("openai", "no-such-model", Usage(), 0, "ceiling"),
    ("openai", "", Usage(input_text=1), 30 * M, "ceiling"),
    ("nobody", "gpt-5", Usage(input_text=1), 30 * M, "ceiling"),
    ("openai", "claude-sonnet-4-5", Usage(input_text=1), 30 * M, "ceiling"),
    ("openai", "llama-3", Usage(input_text=1), 30 * M, "ceiling"),
    ("local", "llama-3", Usage(input_text=1), 30 * M, "ceiling"),
    ("openai", "ft:gpt-4o-2030-01-01:acme::a1", Usage(input_text=1), 30 * M, "ceiling"),
    ("openai", "sora-2", Usage(input_text=1), 30 * M, "ceiling"),
    ("openai", "broken", Usage(input_text=1, output_text=1), 210 * M, "ceiling"),
    # Sold by the query, tokens at zero: that zero is no price.
    ("openai", "rerank", Usage(input_text=1), 30 * M, "ceiling"),
]


@pytest.mark.parametrize(("name", "model", "usage", "total", "price_id"), UNPRICED)
def test_a_model_without_a_price_costs_the_ceiling(
    book: PriceBook, name: str, model: str, usage: Usage, total: int, price_id: str
) -> None:
    cost = book.cost(name, model, NOON_US, usage, Served())
    assert (cost.total_pico, cost.price_id, cost.unpriced) == (total, price_id, True)


def test_a_kind_without_a_price_costs_the_ceiling_and_is_named(book: PriceBook) -> None:
    cost = book.cost("openai", "gpt-5.4", NOON_US, Usage(input_text=1, output_audio=2, web_search=1), Served())
    assert cost.by_kind == {"input_text": 2_500_000, "output_audio": 360 * M, "web_search": 35_000 * M}
    assert cost.unpriced
    assert cost.price_id.endswith("!output_audio!web_search")


def test_a_model_with_an_unknown_kind_is_priced_where_that_kind_is_not_used(book: PriceBook) -> None:
    cost = book.cost("openai", "gpt-5.4", NOON_US, Usage(input_text=1), Served())
    assert not cost.unpriced
    assert "!" not in cost.price_id


@pytest.mark.parametrize(
    ("moment", "off_peak"),
    [
        ("2026-10-21T03:59:59.999999", False),  # Wednesday
        ("2026-10-21T04:00:00", True),
        ("2026-10-21T05:59:59.999999", True),
        ("2026-10-21T06:00:00", False),
        ("2026-10-21T23:00:00", True),  # over midnight
        ("2026-10-22T00:59:59", True),
        ("2026-10-22T01:00:00", False),
        # The calendar of Shanghai counts: its Saturday, off-peak all day, is from Friday 16:00 to Saturday 16:00 UTC.
        ("2026-10-22T20:00:00", False),
        ("2026-10-23T20:00:00", True),
        ("2026-10-25T15:59:59", True),
        ("2026-10-25T20:00:00", False),  # its Monday
    ],
)
def test_off_peak_prices_hold_in_the_listed_hours(book: PriceBook, moment: str, off_peak: bool) -> None:
    at_us = int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp() * 1_000_000)
    cost = book.cost("deepseek", "deepseek-flash", at_us, Usage(input_text=1000, cache_read=1000), Served())
    assert cost.total_pico == (153 if off_peak else 306) * M


def test_own_rates_and_discounts_come_from_the_policy(folder: Path) -> None:
    start, end = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
    book = book_of(
        folder,
        PriceRule("llama", "local", "llama-*", {"input_text": Decimal("0.2"), "output_text": Decimal("0.4")}),
        PriceRule("contract", "openai", "gpt-5", multiplier=Decimal("0.85"), valid_from=start, valid_to=end),
    )
    own = book.cost("local", "llama-3", NOON_US, Usage(input_text=10, cache_read=10, output_text=10), Served())
    assert own.by_kind == {"input_text": 2 * M, "cache_read": 2 * M, "output_text": 4 * M}
    assert own.price_id.startswith("own:local/llama-3:")
    assert own.price_id.endswith("+llama")
    before, last, after = (int(moment.timestamp() * 1_000_000) for moment in (start, end, end))
    costs = [
        book.cost("openai", "gpt-5", at_us, Usage(input_text=1000), Served())
        for at_us in (before - 1, before, last - 1, after)
    ]
    assert [cost.total_pico for cost in costs] == [1250 * M, 1_062_500_000, 1_062_500_000, 1250 * M]
    assert [cost.price_id.endswith("+contract") for cost in costs] == [False, True, True, False]


def test_a_ceiling_of_the_policy_replaces_the_default(folder: Path) -> None:
    policy = PricePolicy(ceiling_usd_per_million={"input": Decimal(1), "output": Decimal(2)})
    book = price_book(PolicySet(version="v", providers=PROVIDERS, prices=policy), folder, AS_LISTED)
    cost = book.cost("openai", "nobody-knows", NOON_US, Usage(input_text=1, output_text=1, web_search=1), Served())
    assert cost.by_kind == {"input_text": M, "output_text": 2 * M, "web_search": 35_000 * M}


def test_a_correction_wins_over_the_list_and_a_rule_of_the_policy_over_both(folder: Path) -> None:
    wrong: dict[str, object] = {"input_cost_per_token": Decimal("1e-06")}
    right: dict[str, object] = {"input_cost_per_token": Decimal("2e-06")}
    listed: dict[str, object] = {"input_cost_per_token": Decimal("5e-06")}
    mended = corrections(
        [
            Correction("openai", ("gpt-4o-2024-05-13",), listed, right, "https://example.com", "2026-11-21", "why"),
            Correction("openai", ("gpt-4.1",), wrong, right, "https://example.com", "2026-11-21", "why"),
        ]
    )
    rule = PriceRule("own", "openai", "gpt-4o-2024-05-13", {"input_text": Decimal(7)})

    def cost(model: str, *rules: PriceRule) -> tuple[int, str]:
        policies = PolicySet(version="v", providers=PROVIDERS, prices=PricePolicy(rules=rules))
        found = price_book(policies, folder, mended).cost("openai", model, NOON_US, Usage(input_text=1), Served())
        return found.total_pico, found.price_id.partition(":")[0]

    assert cost("gpt-4o-2024-05-13") == (2 * M, "litellm-1.2.3~2026-11-21")
    assert cost("gpt-4o-2024-05-13", rule) == (7 * M, "litellm-1.2.3~2026-11-21")
    assert cost("gpt-4.1") == (2 * M, "litellm-1.2.3")  # the list says something else than what was found wrong


def test_limits_are_those_of_the_model(book: PriceBook) -> None:
    assert book.limits("anthropic", "claude-sonnet-4-5-20250929") == ModelLimits(64_000, hidden_reasoning=True)
    assert book.limits("openai", "text-embedding-3-small") == ModelLimits()
    assert book.limits("openai", "nobody-knows") == ModelLimits(hidden_reasoning=True)
    assert book.limits("nobody", "gpt-5") == ModelLimits(hidden_reasoning=True)


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"a": 1}', b'{"a": {"litellm_provider": 1}}', b"\xff"])
def test_a_list_that_cannot_be_read_is_said_so(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / FILE).write_bytes(content)
    with pytest.raises(PriceListError, match="model_prices"):
        price_book(PolicySet(version="v", providers=PROVIDERS), tmp_path)


def test_the_version_is_read_off_the_installation(folder: Path, tmp_path: Path) -> None:
    assert version(folder) == "1.2.3"
    assert version(tmp_path / "litellm") == "unknown"


INSTALLED = """
import sys
from proxy.adapters.prices_litellm import price_book
from proxy.model.usage import Served, Usage
from proxy.policy.types import PolicySet, Provider, Secret

provider = Provider("openai", "openai", "https://api.openai.com", Secret("none"))
book = price_book(PolicySet(version="v", providers={"openai": provider}))
cost = book.cost("openai", "gpt-4o", 0, Usage(input_text=1), Served())
assert not cost.unpriced and cost.total_pico > 0, cost
assert cost.price_id.startswith("litellm-1."), cost
assert "litellm" not in sys.modules and "importlib.metadata" not in sys.modules
"""


def test_the_installed_list_is_read_without_importing_litellm() -> None:
    done = subprocess.run([sys.executable, "-c", INSTALLED], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def installed() -> PriceBook:
    return price_book(PolicySet(version="v", providers=PROVIDERS))


def test_every_installed_entry_is_readable(installed: PriceBook) -> None:
    for name in json.loads((installed_folder() / FILE).read_bytes()):
        for vendor in PROVIDERS:
            cost = installed.cost(vendor, name, NOON_US, Usage(input_text=1000, output_text=1000), Served())
            assert cost.total_pico >= 0
            assert cost.total_pico > 0 or not cost.unpriced
