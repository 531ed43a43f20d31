"""Where litellm's own calculation is right, ours agrees with it, model by model."""

import json
import os
import subprocess
import sys
from dataclasses import asdict

import pytest

from proxy.adapters.prices_litellm import FILE, installed_folder, price_book
from proxy.model.usage import Served, Usage
from proxy.policy.types import PolicySet, Provider, Secret

CALLS = [
    (Usage(input_text=1000, output_text=100), ""),
    (Usage(input_text=1000, cache_read=5000, output_text=70, reasoning=30), ""),
    (Usage(input_text=1000, cache_read=5000, cache_write_5m=300, cache_write_1h=200, output_text=100), ""),
    (Usage(input_text=99_000, cache_read=1001, output_text=100), ""),
    (Usage(input_text=272_000, output_text=100), ""),
    (Usage(input_text=272_000, cache_read=1, output_text=100), ""),
    (Usage(input_text=1000, cache_read=5000, output_text=100), "flex"),
    (Usage(input_text=1000, cache_read=5000, output_text=70, reasoning=30), "priority"),
]

THEIRS = """
import json, sys
from litellm.litellm_core_utils.llm_cost_calc.utils import generic_cost_per_token
from litellm.types.utils import CompletionTokensDetailsWrapper, PromptTokensDetailsWrapper, Usage
from litellm.types.utils import CacheCreationTokenDetails

def cost(vendor, model, usage, tier):
    written = usage["cache_write_5m"] + usage["cache_write_1h"]
    prompt = PromptTokensDetailsWrapper(
        text_tokens=usage["input_text"], cached_tokens=usage["cache_read"], cache_creation_tokens=written,
        cache_creation_token_details=CacheCreationTokenDetails(
            ephemeral_5m_input_tokens=usage["cache_write_5m"], ephemeral_1h_input_tokens=usage["cache_write_1h"]
        ),
    )
    answer = CompletionTokensDetailsWrapper(text_tokens=usage["output_text"], reasoning_tokens=usage["reasoning"])
    whole = Usage(
        prompt_tokens=usage["input_text"] + usage["cache_read"] + written,
        completion_tokens=usage["output_text"] + usage["reasoning"],
        prompt_tokens_details=prompt, completion_tokens_details=answer,
    )
    return sum(generic_cost_per_token(model, whole, vendor, service_tier=tier or None))

print(json.dumps([cost(*call) for call in json.load(sys.stdin)]))
"""


def models() -> list[tuple[str, str]]:
    """Those of both vendors that chat and list every cached rate in each of their tiers: there, litellm is right."""
    found = []
    for name, entry in json.loads((installed_folder() / FILE).read_bytes()).items():
        vendor, mode = entry.get("litellm_provider"), entry.get("mode")
        if (
            vendor in ("openai", "anthropic")
            and mode in ("chat", "responses")
            and "cache_read_input_token_cost" in entry
        ):
            tiers = [tier for tier in ("flex", "priority") if f"input_cost_per_token_{tier}" in entry]
            writes = vendor == "openai" or "cache_creation_input_token_cost_above_1hr" in entry
            if writes and all(f"cache_read_input_token_cost_{tier}" in entry for tier in tiers):
                found.append((vendor, name))
    return found


def comparable(vendor: str, usage: Usage, tier: str) -> bool:
    """OpenAI has no cache write for an hour; Anthropic's tiers are no list prices."""
    return not usage.cache_write_1h if vendor == "openai" else not tier


@pytest.fixture(scope="module")
def calls() -> list[tuple[str, str, Usage, str]]:
    return [
        (vendor, model, usage, tier)
        for vendor, model in models()
        for usage, tier in CALLS
        if comparable(vendor, usage, tier)
    ]


def test_costs_agree_with_litellms_own(calls: list[tuple[str, str, Usage, str]]) -> None:
    question = json.dumps([(vendor, model, asdict(usage), tier) for vendor, model, usage, tier in calls])
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", THEIRS],
        input=question,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},  # the installed list, nothing from the network
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    providers = {name: Provider(name, name, "https://example.com", Secret("none")) for name in ("openai", "anthropic")}
    book = price_book(PolicySet(version="v", providers=providers))
    assert len(calls) > 500
    different = []
    for (vendor, model, usage, tier), theirs in zip(calls, json.loads(answer.stdout), strict=True):
        ours = book.cost(vendor, model, 0, usage, Served(service_tier=tier)).total_pico
        if abs(ours - theirs * 1e12) > 1:
            different.append((model, tier, usage, ours, theirs))
    assert different == []
