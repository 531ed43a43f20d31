"""The real clients of Bedrock (boto3, anthropic): through the gateway they get the same as when they call directly."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import anthropic
import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.servers.certificates import certificate
from tests.servers.processes import ALICE_KEY, Deployment, StandIn, until

ACCESS_KEY = "AKIAOUTLAYTEST000001"
SECRET = "the-secret-that-only-the-gateway-has"
BEARER = "a-bedrock-api-key"
REGION = "us-east-1"
CLAUDE = "us.anthropic.claude-sonnet-5-5"
NOVA = "amazon.nova-lite-v1:0"
ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-pro-v1:0"
TITAN = "amazon.titan-embed-text-v2:0"
LLAMA = "meta.llama3-8b-instruct-v1:0"
MARK = "x-standin-"

MESSAGES: list[dict[str, Any]] = [{"role": "user", "content": [{"text": "hello world"}]}]
CONVERSE: dict[str, Any] = {"modelId": NOVA, "messages": MESSAGES, "system": [{"text": "Be brief."}]}
TOOL = {"toolSpec": {"name": "weather", "inputSchema": {"json": {"type": "object", "properties": {"city": {}}}}}}
USE_TOOL: dict[str, Any] = {
    "modelId": CLAUDE,
    "messages": [{"role": "user", "content": [{"text": "Please use the tool for Paris."}]}],
    "toolConfig": {"tools": [TOOL]},
}
CLAUDE_BODY = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hello"}],
}
NOVA_BODY = {"messages": MESSAGES, "inferenceConfig": {"maxTokens": 50}}


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory, provider: StandIn) -> Iterator[Deployment]:
    """A gateway with both kinds of credential for Bedrock, and a ledger."""
    made = deployed(tmp_path_factory.mktemp("bedrock"), provider)
    with made.running():
        yield made


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, provider: StandIn) -> Iterator[tuple[str, str]]:
    """URL of a gateway with TLS, without which boto3 sends no bearer token; and the certificate to trust."""
    folder = tmp_path_factory.mktemp("bedrock-tls")
    made = certificate(folder)
    gateway = deployed(folder, provider, OUTLAY_TLS_CERT=str(made.pem), OUTLAY_TLS_KEY=str(made.key))
    try:
        gateway.gateway.start()
        until("the gateway listens", lambda: '"listening"' in gateway.gateway.said, gateway.gateway)
        yield f"https://127.0.0.1:{gateway.port}/bedrock", str(made.pem)
    finally:
        gateway.stop()


def deployed(folder: Path, provider: StandIn, **settings: str) -> Deployment:
    """Not started yet."""
    variables = {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": "a-session-token",
        "BEDROCK_API_KEY": BEARER,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    made = Deployment(folder, provider.url, {**variables, **settings})
    sources = {"bedrock": "{aws: environment}", "by-key": "{env: BEDROCK_API_KEY}", "nobody": "{aws: no-such-profile}"}
    with (folder / "policies" / "providers.yaml").open("a") as file:
        for name, source in sources.items():
            where = f'base_url: "{provider.url}", region: {REGION}'
            file.write(f"  {name}: {{dialect: bedrock, {where}, api_key: {source}}}\n")
    return made


@cache
def session(key: str) -> Any:
    """Kept, since reading its models takes longer than a call."""
    given = {"aws_access_key_id": key, "aws_secret_access_key": "any"} if key else {}
    return boto3.Session(region_name=REGION, **given)  # type: ignore[arg-type]  # all of them are texts


def client(url: str, key: str = ALICE_KEY, *, trust: str = "", headers: dict[str, str] | None = None) -> Any:
    """A client that signs with an outlay key as its access key; with `trust`, one that takes its bearer token from the
    environment."""
    config = Config(retries={"total_max_attempts": 1}, read_timeout=300)
    made = session("" if trust else key).client(
        "bedrock-runtime", endpoint_url=url, config=config, verify=trust or None
    )

    def add(request: Any, **_: Any) -> None:
        for name, value in (headers or {}).items():
            request.headers[name] = value

    made.meta.events.register("before-sign.bedrock-runtime.*", add)
    return made


def told(**behaviour: str) -> dict[str, str]:
    return {MARK + name.replace("_", "-"): value for name, value in behaviour.items()}


def drained(answer: dict[str, Any]) -> Any:
    """What a client hands to its user, without what differs from call to call."""
    answer.pop("ResponseMetadata", None)
    for name in answer.keys() & {"stream", "body"}:
        with closing(answer[name]) as given:
            answer[name] = given.read() if hasattr(given, "read") else list(given)
    return answer


def converse(made: Any, **given: Any) -> Any:
    return drained(made.converse(**given))


def converse_stream(made: Any, **given: Any) -> Any:
    return drained(made.converse_stream(**given))


def invoke(made: Any, model: str, body: dict[str, Any]) -> Any:
    return drained(made.invoke_model(modelId=model, body=json.dumps(body)))


def invoke_stream(made: Any, model: str, body: dict[str, Any]) -> Any:
    return drained(made.invoke_model_with_response_stream(modelId=model, body=json.dumps(body)))


def count(made: Any) -> Any:
    return drained(made.count_tokens(modelId=CLAUDE, input={"converse": {"messages": MESSAGES}}))


CACHED = told(cached="40", cache_write_5m="7", cache_write_1h="8", tier="flex")
Call = tuple[dict[str, str], Callable[[Any], Any]]
CALLS: dict[str, Call] = {
    "converse": ({}, lambda made: converse(made, **CONVERSE)),
    "converse to the output limit": ({}, lambda made: converse(made, **CONVERSE, inferenceConfig={"maxTokens": 5})),
    "converse with caches": (CACHED, lambda made: converse(made, **CONVERSE)),
    "converse with a tool": ({}, lambda made: converse(made, **USE_TOOL)),
    "converse by ARN": ({}, lambda made: converse(made, **{**CONVERSE, "modelId": ARN})),
    "converse without usage": (told(usage="none"), lambda made: converse(made, **CONVERSE)),
    "stream": ({}, lambda made: converse_stream(made, **CONVERSE)),
    "stream with caches": (CACHED, lambda made: converse_stream(made, **CONVERSE)),
    "stream with a tool": ({}, lambda made: converse_stream(made, **USE_TOOL)),
    "stream by ARN": ({}, lambda made: converse_stream(made, **{**CONVERSE, "modelId": ARN})),
    "stream without usage": (told(usage="none"), lambda made: converse_stream(made, **CONVERSE)),
    "stream of 2,000 tokens": (told(tokens="2000"), lambda made: converse_stream(made, **CONVERSE)),
    "claude": ({}, lambda made: invoke(made, CLAUDE, CLAUDE_BODY)),
    "claude with caches": (CACHED, lambda made: invoke(made, CLAUDE, CLAUDE_BODY)),
    "claude streamed": ({}, lambda made: invoke_stream(made, CLAUDE, CLAUDE_BODY)),
    "claude streamed with caches": (CACHED, lambda made: invoke_stream(made, CLAUDE, CLAUDE_BODY)),
    "nova": (told(cached="9"), lambda made: invoke(made, NOVA, NOVA_BODY)),
    "nova streamed": (told(cached="9"), lambda made: invoke_stream(made, NOVA, NOVA_BODY)),
    "llama": ({}, lambda made: invoke(made, LLAMA, {"prompt": "hello", "max_gen_len": 20})),
    "llama streamed": ({}, lambda made: invoke_stream(made, LLAMA, {"prompt": "hello", "max_gen_len": 20})),
    "embedding": ({}, lambda made: invoke(made, TITAN, {"inputText": "hello world"})),
    "count of tokens": ({}, count),
}
FAULTS: dict[str, Call] = {
    "throttled": (told(status="429", retry_after="3"), lambda made: converse(made, **CONVERSE)),
    "failed": (told(status="500"), lambda made: converse_stream(made, **CONVERSE)),
    "no such model": ({}, lambda made: converse(made, **{**CONVERSE, "modelId": "stand-in-missing"})),
    "exception in a stream": (told(error_event_after="4"), lambda made: converse_stream(made, **CONVERSE)),
    "exception in chunks": (told(error_event_after="4"), lambda made: invoke_stream(made, NOVA, NOVA_BODY)),
    "cut within a frame": (told(cut_after="4"), lambda made: converse_stream(made, **CONVERSE)),
    "chunks cut": (told(cut_after="4"), lambda made: invoke_stream(made, LLAMA, {"prompt": "hello"})),
    "answer cut": (told(cut_after="0"), lambda made: invoke(made, NOVA, NOVA_BODY)),
}


def outcome(call: Callable[[Any], Any], made: Any) -> tuple[Any, str]:
    try:
        with closing(made):
            return call(made), ""
    except Exception as error:  # the SDK lets errors of its HTTP library through as they are
        return None, f"{type(error).__name__}: {error}" if isinstance(error, ClientError) else type(error).__name__


@pytest.mark.parametrize("name", [*CALLS, *FAULTS])
def test_boto3_gets_what_it_gets_directly(name: str, provider: StandIn, signing: Deployment) -> None:
    headers, call = {**CALLS, **FAULTS}[name]
    checked = {**headers, **told(aws_secret=SECRET)}
    through = outcome(call, client(f"{signing.url}/bedrock", headers=checked))
    directly = outcome(call, client(provider.url, "AKIA0000000000000000", headers=headers))
    assert through == directly
    assert bool(through[1]) == (name in FAULTS)


@pytest.mark.parametrize("name", ["converse", "stream", "claude", "llama streamed", "throttled", "cut within a frame"])
def test_boto3_with_an_outlay_key_as_bearer_token(
    name: str, provider: StandIn, secured: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    headers, call = {**CALLS, **FAULTS}[name]
    directly = outcome(call, client(provider.url, "AKIA0000000000000000", headers=headers))
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", ALICE_KEY)
    url, trust = secured
    through = outcome(call, client(url, trust=trust, headers={**headers, **told(aws_secret=SECRET)}))
    assert through == directly


def test_a_wrong_secret_would_have_been_seen(signing: Deployment) -> None:
    made = client(f"{signing.url}/bedrock", headers=told(aws_secret="another"))
    with pytest.raises(ClientError, match="does not match"), closing(made):
        made.converse(**CONVERSE)


def test_bytes_are_the_same_both_ways(provider: StandIn, signing: Deployment) -> None:
    """What the stand-in received of a call through the gateway is what it receives directly."""
    seen = []
    for number, url in enumerate((f"{signing.url}/by-key", provider.url)):
        marker = f"bytes-{number}"
        outcome(lambda made: converse(made, **{**CONVERSE, "modelId": ARN}), client(url, headers=told(marker=marker)))
        seen += [each for each in provider.calls() if each["marker"] == marker]
    through, directly = seen
    for fact in ("method", "path", "target_sha256", "body_sha256", "body_bytes"):
        assert through[fact] == directly[fact]
    names = [name for name, _ in through["headers"]]
    assert "authorization" in names
    assert not {"x-amz-date", "x-amz-security-token", "x-amz-content-sha256"} & set(names)


def test_the_ledger_equals_the_stand_ins_count(provider: StandIn, signing: Deployment) -> None:
    """To the token, by model, over every kind of call: streamed, cut, refused, without usage."""
    provider.reset()
    before = spend(signing)
    for headers, call in (*CALLS.values(), *FAULTS.values()):
        outcome(call, client(f"{signing.url}/bedrock", headers=headers))
        outcome(call, client(f"{signing.url}/by-key", headers=headers))
    counted = provider.counts()
    assert counted["total"]["calls"] == 2 * (len(CALLS) + len(FAULTS))
    after = spend(signing)
    for model, row in counted["models"].items():
        mine = {name: of(after, model, name) - of(before, model, name) for name in COLUMNS}
        assert mine == {name: sum(row[kind] for kind in kinds) for name, kinds in COLUMNS.items()}, model


COLUMNS = {
    "calls": ("calls",),
    "input_tokens": ("input_text",),
    "cache_read_tokens": ("cache_read",),
    "cache_write_tokens": ("cache_write_5m", "cache_write_1h"),
    "output_tokens": ("output_text",),
}


def spend(deployment: Deployment) -> dict[str, Any]:
    """The report, once all that is in the journal is in it."""
    lines = b"".join(path.read_bytes() for path in deployment.data.glob("journal/test/*.jsonl"))
    calls = lines.count(b'"t":"settled"')
    until("the ledger has them", lambda: deployment.report("model")["total"]["calls"] == calls)
    return deployment.report("model")


def of(report: dict[str, Any], model: str, column: str) -> int:
    return sum(row[column] for row in report["rows"] if row["model"] == model)


def test_a_client_that_hangs_up_hangs_up_on_the_provider(provider: StandIn, signing: Deployment) -> None:
    made = client(f"{signing.url}/bedrock", headers=told(tokens="5000", chunk_ms="5", marker="hung up"))
    answer = made.converse_stream(**CONVERSE)
    next(iter(answer["stream"]))
    answer["stream"].close()
    made.close()
    until("the stand-in sees it", lambda: any(each["marker"] == "hung up" for each in provider.calls()))
    (seen,) = [each for each in provider.calls() if each["marker"] == "hung up"]
    assert (seen["ended"], seen["model"]) == ("hangup", NOVA)
    assert seen["usage"].get("output_text", 0) < 5000


def test_anthropics_own_client(provider: StandIn, signing: Deployment) -> None:
    """AnthropicBedrock, signed and by token, whole and streamed."""
    for given in ({"api_key": ALICE_KEY}, {"aws_access_key": ALICE_KEY, "aws_secret_key": "any"}):
        made = anthropic.AnthropicBedrock(
            base_url=f"{signing.url}/bedrock",
            aws_region=REGION,
            max_retries=0,
            **given,  # type: ignore[arg-type]
        )
        call: dict[str, Any] = {
            "model": CLAUDE,
            "max_tokens": 100,
            "messages": [{"role": "user", "content": "hello"}],
            "extra_headers": told(aws_secret=SECRET),
        }
        whole = made.messages.create(**call)
        events = list(made.messages.create(**call, stream=True))
        assert whole.usage.output_tokens == 33
        assert events[-1].type == "message_stop"
        made.close()


REFUSED = {
    "a wrong key": ("bedrock", "outlay_wrong", "UnrecognizedClientException", 401),
    "no credential to sign with": ("nobody", ALICE_KEY, "ValidationException", 400),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_a_client_error_that_is_not_tried_again(name: str, signing: Deployment) -> None:
    place, key, code, status = REFUSED[name]
    made = session(key).client("bedrock-runtime", endpoint_url=f"{signing.url}/{place}")
    with pytest.raises(ClientError) as caught, closing(made):
        made.converse(**CONVERSE)
    answer = caught.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert answer["ResponseMetadata"]["RetryAttempts"] == 0
    assert "outlay" in answer["Error"]["Message"]


def test_no_secret_is_on_disk(signing: Deployment) -> None:
    secrets = (SECRET.encode(), BEARER.encode(), b"a-session-token", ALICE_KEY.encode())
    for path in signing.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(secret in content for secret in secrets), path
