"""The gateway: the data plane's composition root. Never reaches duckdb or litellm.

Order of a start: policies (exit 2 where they are wrong), the journal with the recovery of what a crash left open,
prices, the way to the providers; and only then a listening socket. A stop goes the other way round.
"""

from proxy.app import lean  # noqa: F401  # before structlog is imported

# isort: split
import gc
import socket
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import structlog
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.adapters.clock import SystemClock
from proxy.adapters.egress import ProxyError
from proxy.adapters.journal_abandoned import settle_abandoned
from proxy.adapters.journal_folder import JournalLockedError
from proxy.adapters.tls_files import TlsError
from proxy.app import logs
from proxy.app.gateway_wiring import Gateway
from proxy.app.handover import Handover
from proxy.app.listening import fronted
from proxy.ports.journal import JournalUnavailableError
from proxy.settings import Settings, SettingsError
from proxy.web.gateway_metrics import admin_app
from proxy.web.server import Server, inherited_socket, serve_all, server, tcp_socket, unix_socket

log = structlog.get_logger("outlay.gateway")

MISCONFIGURED: Final = 2
FAILED: Final = 1
YOUNG_MAX: Final = 20_000
"""Objects between two looks for garbage."""
HEALTH: Final = frozenset(("/healthz", "/readyz"))


def application(gateway: Gateway) -> ASGIApp:
    """What listens on the data port: model calls, and two questions about health. No admin route."""
    calls = gateway.endpoint()

    async def alive(_: Request) -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    async def ready(_: Request) -> PlainTextResponse:
        admitting = gateway.journal.admitting
        return PlainTextResponse("ready\n" if admitting else "not ready\n", status_code=200 if admitting else 503)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with gateway.running():
            yield

    others = Starlette(
        routes=[
            Route("/healthz", alive),
            Route("/readyz", ready),
            WebSocketRoute("/{path:path}", gateway.socket_endpoint()),
        ],
        lifespan=lifespan,
    )

    def called(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Calls go straight to their endpoint: on the way through Starlette each would pass seven functions more."""
        to: ASGIApp = calls if scope["type"] == "http" and scope["path"] not in HEALTH else others
        return to(scope, receive, send)

    return called


def main(clock: SystemClock | None = None) -> int:
    """Exit code: 0 after a stop that was asked for, 1 where something failed, 2 where it is configured wrongly."""
    try:
        settings = Settings.load()
    except SettingsError as error:
        print(f"outlay: {error}", file=sys.stderr)  # noqa: T201  # before there is a log
        return MISCONFIGURED
    logs.configure(settings, "gateway")
    try:
        return _run(settings, clock or SystemClock())
    except ProxyError as error:
        log.error("a proxy of the environment can't be used", detail=str(error))
        return MISCONFIGURED
    except TlsError as error:
        log.error("the certificate can't be used", why=str(error))
        return MISCONFIGURED
    except (OSError, JournalLockedError, JournalUnavailableError) as error:
        log.error("can't go on", why=str(error))
        return FAILED


def _run(settings: Settings, clock: SystemClock) -> int:
    """Raises ProxyError, TlsError, JournalLockedError, JournalUnavailableError, OSError."""
    gateway = Gateway(settings, clock)
    mistakes = gateway.folder.load_now()
    if mistakes:
        log.error("policies can't be used, nothing to start with", mistakes=len(mistakes))
        return MISCONFIGURED
    gateway.journal.open()
    settle_abandoned(settings.data / "journal", gateway.clock)
    gateway.load(gateway.folder.current)
    handover = Handover(settings.handover_fd)
    handover.turn()
    gateway.start()
    sockets = _servers(gateway, handover)
    log.info("listening", host=settings.host, port=settings.port)
    _settle_memory()
    try:
        uvloop.run(serve_all(sockets))
    finally:
        gateway.balancing.stop()
        gateway.journal.close()
        # Who looks for gateways in the data folder would ask this one in vain.
        _local(settings).unlink(missing_ok=True)
        if gateway.remembering is not None:
            gateway.remembering.close()
    return 0


def _settle_memory() -> None:
    """What a start has made stays: no collection of garbage need look at it again. And young objects are looked at
    after some fifty calls rather than after two: calls leave hardly any cycles behind."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_MAX, 20, 20)


def _servers(gateway: Gateway, handover: Handover) -> list[tuple[Server, list[socket.socket]]]:
    """The data port, and beside it the local socket with metrics and readiness in detail."""
    settings = gateway.settings
    data = inherited_socket(settings.listen_fd) or tcp_socket(settings.host, settings.port, shared=settings.workers > 1)
    admin = [unix_socket(_local(settings))]
    if settings.metrics_port:
        admin.append(tcp_socket("127.0.0.1", settings.metrics_port))
    context = gateway.certificate.context if gateway.certificate else None
    front = fronted(application(gateway), settings)
    return [
        (
            server(
                front,
                stop_s=settings.stop_s,
                websockets=gateway.room,
                tls=context,
                door=gateway.door,
                # Only who is followed by another saves twice.
                leaving=gateway.balancing.leave if settings.handover_fd else None,
                closed=handover.closed,
            ),
            [data],
        ),
        (server(admin_app(gateway.metrics, gateway.figures.readiness), stop_s=1), admin),
    ]


def _local(settings: Settings) -> Path:
    return settings.data / f"gateway-{settings.node}.sock"


if __name__ == "__main__":
    sys.exit(main())
