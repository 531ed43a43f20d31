"""The server's stop, told step by step."""

import asyncio
import gc
import socket

import uvloop

from proxy.web.http_protocol import BoundedHttpProtocol
from proxy.web.server import Server, server, tcp_socket

LOOPBACK = "127.0.0.1"


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        return await send({"type": "lifespan.shutdown.complete"})
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def asked(port: int) -> bytes:
    """The end of the answer; b'': nobody listens."""
    try:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
    except ConnectionError:
        return b""
    writer.write(b"GET / HTTP/1.1\r\nhost: outlay\r\nconnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer[-2:]


async def test_who_leaves_is_still_answering_and_who_has_closed_is_not():
    seen: list[tuple[str, bytes]] = []
    listening: socket.socket = tcp_socket(LOOPBACK, 0)
    port = listening.getsockname()[1]
    later: list[asyncio.Task[None]] = []

    async def note(step: str) -> None:
        seen.append((step, await asked(port)))

    def closed() -> None:
        later.append(asyncio.create_task(note("closed")))

    running: Server = server(app, stop_s=5, leaving=lambda: note("leaving"), closed=closed)
    task = asyncio.create_task(running.serve([listening]))
    while not running.started:
        await asyncio.sleep(0)
    running.stop()
    await task
    await asyncio.gather(*later)
    assert seen == [("leaving", b"ok"), ("closed", b"")]


async def test_a_connection_that_ended_leaves_memory_at_once():
    """A collection of garbage is seldom, where many objects are."""

    def kept() -> int:
        return sum(type(each) is BoundedHttpProtocol for each in gc.get_objects())

    listening: socket.socket = tcp_socket(LOOPBACK, 0)
    running: Server = server(app, stop_s=5)
    task = asyncio.create_task(running.serve([listening]))
    while not running.started:
        await asyncio.sleep(0)
    gc.collect()
    gc.disable()
    try:
        before = kept()
        for _ in range(10):
            assert await asked(listening.getsockname()[1]) == b"ok"
        while running.server_state.connections:
            await asyncio.sleep(0)
        assert kept() - before <= 2
    finally:
        gc.enable()
        running.stop()
        await task


def test_clients_that_come_all_at_once_are_accepted_in_few_turns_of_the_event_loop():
    """Turns are long where much is to do, so whoever is accepted after many of them waits."""

    async def turns(clients: int) -> int:
        listening: socket.socket = tcp_socket(LOOPBACK, 0)
        running: Server = server(app, stop_s=5)
        task = asyncio.create_task(running.serve([listening]))
        while not running.started:
            await asyncio.sleep(0)
        connected = [socket.create_connection(listening.getsockname()) for _ in range(clients)]
        taken = 0
        while len(running.server_state.connections) < clients:
            await asyncio.sleep(0)
            taken += 1
        for each in connected:
            each.close()
        running.stop()
        await task
        return taken

    assert uvloop.run(turns(128)) < 40
