"""Server: the stand-in on a port."""

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import uvicorn

from proxy.standin import tokens
from proxy.standin.app import make_app
from proxy.standin.tally import Tally

KEEP_ALIVE_S: Final = 75
"""Longer than any client keeps an idle connection, so that none is closed under a request."""
STOP_S: Final = 1
"""How long a stop waits for calls in flight."""


def serve(host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve until a signal. `announce` gets the base URL as soon as connections are taken; port 0 takes a free one.

    Raises OSError where the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=2048)
    tokens.encoding()
    config = uvicorn.Config(
        make_app(Tally()),
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        lifespan="off",
        access_log=False,
        # A cut is an answer that the application does not end: uvicorn would log each as an error.
        log_level="critical",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_S,
    )
    shown = f"[{host}]" if family == socket.AF_INET6 else host
    announce(f"http://{shown}:{listener.getsockname()[1]}")
    with suppress(KeyboardInterrupt):  # uvicorn raises the signal that stopped it once more
        uvicorn.Server(config).run(sockets=[listener])
