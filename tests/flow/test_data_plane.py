"""Calls through the data plane: HTTP in, respx at the provider's place, real dialects, prices and policies between."""

import asyncio
import gzip
import json
import zlib

import httpx
import pytest
import respx
import zstandard

from proxy.model.entry import Opened, Outcome
from tests.flow.world import KEY, World

CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello there"}]}
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
}
MESSAGE = {"model": "claude-sonnet-4-5", "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]}


def answered(router: respx.MockRouter, url: str = "https://api.openai.test/v1/chat/completions", **given: object):
    """A provider that answers as given, its body streamed so that it can be read raw."""
    status = given.pop("status_code", 200)
    body = given.pop("body", json.dumps(ANSWER).encode())
    headers = given.pop("headers", {"content-type": "application/json", "x-request-id": "req_1"})

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))

    return router.route(url__startswith=url).mock(side_effect=answer)


async def test_a_call_is_forwarded_metered_priced_and_on_record(world: World) -> None:
    route = answered(world.router)
    response = await world.call("POST", "/v1/chat/completions", json=CHAT)
    assert response.json() == ANSWER
    sent = route.calls.last.request
    assert sent.content == httpx.Request("POST", "http://x", json=CHAT).content
    assert sent.headers["authorization"] == "Bearer sk-openai"
    (entry,) = world.settled
    assert (entry.usage.input_text, entry.usage.output_text) == (1000, 100)
    # 0.15 and 0.60 USD a million tokens.
    assert entry.cost.total_pico == 1000 * 150_000 + 100 * 600_000
    assert (entry.outcome, entry.estimated, entry.served.request_id) == (Outcome.OK, False, "req_1")
    assert (entry.call.owner, entry.call.project, entry.call.team, entry.call.cost_center) == (
        "alice",
        "checkout",
        "payments",
        "CC-42",
    )
    assert response.headers["x-outlay-call-id"] == entry.call.id
    assert world.counters.in_flight == world.counters.held_pico == 0


async def test_a_call_is_opened_with_a_hold_before_its_first_byte_goes_upstream(world: World) -> None:
    seen: list[object] = []

    def answer(_: httpx.Request) -> httpx.Response:
        seen.extend(world.journal.entries)
        return httpx.Response(200, stream=httpx.ByteStream(b"{}"))

    world.router.post("https://api.openai.test/v1/chat/completions").mock(side_effect=answer)
    await world.call("POST", "/v1/chat/completions", json=CHAT)
    (opened,) = seen
    assert isinstance(opened, Opened)
    assert opened.hold.cost_pico > 0


@pytest.mark.parametrize("key", ["", "outlay_wrong", "sk-something"])
async def test_without_a_valid_key_nothing_is_forwarded_and_the_answer_is_always_the_same(
    world: World, key: str
) -> None:
    route = answered(world.router)
    response = await world.call("POST", "/v1/chat/completions", key=key or " ", json=CHAT)
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "invalid_api_key"
    assert response.headers["x-should-retry"] == "false"
    assert not route.called
    assert world.journal.entries == []


async def test_refusals_come_in_the_shape_of_the_callers_dialect(world: World) -> None:
    response = await world.call("POST", "/v1/messages", key="outlay_wrong", json=MESSAGE)
    assert response.json()["type"] == "error"
    assert response.json()["error"]["type"] == "authentication_error"


async def test_a_project_outside_the_keys_list_is_refused_and_on_record(world: World) -> None:
    response = await world.call("POST", "/v1/chat/completions", json=CHAT, headers={"x-outlay-project": "treasury"})
    assert response.status_code == 403
    assert "checkout, search" in response.json()["error"]["message"]
    (entry,) = world.refused
    assert (entry.call.owner, entry.reason) == ("alice", "project_forbidden")
    assert response.headers["x-outlay-call-id"] == entry.call.id


async def test_the_project_follows_the_repository_and_an_explicit_one_wins(world: World) -> None:
    answered(world.router)
    repository = {"x-outlay-repo": "git@github.com:Acme/Search.git"}
    await world.call("POST", "/v1/chat/completions", json=CHAT, headers=repository)
    await world.call("POST", "/v1/chat/completions", json=CHAT, headers=repository | {"x-outlay-project": "checkout"})
    assert [entry.call.project for entry in world.settled] == ["search", "checkout"]


async def test_an_own_credential_passes_and_the_outlay_key_stays(world: World) -> None:
    route = answered(world.router, "https://api.anthropic.test/v1/messages", body=b'{"type":"message"}')
    headers = {"x-outlay-key": KEY, "authorization": "Bearer sk-ant-oat-own"}
    await world.call("POST", "/v1/messages", json=MESSAGE, headers=headers)
    sent = route.calls.last.request.headers
    assert sent["authorization"] == "Bearer sk-ant-oat-own"
    assert "x-outlay-key" not in sent
    assert "x-api-key" not in sent


async def test_a_query_and_unknown_headers_reach_the_provider_unchanged(world: World) -> None:
    route = answered(world.router, "https://api.anthropic.test/v1/messages", body=b'{"type":"message"}')
    await world.call("POST", "/v1/messages?beta=true&x=%2F", json=MESSAGE, headers={"anthropic-beta": "a,b"})
    sent = route.calls.last.request
    assert sent.extensions["target"] == b"/v1/messages?beta=true&x=%2F"
    assert sent.headers["anthropic-beta"] == "a,b"
    assert sent.headers["x-api-key"] == "sk-anthropic"
    assert "x-outlay-call-id" not in sent.headers


async def test_a_prefix_names_the_provider_and_a_base_path_is_kept(world: World) -> None:
    route = answered(world.router, "http://local.test/base/v1/chat/completions")
    await world.call("POST", "/local/v1/chat/completions", json=CHAT)
    assert route.calls.last.request.extensions["target"] == b"/base/v1/chat/completions"
    assert "authorization" not in route.calls.last.request.headers
    assert world.settled[0].call.provider == "local"


async def test_a_model_chooses_its_provider(world: World) -> None:
    body = json.dumps(ANSWER | {"model": "llama-4"}).encode()
    route = answered(world.router, "http://local.test/base", body=body)
    await world.call("POST", "/v1/chat/completions", json=CHAT | {"model": "llama-4"})
    assert route.called
    entry = world.settled[0]
    assert entry.cost.unpriced
    assert entry.cost.total_pico > 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/fine_tuning/jobs"),
        ("POST", "/v1/chat/completions/../files"),
        ("POST", "/openai/v1/rerank"),
        ("POST", "/v1/%2e%2e/admin"),
        ("GET", "/v1/chat/completions"),
        ("GET", "/"),
        ("POST", "//v1/messages"),
    ],
)
async def test_what_no_dialect_can_meter_is_not_forwarded(world: World, method: str, path: str) -> None:
    route = answered(world.router, "https://api.openai.test")
    response = await world.call(method, path)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "unknown_path"
    assert not route.called


@pytest.mark.parametrize(
    "path",
    [
        "chat%2fcompletions",
        "chat%252fcompletions",
        "Chat/completions",
        "chat//completions",
        "chat/completions/",
        "chat;x/completions",
    ],
)
async def test_no_other_spelling_of_a_priced_path_passes_by_a_wide_glob(world: World, path: str) -> None:
    route = answered(world.router, "http://wide.test")
    response = await world.call("POST", f"/wide/v1/{path}", json=CHAT)
    assert response.status_code == 404
    assert not route.called


async def test_a_websocket_attempt_is_refused_as_clients_expect(world: World) -> None:
    response = await world.call("GET", "/v1/responses", headers={"connection": "upgrade", "upgrade": "websocket"})
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "websocket_unsupported"


async def test_a_path_that_an_admin_lets_pass_is_streamed_and_on_record_as_free(world: World) -> None:
    route = answered(world.router, "http://local.test/base/v1/rerank", body=b'{"id":"rank-1"}')
    response = await world.call("POST", "/local/v1/rerank", content=b"\x00" * 3_000_000)
    assert response.json() == {"id": "rank-1"}
    assert len(route.calls.last.request.content) == 3_000_000
    (entry,) = world.settled
    assert (entry.call.operation, entry.cost.total_pico, entry.cost.price_id) == ("passed", 0, "free")


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "deflate"])
async def test_a_compressed_body_is_read_for_facts_and_passed_on_as_it_came(world: World, encoding: str) -> None:
    route = answered(world.router)
    plain = json.dumps(CHAT).encode()
    packed = {"gzip": gzip.compress, "zstd": zstandard.compress, "deflate": zlib.compress}[encoding](plain)
    headers = {"content-encoding": encoding, "content-type": "application/json"}
    await world.call("POST", "/v1/chat/completions", content=packed, headers=headers)
    assert route.calls.last.request.content == packed
    assert route.calls.last.request.headers["content-encoding"] == encoding
    assert world.settled[0].call.model == "gpt-4o-mini"


@pytest.mark.parametrize("content", [b" " * 1_000_001, gzip.compress(b" " * 1_000_001)])
async def test_a_body_above_the_limit_is_a_clear_413_packed_or_not(world: World, content: bytes) -> None:
    headers = {"content-encoding": "gzip"} if content[:2] == b"\x1f\x8b" else {}
    response = await world.call("POST", "/v1/chat/completions", content=content, headers=headers)
    assert response.status_code == 413
    assert "OUTLAY_BODY_BYTES_MAX" in response.json()["error"]["message"]
    (entry,) = world.refused
    assert (entry.call.owner, entry.status) == ("alice", 413)
    assert response.headers["x-outlay-call-id"] == entry.call.id
    assert world.room.taken == 0


@pytest.mark.parametrize("encoding", ["", "gzip"])
async def test_bodies_share_bounded_room_until_their_calls_end(router: respx.MockRouter, encoding: str) -> None:
    plain = json.dumps(CHAT | {"messages": [{"role": "user", "content": "x" * 1000}]}).encode()
    sent = gzip.compress(plain) if encoding else plain
    takes = len(sent) + (len(plain) if encoding else 0)
    world = World(router, bodies_bytes_max=2 * takes - 1)
    headers = {"content-encoding": encoding} if encoding else {}
    arrived, answer = asyncio.Event(), asyncio.Event()

    async def wait(_: httpx.Request) -> httpx.Response:
        arrived.set()
        await answer.wait()
        return httpx.Response(200, stream=httpx.ByteStream(b"{}"))

    router.post("https://api.openai.test/v1/chat/completions").mock(side_effect=wait)
    first = asyncio.create_task(world.call("POST", "/v1/chat/completions", content=sent, headers=headers))
    await arrived.wait()
    assert world.room.taken == takes
    second = await world.call("POST", "/v1/chat/completions", content=sent, headers=headers)
    assert (second.status_code, second.headers["retry-after"]) == (503, "1")
    assert "x-should-retry" not in second.headers
    assert second.headers["x-outlay-call-id"] == world.refused[0].call.id
    answer.set()
    assert (await first).status_code == 200
    assert world.room.taken == 0
    assert (await world.call("POST", "/v1/chat/completions", content=sent, headers=headers)).status_code == 200


async def test_a_fault_of_our_own_is_a_500_in_the_dialects_shape_and_leaves_no_hold(world: World) -> None:
    def broken(_: object) -> None:
        raise ValueError("a fault of our own")

    world.journal.append = broken  # type: ignore[method-assign]
    response = await world.call("POST", "/v1/messages", json=MESSAGE)
    assert (response.status_code, response.json()["type"]) == (500, "error")
    assert response.headers["x-should-retry"] == "false"
    assert world.counters.in_flight == 0


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b'{"model": "a", "model": "b", "messages": []}',
        b'{"model": "a", "mod\\u0065l": "b", "messages": []}',
        b"[]",
        b"",
    ],
)
async def test_a_body_that_cannot_be_read_for_its_facts_is_a_400_that_says_why(world: World, body: bytes) -> None:
    route = answered(world.router)
    response = await world.call("POST", "/v1/chat/completions", content=body)
    assert response.status_code == 400
    assert not route.called


async def test_a_provider_without_a_credential_is_named(world: World) -> None:
    response = await world.call("POST", "/v1/chat/completions", json=CHAT | {"model": "nokey-1"})
    assert response.status_code == 400
    assert "MISSING_KEY" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("error", "status", "outcome", "spent"),
    [
        (httpx.ConnectError("refused"), 502, Outcome.UNREACHED, False),
        (httpx.ConnectTimeout("slow"), 504, Outcome.UNREACHED, False),
        (httpx.ReadTimeout("silent"), 504, Outcome.UNANSWERED, True),
        (httpx.ReadError("reset"), 502, Outcome.UNANSWERED, True),
    ],
)
async def test_a_failing_provider_is_reported_and_what_may_be_billed_is_on_record(
    world: World, error: Exception, status: int, outcome: Outcome, spent: bool
) -> None:
    world.router.post("https://api.openai.test/v1/chat/completions").mock(side_effect=error)
    response = await world.call("POST", "/v1/chat/completions", json=CHAT)
    assert response.status_code == status
    assert "x-should-retry" not in response.headers
    (entry,) = world.settled
    assert entry.outcome is outcome
    assert (entry.cost.total_pico > 0) is spent
    assert entry.estimated is spent
    assert entry.call.id in response.text


async def test_a_providers_error_passes_unchanged_and_costs_nothing(world: World) -> None:
    body = b'{"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}}'
    headers = {"content-type": "application/json", "retry-after": "7", "x-ratelimit-remaining-requests": "0"}
    answered(world.router, status_code=429, body=body, headers=headers)
    response = await world.call("POST", "/v1/chat/completions", json=CHAT)
    assert (response.status_code, response.content) == (429, body)
    assert response.headers["retry-after"] == "7"
    assert response.headers["x-ratelimit-remaining-requests"] == "0"
    (entry,) = world.settled
    assert (entry.outcome, entry.status, entry.cost.total_pico) == (Outcome.PROVIDER_ERROR, 429, 0)


async def test_when_the_journal_cannot_be_written_nothing_is_forwarded(world: World) -> None:
    route = answered(world.router)
    world.journal.fill()
    response = await world.call("POST", "/v1/chat/completions", json=CHAT)
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "metering_unavailable"
    assert response.headers["retry-after"]
    assert not route.called
    assert world.counters.in_flight == 0


async def test_a_list_of_models_is_forwarded_without_a_body_and_free(world: World) -> None:
    route = answered(world.router, "https://api.openai.test/v1/models", body=b'{"data": []}')
    response = await world.call("GET", "/v1/models")
    assert response.json() == {"data": []}
    assert route.calls.last.request.content == b""
    assert "transfer-encoding" not in route.calls.last.request.headers
    assert world.settled[0].cost.price_id == "free"


async def test_a_path_of_two_dialects_goes_by_the_header_that_only_one_sends(world: World) -> None:
    route = answered(world.router, "https://api.anthropic.test/v1/models", body=b'{"data": []}')
    await world.call("GET", "/v1/models", headers={"anthropic-version": "2023-06-01"})
    assert route.called


async def test_prompt_and_key_are_in_no_entry(world: World) -> None:
    answered(world.router)
    secret = "canary-7f3a"
    await world.call("POST", "/v1/chat/completions", json=CHAT | {"messages": [{"role": "user", "content": secret}]})
    recorded = repr(world.journal.entries)
    assert secret not in recorded
    assert KEY not in recorded
    assert "sk-openai" not in recorded
    assert world.settled[0].call.fingerprint
