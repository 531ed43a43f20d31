"""The server's protocol on real sockets."""

import asyncio

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from proxy.web.server import BoundedHttpProtocol

PIECE = b"x" * 1024 * 1024


class Impatient(BoundedHttpProtocol):
    stalled_s = 0.1


async def test_a_client_that_takes_nothing_of_its_answer_is_let_go() -> None:
    gone = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        watching = asyncio.create_task(receive())
        while not watching.done():
            await send({"type": "http.response.body", "body": PIECE, "more_body": True})
            await asyncio.sleep(0)
        assert (await watching)["type"] == "http.disconnect"
        gone.set()

    config = uvicorn.Config(app, lifespan="off", log_config=None)
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: Impatient(config, ServerState(), {}), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    await asyncio.wait_for(gone.wait(), 10)
    writer.transport.abort()
    listening.close()
