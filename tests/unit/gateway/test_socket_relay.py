"""One websocket with its calls, both ends played from scripts: what is written when, and how it ends."""

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from proxy.adapters.counters_memory import MemoryCounters
from proxy.adapters.data_folder import FileHashKey
from proxy.dialects.openai import OpenAI
from proxy.dialects.socket import Turn
from proxy.gateway.admission import Admission, Admitted, Incoming
from proxy.gateway.plane import Plane
from proxy.gateway.rules import Rules
from proxy.gateway.socket_relay import STOPPING, SocketRelay
from proxy.model.decision import Refusal
from proxy.model.entry import Cost, Opened, Outcome, Refused, Settled
from proxy.model.identity import Identity, OwnerKind, Project, Role
from proxy.model.limits import ModelLimits
from proxy.model.usage import KINDS, Served, Usage
from proxy.policy.types import PolicySet, Provider, Secret
from proxy.ports.sockets import SocketClosedError
from tests.fakes.clock import FakeClock
from tests.fakes.counters import LimitedCounters
from tests.fakes.journal import FakeJournal
from tests.fakes.prices import by_bound
from tests.fakes.sockets import FakeSocket
from tests.fakes.tokens import WordCounter
from tests.fakes.upstream import ScriptedUpstream

PROVIDER = Provider("openai", "openai", "http://p.test", Secret("none"))
ELSEWHERE = Provider("local", "openai", "http://l.test", Secret("none"), default_for=("llama-*",))
ALICE = Identity("k", "alice", OwnerKind.PERSON, Role.DEVELOPER, "payments", (Project("checkout"),))
PICO_PER_TOKEN = 1_000_000


class FlatPrices:
    """Fulfils ports.prices.Prices: every token costs the same."""

    def cost(self, provider: str, model: str, at_us: int, usage: Usage, served: Served) -> Cost:
        kinds = {kind: getattr(usage, kind) * PICO_PER_TOKEN for kind in KINDS if getattr(usage, kind)}
        return Cost(sum(kinds.values()), kinds, "flat")

    bound = cost
    bound_of_text = by_bound

    def limits(self, provider: str, model: str) -> ModelLimits:
        return ModelLimits()


class Stage:
    """One relay with everything around it."""

    def __init__(self, path: str = "/v1/responses", *, limit_tokens: int | None = None) -> None:
        self.journal = FakeJournal()
        self.counters = LimitedCounters(limit_tokens * PICO_PER_TOKEN) if limit_tokens else MemoryCounters(10)
        self.clock, self.tokens = FakeClock(), WordCounter()
        self.plane = Plane(
            *(ScriptedUpstream(asyncio.Event()), self.counters, self.journal, self.tokens, self.clock),
            drain_s=1.0,
            observe=lambda _: None,
        )
        self.client, self.provider = FakeSocket(), FakeSocket()
        self.refusals: list[Refusal] = []
        self.rules = Rules(PolicySet("v", providers={"openai": PROVIDER, "local": ELSEWHERE}), FlatPrices())
        dialect = OpenAI()
        conversation = dialect.socket(path.partition("?")[0], path.encode(), {})
        assert conversation is not None
        self.admission = Admission(self.counters, self.journal, self.clock, FileHashKey("h", b"k" * 32), self)
        self.incoming = Incoming(dialect, dialect.operation("POST", "/v1/responses"), "", {}, b"", False, b"/", b"")  # type: ignore[arg-type]
        self.relay = SocketRelay(
            *(self.plane, dialect, conversation),
            client=self.client,
            upstream=self.provider,
            admit=self.admit,
            turn_away=lambda refusal: self.admission.turn_away(self.rules, self.incoming, ALICE, refusal),
            refused=self.refusals.append,
            request_id="req_1",
        )

    def secret(self, provider: Provider) -> str | None:
        return ""

    async def admit(self, turn: Turn, begun: bool) -> Admitted | tuple[Refusal, str]:
        incoming = replace(self.incoming, operation=turn.operation)
        return await self.admission.admit(self.rules, incoming, ALICE, asked=turn.request, at=PROVIDER, begun=begun)

    async def __aenter__(self) -> "Stage":
        self.task = asyncio.create_task(self.relay.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        async with asyncio.timeout(60):
            await self.task
        if self.plane.counting:
            await asyncio.wait(self.plane.counting)

    @property
    def settled(self) -> Settled:
        (entry,) = self.journal.of(Settled)
        return entry


def event(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields})


CREATE = event("response.create", model="gpt-5.1", input="three words here")
CREATED = event("response.created", response={"id": "r1", "model": "gpt-5.1"})
DELTA = event("response.output_text.delta", delta="two words")
USAGE = {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12}
COMPLETED = event("response.completed", response={"id": "r1", "model": "gpt-5.1", "output": [], "usage": USAGE})
GONE = SocketClosedError(1001, "bye")


async def test_a_call_is_opened_before_its_message_goes_up_and_settled_before_its_end_goes_down() -> None:
    stage = Stage()
    seen: dict[str, int] = {}
    up, down = stage.provider.send, stage.client.send

    async def going_up(message: str | bytes) -> None:
        seen["opened"] = len(stage.journal.of(Opened))
        await up(message)

    async def going_down(message: str | bytes) -> None:
        if message == COMPLETED:
            seen["settled"] = len(stage.journal.of(Settled))
        await down(message)

    stage.provider.send, stage.client.send = going_up, going_down  # type: ignore[method-assign]
    async with stage:
        stage.client.give(CREATE)
        await stage.provider.took(1)
        for message in (CREATED, DELTA, COMPLETED):
            stage.provider.give(message)
        await stage.client.took(3)
        stage.client.give(GONE)
    assert seen == {"opened": 1, "settled": 1}
    assert stage.provider.sent == [CREATE]
    assert stage.client.sent == [CREATED, DELTA, COMPLETED]
    settled = stage.settled
    assert (settled.usage, settled.outcome, settled.estimated) == (
        Usage(input_text=9, output_text=3),
        Outcome.OK,
        False,
    )
    assert (settled.served.request_id, settled.status, settled.call.stream) == ("req_1", 200, True)
    assert stage.provider.closed == (1001, "bye")


async def test_binary_and_text_pass_unchanged_in_order_both_ways() -> None:
    stage = Stage("/v1/realtime?model=gpt-realtime")
    up = [event("input_audio_buffer.append", audio="AAAA"), '{"type": "x",  "é": "\\u00e9"}', "{ }"]
    down = [b"\x00\xff binary", "not json", event("unknown", x=1)]
    async with stage:
        for message in up:
            stage.client.give(message)
        for given in down:
            stage.provider.give(given)
        await stage.provider.took(3)
        await stage.client.took(3)
        stage.client.give(GONE)
    assert (stage.provider.sent, stage.client.sent) == (up, down)
    assert stage.journal.entries == []


async def test_a_hang_up_reaches_the_provider_at_once_and_what_passed_is_counted() -> None:
    async with Stage() as stage:
        stage.client.give(CREATE)
        await stage.provider.took(1)
        stage.provider.give(CREATED)
        stage.provider.give(DELTA)
        await stage.client.took(2)
        stage.client.give(SocketClosedError(1005))
    assert stage.provider.closed == (1000, "")
    settled = stage.settled
    assert (settled.outcome, settled.estimated, settled.usage.output_text) == (Outcome.HANGUP, True, 2)
    assert settled.usage.input_text > 3


async def test_a_cut_reaches_the_client_with_the_provider_s_code_after_settlement() -> None:
    async with Stage() as stage:
        stage.client.give(CREATE)
        await stage.provider.took(1)
        stage.provider.give(CREATED)
        await stage.client.took(1)
        stage.provider.give(SocketClosedError(3000, "because"))
    assert stage.client.closed == (3000, "because")
    assert (stage.settled.outcome, stage.settled.estimated) == (Outcome.CUT, True)


async def test_a_broken_connection_is_told_with_a_code_that_may_be_sent() -> None:
    async with Stage() as stage:
        stage.client.give(CREATE)
        await stage.provider.took(1)
        stage.provider.give(SocketClosedError(1006))
    assert stage.client.closed == (1011, "")
    assert (stage.settled.outcome, stage.settled.status) == (Outcome.UNANSWERED, 0)


async def test_a_refusal_is_an_event_and_the_socket_goes_on() -> None:
    async with Stage(limit_tokens=2500) as stage:
        stage.client.give(event("response.create", model="m", input="x" * 3000))
        await stage.client.took(1)
        stage.client.give(CREATE)
        await stage.provider.took(1)
        stage.provider.give(COMPLETED)
        await stage.client.took(2)
        stage.client.give(GONE)
    told = json.loads(stage.client.sent[0])
    assert (told["type"], told["status"], told["error"]["code"]) == ("error", 400, "refused_by_policy")
    (refused,) = stage.journal.of(Refused)
    assert refused.call.id in told["error"]["message"]
    assert stage.provider.sent == [CREATE]
    assert stage.settled.usage == Usage(input_text=9, output_text=3)
    assert len(stage.refusals) == 1


async def test_what_can_t_be_read_is_not_passed_on() -> None:
    async with Stage() as stage:
        stage.client.give('{"type":"response.create","model":"a","model":"b"}')
        await stage.client.took(1)
        stage.client.give(GONE)
    (refused,) = stage.journal.of(Refused)
    told = json.loads(stage.client.sent[0])["error"]
    assert (told["code"], refused.reason, refused.call.owner) == ("bad_request", "bad_request", "alice")
    assert refused.call.id in told["message"]
    assert stage.provider.sent == []


async def test_a_model_that_lives_elsewhere_is_refused_with_the_way_there() -> None:
    async with Stage() as stage:
        stage.client.give(event("response.create", model="llama-4", input="x"))
        await stage.client.took(1)
        stage.client.give(GONE)
    assert "/local/" in json.loads(stage.client.sent[0])["error"]["message"]
    assert stage.provider.sent == []


async def test_a_response_the_provider_begins_is_on_record_before_it_is_passed_on() -> None:
    async with Stage("/v1/realtime?model=gpt-realtime") as stage:
        stage.provider.give(CREATED)
        await stage.client.took(1)
        assert [opened.call.model for opened in stage.journal.of(Opened)] == ["gpt-realtime"]
        stage.client.give(GONE)
    assert stage.settled.outcome is Outcome.HANGUP


async def test_a_response_the_provider_begins_where_no_budget_has_room_ends_the_socket_and_is_on_record() -> None:
    async with Stage("/v1/realtime?model=gpt-realtime", limit_tokens=100) as stage:
        stage.provider.give(CREATED)
    assert json.loads(stage.client.sent[0])["error"]["code"] == "refused_by_policy"
    assert CREATED not in stage.client.sent
    assert (stage.client.closed, stage.provider.closed) == ((1008, "refused_by_policy"), (1001, ""))
    assert stage.settled.outcome is Outcome.CAPPED


async def test_a_response_that_outgrows_its_budget_is_ended_at_the_cap() -> None:
    async with Stage(limit_tokens=2400) as stage:
        stage.tokens.guesses = True
        stage.client.give(CREATE)
        await stage.provider.took(1)
        stage.provider.give(CREATED)
        stage.provider.give(event("response.output_text.delta", delta="x" * 4000))
    assert json.loads(stage.client.sent[-1])["error"]["code"] == "refused_by_policy"
    assert stage.client.closed == (1008, "refused_by_policy")
    assert stage.settled.outcome is Outcome.CAPPED


async def test_a_journal_that_can_t_be_written_ends_the_socket_before_anything_is_sent() -> None:
    async with Stage() as stage:
        stage.journal.fill()
        stage.client.give(CREATE)
    assert stage.provider.sent == []
    assert stage.client.closed == (1008, "metering_unavailable")
    assert json.loads(stage.client.sent[0])["error"]["code"] == "metering_unavailable"


async def test_a_stop_waits_for_the_call_that_runs_and_then_closes() -> None:
    async with Stage() as stage:
        stage.client.give(CREATE)
        await stage.provider.took(1)
        stage.client.stopping.set()
        stage.provider.give(CREATED)
        await stage.client.took(1)
        assert stage.client.closed is None
        stage.provider.give(COMPLETED)
    assert stage.client.sent == [CREATED, COMPLETED]
    assert stage.client.closed == (1001, STOPPING)
    assert stage.settled.outcome is Outcome.OK


async def test_a_stop_that_waits_no_longer_settles_what_runs() -> None:
    stage = Stage()
    task = asyncio.create_task(stage.relay.run())
    stage.client.give(CREATE)
    await stage.provider.took(1)
    stage.provider.give(CREATED)
    await stage.client.took(1)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert stage.settled.outcome is Outcome.CUT
    assert (stage.client.closed, stage.provider.closed) == ((1001, STOPPING), (1001, ""))


async def test_a_slow_client_holds_the_provider_back() -> None:
    async with Stage() as stage:
        stage.client.reading.clear()
        for _ in range(100):
            stage.provider.give(DELTA)
        stage.client.give(event("response.processed"))
        await stage.provider.took(1)
        assert stage.provider._given.qsize() >= 98
        stage.client.reading.set()
        await stage.client.took(100)
        stage.client.give(GONE)


async def test_calls_that_run_at_the_end_are_all_settled() -> None:
    async with Stage() as stage:
        for _ in range(3):
            stage.client.give(CREATE)
        await stage.provider.took(3)
        stage.client.give(GONE)
    assert [entry.outcome for entry in stage.journal.of(Settled)] == [Outcome.HANGUP] * 3
    assert isinstance(stage.counters, MemoryCounters)
    assert stage.counters.in_flight == 0


@pytest.mark.parametrize("status", [400, 429])
async def test_an_error_before_the_response_began_costs_nothing(status: int) -> None:
    async with Stage() as stage:
        stage.client.give(CREATE)
        await stage.provider.took(1)
        stage.provider.give(event("error", status=status, error={"message": "no"}))
        await stage.client.took(1)
        stage.client.give(GONE)
    assert (stage.settled.outcome, stage.settled.status) == (Outcome.PROVIDER_ERROR, status)
    assert stage.settled.usage == Usage()
