"""docs/providers.md: every entry to copy loads as it stands, leads to the provider, and has prices where it says so."""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from proxy.adapters.prices_litellm import FILE, _belongs, installed_folder, price_book
from proxy.model.usage import Served, Usage
from proxy.policy.load import load
from proxy.policy.providers import choose_provider, provider_target
from proxy.policy.types import PolicySet, Provider
from proxy.web.upstream_request import split_base

PAGE: Final = (Path(__file__).resolve().parents[2] / "docs/providers.md").read_text()
BLOCKS: Final = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)
ENTRIES: Final = [block for block in BLOCKS if block.startswith("providers:")]
PRICES: Final = [block for block in BLOCKS if block.startswith("prices:")]
PATHS: Final = ("chat/completions", "models", "embeddings")
UNDER: Final[Mapping[str, str]] = {
    "groq": "https://api.groq.com/openai/v1/",
    "mistral": "https://api.mistral.ai/v1/",
    "deepseek": "https://api.deepseek.com/v1/",
    "openrouter": "https://openrouter.ai/api/v1/",
    "xai": "https://api.x.ai/v1/",
    "together": "https://api.together.xyz/v1/",
    "fireworks": "https://api.fireworks.ai/inference/v1/",
    "zai": "https://api.z.ai/api/paas/v4/",
    "gemini-openai": "https://generativelanguage.googleapis.com/v1beta/openai/",
    "vllm": "http://127.0.0.1:8000/v1/",
    "ollama": "http://127.0.0.1:11434/v1/",
    "lmstudio": "http://127.0.0.1:1234/v1/",
}
"""The base URL that each documents for OpenAI's SDK."""
UNLISTED: Final = {"openrouter"}
"""The list has no prices of theirs, and the page says so."""
SERVED: Final[Mapping[str, str]] = {
    "openai/gpt-oss-120b": "groq",
    "whisper-large-v3": "groq",
    "mistral-large-latest": "mistral",
    "codestral-latest": "mistral",
    "deepseek-chat": "deepseek",
    "anthropic/claude-sonnet-4.5": "openrouter",
    "grok-4.7": "xai",
    "meta-llama/Llama-3.3-70B-Instruct-Turbo": "together",
    "accounts/fireworks/models/deepseek-v3p2": "fireworks",
    "glm-4.6": "zai",
    "gemini-2.5-flash": "gemini-openai",
    "llama-4": "vllm",
    "qwen3:8b": "ollama",
    "lmstudio-anything": "lmstudio",
}
"""A model of each, called without naming a provider where all entries stand in one file, OpenRouter's last."""


def loaded(providers: str, prices: str = "") -> PolicySet:
    policies = load({"providers.yaml": providers, "prices.yaml": prices})
    assert isinstance(policies, PolicySet), policies
    return policies


def whole(blocks: list[str], top: str) -> str:
    """Blocks as one file."""
    return top + "".join(block.removeprefix(top) for block in blocks)


@cache
def everything() -> PolicySet:
    last = sorted(ENTRIES, key=lambda block: "openrouter:" in block)
    return loaded(whole(last, "providers:\n"), whole(PRICES, "prices:\n"))


def providers() -> list[Provider]:
    return [provider for block in ENTRIES for provider in loaded(block).providers.values()]


@cache
def vendors() -> dict[str, list[str]]:
    """Models by the vendor that the list gives them to."""
    by: dict[str, list[str]] = {}
    for name, entry in json.loads((installed_folder() / FILE).read_bytes()).items():
        by.setdefault(entry.get("litellm_provider") or "", []).append(name)
    return by


def test_the_page_has_an_entry_for_each_provider_and_a_list_of_prices() -> None:
    assert [provider.name for provider in providers()] == list(UNDER)
    assert len(ENTRIES) + len(PRICES) == len(BLOCKS)
    assert not [warning for block in ENTRIES for warning in loaded(block).warnings]


@pytest.mark.parametrize("provider", providers(), ids=lambda provider: provider.name)
@pytest.mark.parametrize("path", PATHS)
def test_calls_go_to_the_address_that_the_provider_documents(provider: Provider, path: str) -> None:
    origin, prefix = split_base(provider.base_url)
    target = prefix + provider_target(provider, f"/v1/{path}?a=%2F".encode())
    assert origin + target.decode() == f"{UNDER[provider.name]}{path}?a=%2F"


@pytest.mark.parametrize("provider", providers(), ids=lambda provider: provider.name)
def test_the_vendor_stands_in_the_price_list(provider: Provider) -> None:
    models = [model for owner, all_ in vendors().items() if _belongs(owner, provider.prices) for model in all_]
    assert bool(models) is (provider.name not in UNLISTED)


@pytest.mark.parametrize(("model", "name"), SERVED.items())
def test_a_model_finds_its_provider_by_its_name(model: str, name: str) -> None:
    chosen = choose_provider(everything(), "openai", model, "")
    assert isinstance(chosen, Provider)
    assert chosen.name == name


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("groq", "openai/gpt-oss-120b"),
        ("mistral", "mistral-large-latest"),
        ("deepseek", "deepseek-chat"),
        ("xai", "grok-4.7"),
        ("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
        ("fireworks", "accounts/fireworks/models/deepseek-v3p2"),
        ("zai", "glm-4.6"),
        ("gemini-openai", "gemini-2.5-flash"),
    ],
)
def test_a_model_has_its_list_price_under_the_name_that_clients_use(name: str, model: str) -> None:
    usage = Usage(input_text=1_000_000, output_text=1_000_000)
    cost = price_book(everything()).cost(name, model, 1_800_000_000_000_000, usage, Served(model=model))
    assert not cost.unpriced
    assert cost.total_pico > 0


@pytest.mark.parametrize(
    ("name", "model", "usd"),
    [
        ("vllm", "Qwen3-32B", "0"),
        ("vllm", "llama-4", "0.820"),
        ("ollama", "qwen3:8b", "0"),
        ("lmstudio", "lmstudio-x", "0"),
        ("openrouter", "anthropic/claude-sonnet-4.5", "22.050"),
    ],
)
def test_own_prices_are_those_of_the_page(name: str, model: str, usd: str) -> None:
    """A million each of input, cached input, cache writes where they have a price, output and reasoning."""
    million = 1_000_000
    written = million if name == "openrouter" else 0
    cache = Usage(input_text=million, cache_read=million, cache_write_5m=written, output_text=million)
    cost = price_book(everything()).cost(name, model, 1_800_000_000_000_000, cache, Served(model=model))
    assert not cost.unpriced
    assert f"{cost.total_pico / 10**12:.3f}" == f"{float(usd):.3f}"


def test_a_model_of_openrouter_without_an_own_price_is_at_the_ceiling() -> None:
    book = price_book(everything())
    cost = book.cost("openrouter", "openai/gpt-5", 1_800_000_000_000_000, Usage(input_text=1), Served())
    assert cost.unpriced
    assert cost.total_pico > 0


def test_only_streams_that_report_unasked_are_not_asked() -> None:
    assert {provider.name for provider in providers() if not provider.ask_usage} == {"mistral", "openrouter"}
