"""The translation process: calls in OpenAI's dialect in, the same in a provider's dialect out, and the answers back.

litellm does it (160 MiB and 4 s to import, so not in the gateway). This process is a function of bytes: it opens no
connection, reads no file but its libraries, starts no program, holds no credential, and logs nothing; an audit hook
sees to that, whatever litellm tries (fetching an image by its URL, say). litellm believes that it talks to the
provider: what it sends goes to the gateway (`Gateway`), once for each call, and the gateway does the rest.

Started by translation_process as a module, with the number of a socket over which each call's own socket comes. When
that one closes, the gateway is gone, and so is this.
"""

import asyncio
import os
import resource
import socket
import sys
from contextlib import suppress
from typing import Final

import litellm
from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

from proxy.adapters.translation_call import Translating
from proxy.adapters.translation_confinement import confine, ended_when_stuck
from proxy.adapters.translation_gateway import AnyGateway

DATA_BYTES_MAX: Final = 2 * 1024 * 1024 * 1024
"""Memory of this process."""
REST_BYTES: Final = 64 * 1024
"""Read at once of what nobody waits for."""
STUCK_S: Final = 20
"""Longest that one call may keep all others waiting; then the process ends, and another one is started."""


async def serve(control: socket.socket) -> None:
    """Take calls until the gateway is gone."""
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    running: set[asyncio.Task[None]] = set()

    def take() -> None:
        try:
            word, passed, _, _ = socket.recv_fds(control, 1, 1)
        except BlockingIOError:
            return
        if not word:
            loop.remove_reader(control)
            gone.set()
        for number in passed:
            task = loop.create_task(_one(socket.socket(fileno=number)))
            running.add(task)
            task.add_done_callback(running.discard)

    control.setblocking(False)
    loop.add_reader(control, take)
    watch = loop.create_task(ended_when_stuck(STUCK_S))
    await gone.wait()
    watch.cancel()


async def _one(call: socket.socket) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=call)
    try:
        with suppress(EOFError, OSError, ValueError):
            await Translating(reader, writer).run()
            # litellm may be done before the answer has ended. The gateway closes first: if its writing met a closed
            # socket, it would lose what it has not read yet.
            while await reader.read(REST_BYTES):
                pass
    finally:
        writer.close()


def main(number: str) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (DATA_BYTES_MAX, DATA_BYTES_MAX))
    AsyncHTTPHandler.create_async_transport = staticmethod(lambda *_, **__: AnyGateway())  # type: ignore[method-assign,assignment]
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.turn_off_message_logging = True
    litellm.num_retries = 0
    litellm.drop_params = True
    control = socket.socket(fileno=int(number))
    confine()
    asyncio.run(serve(control))
    os._exit(0)  # litellm leaves threads behind that would keep the process


if __name__ == "__main__":
    main(sys.argv[1])
