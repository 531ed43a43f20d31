"""The real google-genai SDK: through the gateway it gives the same as when it calls the provider directly, what the
provider receives is what the SDK sent, and the journal has the provider's own count."""

import json
import random
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest
from google import genai
from google.genai import errors, types

from proxy.standin.vocabulary import WORDS
from tests.servers.processes import ALICE_KEY, GEMINI_SECRET, Deployment, StandIn, deployment, until
from tests.servers.spend import expected, reported

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")
"""The SDK's own asynchronous client."""

MODEL: Final = "gemini-2.5-flash"
OWN: Final = {"host", "x-goog-api-key", "authorization", "connection", "content-length", "x-standin-marker"}
LOADED_S: Final = 60.0


def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


def told(**headers: object) -> types.HttpOptions:
    return types.HttpOptions(headers={f"x-standin-{name.replace('_', '-')}": str(v) for name, v in headers.items()})


def config(**fields: Any) -> types.GenerateContentConfig:
    return types.GenerateContentConfig(**fields)


MANUAL: Final = types.AutomaticFunctionCallingConfig(disable=True)
TEXT: dict[str, Any] = {"model": MODEL, "contents": "hello world"}
TOOL: dict[str, Any] = {"model": MODEL, "contents": "Please use the tool for Paris."}
PIXELS: Final = types.Part.from_bytes(data=b"\x89PNG" * 50, mime_type="image/png")
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "text": ("generate_content", TEXT),
    "text with a system instruction": ("generate_content", {**TEXT, "config": config(system_instruction="Be brief.")}),
    "text to the output limit": ("generate_content", {**TEXT, "config": config(max_output_tokens=5)}),
    "candidates": ("generate_content", {**TEXT, "config": config(candidate_count=3)}),
    "thinking budget": (
        "generate_content",
        {**TEXT, "config": config(thinking_config=types.ThinkingConfig(thinking_budget=64))},
    ),
    "image and odd text": ("generate_content", {"model": MODEL, "contents": ["wörld \u2028 ☃", PIXELS]}),
    "details": (
        "generate_content",
        {
            **TEXT,
            "config": config(
                http_options=told(
                    cached=40, reasoning=9, tier="flex", input_audio=30, input_image=258, tool_prompt=17, searches=2
                )
            ),
        },
    ),
    "compressed": ("generate_content", {**TEXT, "config": config(http_options=told(encoding="gzip"))}),
    "tool": ("generate_content", {**TOOL, "config": config(tools=[weather], automatic_function_calling=MANUAL)}),
    "stream": ("generate_content_stream", TEXT),
    "stream with details": (
        "generate_content_stream",
        {**TEXT, "config": config(http_options=told(cached=40, reasoning=9, newline="crlf", searches=1))},
    ),
    "stream with a tool": (
        "generate_content_stream",
        {**TOOL, "config": config(tools=[weather], automatic_function_calling=MANUAL)},
    ),
    "stream compressed": ("generate_content_stream", {**TEXT, "config": config(http_options=told(encoding="gzip"))}),
    "stream of 2,000 tokens": ("generate_content_stream", {**TEXT, "config": config(http_options=told(tokens=2000))}),
    "count of tokens": ("count_tokens", TEXT),
    "embedding": ("embed_content", {"model": "gemini-embedding-001", "contents": "hello"}),
    "embeddings": ("embed_content", {"model": "gemini-embedding-001", "contents": ["hello", "world"]}),
    "models": ("list", {}),
    "one model": ("get", {"model": "stand-in-small"}),
}
FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "too many requests": ("generate_content", {**TEXT, "config": config(http_options=told(status=429))}),
    "provider failed": ("generate_content_stream", {**TEXT, "config": config(http_options=told(status=500))}),
    "no such model": ("generate_content", {**TEXT, "model": "stand-in-missing"}),
    "error in a stream": (
        "generate_content_stream",
        {**TEXT, "config": config(http_options=told(error_event_after=4))},
    ),
    "stream cut": ("generate_content_stream", {**TEXT, "config": config(http_options=told(cut_after=4))}),
}


@pytest.fixture(scope="module")
def addresses(provider: StandIn, outlay: Deployment) -> dict[str, tuple[str, str]]:
    return {"direct": (provider.url, GEMINI_SECRET), "outlay": (outlay.url, ALICE_KEY)}


def client(url: str, key: str) -> genai.Client:
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url, timeout=300_000))


@pytest.fixture(scope="module")
def clients(addresses: dict[str, tuple[str, str]]) -> Iterator[dict[str, genai.Client]]:
    made = {name: client(url, key) for name, (url, key) in addresses.items()}
    yield made
    for each in made.values():
        each.close()


def plain(value: Any) -> Any:
    return value.model_dump(exclude={"sdk_http_response"}) if hasattr(value, "model_dump") else value


def shown(error: Exception) -> tuple[Any, ...]:
    """The error without what is each address's own."""
    if isinstance(error, errors.APIError):
        return type(error), error.code, error.status, error.message
    return (type(error),)


def outcome(sdk: genai.Client, name: str, parameters: dict[str, Any]) -> list[Any]:
    """Everything the SDK hands to its user: results, pieces, and at last the error."""
    seen: list[Any] = []
    try:
        result = getattr(sdk.models, name)(**parameters)
        if name in ("list", "generate_content_stream"):
            seen.extend(plain(each) for each in result)
        else:
            seen.append(plain(result))
    except Exception as error:  # the SDK lets errors of its HTTP library through as they are
        seen.append(shown(error))
    return seen


async def outcome_async(sdk: genai.Client, name: str, parameters: dict[str, Any]) -> list[Any]:
    seen: list[Any] = []
    try:
        result = await getattr(sdk.aio.models, name)(**parameters)
        if name in ("list", "generate_content_stream"):
            seen.extend([plain(each) async for each in result])
        else:
            seen.append(plain(result))
    except Exception as error:  # the SDK lets errors of its HTTP library through as they are
        seen.append(shown(error))
    return seen


@pytest.mark.parametrize("name", [*CALLS, *FAULTS])
def test_the_sync_client_gets_the_same_as_directly(clients: dict[str, genai.Client], name: str) -> None:
    path, parameters = (CALLS | FAULTS)[name]
    direct = outcome(clients["direct"], path, parameters)
    assert outcome(clients["outlay"], path, parameters) == direct
    assert isinstance(direct[-1], tuple) is (name in FAULTS)


@pytest.mark.parametrize("name", [*CALLS, *FAULTS])
async def test_the_async_client_gets_the_same_as_directly(addresses: dict[str, tuple[str, str]], name: str) -> None:
    path, parameters = (CALLS | FAULTS)[name]
    seen = {}
    for where, (url, key) in addresses.items():
        sdk = client(url, key)
        seen[where] = await outcome_async(sdk, path, parameters)
        await sdk.aio.aclose()
        sdk.close()
    assert seen["outlay"] == seen["direct"]
    assert isinstance(seen["direct"][-1], tuple) is (name in FAULTS)


def test_the_sdks_own_function_calling_makes_the_same_rounds(clients: dict[str, genai.Client]) -> None:
    once = types.AutomaticFunctionCallingConfig(maximum_remote_calls=2)
    seen = {
        where: plain(
            sdk.models.generate_content(**TOOL, config=config(tools=[weather], automatic_function_calling=once))
        )
        for where, sdk in clients.items()
    }
    assert seen["outlay"] == seen["direct"]
    assert len(seen["direct"]["automatic_function_calling_history"]) > 1


@pytest.mark.parametrize("name", ["text", "image and odd text", "stream", "tool", "embeddings", "count of tokens"])
def test_the_provider_receives_what_the_sdk_sent(
    clients: dict[str, genai.Client], provider: StandIn, name: str
) -> None:
    """Path and query, body and headers, by hash; of the headers all but the credential."""
    path, parameters = CALLS[name]
    seen = {}
    for where, sdk in clients.items():
        marker = f"bytes-{name}-{where}"
        kind = {"embed_content": types.EmbedContentConfig, "count_tokens": types.CountTokensConfig}
        given = parameters.get("config") or kind.get(path, types.GenerateContentConfig)()
        marked = given.model_copy(update={"http_options": told(marker=marker)})
        outcome(sdk, path, {**parameters, "config": marked})
        (call,) = [call for call in provider.calls() if call["marker"] == marker]
        assert ("x-goog-api-key" in dict(call["headers"])) is True
        headers = [line for line in call["headers"] if line[0] not in OWN]
        seen[where] = (call["target_sha256"], call["body_sha256"], headers)
    assert seen["outlay"] == seen["direct"]


@pytest.mark.parametrize("query", ["", "?alt=sse", "?alt=json&prettyPrint=false"])
@pytest.mark.parametrize("newline", ["lf", "crlf"])
def test_bytes_and_headers_of_a_stream_pass_unchanged(
    addresses: dict[str, tuple[str, str]], query: str, newline: str
) -> None:
    body = {"contents": [{"parts": [{"text": "hello"}]}]}
    seen = {}
    for where, (url, key) in addresses.items():
        headers = {"x-goog-api-key": key, "x-standin-newline": newline, "x-standin-comments": "1"}
        path = f"{url}/v1beta/models/{MODEL}:streamGenerateContent{query}"
        with httpx.stream("POST", path, json=body, headers=headers) as answer:
            own = ("date", "x-outlay-call-id")
            lines = sorted(line for line in answer.headers.multi_items() if line[0] not in own)
            seen[where] = (b"".join(answer.iter_raw()), lines)
    assert seen["outlay"] == seen["direct"]
    assert seen["direct"][0].startswith(b"data: " if query == "?alt=sse" else b"[{")


def test_a_named_provider_works_under_its_own_prefix(outlay: Deployment) -> None:
    with client(f"{outlay.url}/gemini", ALICE_KEY) as sdk:
        assert sdk.models.generate_content(**TEXT).text
        assert [model.name for model in sdk.models.list()]


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory, provider: StandIn) -> Iterator[Deployment]:
    """A deployment that nothing else has called."""
    with deployment(tmp_path_factory.mktemp("gemini-ledger"), provider.url, drain_s="20") as running:
        yield running


def test_the_ledger_equals_the_providers_own_count_to_the_token(counted: Deployment, provider: StandIn) -> None:
    provider.reset()
    dice = random.Random(20260101)
    with client(counted.url, ALICE_KEY) as sdk, httpx.Client(base_url=counted.url, timeout=300) as http:
        for _ in range(8):
            mixed(sdk, http, dice)
    counts = provider.counts()
    total = counts["total"]["calls"]
    until("the ledger has loaded every call", lambda: _calls(counted) >= total, counted.ledger, LOADED_S)
    report = counted.report("model")
    assert reported(report) == expected(counts)
    estimated = {"cut", "cut-array", "aborted", "no-usage", "stream-no-usage", "error"}
    assert {row["model"] for row in report["rows"] if row["estimated_calls"]} == {
        f"gemini-3-{name}" for name in estimated
    }
    assert {counts["total"][how] > 0 for how in ("complete", "cut", "hangup", "error")} == {True}


def _calls(deployment: Deployment) -> int:
    calls: int = deployment.report("model")["total"]["calls"]
    return calls


def mixed(sdk: genai.Client, http: httpx.Client, dice: random.Random) -> None:
    """One call of each kind; each kind has a model of its own, so that a difference names its cause."""
    words = "".join(dice.choices(WORDS, k=dice.randint(1, 40))).strip()
    full = {"cached": dice.randint(1, 500), "reasoning": dice.randint(1, 90), "tokens": dice.randint(3, 25)}
    modal = {"input_audio": 30, "input_image": 258, "tool_prompt": dice.randint(1, 40)}

    def ask(name: str, **headers: object) -> dict[str, Any]:
        return {"model": f"gemini-3-{name}", "contents": words, "config": config(http_options=told(**headers))}

    models = sdk.models
    models.generate_content(**ask("text", **full))
    models.generate_content(**ask("modal", **full, **modal))
    models.generate_content(**ask("search", **full, **modal, searches=3))
    models.generate_content(**ask("no-usage", usage="none"))
    list(models.generate_content_stream(**ask("stream", **full, **modal)))
    list(models.generate_content_stream(**ask("stream-no-usage", usage="none", tokens=9)))
    for name, headers in (("cut", {"cut_after": 3}), ("error", {"error_event_after": 3})):
        with pytest.raises(Exception, match=r"(?i)closed|incomplete|peer|asked to fail"):
            list(models.generate_content_stream(**ask(name, **full | {"tokens": 9}, **headers)))
    with pytest.raises(errors.ServerError):
        models.generate_content(**ask("failing", status=503))
    models.count_tokens(model="gemini-3-count", contents=words)
    models.embed_content(model="gemini-3-embed", contents=[words, words])
    raw(http, dice, words, full)


def raw(http: httpx.Client, dice: random.Random, words: str, full: dict[str, int]) -> None:
    """What the SDK does not do: arrays, images, caches, hang-ups."""
    body = {"contents": [{"role": "user", "parts": [{"text": words}]}], "generation_config": {"candidateCount": 2}}

    def headers(**asked: object) -> dict[str, str]:
        return {"x-goog-api-key": ALICE_KEY, **{f"x-standin-{n.replace('_', '-')}": str(v) for n, v in asked.items()}}

    def post(path: str, content: Any, **asked: object) -> httpx.Response:
        return http.post(f"/v1beta/{path}", json=content, headers=headers(**asked))

    array = post("models/gemini-3-array:streamGenerateContent", body, **full).json()
    assert [each["modelVersion"] for each in array] == ["gemini-3-array"] * len(array)
    with pytest.raises(httpx.RemoteProtocolError):
        post("models/gemini-3-cut-array:streamGenerateContent", body, **full | {"tokens": 9}, cut_after=5)
    assert len(post("models/imagen-3:predict", {"instances": [{"prompt": words}]}).json()["predictions"]) == 4
    post("cachedContents", {"model": "models/gemini-3-cache", **body})
    pieces = dice.randint(1, 9)
    path = "/v1beta/models/gemini-3-aborted:streamGenerateContent"
    with http.stream("POST", path, json=body, headers=headers(tokens=30, stall_after=pieces)) as answer:
        seen = b""
        for chunk in answer.iter_raw():
            seen += chunk
            if seen.count(b'"text"') == pieces:
                break
    assert json.loads(seen + b"]")
