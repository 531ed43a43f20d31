"""One call from its opened line to its settled line, with the provider and the client played from scripts."""

import asyncio
import gzip
import json
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from proxy.adapters.counters_memory import MemoryCounters
from proxy.dialects.anthropic import Anthropic
from proxy.dialects.dialect import Dialect, Meter, Operation, Reading
from proxy.dialects.meters import ANSWER_BYTES_MAX
from proxy.dialects.openai import OpenAI
from proxy.gateway.admission import Admitted
from proxy.gateway.plane import Plane
from proxy.gateway.relay import Relay
from proxy.gateway.rules import Rules
from proxy.model.call import Hold, Request
from proxy.model.entry import Cost, Extended, Opened, Outcome, Settled
from proxy.model.limits import ModelLimits
from proxy.model.usage import KINDS, Served, Usage
from proxy.policy.types import PolicySet, Provider, Secret
from proxy.policy.verdict import Verdict, Weight
from proxy.ports.tokens import Count
from proxy.ports.upstream import Fault, UpstreamError, UpstreamRequest
from tests.fakes.client import RecordingClient
from tests.fakes.clock import FakeClock
from tests.fakes.counters import LimitedCounters
from tests.fakes.facts import a_call
from tests.fakes.journal import FakeJournal
from tests.fakes.prices import by_bound
from tests.fakes.tokens import WordCounter
from tests.fakes.upstream import ScriptedAnswer, ScriptedUpstream, Step

SSE = [(b"Content-Type", b"text/event-stream; charset=utf-8")]
JSON = [(b"Content-Type", b"application/json")]
PICO_PER_TOKEN = 1_000_000


class FlatPrices:
    """Fulfils ports.prices.Prices: every token costs the same."""

    def cost(self, provider: str, model: str, at_us: int, usage: Usage, served: Served) -> Cost:
        kinds = {kind: getattr(usage, kind) * PICO_PER_TOKEN for kind in KINDS if getattr(usage, kind)}
        return Cost(sum(kinds.values()), kinds, "flat")

    bound = cost
    bound_of_text = by_bound

    def __init__(self, output_tokens_max: int | None = None) -> None:
        self._limits = ModelLimits(output_tokens_max)

    def limits(self, provider: str, model: str) -> ModelLimits:
        return self._limits


class Stage:
    """One relay with everything around it."""

    def __init__(
        self,
        answer: ScriptedAnswer | UpstreamError | asyncio.Event,
        *,
        dialect: Dialect | None = None,
        operation: str = "/v1/chat/completions",
        body: dict[str, Any] | None = None,
        limit_pico: int | None = None,
        hide_usage: bool = False,
        drain_s: float = 5.0,
        tokens: WordCounter | None = None,
        prices: FlatPrices | None = None,
    ) -> None:
        self.dialect = dialect or OpenAI()
        found = self.dialect.operation("POST", operation)
        assert found is not None
        content = json.dumps(body or {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]})
        request = self.dialect.read(found, content.encode(), {}, operation.encode())
        self.journal = FakeJournal()
        self.counters = LimitedCounters(limit_pico) if limit_pico else MemoryCounters(10)
        self.tokens = tokens or WordCounter()
        self.clock = FakeClock()
        self.client = RecordingClient()
        self.upstream = ScriptedUpstream(answer)
        self.observed: list[Settled] = []
        hold = Hold(cost_pico=1050 * PICO_PER_TOKEN, input_tokens=50, output_tokens=1000)
        call = replace(a_call(), operation=found.name, stream=request.stream)
        self.counters.reserve(call, hold)
        self.journal.append(Opened(call, hold))
        admitted = Admitted(
            call=call,
            request=request,
            hold=hold,
            provider=Provider("openai", "openai", "http://p.test", Secret("none")),
            dialect=self.dialect,
            operation=found,
            rules=Rules(PolicySet("v"), prices or FlatPrices()),
            credential="",
            body=content.encode(),
            edits=("stream_options.include_usage",) if hide_usage else (),
            hide_usage=hide_usage,
            model=call.model,
            verdict=Verdict(Weight(Hold(0, 0, 0), priced=True)),
            opened_monotonic_us=0,
        )
        self.plane = Plane(
            self.upstream, self.counters, self.journal, self.tokens, self.clock, drain_s, self.observed.append
        )
        self.relay = Relay(self.plane, admitted, UpstreamRequest("POST", "http://p.test", b"/", [], b""), self.client)

    async def run(self) -> Settled:
        await self.relay.run()
        if self.plane.counting:
            await asyncio.wait(self.plane.counting)
        return self.settled

    @property
    def settled(self) -> Settled:
        (entry,) = self.journal.of(Settled)
        return entry


def chat_events(*words: str, usage: dict[str, Any] | None = None, done: bool = True) -> list[bytes]:
    events = [{"choices": [{"index": 0, "delta": {"content": f" {word}"}}]} for word in words]
    if done:
        events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    if usage:
        events.append({"choices": [], "usage": usage})
    lines = [f"data: {json.dumps({'model': 'm-1', 'object': 'chat.completion.chunk'} | event)}\n\n" for event in events]
    return [line.encode() for line in [*lines, *(["data: [DONE]\n\n"] if done else [])]]


def sse(steps: Sequence[Step], headers: Sequence[tuple[bytes, bytes]] = ()) -> ScriptedAnswer:
    return ScriptedAnswer(200, [*SSE, *headers], list(steps))


USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


async def test_a_stream_passes_byte_for_byte_and_is_settled_at_the_reported_usage() -> None:
    events = chat_events("one", "two", "three", usage=USAGE)
    stage = Stage(sse(events))
    entry = await stage.run()
    assert stage.client.body == b"".join(events)
    assert stage.client.ended
    assert (entry.usage, entry.estimated, entry.outcome) == (Usage(input_text=7, output_text=3), False, Outcome.OK)
    assert stage.upstream.answer.closed  # type: ignore[union-attr]


async def test_a_stream_is_settled_before_its_last_event_reaches_the_client() -> None:
    stage = Stage(sse(chat_events("one", usage=USAGE)))
    seen: list[int] = []
    write = stage.client.write

    async def on_write(data: bytes) -> None:
        if b"[DONE]" in data:
            seen.append(len(stage.journal.of(Settled)))
        await write(data)

    stage.client.write = on_write  # type: ignore[method-assign]
    await stage.run()
    assert seen == [1]


@pytest.mark.parametrize("last", [b"", b'data: {"usage": {"prompt_tokens": 7, "completion_tokens": 3}}'])
@pytest.mark.parametrize("packed", [False, True])
async def test_a_stream_of_a_stated_length_is_settled_before_its_last_byte_whatever_it_ends_in(
    last: bytes, packed: bool
) -> None:
    """It lacks the protocol's own end, so its length is all that tells the client that it is whole."""
    whole = b"".join(chat_events("one", "two", usage=None if last else USAGE, done=False)) + last
    sent = gzip.compress(whole) if packed else whole
    headers = [(b"Content-Length", b"%d" % len(sent)), *([(b"Content-Encoding", b"gzip")] if packed else [])]
    stage = Stage(sse([sent[:40], sent[40:90], sent[90:]], headers))
    seen: list[tuple[int, int]] = []
    write = stage.client.write

    async def on_write(data: bytes) -> None:
        await write(data)
        seen.append((len(stage.client.body), len(stage.journal.of(Settled))))

    stage.client.write = on_write  # type: ignore[method-assign]
    entry = await stage.run()
    assert seen == [(40, 0), (90, 0), (len(sent), 1)]
    assert (entry.outcome, entry.usage.output_text) == (Outcome.CUT, 3)
    assert stage.client.body == sent
    assert stage.client.ended


async def test_a_whole_answer_is_settled_before_its_last_piece_reaches_the_client() -> None:
    body = json.dumps({"model": "m", "choices": [], "usage": USAGE}).encode()
    request = {"model": "m", "messages": []}
    stage = Stage(ScriptedAnswer(200, JSON, [body[:10], body[10:]]), body=request)
    end = stage.client.end
    seen: list[int] = []

    async def on_end(data: bytes = b"") -> None:
        seen.append(len(stage.journal.of(Settled)))
        assert data
        await end(data)

    stage.client.end = on_end  # type: ignore[method-assign]
    await stage.run()
    assert (seen, stage.client.body) == ([1], body)


async def test_usage_that_was_asked_for_on_the_clients_behalf_is_hidden_from_it() -> None:
    events = chat_events("one", "two", usage=USAGE)
    stage = Stage(sse(events), hide_usage=True)
    entry = await stage.run()
    assert stage.client.body == b"".join(event for event in events if b'"usage"' not in event)
    assert entry.usage == Usage(input_text=7, output_text=3)
    assert (b"x-outlay-edited", b"stream_options.include_usage") in stage.client.headers


async def test_a_compressed_stream_with_hidden_usage_is_unpacked_and_says_so() -> None:
    events = chat_events("one", usage=USAGE)
    packed = gzip.compress(b"".join(events))
    stage = Stage(sse([packed[:20], packed[20:]], [(b"Content-Encoding", b"gzip")]), hide_usage=True)
    entry = await stage.run()
    assert stage.client.body == b"".join(event for event in events if b'"usage"' not in event)
    assert "content-encoding" in entry.edits
    assert b"content-encoding" not in dict(stage.client.headers)


async def test_a_compressed_answer_is_metered_without_changing_its_bytes() -> None:
    packed = gzip.compress(b"".join(chat_events("one", usage=USAGE)))
    stage = Stage(sse([packed[:9], packed[9:]], [(b"Content-Encoding", b"gzip")]))
    entry = await stage.run()
    assert stage.client.body == packed
    assert entry.usage.output_text == 3


@pytest.mark.parametrize("encoding", [b"lzma", b"gzip"])
async def test_an_answer_that_cannot_be_unpacked_passes_and_is_estimated(encoding: bytes) -> None:
    stage = Stage(sse([b"garbage", b"more"], [(b"Content-Encoding", encoding)]))
    entry = await stage.run()
    assert stage.client.body == b"garbagemore"
    assert entry.estimated
    assert (entry.usage.input_text, entry.usage.output_text) == (50, 1000), "the hold: what is unknown is never zero"


async def test_the_lease_of_a_stream_that_cannot_be_read_grows_with_its_bytes() -> None:
    stage = Stage(sse([b"x" * 900, b"x" * 900], [(b"Content-Encoding", b"lzma")]))
    entry = await stage.run()
    assert entry.usage.output_text == 2000


async def test_a_json_answer_that_is_too_long_to_be_read_is_settled_at_the_hold() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    long = [b" " * (ANSWER_BYTES_MAX // 4)] * 5
    stage = Stage(ScriptedAnswer(200, JSON, [*long]), body=body)
    entry = await stage.run()
    assert (entry.outcome, entry.estimated, entry.usage.output_text) == (Outcome.OK, True, 1000)


async def test_a_hang_up_after_the_last_event_reaches_a_provider_that_does_not_end() -> None:
    never = asyncio.Event()
    stage = Stage(sse([*chat_events("one", usage=USAGE), never]))
    running = asyncio.create_task(stage.run())
    while not stage.client.body.endswith(b"[DONE]\n\n"):
        await asyncio.sleep(0)
    stage.client.hung_up.set()
    entry = await asyncio.wait_for(running, 60)
    assert (entry.outcome, entry.usage.output_text) == (Outcome.OK, 3)
    assert stage.upstream.answer.closed  # type: ignore[union-attr]


async def test_a_fault_in_counting_settles_at_the_hold() -> None:
    class Broken(WordCounter):
        async def count(self, model: str, texts: Sequence[str]) -> Count:
            raise ValueError("a fault of our own")

    stage = Stage(sse(chat_events("one")), tokens=Broken())
    entry = await stage.run()
    assert (entry.estimated, entry.usage.output_text) == (True, 1000)
    assert stage.client.ended


async def test_a_fault_in_pricing_leaves_neither_a_hold_nor_an_open_call() -> None:
    class Broken(FlatPrices):
        def cost(self, provider: str, model: str, at_us: int, usage: Usage, served: Served) -> Cost:
            raise ValueError("a fault of our own")

    stage = Stage(sse(chat_events("one", usage=USAGE)), prices=Broken())
    entry = await stage.run()
    assert (entry.outcome, entry.cost.total_pico, entry.estimated) == (Outcome.CRASHED, 1050 * PICO_PER_TOKEN, True)
    assert stage.client.ended
    assert isinstance(stage.counters, MemoryCounters)
    assert stage.counters.in_flight == 0


async def test_a_cut_stream_stays_cut_and_what_passed_is_counted() -> None:
    events = chat_events("one", "two", "three", done=False)
    stage = Stage(sse([*events, UpstreamError(Fault.CUT, "gone")]))
    entry = await stage.run()
    assert stage.client.body == b"".join(events)
    assert stage.client.aborted
    assert not stage.client.ended
    assert (entry.outcome, entry.estimated, entry.usage.output_text) == (Outcome.CUT, True, 3)
    assert entry.usage.input_text > 0


async def test_a_stream_without_usage_is_counted() -> None:
    stage = Stage(sse(chat_events("one", "two")))
    entry = await stage.run()
    assert (entry.outcome, entry.estimated, entry.usage.output_text) == (Outcome.OK, True, 2)


async def test_a_hang_up_on_a_stream_reaches_the_provider_and_what_passed_is_counted() -> None:
    never = asyncio.Event()
    stage = Stage(sse([*chat_events("one", "two", done=False), never]))
    running = asyncio.create_task(stage.run())
    while len(stage.client.pieces) < 2:
        await asyncio.sleep(0)
    stage.client.hung_up.set()
    entry = await running
    assert (entry.outcome, entry.estimated, entry.usage.output_text) == (Outcome.HANGUP, True, 2)
    answer = stage.upstream.answer
    assert isinstance(answer, ScriptedAnswer)
    assert answer.closed
    assert not answer.finished


async def test_a_hang_up_before_the_answer_cancels_the_call() -> None:
    stage = Stage(asyncio.Event())
    running = asyncio.create_task(stage.run())
    await asyncio.sleep(0)
    stage.client.hung_up.set()
    entry = await running
    assert (entry.outcome, entry.estimated, entry.status) == (Outcome.HANGUP, True, 0)


async def test_a_whole_answer_that_its_client_dropped_is_read_for_its_usage() -> None:
    arrives = asyncio.Event()
    body = json.dumps({"model": "m", "choices": [], "usage": USAGE}).encode()
    stage = Stage(ScriptedAnswer(200, JSON, [arrives, body]), body={"model": "m", "messages": []})
    running = asyncio.create_task(stage.run())
    while not stage.client.status:
        await asyncio.sleep(0)
    stage.client.hung_up.set()
    await asyncio.sleep(0)
    arrives.set()
    entry = await running
    assert (entry.outcome, entry.estimated) == (Outcome.HANGUP, False)
    assert entry.usage == Usage(input_text=7, output_text=3)
    assert stage.client.body == b""


async def test_a_dropped_answer_that_does_not_come_in_time_is_settled_at_its_hold() -> None:
    stage = Stage(asyncio.Event(), body={"model": "m", "messages": []}, drain_s=0.01)
    running = asyncio.create_task(stage.run())
    await asyncio.sleep(0)
    stage.client.hung_up.set()
    entry = await running
    assert (entry.usage, entry.estimated) == (Usage(input_text=50, output_text=1000), True)
    assert entry.cost.total_pico == 1050 * PICO_PER_TOKEN


async def test_the_hold_grows_with_the_stream_and_each_step_is_on_record_first() -> None:
    words = ["x" * 99] * 40
    stage = Stage(sse(chat_events(*words, usage=USAGE)))
    await stage.run()
    holds = [entry.hold.output_tokens for entry in stage.journal.of(Extended)]
    assert holds == sorted(set(holds))
    assert holds[-1] >= 4000
    assert all(entry.hold.input_tokens == 50 for entry in stage.journal.of(Extended))


async def test_the_hold_never_grows_beyond_the_models_own_limit() -> None:
    words = ["x" * 99] * 40
    stage = Stage(sse(chat_events(*words, usage=USAGE)), prices=FlatPrices(output_tokens_max=2500))
    await stage.run()
    assert [entry.hold.output_tokens for entry in stage.journal.of(Extended)] == [2000, 2500]


async def test_a_stream_ends_at_the_cap_with_the_protocols_own_error_event() -> None:
    words = ["x" * 99] * 40
    answer = sse(chat_events(*words, usage=USAGE))
    stage = Stage(answer, limit_pico=2100 * PICO_PER_TOKEN, tokens=WordCounter(guesses=True))
    entry = await stage.run()
    assert entry.outcome is Outcome.CAPPED
    assert stage.client.ended
    assert b'"error"' in stage.client.pieces[-1]
    assert stage.client.body.count(b"x" * 99) < 40


async def test_an_error_event_of_the_provider_is_an_error_on_record() -> None:
    events = [
        b'event: message_start\ndata: {"type":"message_start","message":{"model":"c","usage":{"input_tokens":9,'
        b'"output_tokens":1}}}\n\n',
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}\n\n',
    ]
    body = {"model": "c", "stream": True, "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}
    stage = Stage(sse(events), dialect=Anthropic(), operation="/v1/messages", body=body)
    entry = await stage.run()
    assert stage.client.body == b"".join(events)
    assert (entry.outcome, entry.usage.input_text, entry.estimated) == (Outcome.PROVIDER_ERROR, 9, True)


async def test_a_server_that_stops_settles_its_calls_and_stops() -> None:
    stage = Stage(sse([*chat_events("one", done=False), asyncio.Event()]))
    running = asyncio.create_task(stage.relay.run())
    while not stage.client.pieces:
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    if stage.plane.counting:
        await asyncio.wait(stage.plane.counting)
    assert stage.settled.usage.output_text == 1


async def test_a_settlement_that_cannot_be_written_does_not_hurt_the_client() -> None:
    events = chat_events("one", usage=USAGE)
    stage = Stage(sse(events))
    stage.journal.break_()
    await stage.relay.run()
    assert stage.client.body == b"".join(events)
    assert stage.journal.of(Settled) == []


async def test_holds_are_released_however_a_call_ends() -> None:
    for answer in (
        sse(chat_events("a", usage=USAGE)),
        sse([UpstreamError(Fault.CUT, "")]),
        UpstreamError(Fault.DNS, ""),
    ):
        stage = Stage(answer)
        await stage.run()
        assert isinstance(stage.counters, MemoryCounters)
        assert stage.counters.in_flight == stage.counters.held_pico == 0
        assert len(stage.observed) == 1


async def test_a_fault_of_the_meter_itself_does_not_hurt_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    events = chat_events("one", usage=USAGE)
    stage = Stage(sse(events))
    meter = stage.dialect.meter

    def broken(*given: Any, **more: Any) -> Any:
        made = meter(*given, **more)

        class Broken:
            ended = False
            output_bytes = 0
            feed = finish = staticmethod(lambda *_: 1 // 0)
            reading = staticmethod(made.reading)

        return Broken()

    monkeypatch.setattr(stage.dialect, "meter", broken)
    entry = await stage.run()
    assert stage.client.body == b"".join(events)
    assert entry.estimated


async def test_a_compressed_stream_at_its_cap_is_cut_where_an_error_event_would_be_garbage() -> None:
    packer = zlib.compressobj(wbits=31)
    steps = [
        packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH) for event in chat_events(*["x" * 99] * 40, done=False)
    ]
    packed = b"".join(steps)
    answer = sse(steps, [(b"Content-Encoding", b"gzip")])
    stage = Stage(answer, limit_pico=1100 * PICO_PER_TOKEN, tokens=WordCounter(guesses=True))
    entry = await stage.run()
    assert entry.outcome is Outcome.CAPPED
    assert packed.startswith(stage.client.body)
    assert stage.client.aborted
    assert not stage.client.ended


async def test_a_meter_that_fails_at_the_end_leaves_neither_a_hold_nor_an_open_call() -> None:
    class Broken(OpenAI):
        def meter(self, operation: Operation, request: Request, *, content_type: bytes, hide_usage: bool) -> Meter:
            meter = super().meter(operation, request, content_type=content_type, hide_usage=hide_usage)
            meter.reading = fail  # type: ignore[method-assign]
            return meter

    def fail() -> Reading:
        raise ValueError("a fault of our own")

    stage = Stage(sse(chat_events("one", usage=USAGE)), dialect=Broken())
    entry = await stage.run()
    assert (entry.estimated, entry.usage.output_text) == (True, 1000)
    assert stage.client.ended
