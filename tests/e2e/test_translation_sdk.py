"""Any model through OpenAI's SDK: the real SDKs, the real processes, and two witnesses of what was spent."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.servers.processes import (
    ALICE_KEY,
    ANTHROPIC_SECRET,
    Deployment,
    StandIn,
    base_environ,
    stand_in,
    until,
)

AWS = "an-aws-secret-for-the-stand-in"
CANARY = "canary6b1e0d"
SAID: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"hello {CANARY} world"}]
FUNCTION: Any = {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
TOOLS: Any = [{"type": "function", "function": FUNCTION}]
USE_TOOL: Any = [{"role": "user", "content": "Please use the tool for Paris."}]
PROVIDERS = """providers:
  openai: {dialect: openai, base_url: "URL", api_key: {env: OPENAI_API_KEY}}
  anthropic:
    dialect: anthropic
    base_url: "URL"
    api_key: {env: ANTHROPIC_API_KEY}
    translate: {gpt-large: claude-opus-4-5, "claude-*": claude-sonnet-4-5}
  gemini: {dialect: gemini, base_url: "URL", api_key: {env: GEMINI_API_KEY}, translate: [gemini-*]}
  bedrock: {dialect: bedrock, base_url: "URL", region: us-east-1, api_key: {aws: environment}, translate: [amazon.*]}
"""
NOVA = "amazon.nova-pro-v1:0"
MODELS = ("claude-sonnet-4-5", "gpt-large", "gemini-2.5-flash", NOVA)


@pytest.fixture(scope="module")
def own_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """Not shared, so that its count is that of this module."""
    with stand_in(tmp_path_factory.mktemp("stand-in-translated")) as running:
        yield running


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, own_provider: StandIn) -> Iterator[Deployment]:
    made = Deployment(tmp_path_factory.mktemp("translated"), own_provider.url, {"OUTLAY_LOG_LEVEL": "debug"})
    (made.folder / "policies" / "providers.yaml").write_text(PROVIDERS.replace("URL", own_provider.url))
    made.gateway.environ = {**made.gateway.environ, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": AWS}
    with made.running():
        yield made


@pytest.fixture(scope="module")
def client(running: Deployment) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{running.url}/v1", api_key=ALICE_KEY, max_retries=0, timeout=300) as made:
        yield made


def told(**headers: str) -> dict[str, str]:
    return {f"x-standin-{name.replace('_', '-')}": value for name, value in headers.items()}


def settled(running: Deployment) -> list[dict[str, Any]]:
    return entries(running, "settled")


def entries(running: Deployment, kind: str) -> list[dict[str, Any]]:
    segments = sorted((running.data / "journal" / "test").glob("*.jsonl"))
    lines = [line for path in segments for line in path.read_text().splitlines()]
    return [entry for entry in map(json.loads, lines) if entry["t"] == kind]


def workers(running: Deployment) -> list[int]:
    """Translation processes that this gateway has started."""
    children = Path(f"/proc/{running.gateway.pid}/task/{running.gateway.pid}/children").read_text().split()
    return [int(pid) for pid in children if b"translation_worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_nothing_is_started_for_calls_that_need_no_translation(running: Deployment, client: openai.OpenAI) -> None:
    """Runs first."""
    client.chat.completions.create(model="gpt-4o", messages=SAID)
    assert workers(running) == []


@pytest.mark.parametrize("model", MODELS)
def test_chat(client: openai.OpenAI, model: str) -> None:
    raw = client.chat.completions.with_raw_response.create(model=model, messages=SAID, seed=7)
    answer = raw.parse()
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    edited = raw.headers["x-outlay-edited"].split(", ")
    assert edited[0] == "translated"
    assert ("model" in edited) == (model == "gpt-large")
    assert ("without seed" in edited) == (model != "gemini-2.5-flash")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("asks", [True, False])
def test_chat_stream(client: openai.OpenAI, model: str, asks: bool) -> None:
    options: dict[str, Any] = {"stream_options": {"include_usage": True}} if asks else {}
    stream = client.chat.completions.create(
        model=model, messages=SAID, stream=True, extra_headers=told(tokens="12"), **options
    )
    chunks = list(stream)
    said = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert said.strip()
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "stop"
    usages = [chunk.usage for chunk in chunks if chunk.usage]
    assert [usage.completion_tokens for usage in usages] == ([12] if asks else [])


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stream", [True, False])
def test_tools(client: openai.OpenAI, model: str, stream: bool) -> None:
    if stream:
        with client.chat.completions.stream(model=model, messages=USE_TOOL, tools=TOOLS) as events:
            message: Any = events.get_final_completion().choices[0].message
    else:
        message = client.chat.completions.create(model=model, messages=USE_TOOL, tools=TOOLS).choices[0].message
    (called,) = message.tool_calls
    assert called.function.name == "weather"
    assert set(json.loads(called.function.arguments)) == {"city"}
    answered = [*USE_TOOL, message.model_dump(exclude_none=True)]
    answered.append({"role": "tool", "tool_call_id": called.id, "content": "Rain."})
    again = client.chat.completions.create(model=model, messages=answered, tools=TOOLS)
    assert again.choices[0].message.role == "assistant"


@pytest.mark.parametrize("model", MODELS)
def test_responses(client: openai.OpenAI, model: str) -> None:
    answer = client.responses.create(model=model, instructions="Be brief.", input=f"hello {CANARY}")
    assert answer.status == "completed"
    assert answer.output_text.strip()


@pytest.mark.parametrize("model", MODELS)
def test_responses_stream(client: openai.OpenAI, model: str) -> None:
    with client.responses.stream(model=model, input=f"hello {CANARY}") as events:
        kinds = [event.type for event in events]
        answer = events.get_final_response()
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    assert answer.output_text.strip()
    assert answer.usage is not None
    assert answer.usage.output_tokens


@pytest.mark.parametrize("text", ["hello", ["hello", "world"]])
def test_embeddings(client: openai.OpenAI, text: str | list[str]) -> None:
    answer = client.embeddings.create(model="gemini-embedding-001", input=text)
    assert len(answer.data) == (1 if isinstance(text, str) else 2)
    assert answer.data[0].embedding


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("status", "error"), [("429", openai.RateLimitError), ("401", openai.AuthenticationError), ("500", openai.APIError)]
)
def test_errors_are_the_sdks_own(client: openai.OpenAI, model: str, status: str, error: type[openai.APIError]) -> None:
    with pytest.raises(error) as raised:
        client.chat.completions.create(
            model=model, messages=SAID, stream=True, extra_headers=told(status=status, retry_after="3")
        )
    assert isinstance(raised.value, openai.APIStatusError)
    assert raised.value.status_code == int(status)
    assert "stand-in" in str(raised.value)
    assert raised.value.response.headers.get("retry-after") == "3"


@pytest.mark.parametrize("model", MODELS)
def test_a_cut_stays_a_cut(client: openai.OpenAI, model: str) -> None:
    stream = client.chat.completions.create(
        model=model, messages=SAID, stream=True, extra_headers=told(cut_after="4", tokens="30")
    )
    seen = []
    with pytest.raises((httpx.RemoteProtocolError, openai.APIError)):
        seen.extend(stream)
    assert seen


def test_a_hang_up_reaches_the_provider(client: openai.OpenAI, own_provider: StandIn) -> None:
    def hung_up() -> int:
        return int(own_provider.counts()["models"]["claude-opus-4-5"]["hangup"])

    before = hung_up()
    stream = client.chat.completions.create(
        model="gpt-large", messages=SAID, stream=True, extra_headers=told(tokens="500", stall_after="1")
    )
    # No token is on its way then: how many the provider had sent is known to both.
    next(chunk for chunk in stream if any(choice.delta.content for choice in chunk.choices))
    stream.close()
    until("the provider sees it", lambda: hung_up() == before + 1)


def test_litellm_as_a_client(running: Deployment, tmp_path: Path) -> None:
    """In a process of its own: imported here, it would stay in the tests' memory."""
    code = (
        "import sys, litellm\n"
        "answer = litellm.completion(model='openai/claude-sonnet-4-5', api_base=sys.argv[1], api_key=sys.argv[2],\n"
        "    messages=[{'role': 'user', 'content': 'hi'}], stream=True, num_retries=0)\n"
        "print(''.join(chunk.choices[0].delta.content or '' for chunk in answer))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, f"{running.url}/v1", ALICE_KEY],
        env={**base_environ(), "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert "stand" in ended.stdout


def test_a_killed_translation_is_replaced(running: Deployment, client: openai.OpenAI) -> None:
    (pid,) = workers(running)
    os.kill(pid, signal.SIGKILL)
    answer = client.chat.completions.create(model="claude-sonnet-4-5", messages=SAID)
    assert answer.choices[0].message.content
    assert workers(running) != [pid]


def test_the_ledger_equals_the_providers_own_count(running: Deployment, own_provider: StandIn) -> None:
    """Kind by kind, to the token, cut streams and errors included."""
    counts = own_provider.counts()["models"]
    served_as = {"gpt-large": "claude-opus-4-5"}
    for model in ("claude-sonnet-4-5", "claude-opus-4-5", "gemini-2.5-flash", "gemini-embedding-001", NOVA):
        ours = [
            entry
            for entry in settled(running)
            if served_as.get(entry["call"]["model"], entry["call"]["model"]) == model
        ]
        assert len(ours) == counts[model]["calls"], model
        for kind in ("input_text", "cache_read", "cache_write_5m", "cache_write_1h", "output_text", "reasoning"):
            assert sum(entry["usage"][kind] for entry in ours) == counts[model][kind], (model, kind)


def test_a_report_shows_the_model_that_served(running: Deployment, own_provider: StandIn) -> None:
    until("all is loaded", lambda: running.report("day")["total"]["calls"] >= len(settled(running)))
    counts = own_provider.counts()["models"]
    rows = {row["model"]: row for row in running.report("model,provider")["rows"] if row["provider"] != "openai"}
    assert "gpt-large" not in {model for model, row in rows.items() if row["output_tokens"]}
    for model in ("gemini-2.5-flash", "gemini-embedding-001"):
        assert rows[model]["input_tokens"] == counts[model]["input_text"]
        assert rows[model]["output_tokens"] == counts[model]["output_text"] + counts[model]["reasoning"]


def test_it_is_priced_as_what_served_it(running: Deployment) -> None:
    ok = [entry for entry in settled(running) if entry["outcome"] == "ok" and "translated" in entry["edits"]]
    priced = {(entry["call"]["model"], entry["call"]["provider"]): entry["cost"]["price_id"] for entry in ok}
    assert "/claude-opus-4-5:" in priced["gpt-large", "anthropic"]
    assert "/claude-sonnet-4-5:" in priced["claude-sonnet-4-5", "anthropic"]
    assert f"/{NOVA}:" in priced[NOVA, "bedrock"]
    assert "/gemini-2.5-flash:" in priced["gemini-2.5-flash", "gemini"]
    assert not any(entry["cost"]["unpriced"] for entry in ok)


def test_it_is_held_at_the_price_of_what_will_serve_it(running: Deployment) -> None:
    """Claude Opus 4.5 costs 25 dollars a million tokens of output, and at most 10 of input: written to a cache for an
    hour (anthropic.com/pricing)."""
    holds = [entry["hold"] for entry in entries(running, "opened") if entry["call"]["model"] == "gpt-large"]
    assert holds
    for hold in holds:
        assert hold["cost_pico"] == 10_000_000 * hold["input_tokens"] + 25_000_000 * hold["output_tokens"]


def test_neither_prompts_nor_credentials_are_anywhere(running: Deployment) -> None:
    """Runs last: the files of everything above."""
    until("all is loaded", lambda: running.report("day")["total"]["calls"] >= len(settled(running)))
    files = [path for path in running.folder.rglob("*") if path.is_file()]
    assert any(path.name == "gateway.log" and b"translation process started" in path.read_bytes() for path in files)
    for path in files:
        content = path.read_bytes()
        assert CANARY.encode() not in content, path
        assert ANTHROPIC_SECRET.encode() not in content, path
        assert AWS.encode() not in content, path


def test_the_translation_ends_with_its_gateway(running: Deployment) -> None:
    (pid,) = workers(running)
    running.gateway.kill()
    until("it has ended", lambda: not Path(f"/proc/{pid}").exists())
