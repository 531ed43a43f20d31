"""Files and batches by the real SDKs through real processes: every byte, every token once, and for who submitted it."""

import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import anthropic
import openai
import pytest

from tests.servers.processes import ALICE_KEY, BOB_KEY, Deployment, StandIn, deployment, stand_in, until

LOADED_S: Final = 60.0
SPEND: Final = {
    "input_tokens": ("input_text",),
    "cache_read_tokens": ("cache_read",),
    "output_tokens": ("output_text", "reasoning"),
    "reasoning_tokens": ("reasoning",),
}


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with stand_in(tmp_path_factory.mktemp("batch-stand-in")) as running:
        yield running


@pytest.fixture(scope="module")
def planes(tmp_path_factory: pytest.TempPathFactory, worker: StandIn) -> Iterator[Deployment]:
    with deployment(tmp_path_factory.mktemp("batch-outlay"), worker.url) as running:
        yield running


@pytest.fixture
def alice(planes: Deployment) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{planes.url}/v1", api_key=ALICE_KEY, max_retries=0) as client:
        yield client


@pytest.fixture
def bob(planes: Deployment) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{planes.url}/v1", api_key=BOB_KEY, max_retries=0) as client:
        yield client


def told(**headers: object) -> dict[str, Any]:
    return {"extra_headers": {f"x-standin-{name.replace('_', '-')}": str(value) for name, value in headers.items()}}


def requests(model: str, number: int = 12, failing: int = 2) -> bytes:
    models = [model] * number + ["stand-in-missing"] * failing
    bodies = [{"model": name, "messages": [{"role": "user", "content": f"hello {n}"}]} for n, name in enumerate(models)]
    lines = [
        {"custom_id": f"c{n}", "method": "POST", "url": "/v1/chat/completions", "body": body}
        for n, body in enumerate(bodies)
    ]
    return b"\n".join(json.dumps(line).encode() for line in lines)


def submitted(client: openai.OpenAI, model: str, **headers: object) -> Any:
    file = client.files.create(file=("requests.jsonl", requests(model)), purpose="batch")
    return client.batches.create(
        input_file_id=file.id,
        endpoint="/v1/chat/completions",
        completion_window="24h",
        **told(cached=7, reasoning=3, **headers),
    )


def restarted(planes: Deployment) -> None:
    """As after a crash."""
    planes.gateway.kill()
    planes.start_gateway()


def rows(planes: Deployment, model: str) -> list[dict[str, Any]]:
    """The spend report's rows of a model, once they show what was settled."""
    found = planes.report("user,operation,model,tier", reason="test", model=model)["rows"]
    return [row for row in found if row["model"] == model]


def settled_as_counted(planes: Deployment, worker: StandIn, model: str, user: str = "alice") -> dict[str, Any]:
    """The one row of a model: it stands for `user`, and equals the stand-in's count to the token."""
    barrier(planes)
    (row,) = rows(planes, model)
    counted = worker.counts()["models"][model]
    assert row["calls"] == counted["calls"] == 1
    for column, kinds in SPEND.items():
        assert row[column] == sum(counted[kind] for kind in kinds), column
    assert (row["user"], row["tier"]) == (user, "batch")
    return row


def barrier(planes: Deployment) -> None:
    """Wait until a call made now is in the report: then all before it are."""
    model = f"barrier-{random.randrange(10**12)}"
    with openai.OpenAI(base_url=f"{planes.url}/v1", api_key=ALICE_KEY, max_retries=0) as client:
        client.chat.completions.create(model=model, messages=[{"role": "user", "content": "hi"}])
    until("the ledger has loaded everything", lambda: bool(rows(planes, model)), planes.ledger, LOADED_S)


def test_files_pass_whole_in_both_directions(alice: openai.OpenAI, bob: openai.OpenAI, worker: StandIn) -> None:
    content = random.Random(1).randbytes(5_000_000)
    file = alice.files.create(file=("weights.bin", content), purpose="user_data")
    assert file.sha256 == hashlib.sha256(content).hexdigest()  # type: ignore[attr-defined]  # the stand-in's own
    assert alice.files.content(file.id).read() == content
    assert bob.files.retrieve(file.id).bytes == len(content)
    assert file.id in [each.id for each in bob.files.list()]
    assert alice.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError):
        alice.files.content(file.id)


def test_an_upload_in_parts_makes_one_file(alice: openai.OpenAI) -> None:
    content = random.Random(2).randbytes(3_000_000)
    upload = alice.uploads.create(bytes=len(content), filename="big.bin", mime_type="x/y", purpose="batch")
    parts = [alice.uploads.parts.create(upload.id, data=content[at : at + 10**6]) for at in range(0, 3 * 10**6, 10**6)]
    done = alice.uploads.complete(upload.id, part_ids=[part.id for part in parts])
    assert done.file is not None
    assert alice.files.content(done.file.id).read() == content
    other = alice.uploads.create(bytes=1, filename="x", mime_type="x/y", purpose="batch")
    assert alice.uploads.cancel(other.id).status == "cancelled"


def test_a_batch_polled_20_times_and_read_3_times_costs_once_also_across_a_restart(
    alice: openai.OpenAI, bob: openai.OpenAI, planes: Deployment, worker: StandIn
) -> None:
    batch = submitted(alice, "gpt-4o", polls=3)
    assert batch.status == "in_progress"
    for _ in range(10):
        seen = bob.batches.retrieve(batch.id)
    assert seen.status == "completed"
    results = [bob.files.content(seen.output_file_id).read() for _ in range(2)]
    restarted(planes)
    for _ in range(10):
        bob.batches.retrieve(batch.id)
    assert batch.id in [each.id for each in bob.batches.list()]
    assert bob.files.content(seen.output_file_id).read() == results[0] == results[1]
    assert results[0].count(b"\n") == 12
    row = settled_as_counted(planes, worker, "gpt-4o")
    assert row["operation"] == "batch"
    assert float(row["cost_usd"]) > 0


def test_results_read_after_a_restart_without_usage_in_the_object_are_metered_for_the_submitter(
    alice: openai.OpenAI, bob: openai.OpenAI, planes: Deployment, worker: StandIn
) -> None:
    batch = submitted(alice, "gpt-4.1", usage="none")
    seen = bob.batches.retrieve(batch.id)
    assert seen.usage is None
    restarted(planes)
    for _ in range(3):
        bob.files.content(seen.output_file_id).read()
    assert settled_as_counted(planes, worker, "gpt-4.1")["operation"] == "batch"


def test_a_compressed_file_of_results_is_metered(alice: openai.OpenAI, planes: Deployment, worker: StandIn) -> None:
    batch = submitted(alice, "gpt-4.1-mini", usage="none")
    alice.files.content(batch.output_file_id, **told(encoding="gzip")).read()
    settled_as_counted(planes, worker, "gpt-4.1-mini")


def test_half_a_file_of_results_counts_nothing_and_the_whole_one_later_does(
    alice: openai.OpenAI, planes: Deployment, worker: StandIn
) -> None:
    batch = submitted(alice, "gpt-4.1-nano", usage="none")
    with pytest.raises(openai.APIConnectionError):
        alice.files.content(batch.output_file_id, **told(cut_after=1)).read()
    barrier(planes)
    assert rows(planes, "gpt-4.1-nano") == []
    alice.files.content(batch.output_file_id).read()
    settled_as_counted(planes, worker, "gpt-4.1-nano")


def test_a_cancelled_batch_costs_what_was_done(
    alice: openai.OpenAI, bob: openai.OpenAI, planes: Deployment, worker: StandIn
) -> None:
    batch = submitted(alice, "gpt-4o-mini", polls=100)
    assert bob.batches.cancel(batch.id).status == "cancelled"
    bob.batches.retrieve(batch.id)
    row = settled_as_counted(planes, worker, "gpt-4o-mini")
    assert row["input_tokens"] > 0


def test_a_file_that_looks_like_results_and_was_uploaded_is_not_metered(
    alice: openai.OpenAI, bob: openai.OpenAI, planes: Deployment
) -> None:
    body = {"object": "chat.completion", "model": "gpt-5", "usage": {"prompt_tokens": 10**6, "completion_tokens": 1}}
    line = {"id": "batch_req_1", "custom_id": "c", "response": {"status_code": 200, "body": body}, "error": None}
    mine = alice.files.create(file=("fake.jsonl", json.dumps(line).encode()), purpose="user_data")
    bob.files.content(mine.id).read()
    restarted(planes)
    bob.files.content(mine.id).read()
    barrier(planes)
    assert rows(planes, "gpt-5") == []


def test_message_batches_cost_once_by_their_results_whoever_reads_them(planes: Deployment, worker: StandIn) -> None:
    def client(key: str) -> anthropic.Anthropic:
        return anthropic.Anthropic(base_url=planes.url, api_key=key, max_retries=0)

    ask: dict[str, Any] = {"max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]}
    asked: list[Any] = [
        {"custom_id": f"c{n}", "params": {"model": "claude-opus-4-5" if n < 5 else "claude-haiku-4-5", **ask}}
        for n in range(8)
    ]
    with client(ALICE_KEY) as alice, client(BOB_KEY) as bob:
        batch = alice.messages.batches.create(requests=asked, **told(polls=2, cached=4))
        assert batch.results_url is None
        for _ in range(4):
            seen = bob.messages.batches.retrieve(batch.id)
        # Clients go where this points: a path leads them back through the gateway, an address would lead past it.
        assert seen.results_url == f"/v1/messages/batches/{batch.id}/results"
        for _ in range(2):
            assert len(list(bob.messages.batches.results(batch.id))) == 8
        restarted(planes)
        assert {each.result.type for each in bob.messages.batches.results(batch.id)} == {"succeeded"}
        assert batch.id in [each.id for each in bob.messages.batches.list()]
        other = bob.messages.batches.create(requests=asked[:1], **told(polls=100))
        assert bob.messages.batches.cancel(other.id).processing_status == "ended"
        assert bob.messages.batches.delete(other.id).id == other.id
    for model in ("claude-opus-4-5", "claude-haiku-4-5"):
        settled_as_counted(planes, worker, model)


async def test_message_batches_by_the_async_client(planes: Deployment, worker: StandIn) -> None:
    ask: Any = {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    async with anthropic.AsyncAnthropic(base_url=planes.url, api_key=ALICE_KEY, max_retries=0) as client:
        batch = await client.messages.batches.create(requests=[{"custom_id": "a", "params": ask}])
        results = await client.messages.batches.results(batch.id)
        assert [each.custom_id async for each in results] == ["a"]
    settled_as_counted(planes, worker, "claude-sonnet-4-5")


def test_an_upload_of_100_megabytes_takes_no_memory(alice: openai.OpenAI, planes: Deployment, tmp_path: Path) -> None:
    big = tmp_path / "big.bin"
    with big.open("wb") as file:
        for _ in range(100):
            file.write(random.Random(3).randbytes(1_000_000))
    restarted(planes)
    alice.files.create(file=("small.bin", b"x" * 1000), purpose="batch")
    before = peak_kib(planes.gateway.pid)
    with big.open("rb") as file:
        made = alice.files.create(file=file, purpose="batch")
    assert made.bytes == 100_000_000
    assert sum(len(piece) for piece in pieces(alice, made.id)) == 100_000_000
    assert peak_kib(planes.gateway.pid) - before < 32 * 1024


def pieces(client: openai.OpenAI, file: str) -> Iterator[bytes]:
    with client.files.with_streaming_response.content(file) as answer:
        yield from answer.iter_bytes()


def peak_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])
