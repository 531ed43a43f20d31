"""The gateway: the data plane's composition root. Never reaches duckdb or litellm.

Order of a start: policies (exit 2 where they are wrong), the journal with the recovery of what a crash left open,
prices, the way to the providers; and only then a listening socket. A stop goes the other way round.
"""

from proxy.app import lean  # noqa: F401  # before structlog is imported

# isort: split
import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Final

import structlog
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute

from proxy.adapters import admin_key, data_folder
from proxy.adapters.balances_socket import SocketBalances
from proxy.adapters.clock import SystemClock
from proxy.adapters.counters_memory import MemoryCounters
from proxy.adapters.egress import ProxyError
from proxy.adapters.grants_file import GrantsFile
from proxy.adapters.journal_abandoned import settle_abandoned
from proxy.adapters.journal_file import FileJournal
from proxy.adapters.journal_folder import JournalLockedError
from proxy.adapters.policy_files import PolicyFolder
from proxy.adapters.prices_litellm import price_book
from proxy.adapters.provider_secrets import ProviderSecrets
from proxy.adapters.signing_botocore import SigningUpstream
from proxy.adapters.sockets_websockets import WebsocketsUpstream
from proxy.adapters.tls_files import TlsError
from proxy.adapters.tokens_tiktoken import TiktokenCounter
from proxy.adapters.translation_litellm import TranslatingUpstream
from proxy.adapters.transport_aiohttp import AiohttpTransport
from proxy.adapters.upstream_httpx import HttpxUpstream
from proxy.app import logs
from proxy.app.balancing import Balancing
from proxy.app.listening import fronted, tls
from proxy.app.orphan import stop_with
from proxy.dialects.anthropic import Anthropic
from proxy.dialects.azure import Azure
from proxy.dialects.bedrock import Bedrock
from proxy.dialects.gemini import Gemini
from proxy.dialects.openai import OpenAI
from proxy.gateway.admission import Admission
from proxy.gateway.expiry import Expiry
from proxy.gateway.owners import Owners
from proxy.gateway.plane import Plane
from proxy.gateway.rules import Rules
from proxy.gateway.throttling import Throttling
from proxy.gateway.waiting import Waiting
from proxy.metering.calibration import Calibration
from proxy.metering.expecting import Expecting
from proxy.model.money import PICO_PER_USD
from proxy.policy.rules import Budget
from proxy.policy.types import Key, PolicySet
from proxy.ports.counters import Crossing
from proxy.ports.journal import JournalUnavailableError
from proxy.settings import Settings, SettingsError, proxies_from_environ, secret_from_environ
from proxy.web.body_room import BodyRoom
from proxy.web.data_plane import DataPlane
from proxy.web.data_socket import DataSocket
from proxy.web.gateway_metrics import GatewayMetrics, admin_app
from proxy.web.server import serve_all, server, tcp_socket, unix_socket

log = structlog.get_logger("outlay.gateway")

DIALECTS: Final = (OpenAI(), Anthropic(), Gemini(), Azure(), Bedrock())
MISCONFIGURED: Final = 2
FAILED: Final = 1
LEDGER_SOCKET: Final = "ledger.sock"
COUNTING_WAIT_S: Final = 15.0
"""How long a stop waits for settlements that still count tokens."""


class Gateway:
    """Everything one gateway process holds, wired together."""

    def __init__(self, settings: Settings, clock: SystemClock) -> None:
        data_folder.prepare(settings.data)
        self.settings = settings
        self.clock = clock
        self.metrics = GatewayMetrics()
        self.grants = GrantsFile(settings.data)
        self.grants.look()
        self.counters = MemoryCounters(settings.calls_in_flight_max, extra=self._granted)
        self.waiting = Waiting()
        self.throttling = Throttling()
        self.expecting = Expecting()
        self.calibration = Calibration()
        self.journal = FileJournal(settings.data / "journal", settings.node, self.clock)
        self.tokens = TiktokenCounter()
        self.transport = AiohttpTransport(
            proxies=proxies_from_environ(),
            connections_max=settings.calls_in_flight_max,
            connections_per_origin_max=settings.calls_in_flight_max,
        )
        self.folder = PolicyFolder(settings.policies, settings.keys_file, settings.data)
        self._admin, _ = admin_key.ensure(settings.data, settings.admin_key)
        self.certificate = tls(settings)
        self.room = BodyRoom(settings.bodies_bytes_max)
        self._rules: Rules
        self.signing = SigningUpstream(HttpxUpstream(self.transport))
        self.upstream = TranslatingUpstream(self.signing, DIALECTS)
        self.plane = Plane(
            upstream=self.upstream,
            counters=self.counters,
            journal=self.journal,
            tokens=self.tokens,
            clock=self.clock,
            drain_s=settings.drain_s,
            observe=self.metrics.settled,
            waiting=self.waiting,
            throttling=self.throttling,
            expecting=self.expecting,
            calibration=self.calibration,
            warned=_warned,
        )
        self.owners = Owners()
        self.expiry = Expiry(self.plane, self.owners, self.counters.held)
        self.balancing = Balancing(
            balances=SocketBalances(settings.data / LEDGER_SOCKET),
            counters=self.counters,
            journal=self.journal,
            data=settings.data,
            node=settings.node,
            now_us=self.clock.now_us,
            put_in_force=self._put_in_force,
        )
        self._show()

    def _granted(self, budget: Budget, instance: tuple[str, ...]) -> int:
        return self.grants.current.granted(budget, instance, self.clock.now_us())

    def _show(self) -> None:
        """Figures that are asked for when they are read."""
        self.metrics.gauge("outlay_gateway_calls_in_flight", "Calls in flight", lambda: self.counters.in_flight)
        self.metrics.gauge("outlay_gateway_calls_waiting", "Waiting for room in a budget", lambda: self.waiting.calls)
        self.metrics.gauge("outlay_gateway_held_usd", "Held for them", lambda: self.counters.held_pico / PICO_PER_USD)
        self.metrics.gauge("outlay_gateway_oldest_hold_seconds", "Its age", lambda: self.expiry.oldest_s)
        self.metrics.gauge(
            "outlay_gateway_holds_expired", "Settled at the hold, for want of a call", lambda: self.expiry.expired
        )
        self.metrics.gauge(
            "outlay_gateway_journal_accepting", "1: facts can be written", lambda: self.journal.accepting
        )
        self.metrics.by_provider(
            "outlay_gateway_provider_out",
            "1: keeps failing, and is left out by calls with a fallback; 0.5: may be tried",
            self._out,
        )
        self.metrics.gauge("outlay_gateway_policy_mistakes", "In files not in force", lambda: len(self.folder.mistakes))
        balancing = self.balancing
        self.metrics.gauge(
            "outlay_gateway_budgets_waiting",
            "Budgets not in force: what was spent in them is not known yet",
            lambda: len(balancing.waiting),
        )
        self.metrics.gauge(
            "outlay_gateway_budgets_withheld",
            "Budgets in force whose calls are refused: what was spent in them is not known yet",
            lambda: len(balancing.withheld),
        )
        self.metrics.gauge(
            "outlay_gateway_counter_difference_usd",
            "How much the counters differed from the ledger at the last comparison; they are set right then",
            lambda: balancing.difference_usd,
        )

    def start(self, policies: PolicySet) -> None:
        """Put a policy set in force before the first call; the journal is open. Raises OSError."""
        self.balancing.start(self._made(policies))

    async def swap(self, policies: PolicySet) -> None:
        """Put another set in force while calls run, as soon as it is known what was spent in its budgets."""
        await self.balancing.swap(await asyncio.to_thread(self._made, policies))

    def _made(self, policies: PolicySet) -> Rules:
        """With the prices made from it; reading the price list takes a while."""
        keys: Mapping[str, Key] = {**policies.keys, self._admin.hash: self._admin}
        return Rules(replace(policies, keys=keys), price_book(policies))

    def _put_in_force(self, rules: Rules) -> None:
        """In the event loop: no call may be counted by the old rules once the new ones are in force."""
        self._rules = rules
        self.counters.reload(rules.charges_of)
        self.waiting.freed()

    def admission(self) -> Admission:
        return Admission(
            counters=self.counters,
            journal=self.journal,
            clock=self.clock,
            hash_key=data_folder.hash_key(self.settings.data),
            secrets=ProviderSecrets(self.settings.policies, secret_from_environ),
            waiting=self.waiting,
            throttling=self.throttling,
            expecting=self.expecting,
            calibration=self.calibration,
            tokens=self.tokens,
            owners=self.owners,
        )

    def endpoint(self) -> DataPlane:
        return DataPlane(
            rules=lambda: self._rules,
            dialects=DIALECTS,
            admission=self.admission(),
            plane=self.plane,
            clock=self.clock,
            body_bytes_max=self.settings.body_bytes_max,
            room=self.room,
            refused=self.metrics.refused,
        )

    def socket_endpoint(self) -> DataSocket:
        return DataSocket(
            rules=lambda: self._rules,
            dialects=DIALECTS,
            admission=self.admission(),
            plane=self.plane,
            sockets=WebsocketsUpstream(proxies_from_environ()),
            clock=self.clock,
            refused=self.metrics.refused,
            sockets_max=self.settings.calls_in_flight_max,
        )

    def readiness(self) -> Mapping[str, object]:
        return {
            "ready": self.journal.accepting,
            "journal": "writing" if self.journal.accepting else "unavailable",
            "policy": self._rules.policies.version,
            "keys": self._rules.policies.keys_version,
            "policy_mistakes": [str(mistake) for mistake in self.folder.mistakes],
            "budgets_waiting": list(self.balancing.waiting),
            "budgets_withheld": list(self.balancing.withheld),
            "ledger_answering": self.balancing.answering,
            "counters_compared_us": self.balancing.compared_us,
            "calls_in_flight": self.counters.in_flight,
            "providers": {name: not out for name, out in self._out().items()},
            "counter_difference": self.balancing.last_fault,
        }

    def _out(self) -> Mapping[str, float]:
        return self.plane.breakers.out(self._rules.policies.providers, self.clock.monotonic_us())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hold everything open while the server runs; stop in the order that loses nothing."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.transport.aclose)
            stack.callback(self.signing.close)
            stack.push_async_callback(self.upstream.close)
            stack.push_async_callback(self.tokens.close)
            stack.push_async_callback(self._settle_rest)
            watches = [self.folder.watch(self.swap), stop_with(self.settings.supervisor_pid), self.balancing.run()]
            watches.append(self.expiry.run())
            watches.append(self.grants.watch(self.waiting.freed))
            if self.certificate:
                watches.append(self.certificate.watch())
            for watch in watches:
                stack.push_async_callback(_cancelled, asyncio.create_task(watch))
            yield

    async def _settle_rest(self) -> None:
        if self.plane.counting:
            await asyncio.wait(self.plane.counting, timeout=COUNTING_WAIT_S)


def _warned(crossing: Crossing) -> None:
    balance = crossing.balance
    log.warning(
        "budget level reached",
        budget=crossing.charge.account.budget,
        instance=crossing.charge.account.instance,
        percent=crossing.level,
        spent=balance.spent,
        limit=balance.limit,
    )


def application(gateway: Gateway) -> Starlette:
    """What listens on the data port: model calls, and two questions about health. No admin route."""

    async def alive(_: Request) -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    async def ready(_: Request) -> PlainTextResponse:
        accepting = gateway.journal.accepting
        return PlainTextResponse("ready\n" if accepting else "not ready\n", status_code=200 if accepting else 503)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with gateway.running():
            yield

    return Starlette(
        routes=[
            Route("/healthz", alive),
            Route("/readyz", ready),
            Route("/{path:path}", gateway.endpoint()),
            WebSocketRoute("/{path:path}", gateway.socket_endpoint()),
        ],
        lifespan=lifespan,
    )


def main(clock: SystemClock | None = None) -> int:
    """Exit code: 0 after a stop that was asked for, 1 where something failed, 2 where it is configured wrongly."""
    try:
        settings = Settings.load()
    except SettingsError as error:
        print(f"outlay: {error}", file=sys.stderr)  # noqa: T201  # before there is a log
        return MISCONFIGURED
    logs.configure(settings, "gateway")
    try:
        gateway = Gateway(settings, clock or SystemClock())
    except ProxyError as error:
        log.error("a proxy of the environment can't be used", detail=str(error))
        return MISCONFIGURED
    except TlsError as error:
        log.error("the certificate can't be used", why=str(error))
        return MISCONFIGURED
    mistakes = gateway.folder.load_now()
    if mistakes:
        log.error("policies can't be used, nothing to start with", mistakes=len(mistakes))
        return MISCONFIGURED
    try:
        gateway.journal.open()
        settle_abandoned(settings.data / "journal", gateway.clock)
        gateway.start(gateway.folder.current)
        sockets = _servers(gateway)
    except (OSError, JournalLockedError, JournalUnavailableError) as error:
        log.error("can't start", why=str(error))
        return FAILED
    log.info("listening", host=settings.host, port=settings.port)
    try:
        uvloop.run(serve_all(sockets))
    finally:
        gateway.balancing.stop()
        gateway.journal.close()
    return 0


def _servers(gateway: Gateway) -> list[tuple[uvicorn.Server, list[socket.socket]]]:
    """The data port, and beside it the local socket with metrics and readiness in detail."""
    settings = gateway.settings
    data = tcp_socket(settings.host, settings.port, shared=settings.workers > 1)
    admin = [unix_socket(settings.data / f"gateway-{settings.node}.sock")]
    if settings.metrics_port:
        admin.append(tcp_socket("127.0.0.1", settings.metrics_port))
    context = gateway.certificate.context if gateway.certificate else None
    front = fronted(application(gateway), settings)
    return [
        (server(front, stop_s=settings.stop_s, websockets=gateway.room, tls=context), [data]),
        (server(admin_app(gateway.metrics, gateway.readiness), stop_s=1), admin),
    ]


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])


if __name__ == "__main__":
    sys.exit(main())
