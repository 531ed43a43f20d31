"""The data plane's websocket endpoint over ASGI: who may open one, where it goes, and what is said otherwise."""

import asyncio
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import respx

from proxy.gateway.rules import Rules
from proxy.model.entry import Opened, Outcome, Refused
from proxy.policy.rules import RuleSet
from proxy.ports.sockets import SocketClosedError, SocketRefusedError
from proxy.ports.upstream import Fault, UpstreamError
from proxy.web.data_socket import DataSocket
from tests.fakes.counters import a_budget
from tests.fakes.sockets import FakeSocket, FakeSockets
from tests.flow.world import KEY, World

CREATE = json.dumps({"type": "response.create", "model": "gpt-4o", "input": "hi"})


@dataclass
class Caller:
    """One ASGI websocket, played from a test."""

    world: World
    sockets: FakeSockets
    sockets_max: int = 10
    sent: list[Any] = field(default_factory=list)
    told: "asyncio.Queue[Any]" = field(default_factory=asyncio.Queue)
    gone: bool = False
    """True: sending to it raises, as uvicorn's does."""

    def __post_init__(self) -> None:
        app = self.world.app
        self.app = DataSocket(
            *(app.rules, app.dialects, app.admission, app.plane, self.sockets, app.clock, app.refused),
            sockets_max=self.sockets_max,
        )

    async def open(self, target: str, headers: dict[str, str] | None = None, *subprotocols: str) -> None:
        """To the end of the socket, which the test brings about by what is in `told`."""
        path, _, query = target.partition("?")
        given = {"authorization": f"Bearer {KEY}"} if headers is None else headers
        lines = [(name.encode(), value.encode()) for name, value in given.items()]
        lines.append((b"connection", b"Upgrade"))
        lines.append((b"sec-websocket-protocol", ", ".join(subprotocols).encode()))
        scope = {
            "type": "websocket",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": lines,
            "subprotocols": list(subprotocols),
        }
        await self.told.put({"type": "websocket.connect"})

        async def send(message: Any) -> None:
            if self.gone:
                raise OSError("gone")
            self.sent.append(message)

        async with asyncio.timeout(60):
            await self.app(scope, self.told.get, send)

    @property
    def status(self) -> int:
        start = self.sent[0]
        assert start["type"] == "websocket.http.response.start", start
        return int(start["status"])

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.sent[1]["body"])["error"]
        return found


@pytest.fixture
def provider() -> FakeSocket:
    return FakeSocket(SocketClosedError(1000, "done"))


@pytest.fixture
def caller(respx_mock: respx.MockRouter, provider: FakeSocket) -> Caller:
    return Caller(World(respx_mock), FakeSockets(provider))


async def test_the_provider_gets_its_own_credential_and_the_client_s_headers(caller: Caller) -> None:
    headers = {
        "authorization": f"Bearer {KEY}",
        "openai-beta": "realtime=v1",
        "x-outlay-session": "s",
        "user-agent": "test/1",
        "sec-websocket-key": "abc",
    }
    await caller.open("/v1/realtime?model=gpt-realtime&x=%2F", headers)
    (request,) = caller.sockets.requests
    assert (request.base_url, request.target) == ("https://api.openai.test", b"/v1/realtime?model=gpt-realtime&x=%2F")
    assert sorted(request.headers) == [
        (b"authorization", b"Bearer sk-openai"),
        (b"openai-beta", b"realtime=v1"),
        (b"user-agent", b"test/1"),
    ]
    assert caller.sent[0] == {
        "type": "websocket.accept",
        "subprotocol": None,
        "headers": [(b"x-request-id", b"req_1")],
    }
    assert caller.sent[-1] == {"type": "websocket.close", "code": 1000, "reason": "done"}


@pytest.mark.parametrize(("days", "told"), [(6, True), (8, False)])
async def test_a_socket_opens_with_a_warning_where_its_key_is_about_to_end(
    caller: Caller, days: int, told: bool
) -> None:
    world = caller.world
    ends = datetime.fromtimestamp(world.clock.now_us() / 1e6, UTC) + timedelta(days=days)
    keys = {digest: replace(key, expires=ends) for digest, key in world.policies.keys.items()}
    rules = Rules(replace(world.policies, keys=keys), world.app.rules().prices)
    caller.app = replace(caller.app, rules=lambda: rules)
    await caller.open("/v1/realtime?model=gpt-realtime")
    found = dict(caller.sent[0]["headers"]).get(b"x-outlay-warning", b"")
    assert found.startswith(b"key k_alice expires ") is told


async def test_a_browser_s_key_is_taken_out_of_its_subprotocols(caller: Caller, provider: FakeSocket) -> None:
    provider.subprotocol = "realtime"
    names = ("realtime", f"openai-insecure-api-key.{KEY}", "openai-beta.realtime-v1")
    await caller.open("/v1/realtime?model=gpt-realtime", {}, *names)
    (request,) = caller.sockets.requests
    assert request.subprotocols == ("realtime", "openai-beta.realtime-v1")
    assert KEY not in repr(request)
    assert caller.sent[0]["subprotocol"] == "realtime"


async def test_the_caller_s_own_credential_passes(caller: Caller) -> None:
    await caller.open("/v1/responses", {"x-outlay-key": KEY, "authorization": "Bearer sk-own"})
    (request,) = caller.sockets.requests
    assert list(request.headers) == [(b"authorization", b"Bearer sk-own")]


async def test_a_named_provider_s_socket_opens_under_its_base_url(caller: Caller) -> None:
    await caller.open("/local/v1/realtime?model=llama-voice")
    (request,) = caller.sockets.requests
    assert (request.base_url, request.target) == ("http://local.test", b"/base/v1/realtime?model=llama-voice")
    assert request.headers == []


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer outlay_wrong"}])
async def test_without_a_valid_key_nothing_is_opened(caller: Caller, headers: dict[str, str]) -> None:
    await caller.open("/v1/responses", headers)
    assert (caller.status, caller.error["code"]) == (401, "invalid_api_key")
    assert caller.sockets.requests == []


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/x", "/v1/../v1/realtime", "/v1/realtime/x"])
async def test_other_paths_are_told_to_use_http(caller: Caller, path: str) -> None:
    await caller.open(path)
    assert caller.status == 426
    assert caller.sockets.requests == []


async def test_a_provider_may_be_set_to_have_no_websockets(caller: Caller) -> None:
    rules = caller.app.rules()
    providers = {name: replace(each, websockets=False) for name, each in rules.policies.providers.items()}
    caller.app.rules = lambda: replace(rules, policies=replace(rules.policies, providers=providers))
    await caller.open("/v1/responses")
    assert (caller.status, caller.error["code"]) == (426, "websocket_unsupported")
    assert "`websockets: false`" in caller.error["message"]
    (refused,) = [entry for entry in caller.world.journal.entries if isinstance(entry, Refused)]
    assert (refused.call.operation, refused.reason) == ("websocket", "websocket_unsupported")


async def test_a_project_outside_the_key_s_list_is_refused(caller: Caller) -> None:
    await caller.open("/v1/responses", {"authorization": f"Bearer {KEY}", "x-outlay-project": "other"})
    assert caller.status == 403


async def test_no_credential_for_the_provider_is_said_before_anything_is_opened(caller: Caller) -> None:
    await caller.open("/nokey/v1/responses")
    assert (caller.status, caller.error["code"]) == (400, "provider_unconfigured")


async def test_the_provider_s_own_refusal_is_passed_on_word_for_word(caller: Caller) -> None:
    lines = [(b"Content-Type", b"text/plain"), (b"Retry-After", b"7")]
    caller.sockets.socket = SocketRefusedError(404, lines, b"no websocket here")
    await caller.open("/v1/responses")
    assert caller.status == 404
    assert caller.sent[0]["headers"] == [(b"content-type", b"text/plain"), (b"retry-after", b"7")]
    assert caller.sent[1]["body"] == b"no websocket here"


async def test_a_provider_that_can_t_be_reached_is_a_502(caller: Caller) -> None:
    caller.sockets.socket = UpstreamError(Fault.CONNECT, "x")
    await caller.open("/v1/responses")
    assert (caller.status, caller.error["code"]) == (502, "provider_unreachable")
    assert caller.app.open == 0


async def test_a_client_that_vanishes_before_its_socket_is_open_leaves_none_at_the_provider(
    caller: Caller, provider: FakeSocket
) -> None:
    caller.gone = True
    await caller.open("/v1/responses")
    assert provider.closed is not None
    assert (caller.app.open, caller.sent) == (0, [])


async def test_an_answer_to_nobody_is_no_fault(caller: Caller) -> None:
    caller.gone = True
    await caller.open("/v1/responses", {})
    assert caller.app.open == 0


async def test_open_sockets_are_bounded(respx_mock: respx.MockRouter, provider: FakeSocket) -> None:
    full = Caller(World(respx_mock), FakeSockets(provider), sockets_max=0)
    await full.open("/v1/responses")
    assert (full.status, full.error["code"]) == (503, "overloaded")


async def test_a_key_that_is_revoked_meanwhile_ends_its_socket(caller: Caller) -> None:
    provider = caller.sockets.socket = FakeSocket()
    task = asyncio.create_task(caller.open("/v1/responses"))
    await caller.told.put({"type": "websocket.receive", "text": CREATE})
    await provider.took(1)
    caller.world.clock.advance(10**15)
    caller.app.rules = lambda: _without_keys(caller)
    await caller.told.put({"type": "websocket.receive", "text": CREATE})
    await task
    assert len(provider.sent) == 1
    assert json.loads(caller.sent[1]["text"])["error"]["code"] == "invalid_api_key"
    assert caller.sent[-1] == {"type": "websocket.close", "code": 1008, "reason": "invalid_key"}
    assert len([entry for entry in caller.world.journal.entries if isinstance(entry, Opened)]) == 1


async def test_a_response_begun_for_a_key_that_is_revoked_meanwhile_is_on_record_and_ends_its_socket(
    caller: Caller,
) -> None:
    provider = caller.sockets.socket = FakeSocket()
    task = asyncio.create_task(caller.open("/v1/realtime?model=gpt-realtime"))
    await caller.told.put({"type": "websocket.receive", "text": "{}"})
    await provider.took(1)
    rules = caller.world.app.rules()
    caller.app.rules = lambda: replace(rules, policies=replace(rules.policies, keys={}))
    provider.give(json.dumps({"type": "response.created", "response": {"id": "r1"}}))
    await task
    assert [entry.outcome for entry in caller.world.settled] == [Outcome.CAPPED]
    assert caller.sent[-1] == {"type": "websocket.close", "code": 1008, "reason": "invalid_key"}
    assert provider.closed is not None


async def test_a_session_that_tells_its_model_s_full_name_stays_with_its_provider(caller: Caller) -> None:
    """The name it was asked for is what chose the provider."""
    provider = caller.sockets.socket = FakeSocket()
    rules = caller.app.rules()
    local = replace(rules.policies.providers["local"], default_for=("voice",))
    rules = replace(rules, policies=replace(rules.policies, providers={**rules.policies.providers, "local": local}))
    caller.app.rules = lambda: rules
    task = asyncio.create_task(caller.open("/v1/realtime?model=voice"))
    provider.give(json.dumps({"type": "session.created", "session": {"model": "voice-2026-01-01"}}))
    while len(caller.sent) < 2:  # accepted, and told of the session
        await asyncio.sleep(0)
    await caller.told.put({"type": "websocket.receive", "text": '{"type":"response.create"}'})
    async with asyncio.timeout(60):
        await provider.took(1)
    provider.give(SocketClosedError(1000))
    await task
    (opened,) = [entry for entry in caller.world.journal.entries if isinstance(entry, Opened)]
    assert (opened.call.provider, opened.call.model) == ("local", "voice-2026-01-01")


async def test_a_call_that_a_budget_would_send_to_another_model_is_refused_and_told_what_to_ask_for(
    caller: Caller,
) -> None:
    """Messages pass as they come, so nothing can be written into them."""
    provider = caller.sockets.socket = FakeSocket()
    rules = caller.app.rules()
    budget = a_budget(limit=10**9, action="downgrade", downgrade_to="gpt-4o-mini")
    rules = Rules(replace(rules.policies, rules=RuleSet(budgets=(budget,))), rules.prices)
    caller.app.rules = lambda: rules
    task = asyncio.create_task(caller.open("/v1/responses"))
    await caller.told.put({"type": "websocket.receive", "text": CREATE})
    while len(caller.sent) < 2:
        await asyncio.sleep(0)
    told = json.loads(caller.sent[1]["text"])
    assert told["error"]["code"] == "refused_by_policy"
    assert "Ask for 'gpt-4o-mini' yourself" in told["error"]["message"]
    assert provider.sent == []
    await caller.told.put({"type": "websocket.receive", "text": CREATE.replace("gpt-4o", "gpt-4o-mini")})
    async with asyncio.timeout(60):
        await provider.took(1)
    provider.give(SocketClosedError(1000))
    await task
    [refused], [opened] = caller.world.refused, caller.world.journal.of(Opened)
    assert (refused.call.model, opened.call.model) == ("gpt-4o", "gpt-4o-mini")
    assert caller.world.counters.held_pico == 0


async def test_a_query_that_names_two_models_is_refused(caller: Caller) -> None:
    await caller.open("/v1/realtime?model=cheap&model=dear")
    assert (caller.status, caller.error["code"]) == (400, "bad_request")
    assert caller.sockets.requests == []


def _without_keys(caller: Caller) -> Any:
    rules = caller.world.app.rules()
    return replace(rules, policies=replace(rules.policies, keys={}))


async def test_a_call_is_compared_with_others_while_it_runs(caller: Caller) -> None:
    provider = caller.sockets.socket = FakeSocket()
    task = asyncio.create_task(caller.open("/v1/responses"))
    await caller.told.put({"type": "websocket.receive", "text": CREATE})
    await provider.took(1)
    await asyncio.sleep(0)
    assert caller.world.watching.looked_at == 1
    assert not caller.world.settled
    provider.give(SocketClosedError(1000))
    await task
    assert len(caller.world.settled) == 1
