"""The HTTP server of both planes: uvicorn, with bounded connections (http_protocol) and an orderly stop.

uvicorn's own `date` and `server` headers are off, so that a provider's pass alone; its access log is off, because a
line a call costs more than the call and the journal has it all.
"""

import asyncio
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import structlog
import uvicorn
from starlette.types import ASGIApp

from proxy.ports.local_socket import socket_address
from proxy.ports.sockets import MESSAGE_BYTES_MAX, PING_S, PONG_S
from proxy.web.body_room import BodyRoom
from proxy.web.door import Door
from proxy.web.http_protocol import BoundedHttpProtocol

log = structlog.get_logger("outlay.server")

BACKLOG: Final = 2048
ACCEPTS: Final = 16
"""Connections accepted in one turn of the event loop: libuv takes one from each listener a turn. Turns are long where
much is to do, and of clients that all come back at once the last would wait for as many turns as there are clients."""
SEND_BUFFER_BYTES: Final = 256 * 1024
"""Of an answer, so much waits in the kernel for its client; Linux would let it grow to some 4 MiB for a slow one."""
LOOK_S: Final = 0.05
CUT_S: Final = 10.0
"""How long a stop waits for calls that it has cut off to be settled and told."""


def _socket_protocol(room: BodyRoom, **given: Any) -> asyncio.Protocol:
    """What takes a connection over that becomes a websocket. Imported then: most gateways never carry one."""
    from proxy.web.socket_protocol import SocketProtocol  # noqa: PLC0415  # see above

    return SocketProtocol(room, **given)


class Server(uvicorn.Server):
    """uvicorn's, with a stop of our own.

    uvicorn would close connections on which the next call may be on its way, forget those that come up meanwhile, and
    after a second signal leave the calls in flight to the end of the event loop, unsettled.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        door: Door,
        stop_s: float,
        leaving: Callable[[], Awaitable[None]] | None,
        closed: Callable[[], None] | None,
    ) -> None:
        super().__init__(config)
        self._leaving = leaving
        self._closed = closed
        self.server_state.connections = door.connections
        self._door = door
        self._stop_s = stop_s
        self._told = asyncio.Event()

    def stop(self) -> None:
        """Take no more connections and let calls come to their end; the second time, don't wait for them."""
        self.force_exit = self.should_exit
        self.should_exit = True
        self._told.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens ACCEPTS times on each socket."""
        await super().startup([bound.dup() for bound in sockets or [] for _ in range(ACCEPTS)])

    async def main_loop(self) -> None:
        await self._told.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._leaving is not None:
            await self._leaving()
        for listening in self.servers:
            listening.close()
        for bound in sockets or []:
            bound.close()
        self._door.closing = True
        if self._closed is not None:
            self._closed()
        for connection in list(self._door.connections):
            connection.shutdown()
        await self._emptied()
        await self._cut_off()
        await self.lifespan.shutdown()

    async def _emptied(self) -> None:
        """Wait for connections to end, those too that were accepted a moment ago or still shake hands."""
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        least_s = self._door.patience.closing_s if self.config.is_ssl else LOOK_S
        while not self.force_exit:
            await asyncio.sleep(LOOK_S)
            waited_s = loop.time() - begun_s
            empty = not (self._door.connections or self.server_state.tasks)
            if (empty and waited_s >= least_s) or waited_s >= self._stop_s:
                return

    async def _cut_off(self) -> None:
        """Each call that is left is settled at what is known of it, and its client told where no answer has begun."""
        left = list(self.server_state.tasks)
        if left:
            log.warning("the stop waits no longer", calls=len(left), told_again=self.force_exit)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=CUT_S)
        for connection in list(self._door.connections):
            if connection.transport is not None:
                connection.transport.close()


def server(
    app: ASGIApp,
    *,
    stop_s: float,
    websockets: BodyRoom | None = None,
    tls: ssl.SSLContext | None = None,
    door: Door | None = None,
    leaving: Callable[[], Awaitable[None]] | None = None,
    closed: Callable[[], None] | None = None,
) -> Server:
    """A uvicorn server for `app`; the caller hands it bound sockets (`serve(sockets=[…])`).

    `websockets`: the room for what their clients send; None: there are none. `door`: with the patience of the port.
    At a stop `leaving` is called while connections are accepted still, and `closed` once none is any more.
    """
    door = door or Door()
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=cast(type[asyncio.Protocol], partial(BoundedHttpProtocol, door)),
        ws="none" if websockets is None else cast(type[asyncio.Protocol], partial(_socket_protocol, websockets)),
        ws_max_size=MESSAGE_BYTES_MAX,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PONG_S,
        ws_per_message_deflate=False,
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        date_header=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls,
    )
    return Server(config, door, stop_s, leaving, closed)


def tcp_socket(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A bound TCP socket, IPv4 or IPv6. `shared`: several processes accept on the same port."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    try:
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise OSError(error.errno, f"can't listen on {host}:{port}: {error.strerror}") from None
    bound.set_inheritable(True)
    return bound


def inherited_socket(descriptor: int) -> socket.socket | None:
    """A bound socket that another process has made; None for 0."""
    if not descriptor:
        return None
    bound = socket.socket(fileno=descriptor)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    return bound


def unix_socket(path: Path) -> socket.socket:
    """A bound Unix socket that only this user can open; one left behind by a dead process is replaced."""
    address = socket_address(path)
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    bound.bind(address)
    path.chmod(0o600)
    return bound


async def serve_all(servers: list[tuple[Server, list[socket.socket]]]) -> None:
    """Run several servers in one loop until SIGTERM or SIGINT, then stop each gracefully.

    uvicorn's own signal handling would end the process by the signal before anything else could be put in order.
    A second signal doesn't wait for calls in flight. SIGHUP (a terminal that closes, which sends it more than once) is
    a first one at most; under nohup it is none.
    """

    def stop(*, again: bool = True) -> None:
        for each, _ in servers:
            if again or not each.should_exit:
                each.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        loop.add_signal_handler(signal.SIGHUP, partial(stop, again=False))
    await asyncio.gather(*(each._serve(sockets) for each, sockets in servers))
