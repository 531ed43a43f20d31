"""The gateway as a process, spoken to over raw sockets, its provider a script that records bytes."""

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.processes import ADMIN_KEY, ALICE_KEY, BOB_KEY, LOOPBACK, Deployment, StandIn, answers, until
from tests.servers.raw_provider import Line, answering, ok, provider

MIB = 1024 * 1024
CHAT = b'{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi \xe2\x80\xa8 there"}]}'
ANSWER = b'{"model":"gpt-4o-mini","usage":{"prompt_tokens":5,"completion_tokens":2}}'


class Gateway:
    """A gateway process in front of one raw provider; `port` is the only thing known of it."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(LOOPBACK, self.deployment.port, limit=16 * MIB)

    async def exchange(self, request: bytes) -> bytes:
        """Everything that comes back until the gateway closes, or one answer with a content-length."""
        reader, writer = await self.open()
        writer.write(request)
        try:
            return await asyncio.wait_for(_answer(reader), 60)
        finally:
            writer.close()

    def settled(self) -> list[dict[str, object]]:
        paths = sorted(self.deployment.data.glob("journal/*/*.jsonl"))
        lines = [line for path in paths for line in path.read_bytes().split(b"\n") if line]
        return [entry for entry in map(json.loads, lines) if entry["t"] == "settled"]

    def memory_mib(self, kind: str = "VmHWM") -> float:
        status = Path(f"/proc/{self.deployment.gateway.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith(kind)).split()[1]) / 1024


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return head + await reader.readexactly(int(line.split(b":")[1]))
    return head + await reader.read()


def post(path: bytes, body: bytes, *headers: bytes, key: str = ALICE_KEY) -> bytes:
    lines = [b"POST " + path + b" HTTP/1.1", b"host: outlay.test", b"authorization: Bearer " + key.encode(), *headers]
    return b"\r\n".join([*lines, b"content-length: %d" % len(body), b"", b""]) + body


def gateway_before(folder: Path, upstream: str, **settings: str) -> Deployment:
    return Deployment(folder, upstream, {f"OUTLAY_{name.upper()}": value for name, value in settings.items()})


@pytest.fixture
def deployments() -> Iterator[list[Deployment]]:
    started: list[Deployment] = []
    yield started
    for each in started:
        each.stop()


@pytest.fixture
def before(tmp_path: Path, deployments: list[Deployment]) -> Callable[..., Awaitable[Gateway]]:
    """Start a gateway before the given provider; all of them end with the test."""

    async def start(upstream: str, **settings: str) -> Gateway:
        made = gateway_before(tmp_path, upstream, **settings)
        deployments.append(made)
        await asyncio.to_thread(made.start_gateway)
        return Gateway(made)

    return start


async def test_bytes_reach_the_provider_and_come_back_as_they_were(before) -> None:
    sent = [b"x-Mixed: 1", b"x-mixed: 2", b"accept-encoding: br;q=0.5", b"Anthropic-Beta: a, b", b"x-latin: caf\xe9"]
    answer = ok(
        ANSWER, b"Set-Cookie: a=1\r\nset-cookie: b=2\r\nX-Request-Id: req_9\r\nContent-Type: application/json\r\n"
    )
    async with provider(answering(answer)) as upstream:
        gateway = await before(upstream.url)
        back = await gateway.exchange(post(b"/v1/chat/completions?beta=true&x=%2F..%2f&e=", CHAT, *sent))
        seen = upstream.seen[0]
    assert seen.target == b"/v1/chat/completions?beta=true&x=%2F..%2f&e="
    assert seen.body == CHAT
    lines = [line.split(b":", 1) for line in seen.lines]
    assert [(name.lower(), value.strip()) for name, value in lines if name.lower() == b"x-mixed"] == [
        (b"x-mixed", b"1"),
        (b"x-mixed", b"2"),
    ]
    assert [b"x-latin", b" caf\xe9"] in [[name.lower(), value] for name, value in lines]
    assert {name.lower(): value.strip() for name, value in lines}[b"accept-encoding"] == b"br;q=0.5"
    assert not any(name.lower().startswith(b"x-outlay") or b"outlay" in value for name, value in lines)
    assert back.endswith(ANSWER)
    assert back.lower().count(b"set-cookie") == 2
    assert b"x-request-id: req_9" in back.lower()
    assert b"\r\nserver:" not in back.lower()


async def test_a_bare_question_mark_is_kept(before) -> None:
    async with provider(answering(ok(ANSWER))) as upstream:
        gateway = await before(upstream.url)
        await gateway.exchange(post(b"/v1/chat/completions?", CHAT))
        assert upstream.seen[0].target == b"/v1/chat/completions?"


async def test_a_client_that_waits_for_100_continue_gets_it_and_the_provider_does_not_see_it(before) -> None:
    async with provider(answering(ok(ANSWER))) as upstream:
        gateway = await before(upstream.url)
        reader, writer = await gateway.open()
        head, body = post(b"/v1/chat/completions", CHAT, b"expect: 100-continue").split(b"\r\n\r\n", 1)
        writer.write(head + b"\r\n\r\n")
        assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert (await asyncio.wait_for(_answer(reader), 60)).startswith(b"HTTP/1.1 200")
        writer.close()
        assert b"expect" not in upstream.seen[0].head.lower()


async def test_a_chunked_upload_is_read_for_its_facts_and_sent_whole(before) -> None:
    async with provider(answering(ok(ANSWER))) as upstream:
        gateway = await before(upstream.url)
        head = post(b"/v1/chat/completions", b"", b"transfer-encoding: chunked").replace(b"content-length: 0\r\n", b"")
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (CHAT[:20], CHAT[20:])) + b"0\r\n\r\n"
        back = await gateway.exchange(head + chunks)
        assert back.endswith(ANSWER)
        assert upstream.seen[0].body == CHAT


async def test_both_framings_at_once_are_refused(before) -> None:
    async with provider(answering(ok(ANSWER))) as upstream:
        gateway = await before(upstream.url)
        back = await gateway.exchange(post(b"/v1/chat/completions", CHAT, b"transfer-encoding: chunked"))
        assert back.startswith(b"HTTP/1.1 400")
        assert upstream.seen == []


async def test_headers_without_end_are_cut_off_in_bounded_memory(before) -> None:
    async with provider(answering(ok(ANSWER))) as upstream:
        gateway = await before(upstream.url)
        earlier = gateway.memory_mib()
        reader, writer = await gateway.open()
        writer.write(b"GET /v1/models HTTP/1.1\r\nx-long: ")
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 60 and not reader.at_eof():
                writer.write(b"a" * MIB)
                await writer.drain()
                sent += 1
        writer.close()
        assert sent < 60
        assert gateway.memory_mib() - earlier < 8
        assert (await gateway.exchange(post(b"/v1/chat/completions", CHAT))).endswith(ANSWER)


async def test_a_websocket_without_a_key_gets_an_answer_over_http(before) -> None:
    async with provider(answering(ok(ANSWER))) as upstream:
        gateway = await before(upstream.url)
        back = await gateway.exchange(
            b"GET /v1/responses HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert back.startswith(b"HTTP/1.1 401")
        assert b"invalid_api_key" in back
        assert upstream.seen == []


async def test_a_hundred_megabytes_pass_in_bounded_memory_with_backpressure(before, tmp_path: Path) -> None:
    """The path is one that an admin lets pass unread; the provider reads it slowly at first."""
    read = asyncio.Event()
    received = 0

    async def script(line: Line) -> None:
        nonlocal received
        assert await line.head() is not None
        await read.wait()
        while received < 100 * MIB:
            received += len(await line.reader.read(MIB))
        await line.send(ok(b'{"id":"file-1"}'))
        await line.hung_up()

    async with provider(script) as upstream:
        gateway = await before(upstream.url)
        policies = tmp_path / "policies" / "providers.yaml"
        policies.write_text(
            f'providers:\n  openai:\n    dialect: openai\n    base_url: "{upstream.url}"\n    api_key: none\n'
            "    passes: [POST /v1/files]\n"
        )
        reader, writer = await gateway.open()
        await _until_live(gateway)
        earlier = gateway.memory_mib()
        writer.write(post(b"/openai/v1/files", b"").replace(b"content-length: 0", b"content-length: %d" % (100 * MIB)))
        sent = 0
        try:
            async with asyncio.timeout(1):
                while sent < 100 * MIB:
                    writer.write(b"x" * MIB)
                    sent += MIB
                    await writer.drain()
        except TimeoutError:
            pass
        assert sent < 50 * MIB, "a provider that does not read must hold the client up"
        read.set()
        while sent < 100 * MIB:
            writer.write(b"x" * MIB)
            sent += MIB
            await writer.drain()
        assert (await asyncio.wait_for(_answer(reader), 30)).endswith(b'{"id":"file-1"}')
        writer.close()
        assert received == 100 * MIB
        assert gateway.memory_mib() - earlier < 32


async def _until_live(gateway: Gateway) -> None:
    """A changed policy folder is in force within two seconds, on a machine that has time for it."""
    async with asyncio.timeout(60):
        while b"404" in (await gateway.exchange(post(b"/openai/v1/files", b"", key="outlay_wrong")))[:13]:
            await asyncio.sleep(0.05)


async def test_a_client_that_reads_slowly_slows_the_provider(before) -> None:
    given = 0

    async def script(line: Line) -> None:
        nonlocal given
        await line.request()
        await line.send(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (200 * MIB)
        )
        while given < 200 * MIB:
            await line.send(b"x" * MIB)
            given += MIB

    async with provider(script) as upstream:
        gateway = await before(upstream.url)
        earlier = gateway.memory_mib()
        # With a small buffer of its own: all that the provider gives waits on the way.
        _, writer = await asyncio.open_connection(LOOPBACK, gateway.deployment.port, limit=1024)
        writer.write(post(b"/v1/chat/completions", CHAT))
        standing = 0
        async with asyncio.timeout(30):
            while standing < 5:
                seen = given
                await asyncio.sleep(0.1)
                standing = standing + 1 if given == seen > 0 else 0
        assert given < 60 * MIB
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        assert gateway.memory_mib() - earlier < 100


async def test_a_hang_up_reaches_the_provider_at_once(before) -> None:
    noticed = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        event = b'data: {"choices":[{"index":0,"delta":{"content":" one"}}]}\n\n'
        await line.send(b"%x\r\n%b\r\n" % (len(event), event))
        await line.hung_up()
        noticed.set()

    async with provider(script) as upstream:
        gateway = await before(upstream.url)
        reader, writer = await gateway.open()
        writer.write(post(b"/v1/chat/completions", CHAT.replace(b'{"model"', b'{"stream": true, "model"')))
        await asyncio.wait_for(reader.readuntil(b"one"), 60)
        writer.close()
        await asyncio.wait_for(noticed.wait(), 60)
        await _until_settled(gateway, 1)
    (entry,) = gateway.settled()
    assert (entry["outcome"], entry["estimated"]) == ("hangup", True)


async def test_a_hang_up_behind_a_pipelined_request_reaches_the_provider_too(before) -> None:
    noticed = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: one\n\n")
        await line.hung_up()
        noticed.set()

    async with provider(script) as upstream:
        gateway = await before(upstream.url)
        reader, writer = await gateway.open()
        body = CHAT.replace(b'{"model"', b'{"stream": true, "model"')
        writer.write(post(b"/v1/chat/completions", body) + post(b"/v1/chat/completions", body))
        await asyncio.wait_for(reader.readuntil(b"one"), 60)
        writer.close()
        await asyncio.wait_for(noticed.wait(), 60)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_an_answer_without_a_body_leaves_the_connection_open(before, status: bytes) -> None:
    answer = (
        b"HTTP/1.1 " + status + b"\r\netag: x\r\n" + (b"content-length: 9\r\n" if b"304" in status else b"") + b"\r\n"
    )
    async with provider(answering(answer, ok(ANSWER))) as upstream:
        gateway = await before(upstream.url)
        reader, writer = await gateway.open()
        get = post(b"/v1/models", b"").replace(b"POST", b"GET").replace(b"content-length: 0\r\n", b"")
        writer.write(get)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
        assert head.startswith(b"HTTP/1.1 " + status)
        assert b"etag: x" in head
        writer.write(get)
        assert (await asyncio.wait_for(_answer(reader), 60)).endswith(ANSWER)
        writer.close()
        assert "Exception" not in gateway.deployment.gateway.said


@pytest.mark.parametrize("head", [b"HTTP/1.1 999 Odd\r\n", b"HTTP/1.1 200 OK\r\nx-odd: a\x01b\r\n"])
async def test_an_answer_that_no_server_may_pass_on_is_a_502_in_the_dialects_shape(before, head: bytes) -> None:
    async with provider(answering(head + b"content-length: 2\r\n\r\n{}")) as upstream:
        gateway = await before(upstream.url)
        back = await gateway.exchange(post(b"/v1/chat/completions", CHAT))
        assert back.startswith(b"HTTP/1.1 502")
        (entry,) = gateway.settled()
        assert (entry["outcome"], entry["estimated"]) == ("unanswered", True)


async def _until_settled(gateway: Gateway, many: int) -> None:
    async with asyncio.timeout(60):
        while len(gateway.settled()) < many:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("base_url", "status", "reason"),
    [
        ("http://127.0.0.1:1", b"502", b"refuses connections"),
        ("http://no-such-host.invalid", b"502", b"can't be resolved"),
    ],
)
async def test_an_unreachable_provider_is_named_in_the_dialects_shape(before, base_url, status, reason) -> None:
    gateway = await before(base_url)
    back = await gateway.exchange(post(b"/v1/messages", b'{"model":"claude-sonnet-4-5","max_tokens":5,"messages":[]}'))
    head, _, body = back.partition(b"\r\n\r\n")
    assert head.split(b" ")[1] == status
    error = json.loads(body)
    assert error["type"] == "error"
    assert reason.decode() in error["error"]["message"]
    (entry,) = gateway.settled()
    assert (entry["outcome"], entry["cost"]["total_pico"]) == ("unreached", 0)
    assert entry["call"]["id"] in body.decode()


@pytest.mark.parametrize("told", [[signal.SIGTERM], [signal.SIGHUP, signal.SIGHUP]], ids=["SIGTERM", "SIGHUP twice"])
async def test_a_graceful_stop_lets_a_stream_end_and_settles_it(before, told: list[signal.Signals]) -> None:
    go_on = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        await line.send(b'data: {"choices":[{"index":0,"delta":{"content":" one"}}]}\n\n')
        await go_on.wait()
        await line.send(b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}\n\ndata: [DONE]\n\n')
        line.close()

    async with provider(script) as upstream:
        gateway = await before(upstream.url)
        reader, writer = await gateway.open()
        body = CHAT.replace(b'{"model"', b'{"stream": true, "stream_options": {"include_usage": true}, "model"')
        writer.write(post(b"/v1/chat/completions", body))
        await asyncio.wait_for(reader.readuntil(b"one"), 60)
        process = gateway.deployment.gateway.process
        assert process is not None
        for each in told:
            process.send_signal(each)
            await asyncio.sleep(0.2)
        go_on.set()
        assert b"[DONE]" in await asyncio.wait_for(reader.read(), 60)
        assert await asyncio.to_thread(process.wait, 300) == 0
        writer.close()
    (entry,) = gateway.settled()
    assert (entry["outcome"], entry["usage"]["output_text"]) == ("ok", 1)


async def test_a_stop_that_waits_no_longer_settles_every_call_and_says_so_in_the_dialects_shape(before) -> None:
    async def script(line: Line) -> None:
        await line.request()
        await line.hung_up()

    async with provider(script) as upstream:
        gateway = await before(upstream.url, stop_s="1")
        waiting, uploading = await gateway.open(), await gateway.open()
        waiting[1].write(post(b"/v1/messages", b'{"model":"claude-sonnet-4-5","max_tokens":5,"messages":[]}'))
        uploading[1].write(post(b"/v1/chat/completions", CHAT)[:-5])
        async with asyncio.timeout(60):
            while not upstream.seen:
                await asyncio.sleep(0.02)
        process = gateway.deployment.gateway.process
        assert process is not None
        process.send_signal(signal.SIGTERM)
        back = await asyncio.wait_for(_answer(waiting[0]), 60)
        assert back.startswith(b"HTTP/1.1 503")
        assert b'"type":"error"' in back
        assert b"retry-after: 5" in back
        assert (await asyncio.wait_for(_answer(uploading[0]), 60)).startswith(b"HTTP/1.1 503")
        waiting[1].close()
        uploading[1].close()
        assert await asyncio.to_thread(process.wait, 300) == 0
    (entry,) = gateway.settled()
    assert (entry["outcome"], entry["estimated"]) == ("cut", True)
    assert entry["call"]["id"].encode() in back
    assert "Traceback" not in gateway.deployment.gateway.said


async def test_a_second_signal_cuts_what_is_left_and_each_call_is_settled(before, tmp_path: Path) -> None:
    """A stream that goes on, a call that nobody answers, and one that waits in the queue of a budget."""

    async def script(line: Line) -> None:
        seen = await line.request()
        assert seen is not None
        if b'"stream": true' in seen.body:
            await line.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
            await line.send(b'data: {"choices":[{"index":0,"delta":{"content":" one"}}]}\n\n')
        await line.hung_up()

    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "budgets.yaml").write_text(
        "budgets: [{name: bobs, applies_to: {user: bob}, limit: 1 calls, window: total}]\n"
    )
    async with provider(script) as upstream:
        gateway = await before(upstream.url, stop_s="100")
        streaming, unanswered, queued = await gateway.open(), await gateway.open(), await gateway.open()
        streaming[1].write(post(b"/v1/chat/completions", CHAT.replace(b'{"model"', b'{"stream": true, "model"')))
        await asyncio.wait_for(streaming[0].readuntil(b"one"), 60)
        for number, (_, writer) in enumerate((unanswered, queued)):
            writer.write(post(b"/v1/chat/completions", CHAT, key=BOB_KEY))
            async with asyncio.timeout(60):
                while len(upstream.seen) < 2 or (number and await waiting(gateway) < 1):
                    await asyncio.sleep(0.02)
        process = gateway.deployment.gateway.process
        assert process is not None
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            while await takes_connections(gateway):
                await asyncio.sleep(0.02)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        for reader, writer in (unanswered, queued):
            back = await asyncio.wait_for(_answer(reader), 60)
            assert back.startswith(b"HTTP/1.1 503")
            assert b"connection: close" in back
            writer.close()
        await asyncio.wait_for(streaming[0].read(), 60)
        streaming[1].close()
        assert await asyncio.to_thread(process.wait, 300) == 0
    outcomes = sorted((str(entry["outcome"]), bool(entry["estimated"])) for entry in gateway.settled())
    assert outcomes == [("cut", True), ("cut", True)]
    assert "Traceback" not in gateway.deployment.gateway.said


async def takes_connections(gateway: Gateway) -> bool:
    """No longer once it listens no more; one still in its backlog then is reset, later ones are refused."""
    try:
        (await gateway.open())[1].close()
    except (ConnectionRefusedError, ConnectionResetError):
        return False
    return True


async def waiting(gateway: Gateway) -> int:
    """Calls in the queue, by the gateway's own figures."""
    reader, writer = await asyncio.open_unix_connection(str(gateway.deployment.data / "gateway-test.sock"))
    writer.write(b"GET /metrics HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\r\n")
    lines = (await reader.read()).split(b"\n")
    writer.close()
    return int(float(next(line.split(b" ")[1] for line in lines if line.startswith(b"outlay_gateway_calls_waiting "))))


async def test_a_revoked_key_ends_within_two_seconds_and_a_new_one_begins(before, tmp_path: Path) -> None:
    """On a machine that has time for it; a slow one is given longer."""
    async with provider(answering(*[ok(ANSWER)] * 200)) as upstream:
        gateway = await before(upstream.url)
        assert (await gateway.exchange(post(b"/v1/chat/completions", CHAT))).startswith(b"HTTP/1.1 200")
        keys = tmp_path / "policies" / "keys.yaml"
        keys.write_text(keys.read_text().replace("user: alice,", "user: alice, revoked: true,"))
        async with asyncio.timeout(60):
            while not (await gateway.exchange(post(b"/v1/chat/completions", CHAT))).startswith(b"HTTP/1.1 401"):
                await asyncio.sleep(0.05)


def test_bad_policies_end_the_start_with_every_mistake_and_code_2(tmp_path: Path, provider: StandIn) -> None:
    made = gateway_before(tmp_path, provider.url)
    (tmp_path / "policies" / "providers.yaml").write_text("providers: {openai: {dialekt: openai}}\n")
    (tmp_path / "policies" / "access.yaml").write_text("peple: {}\n")
    made.gateway.start()
    assert made.gateway.process is not None
    assert made.gateway.process.wait(300) == 2
    said = made.gateway.said
    assert "dialekt" in said
    assert "peple" in said


def test_two_gateways_cannot_write_one_journal(
    tmp_path: Path, provider: StandIn, deployments: list[Deployment]
) -> None:
    first = gateway_before(tmp_path, provider.url)
    deployments.append(first)
    first.start_gateway()
    second = gateway_before(tmp_path, provider.url)
    deployments.append(second)
    second.gateway.start()
    assert second.gateway.process is not None
    assert second.gateway.process.wait(300) == 1
    assert str(first.gateway.pid) in second.gateway.said


def test_the_socket_may_be_systemds(tmp_path: Path, provider: StandIn, deployments: list[Deployment]) -> None:
    """It hands it over as descriptor 3, and says for which process."""
    made = gateway_before(tmp_path, provider.url)
    deployments.append(made)
    with socket.create_server((LOOPBACK, 0)) as listening:
        made.port = listening.getsockname()[1]
        script = f"exec 3<&0; LISTEN_PID=$$ LISTEN_FDS=1 exec {sys.executable} -m proxy.app.gateway"
        with made.gateway.output.open("ab") as output:
            made.gateway.process = subprocess.Popen(
                ["/bin/sh", "-c", script],
                env=dict(made.gateway.environ),
                stdin=listening.fileno(),
                cwd=tmp_path,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        until("it answers there", lambda: answers(f"{made.url}/readyz"), made.gateway)


def test_the_admin_key_opens_no_project(tmp_path: Path, provider: StandIn, deployments: list[Deployment]) -> None:
    made = gateway_before(tmp_path, provider.url)
    deployments.append(made)
    made.start_gateway()
    back = asyncio.run(Gateway(made).exchange(post(b"/v1/chat/completions", CHAT, key=ADMIN_KEY)))
    assert back.startswith(b"HTTP/1.1 403")


def test_the_gateway_imports_neither_duckdb_nor_litellm_nor_the_command_line(
    tmp_path: Path, provider: StandIn, deployments: list[Deployment]
) -> None:
    made = gateway_before(tmp_path, provider.url)
    deployments.append(made)
    made.start_gateway()
    asyncio.run(Gateway(made).exchange(post(b"/v1/chat/completions", CHAT)))
    maps = Path(f"/proc/{made.gateway.pid}/maps").read_text()
    assert "duckdb" not in maps
    assert "tiktoken" not in maps
    assert "websockets" not in maps
