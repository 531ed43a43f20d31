"""The real SDKs before each kind of refusal, with the retries they have by default: one request, and the message is
in the exception's text."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import anthropic
import boto3
import openai
import pytest
from google import genai
from google.genai import types

from proxy.policy.keys import digest, mint
from tests.servers.processes import ALICE_KEY, Deployment, StandIn, base_environ

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")

OLD_KEY: Final = mint(bytes(range(3, 43)))
UNPRICED: Final = "anthropic.nobody-prices-this"
CONTACT: Final = "platform@example.com"
RULES: Final = {
    "budgets.yaml": """budgets:
  - {name: hard, limit: 0.00000001 USD, window: month, applies_to: {tags: {kind: hard}}, contact: platform@example.com}
  - {name: zero, limit: 0 USD, window: day, applies_to: {tags: {kind: zero}}, contact: platform@example.com}
  - {name: few, limit: 0 calls, window: total, applies_to: {tags: {kind: few}}, contact: platform@example.com}
  - {name: small, limit: 3k tokens, window: month, per: tags.sdk, applies_to: {tags: {kind: small}}, contact: alice}
limits:
  - {name: never, requests_per_minute: 0, applies_to: {tags: {kind: never}}, contact: platform@example.com}
""",
    "models.yaml": """models:
  - {name: none-of-it, deny: ["*"], applies_to: {tags: {kind: denied}}, contact: platform@example.com}
  - {name: only-that, allow: [that-*], applies_to: {tags: {kind: allowed}}, contact: platform@example.com}
  - {name: short, context_tokens_max: 1, applies_to: {tags: {kind: context}}, contact: platform@example.com}
  - {name: cheap, cost_max: 0.00000001 USD, applies_to: {tags: {kind: cost}}, contact: platform@example.com}
""",
    "prices.yaml": "unpriced: refuse\n",
}
CUT_AFTER: Final = 20_000
"""Tokens that the stand-in would send."""


@dataclass(frozen=True, slots=True)
class Kind:
    words: tuple[str, ...]
    """What the exception's text has."""
    key: str = ALICE_KEY
    model: str = ""
    project: str = ""


BAN: Final = ("limit of zero, so nothing passes", "Repeating the call doesn't help", CONTACT)
REQUEST: Final = "outlay budget request hard --amount"
KINDS: Final = {
    "hard": Kind(
        ("'hard'", "budgets.yaml:2", "$0.00 of $0.00000001 are spent", " left", "It resets at 20", REQUEST, CONTACT)
    ),
    "zero": Kind(("'zero'", "budgets.yaml:3", *BAN)),
    "few": Kind(("'few'", "budgets.yaml:4", *BAN)),
    "never": Kind(("'never'", "budgets.yaml:7", CONTACT)),
    "denied": Kind(("'none-of-it'", "models.yaml:2", "denies the model", "Use another model", CONTACT)),
    "allowed": Kind(("'only-that'", "models.yaml:3", "does not allow the model", "Use one of: that-*", CONTACT)),
    "context": Kind(("'short'", "models.yaml:4", "at most 1 tokens", "Shorten or compact", CONTACT)),
    "cost": Kind(("'cheap'", "models.yaml:5", "cost at most $0.00000001", "cheaper model", CONTACT)),
    "unpriced": Kind(("no known price", "prices.yaml:1", "prices.yaml"), model=UNPRICED),
    "unknown key": Kind(("No valid outlay key", "An admin makes one"), key="outlay_wrong"),
    "expired key": Kind(("No valid outlay key", "An admin makes one"), key=OLD_KEY),
    "project": Kind(("project", "'nowhere'", "checkout"), project="nowhere"),
}


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory, provider: StandIn) -> Iterator[Deployment]:
    made = Deployment(tmp_path_factory.mktemp("refusals"), provider.url, {"AWS_BEARER_TOKEN_BEDROCK": "any"})
    policies = made.folder / "policies"
    for name, text in RULES.items():
        (policies / name).write_text(text)
    with (policies / "providers.yaml").open("a") as file:
        file.write(
            f'  bedrock: {{dialect: bedrock, base_url: "{provider.url}", region: us-east-1, '
            "api_key: {env: AWS_BEARER_TOKEN_BEDROCK}}\n"
        )
    with (policies / "keys.yaml").open("a") as file:
        old = digest(OLD_KEY.encode())
        file.write(f'  - {{id: k_old, hash: "{old}", user: alice, projects: [checkout], expires: 2026-01-01}}\n')
    with made.running(ledger=False):
        yield made


Ask = Callable[[str, Kind, dict[str, str], bool], object]
SAID: Final[Any] = [{"role": "user", "content": "hello there"}]


def by_openai(url: str, kind: Kind, headers: dict[str, str], stream: bool) -> object:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=kind.key, default_headers=headers) as sdk:
        model = kind.model or "gpt-4o-mini"
        if stream:
            return list(sdk.chat.completions.create(model=model, messages=SAID, stream=True))
        return sdk.chat.completions.create(model=model, messages=SAID)


def by_responses(url: str, kind: Kind, headers: dict[str, str], stream: bool) -> object:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=kind.key, default_headers=headers) as sdk:
        answer: Any = sdk.responses.create(model=kind.model or "gpt-4o-mini", input="hello there", stream=stream)
        for event in answer if stream else ():
            if event.type == "error":
                # The SDK hands it on as an event.
                raise RuntimeError(event.message)
        return answer


def by_anthropic(url: str, kind: Kind, headers: dict[str, str], stream: bool) -> object:
    with anthropic.Anthropic(base_url=url, api_key=kind.key, default_headers=headers) as sdk:
        model = kind.model or "claude-haiku-4-5"
        answer = sdk.messages.create(model=model, max_tokens=CUT_AFTER, messages=SAID, stream=True)
        return list(answer)


def by_genai(url: str, kind: Kind, headers: dict[str, str], stream: bool) -> object:
    options = types.HttpOptions(base_url=url, headers=headers)
    with closing(genai.Client(api_key=kind.key, http_options=options)) as sdk:
        given: Any = {"model": kind.model or "gemini-2.5-flash", "contents": "hello there"}
        if stream:
            return list(sdk.models.generate_content_stream(**given))
        return sdk.models.generate_content(**given)


BEDROCK_MODEL: Final = "us.anthropic.claude-haiku-4-5-20251001-v1:0"


def by_boto3(url: str, kind: Kind, headers: dict[str, str], stream: bool) -> object:
    session = boto3.Session(aws_access_key_id=kind.key, aws_secret_access_key="any", region_name="us-east-1")
    with closing(session.client("bedrock-runtime", endpoint_url=f"{url}/bedrock")) as made:
        made.meta.events.register(
            "before-sign.bedrock-runtime.*",
            lambda request, **_: [request.headers.add_header(name, value) for name, value in headers.items()],
        )
        given: Any = {"modelId": kind.model or BEDROCK_MODEL}
        given["messages"] = [{"role": "user", "content": [{"text": "hello there"}]}]
        return list(made.converse_stream(**given)["stream"]) if stream else made.converse(**given)


def by_anthropic_bedrock(url: str, kind: Kind, headers: dict[str, str], stream: bool) -> object:
    with anthropic.AnthropicBedrock(
        base_url=f"{url}/bedrock", aws_region="us-east-1", api_key=kind.key, default_headers=headers
    ) as sdk:
        model = kind.model or BEDROCK_MODEL
        return list(sdk.messages.create(model=model, max_tokens=4000, messages=SAID, stream=True))


SDKS: Final[dict[str, Ask]] = {
    "openai": by_openai,
    "responses": by_responses,
    "anthropic": by_anthropic,
    "google-genai": by_genai,
    "boto3": by_boto3,
    "anthropic-bedrock": by_anthropic_bedrock,
}


def headers_of(name: str, kind: Kind) -> dict[str, str]:
    return {
        "x-outlay-tags": f"kind={name.replace(' ', '-')}",
        **({"x-outlay-project": kind.project} if kind.project else {}),
    }


def refused(ruled: Deployment) -> int:
    """Requests that outlay has refused so far."""
    return sum('"refused"' in line for line in ruled.gateway.said.splitlines())


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("sdk", SDKS)
def test_an_sdk_asks_once_and_shows_why_it_was_refused(sdk: str, name: str, ruled: Deployment) -> None:
    kind, before = KINDS[name], refused(ruled)
    with pytest.raises(Exception) as raised:  # noqa: PT011  # each SDK has its own
        SDKS[sdk](ruled.url, kind, headers_of(name, kind), False)
    for word in kind.words:
        assert word in str(raised.value)
    assert refused(ruled) - before == 1


def test_litellm_asks_once_and_shows_why_it_was_refused(ruled: Deployment) -> None:
    before = refused(ruled)
    cases = [
        {"key": kind.key, "model": kind.model or "gpt-4o-mini", "headers": headers_of(name, kind)}
        for name, kind in KINDS.items()
    ]
    script = Path(__file__).parent / "sdks" / "litellm_refusals.py"
    done = subprocess.run(
        [sys.executable, str(script), ruled.url, json.dumps(cases)],
        env={**base_environ(), "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-4000:]
    for said, kind in zip(json.loads(done.stdout), KINDS.values(), strict=True):
        for word in kind.words:
            assert word in said
    assert refused(ruled) - before == len(KINDS)


SHOWN: Final = {"openai": "gpt-4o-mini", "responses": "gpt-4o-mini"}
"""Models that hide no reasoning: of others a stream is held to its output limit from the start, and never cut."""


@pytest.mark.parametrize("sdk", SHOWN)
def test_a_stream_that_is_cut_at_the_cap_says_why_and_is_not_asked_for_again(
    sdk: str, ruled: Deployment, provider: StandIn
) -> None:
    before, arrived = refused(ruled), provider.counts()["total"]["calls"]
    headers = {"x-outlay-tags": f"kind=small,sdk={sdk}", "x-standin-tokens": str(CUT_AFTER)}
    with pytest.raises(Exception) as raised:  # noqa: PT011  # as above
        SDKS[sdk](ruled.url, Kind((), model=SHOWN[sdk]), headers, True)
    for word in ("was ended here", "'small'", "budgets.yaml:5", "3,000 tokens", "It resets at 20", "alice"):
        assert word in str(raised.value)
    assert (refused(ruled) - before, provider.counts()["total"]["calls"] - arrived) == (0, 1)
