"""The real SDKs where a budget has calls go to a smaller model: the answer is that model's, and says who had it so."""

from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from tests.servers.processes import ALICE_KEY, Deployment, StandIn

BUDGETS = """budgets:
  - {name: chats, limit: 0.003 USD, window: month, applies_to: {dialect: openai}, downgrade: {to: gpt-4o-mini}}
  - {name: claude, limit: 0.02 USD, window: month, applies_to: {dialect: anthropic}, downgrade: {to: claude-haiku-4-5}}
"""
SAID: Any = [{"role": "user", "content": "hello there"}]


@pytest.fixture(scope="module")
def near_a_cap(tmp_path_factory: pytest.TempPathFactory, provider: StandIn) -> Iterator[Deployment]:
    made = Deployment(tmp_path_factory.mktemp("downgrades"), provider.url)
    (made.folder / "policies" / "budgets.yaml").write_text(BUDGETS)
    with made.running(ledger=False):
        yield made


def by_openai(url: str, stream: bool) -> tuple[str, Any]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=ALICE_KEY) as sdk:
        create = sdk.chat.completions.with_raw_response.create
        raw: Any = create(model="gpt-4o", messages=SAID, max_tokens=100, stream=stream)
        parsed = raw.parse()
        return (next(iter(parsed)) if stream else parsed).model, raw.headers


def by_responses(url: str, stream: bool) -> tuple[str, Any]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=ALICE_KEY) as sdk:
        create = sdk.responses.with_raw_response.create
        raw: Any = create(model="gpt-4o", input="hello there", max_output_tokens=100, stream=stream)
        parsed = raw.parse()
        return (next(iter(parsed)).response if stream else parsed).model, raw.headers


def by_anthropic(url: str, stream: bool) -> tuple[str, Any]:
    with anthropic.Anthropic(base_url=url, api_key=ALICE_KEY) as sdk:
        create = sdk.messages.with_raw_response.create
        raw: Any = create(model="claude-opus-4-1", messages=SAID, max_tokens=100, stream=stream)
        parsed = raw.parse()
        return (next(iter(parsed)).message if stream else parsed).model, raw.headers


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("ask", "model", "budget"),
    [
        (by_openai, "gpt-4o-mini", "chats"),
        (by_responses, "gpt-4o-mini", "chats"),
        (by_anthropic, "claude-haiku-4-5", "claude"),
    ],
)
def test_the_answer_is_the_smaller_model_s_and_its_headers_name_the_budget(
    ask: Any, model: str, budget: str, stream: bool, near_a_cap: Deployment, provider: StandIn
) -> None:
    before = provider.counts()["models"].get(model, {}).get("calls", 0)
    answered, headers = ask(near_a_cap.url, stream)
    assert answered == model
    assert "model" in headers["x-outlay-edited"].split(", ")
    assert headers["x-outlay-warning"] == f"model {model} by the budget {budget}, not the one asked for"
    assert provider.counts()["models"][model]["calls"] - before == 1
