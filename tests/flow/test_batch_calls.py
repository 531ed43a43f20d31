"""Files and batches through the data plane: bytes untouched, the work of a batch settled once, for who submitted it."""

import json

import httpx
import pytest
import respx

from proxy.model.entry import Outcome
from proxy.model.usage import Usage
from tests.flow.world import World

HOST = "https://api.openai.test"
USAGE = {"input_tokens": 30, "input_tokens_details": {"cached_tokens": 10}, "output_tokens": 7, "total_tokens": 37}
LINE = {
    "id": "batch_req_1",
    "custom_id": "c1",
    "response": {
        "status_code": 200,
        "body": {
            "object": "chat.completion",
            "model": "gpt-4o",
            "usage": {"prompt_tokens": 30, "completion_tokens": 7},
        },
    },
    "error": None,
}
RESULTS = json.dumps(LINE).encode() + b"\n"


@pytest.fixture
def world():
    with respx.mock(assert_all_called=False) as router:
        yield World(router)


def answers(world, method, path, body, status=200):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": "application/json", "content-length": str(len(content))}
    world.router.request(method, HOST + path).mock(
        side_effect=lambda _: httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))
    )


def a_batch(status="completed", **fields):
    plain = {"id": "batch_1", "object": "batch", "status": status, "created_at": 1_700_000_000, "model": "gpt-4o"}
    return {**plain, "output_file_id": "file-out", "usage": USAGE, **fields}


async def submit(world, **given):
    answers(world, "POST", "/v1/batches", a_batch("validating", output_file_id=None, usage=None))
    await world.call("POST", "/v1/batches", content=b'{"input_file_id":"file-in"}', **given)


def jobs(world):
    return [entry for entry in world.settled if entry.call.id.startswith("job_")]


async def test_completion_seen_by_polling_settles_the_batch_once(world):
    await submit(world, headers={"x-outlay-tags": "ticket=PAY-1"})
    answers(world, "GET", "/v1/batches/batch_1", a_batch())
    for _ in range(3):
        await world.call("GET", "/v1/batches/batch_1")
    (job,) = jobs(world)
    assert job.usage == Usage(input_text=20, cache_read=10, output_text=7)
    assert (job.call.operation, job.call.model, job.served.service_tier) == ("batch", "gpt-4o", "batch")
    assert job.call.tags == {"ticket": "PAY-1"}
    assert job.call.opened_us == 1_700_000_000 * 10**6
    assert "@batches" in job.cost.price_id
    assert world.counters.in_flight == 0


@pytest.mark.parametrize("status", ["validating", "in_progress", "finalizing", "cancelling"])
async def test_what_goes_on_is_not_settled(world, status):
    answers(world, "GET", "/v1/batches/batch_1", a_batch(status))
    await world.call("GET", "/v1/batches/batch_1")
    assert jobs(world) == []


@pytest.mark.parametrize("status", ["completed", "expired", "cancelled"])
async def test_a_list_tells_as_well_as_an_object(world, status):
    answers(world, "GET", "/v1/batches", {"object": "list", "data": [a_batch(status), a_batch("in_progress", id="b2")]})
    await world.call("GET", "/v1/batches")
    (job,) = jobs(world)
    assert job.call.operation == "batch_polled"


async def test_results_are_metered_where_the_object_told_nothing_and_add_nothing_where_it_did(world):
    await submit(world)
    answers(world, "GET", "/v1/files/file-out/content", RESULTS)
    answers(world, "GET", "/v1/batches/batch_1", a_batch(usage=None))
    await world.call("GET", "/v1/batches/batch_1")
    assert jobs(world) == []
    answer = await world.call("GET", "/v1/files/file-out/content")
    assert answer.content == RESULTS
    (job,) = jobs(world)
    assert (job.usage, job.call.operation) == (Usage(input_text=30, output_text=7), "batch")
    answers(world, "GET", "/v1/batches/batch_1", a_batch())
    await world.call("GET", "/v1/batches/batch_1")
    assert len(jobs(world)) == 1


async def test_an_error_and_a_part_settle_nothing_and_lose_nothing(world):
    path = "/v1/files/file-out/content"
    for status in (206, 404, 500):
        answers(world, "GET", path, RESULTS, status)
        await world.call("GET", path)
    assert jobs(world) == []
    answers(world, "GET", path, RESULTS)
    await world.call("GET", path)
    assert len(jobs(world)) == 1


@pytest.mark.parametrize("path", ["/v1/files/file-out/content", "/v1/messages/batches/msgbatch_1/results"])
async def test_results_are_not_asked_for_in_parts(world, path):
    """In two parts nobody would be charged for them; a provider that is not asked for a part sends the whole."""
    host = HOST if "files" in path else "https://api.anthropic.test"
    asked = []
    world.router.get(host + path).mock(side_effect=lambda sent: asked.append(sent) or httpx.Response(404))
    await world.call("GET", path, headers={"range": "bytes=0-9", "if-range": '"x"', "x-kept": "1"})
    (sent,) = asked
    assert "range" not in sent.headers
    assert "if-range" not in sent.headers
    assert sent.headers["x-kept"] == "1"


async def test_the_upload_of_a_look_alike_is_remembered(world):
    answers(world, "POST", "/v1/files", {"id": "file-out", "object": "file", "purpose": "user_data"})
    await world.call("POST", "/v1/files", content=b"\x00" * 3_000_000)
    assert world.settled[-1].names == {"file-out": "uploaded"}
    answers(world, "GET", "/v1/files/file-out/content", RESULTS)
    await world.call("GET", "/v1/files/file-out/content")
    assert jobs(world) == []


async def test_another_spelling_of_a_files_path_is_not_forwarded(world):
    answer = await world.call("GET", "/v1/files/file%2Dout/content")
    assert answer.status_code == 404


async def test_calls_about_batches_are_on_record_and_free(world):
    await submit(world)
    (entry,) = world.settled
    assert (entry.call.operation, entry.cost.total_pico, entry.outcome) == ("batch_submit", 0, Outcome.OK)
    assert entry.call.project == "checkout"
    assert entry.names == {"batch_1": "submitted"}


async def test_a_message_batchs_results_are_fetched_through_the_gateway(world):
    url = "https://api.anthropic.test/v1/messages/batches/msgbatch_1"
    body = json.dumps({"id": "msgbatch_1", "type": "message_batch", "results_url": url + "/results"}).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    world.router.get(url).mock(
        side_effect=lambda _: httpx.Response(200, headers=headers, stream=httpx.ByteStream(body))
    )
    answer = await world.call("GET", "/v1/messages/batches/msgbatch_1", headers={"anthropic-version": "2023-06-01"})
    assert answer.json()["results_url"] == "/v1/messages/batches/msgbatch_1/results"
    assert answer.headers["x-outlay-edited"] == "results_url"
    assert answer.content == body.replace(b"https://api.anthropic.test", b"")
