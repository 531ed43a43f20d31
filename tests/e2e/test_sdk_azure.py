"""Azure OpenAI by the real SDK, classic and v1, through real processes."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest

from tests.servers.processes import ALICE_KEY, Deployment, StandIn, deployment, stand_in, until

SAID: list[Any] = [{"role": "user", "content": "hello world"}]
SERVED = {"extra_headers": {"x-standin-served": "gpt-4o-2024-08-06", "x-standin-tokens": "20"}}
VERSION = "2024-10-21"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with stand_in(tmp_path_factory.mktemp("azure-stand-in")) as running:
        yield running


@pytest.fixture(scope="module")
def planes(tmp_path_factory: pytest.TempPathFactory, cloud: StandIn) -> Iterator[Deployment]:
    with deployment(tmp_path_factory.mktemp("azure-outlay"), cloud.url) as running:
        yield running


@pytest.fixture
def classic(planes: Deployment) -> Iterator[openai.AzureOpenAI]:
    endpoint = f"{planes.url}/azure"
    with openai.AzureOpenAI(azure_endpoint=endpoint, api_key=ALICE_KEY, api_version=VERSION, max_retries=0) as client:
        yield client


@pytest.fixture
def v1(planes: Deployment) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{planes.url}/azure/openai/v1", api_key=ALICE_KEY, max_retries=0) as client:
        yield client


@pytest.fixture
async def classic_async(planes: Deployment) -> AsyncIterator[openai.AsyncAzureOpenAI]:
    async with openai.AsyncAzureOpenAI(
        azure_endpoint=f"{planes.url}/azure", api_key=ALICE_KEY, api_version=VERSION, max_retries=0
    ) as client:
        yield client


def test_a_classic_call_is_what_a_direct_one_is(classic: openai.AzureOpenAI, cloud: StandIn) -> None:
    ask: dict[str, Any] = {"model": "my-gpt", "messages": SAID}
    with openai.AzureOpenAI(azure_endpoint=cloud.url, api_key="any", api_version=VERSION) as direct:
        assert classic.chat.completions.create(**ask) == direct.chat.completions.create(**ask)
    cloud.reset()


def test_every_style_and_client_is_metered_as_the_stand_in_counts(
    classic: openai.AzureOpenAI, v1: openai.OpenAI, planes: Deployment, cloud: StandIn
) -> None:
    cloud.reset()
    classic.chat.completions.create(model="chat", messages=SAID)
    for chunk in classic.chat.completions.create(model="streamed", messages=SAID, stream=True):
        assert chunk.choices, "the usage that outlay asked for is hidden"
    classic.embeddings.create(model="vectors", input="hello there")
    classic.responses.create(model="answers", input="hello")
    v1.chat.completions.create(model="chat-v1", messages=SAID)
    list(v1.chat.completions.create(model="streamed-v1", messages=SAID, stream=True))
    v1.responses.create(model="answers-v1", input="hello")
    v1.embeddings.create(model="vectors-v1", input="hello")
    assert v1.models.list().data
    equal(planes, cloud, 8)


async def test_the_async_client_too(classic_async: openai.AsyncAzureOpenAI, planes: Deployment, cloud: StandIn) -> None:
    cloud.reset()
    await classic_async.chat.completions.create(model="async-chat", messages=SAID)
    stream = await classic_async.chat.completions.create(model="async-streamed", messages=SAID, stream=True)
    assert [chunk async for chunk in stream]
    equal(planes, cloud, 2)


def test_a_deployment_is_priced_by_what_served_it_else_by_what_it_is_said_to_run(
    classic: openai.AzureOpenAI, planes: Deployment
) -> None:
    classic.chat.completions.create(model="my-gpt", messages=SAID, **SERVED)
    classic.chat.completions.create(model="my-gpt", messages=SAID)

    def found() -> dict[str, str]:
        rows = planes.report("asked_model,model,price")["rows"]
        return {row["model"]: row["price"] for row in rows if row["asked_model"] == "my-gpt"}

    until("both calls are in the report", lambda: len(found()) == 2, planes.ledger)
    prices = found()
    assert "azure/gpt-4o-2024-08-06" in prices["gpt-4o-2024-08-06"]
    assert "azure/gpt-5-mini" in prices["my-gpt"]


def test_errors_are_in_the_shape_that_the_sdk_knows(planes: Deployment) -> None:
    with openai.AzureOpenAI(
        azure_endpoint=f"{planes.url}/azure", api_key="outlay_wrong", api_version=VERSION, max_retries=0
    ) as client:
        with pytest.raises(openai.AuthenticationError):
            client.chat.completions.create(model="chat", messages=SAID)


def test_azures_batches_are_metered_from_the_file_that_the_batch_names(
    classic: openai.AzureOpenAI, planes: Deployment, cloud: StandIn
) -> None:
    cloud.reset()
    body = {"model": "azure-batch", "messages": SAID}
    line = {"custom_id": "c", "method": "POST", "url": "/chat/completions", "body": body}
    file = classic.files.create(file=("in.jsonl", json.dumps(line).encode()), purpose="batch")
    batch = classic.batches.create(
        input_file_id=file.id,
        endpoint="/chat/completions",  # type: ignore[arg-type]  # Azure's own spelling
        completion_window="24h",
        extra_headers={"x-standin-usage": "none"},
    )
    seen = classic.batches.retrieve(batch.id)
    assert seen.output_file_id is not None
    for _ in range(2):
        classic.files.content(seen.output_file_id).read()
    equal(planes, cloud, None)


def equal(planes: Deployment, cloud: StandIn, models: int | None) -> None:
    """What the ledger has of each model is what the stand-in counted since it was reset."""
    counted = {model: count for model, count in cloud.counts()["models"].items() if model}
    assert models is None or len(counted) == models

    def told() -> dict[str, tuple[int, int]]:
        rows = planes.report("asked_model")["rows"]
        return {row["asked_model"]: (row["input_tokens"], row["output_tokens"]) for row in rows}

    expected = {model: (count["input_text"], count["output_text"]) for model, count in counted.items()}
    until("the ledger has them", lambda: expected.keys() <= told().keys(), planes.ledger)
    assert {model: told()[model] for model in expected} == expected
    assert planes.report("estimated")["total"]["estimated_calls"] == 0
