"""Websockets through real processes: the openai SDK's responses and realtime connections, counted to the token.

Where a response breaks off, the stand-in stalls or cuts after a number of tokens: both sides have seen the same.
"""

import asyncio
import base64
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import openai
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from proxy.model.entry import Opened, Outcome, Settled
from proxy.model.usage import KINDS
from proxy.ports.sockets import MESSAGE_BYTES_MAX
from tests.fakes.journal_folder import published_lines
from tests.servers.processes import ALICE_KEY, OPENAI_SECRET, Deployment, StandIn, deployment, stand_in, until

SECOND = base64.b64encode(bytes(48_000)).decode()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[StandIn, Deployment]]:
    """Processes of a test's own: it ends them."""
    with stand_in(tmp_path) as provider, deployment(tmp_path / "outlay", provider.url, ledger=False) as outlay:
        yield provider, outlay


def settled(outlay: Deployment, count: int, model: str = "") -> list[Settled]:
    """The calls of a model, once so many are settled."""

    def found() -> list[Settled]:
        lines = published_lines(outlay.data / "journal")
        return [line for line in lines if isinstance(line, Settled) and line.call.model == (model or line.call.model)]

    until(f"{count} calls are settled", lambda: len(found()) >= count, outlay.gateway)
    assert len(found()) == count
    return found()


def tokens(entries: list[Settled]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for entry in entries:
        total.update(asdict(entry.usage))
    return {kind: count for kind, count in total.items() if count}


def counted(provider: StandIn, model: str) -> dict[str, int]:
    """What the stand-in counted for a model, by kind."""
    counts = provider.counts()["models"][model]
    return {kind: count for kind, count in counts.items() if count and kind in KINDS}


def sdk(outlay: Deployment) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{outlay.url}/v1", api_key=ALICE_KEY, max_retries=0)


def told(**headers: object) -> dict[str, str]:
    return {f"x-standin-{name.replace('_', '-')}": str(value) for name, value in headers.items()}


@asynccontextmanager
async def raw(outlay: Deployment, path: str, **headers: object) -> AsyncIterator[ClientConnection]:
    given = {"authorization": f"Bearer {ALICE_KEY}", **told(**headers)}
    url = outlay.url.replace("http", "ws") + path
    async with connect(url, additional_headers=given, max_size=None, open_timeout=300, close_timeout=5) as opened:
        yield opened


def create(model: str, **fields: Any) -> str:
    return json.dumps({"type": "response.create", "model": model, "input": "four words to answer", **fields})


async def until_type(socket: ClientConnection, kind: str, times: int = 1) -> dict[str, Any]:
    """Read on to the so manieth event of this type."""
    while True:
        event: dict[str, Any] = json.loads(await socket.recv())
        times -= event["type"] == kind
        if not times:
            return event


async def test_responses_by_the_sdk_are_counted_to_the_token(outlay: Deployment, provider: StandIn) -> None:
    model = "ws-responses"
    async with sdk(outlay) as client, client.responses.connect(extra_headers=told(cached=40, reasoning=7)) as socket:
        previous, usages = None, []
        await socket.send({"type": "response.create", "model": model, "input": [], "generate": False})  # type: ignore[typeddict-unknown-key,misc]
        for words in (None, "one", "two three", "four five six"):
            if words is not None:
                await socket.response.create(model=model, input=words, previous_response_id=previous)
            async for event in socket:
                if event.type == "response.completed":
                    previous = event.response.id
                    usages.append(event.response.usage)
                    break
    entries = settled(outlay, 4, model)
    assert [entry.call.operation for entry in entries] == ["responses_warmup", *["responses"] * 3]
    assert not any(entry.estimated for entry in entries)
    assert tokens(entries) == counted(provider, model)
    assert [entry.usage.output_tokens for entry in entries] == [usage.output_tokens for usage in usages if usage]


@pytest.mark.parametrize("beta", [False, True])
async def test_realtime_by_the_sdk_is_counted_to_the_token(outlay: Deployment, provider: StandIn, beta: bool) -> None:
    model, transcriber = f"ws-realtime-{beta}", f"ws-transcriber-{beta}"
    headers = {"openai-beta": "realtime=v1"} if beta else {}
    spoken = {"transcription": {"model": transcriber}, "turn_detection": {"type": "server_vad"}}
    async with sdk(outlay) as client, client.realtime.connect(model=model, extra_headers=headers) as socket:
        await socket.session.update(session={"type": "realtime", "audio": {"input": spoken}})  # type: ignore[typeddict-item]
        await socket.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "say something"}]}
        )
        await socket.response.create()
        await socket.input_audio_buffer.append(audio=SECOND)
        await socket.input_audio_buffer.commit()
        done = 0
        async for event in socket:
            done += event.type == "response.done"
            if done == 2:
                break
    entries = settled(outlay, 2, model)
    assert [entry.call.operation for entry in entries] == ["realtime", "realtime"]
    assert tokens(entries) == counted(provider, model)
    assert {"input_audio", "cache_read", "output_audio", "output_text"} <= set(tokens(entries))
    (transcription,) = settled(outlay, 1, transcriber)
    assert transcription.call.operation == "realtime_transcription"
    assert tokens([transcription]) == counted(provider, transcriber) == {"input_audio": 10, "output_text": 5}


async def test_a_transcription_sold_by_time_is_counted_by_it(outlay: Deployment, provider: StandIn) -> None:
    async with raw(outlay, "/v1/realtime?model=ws-timed") as socket:
        session = {"input_audio_transcription": {"model": "whisper-ws"}}
        await socket.send(json.dumps({"type": "session.update", "session": session}))
        await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": SECOND}))
        await socket.send('{"type":"input_audio_buffer.commit"}')
        await until_type(socket, "conversation.item.input_audio_transcription.completed")
    entries = settled(outlay, 1, "whisper-ws")
    assert tokens(entries) == counted(provider, "whisper-ws") == {"input_audio_ms": 1000}


@pytest.mark.parametrize("way", ["hang-up", "cut", "error"])
async def test_a_response_that_breaks_off_is_counted_by_what_passed(
    outlay: Deployment, provider: StandIn, way: str
) -> None:
    model = f"ws-broken-{way}"
    asked = {"hang-up": "stall_after", "cut": "cut_after", "error": "error_event_after"}[way]
    async with raw(outlay, "/v1/responses", **{asked: 5}) as socket:
        await socket.send(create(model))
        await until_type(socket, "response.output_text.delta", 5)
        if way == "cut":
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code in (1000, 1011)
        elif way == "error":
            assert json.loads(await socket.recv())["type"] == "error"
    (entry,) = settled(outlay, 1, model)
    expected = {"hang-up": Outcome.HANGUP, "cut": Outcome.CUT, "error": Outcome.PROVIDER_ERROR}
    assert (entry.outcome, entry.estimated) == (expected[way], True)
    assert tokens([entry]) == counted(provider, model)
    assert entry.usage.output_text == 5


async def test_spoken_words_that_break_off_are_counted_as_text_and_audio(outlay: Deployment, provider: StandIn) -> None:
    model = "ws-spoken"
    async with raw(outlay, f"/v1/realtime?model={model}", stall_after=4) as socket:
        await socket.send('{"type":"response.create"}')
        await until_type(socket, "response.output_audio.delta", 4)
    (entry,) = settled(outlay, 1, model)
    assert (entry.outcome, entry.estimated) == (Outcome.HANGUP, True)
    assert (entry.usage.output_text, entry.usage.output_audio) == (4, 4)
    assert provider.counts()["models"][model]["output_audio"] == 4


async def test_the_provider_gets_each_message_as_it_was_sent(outlay: Deployment, provider: StandIn) -> None:
    message = create("ws-bytes", metadata={"é": "\U0001f600"}).replace(",", " ,\n", 1)
    async with raw(outlay, "/v1/responses") as socket:
        await socket.send(message)
        await until_type(socket, "response.completed")
    (call,) = [call for call in provider.calls() if call["model"] == "ws-bytes"]
    assert call["body_sha256"] == sha256(message.encode()).hexdigest()
    headers = dict(call["headers"])
    assert headers["authorization"] == sha256(f"Bearer {OPENAI_SECRET}".encode()).hexdigest()
    assert not [name for name in headers if name.startswith("x-outlay")]


async def test_a_browser_s_key_in_a_subprotocol_is_known_and_goes_no_further(
    outlay: Deployment, provider: StandIn
) -> None:
    url = outlay.url.replace("http", "ws") + "/v1/realtime?model=ws-browser"
    names: Any = ["realtime", f"openai-insecure-api-key.{ALICE_KEY}"]
    async with connect(url, subprotocols=names) as socket:
        assert socket.subprotocol == "realtime"
        await socket.send('{"type":"response.create"}')
        await until_type(socket, "response.done")
    settled(outlay, 1, "ws-browser")
    (call,) = [call for call in provider.calls() if call["model"] == "ws-browser"]
    assert ["sec-websocket-protocol", sha256(b"realtime").hexdigest()] in call["headers"]
    assert ALICE_KEY not in outlay.gateway.said


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [("/v1/responses", "outlay_wrong", 401), ("/v1/chat/completions", ALICE_KEY, 426), ("/v1/x", ALICE_KEY, 426)],
)
async def test_a_refusal_is_an_http_answer(outlay: Deployment, path: str, key: str, status: int) -> None:
    url = outlay.url.replace("http", "ws") + path
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, additional_headers={"authorization": f"Bearer {key}"})
    assert refused.value.response.status_code == status
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert json.loads(refused.value.response.body or b"")["error"]["message"]


async def test_the_provider_s_refusal_is_passed_on(outlay: Deployment) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with raw(outlay, "/v1/responses", status=429):
            pass
    assert refused.value.response.status_code == 429
    assert "asked to answer 429" in (refused.value.response.body or b"").decode()


async def test_a_message_above_the_limit_ends_the_socket(outlay: Deployment) -> None:
    async with raw(outlay, "/v1/realtime?model=ws-large") as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.gather(socket.send("x" * (MESSAGE_BYTES_MAX + 1)), until_type(socket, "never"))
    # The close may be lost where the connection ends while more is on its way.
    assert closed.value.rcvd is None or closed.value.rcvd.code == 1009


async def test_messages_on_their_way_in_share_one_room(tmp_path: Path, provider: StandIn) -> None:
    limit = {"bodies_bytes_max": "1000000", "body_bytes_max": "1000000"}
    with deployment(tmp_path / "outlay", provider.url, ledger=False, **limit) as outlay:
        async with raw(outlay, "/v1/realtime?model=ws-room") as socket:
            async with asyncio.timeout(60):
                with pytest.raises(ConnectionClosed) as closed:
                    await asyncio.gather(socket.send("x" * 4_000_000), until_type(socket, "never"))
        # The close may be lost where the connection ends while more is on its way.
        assert closed.value.rcvd is None or closed.value.rcvd.code == 1013
        async with raw(outlay, "/v1/realtime?model=ws-room") as socket, asyncio.timeout(60):
            for _ in range(5):
                await socket.send(json.dumps({"type": "x", "x": "x" * 300_000}))
                await until_type(socket, "error")


async def test_a_message_in_fragments_arrives_whole_and_one_in_too_many_ends_the_socket(outlay: Deployment) -> None:
    message = create("ws-fragments")
    async with raw(outlay, "/v1/responses") as socket:
        await socket.send([message[:10], message[10:50], message[50:]])
        await until_type(socket, "response.completed")
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.gather(socket.send([" "] * 10_000), until_type(socket, "never"))
    # The close may be lost where the connection ends while more is on its way.
    assert closed.value.rcvd is None or closed.value.rcvd.code == 1009


async def test_idle_sockets_cost_little_and_the_first_one_not_much(own: tuple[StandIn, Deployment]) -> None:
    _, outlay = own
    async with AsyncExitStack() as sockets:
        memory = [_memory_kib(outlay)]
        for count in (1, 100):
            for _ in range(count):
                await sockets.enter_async_context(raw(outlay, "/v1/responses"))
            memory.append(_memory_kib(outlay))
        assert memory[1] - memory[0] < 16_000
        assert memory[2] - memory[1] < 16_000


async def test_a_provider_that_is_killed_ends_the_socket_and_its_calls(own: tuple[StandIn, Deployment]) -> None:
    provider, outlay = own
    async with raw(outlay, "/v1/responses", stall_after=3) as socket:
        await socket.send(create("ws-killed"))
        await until_type(socket, "response.output_text.delta", 3)
        provider.running.kill()
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1011
    (entry,) = settled(outlay, 1)
    assert (entry.outcome, entry.usage.output_text) == (Outcome.CUT, 3)


async def test_a_gateway_that_is_killed_settles_its_sockets_calls_at_its_next_start(
    own: tuple[StandIn, Deployment],
) -> None:
    _, outlay = own
    async with raw(outlay, "/v1/responses", stall_after=3) as socket:
        await socket.send(create("ws-crash"))
        await until_type(socket, "response.output_text.delta", 3)
        outlay.gateway.kill()
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    await asyncio.to_thread(outlay.start_gateway)
    (entry,) = settled(outlay, 1)
    assert (entry.outcome, entry.estimated, entry.call.model) == (Outcome.CRASHED, True, "ws-crash")


async def test_a_stop_lets_a_response_come_to_its_end(own: tuple[StandIn, Deployment]) -> None:
    _, outlay = own
    async with raw(outlay, "/v1/responses", chunk_ms=20) as socket:
        await socket.send(create("ws-stop"))
        await until_type(socket, "response.output_text.delta")
        stopped = asyncio.create_task(asyncio.to_thread(outlay.gateway.stop))
        await until_type(socket, "response.completed")
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001
    assert await stopped == 0
    (entry,) = settled(outlay, 1)
    assert (entry.outcome, entry.estimated) == (Outcome.OK, False)


async def test_a_stop_that_waits_no_longer_cuts_what_is_left(own: tuple[StandIn, Deployment]) -> None:
    _, outlay = own
    async with raw(outlay, "/v1/responses", stall_after=2) as socket:
        await socket.send(create("ws-forced"))
        await until_type(socket, "response.output_text.delta", 2)
        stopped = asyncio.create_task(asyncio.to_thread(outlay.gateway.stop, 20.0))
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001
    assert await stopped == 0
    (entry,) = settled(outlay, 1)
    assert (entry.outcome, entry.usage.output_text) == (Outcome.CUT, 2)
    assert any(isinstance(line, Opened) for line in published_lines(outlay.data / "journal"))


def _memory_kib(outlay: Deployment) -> int:
    status = Path(f"/proc/{outlay.gateway.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
