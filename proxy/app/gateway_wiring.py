"""Gateway: everything one gateway process holds, wired together, and what runs beside its calls."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Final

import structlog

from proxy.adapters import admin_key, data_folder
from proxy.adapters.balances_socket import SocketBalances
from proxy.adapters.clock import SystemClock
from proxy.adapters.counters_memory import MemoryCounters
from proxy.adapters.grants_file import GrantsFile
from proxy.adapters.journal_file import FileJournal
from proxy.adapters.policy_files import PolicyFolder
from proxy.adapters.prices_litellm import price_book
from proxy.adapters.provider_secrets import ProviderSecrets
from proxy.adapters.signing_botocore import SigningUpstream
from proxy.adapters.sockets_websockets import WebsocketsUpstream
from proxy.adapters.tokens_tiktoken import TiktokenCounter
from proxy.adapters.translation_litellm import TranslatingUpstream
from proxy.adapters.transport_aiohttp import AiohttpTransport
from proxy.adapters.upstream_httpx import HttpxUpstream
from proxy.app.balancing import Balancing
from proxy.app.gateway_figures import GatewayFigures
from proxy.app.listening import pace, patience, tls
from proxy.app.orphan import stop_with
from proxy.app.remembering import Remembering
from proxy.dialects.anthropic import Anthropic
from proxy.dialects.azure import Azure
from proxy.dialects.bedrock import Bedrock
from proxy.dialects.gemini import Gemini
from proxy.dialects.openai import OpenAI
from proxy.gateway.admission import Admission
from proxy.gateway.expiry import Expiry
from proxy.gateway.owners import Owners
from proxy.gateway.plane import Plane
from proxy.gateway.redundant import Redundant
from proxy.gateway.rules import Rules
from proxy.gateway.sharing import Sharing
from proxy.gateway.throttling import Throttling
from proxy.gateway.waiting import Waiting
from proxy.gateway.watching import Watching
from proxy.metering.calibration import Calibration
from proxy.metering.expecting import Expecting
from proxy.policy.grants import NO_GRANTS
from proxy.policy.redundancy_rules import ANSWERING
from proxy.policy.rules import Budget
from proxy.policy.types import Key, PolicySet
from proxy.ports.counters import Crossing
from proxy.redundancy.generations import Generations
from proxy.settings import Settings, proxies_from_environ, secret_from_environ
from proxy.web.body_room import BodyRoom
from proxy.web.data_plane import DataPlane
from proxy.web.data_socket import DataSocket
from proxy.web.door import Door
from proxy.web.gateway_metrics import GatewayMetrics

log = structlog.get_logger("outlay.gateway")

DIALECTS: Final = (OpenAI(), Anthropic(), Gemini(), Azure(), Bedrock())
LEDGER_SOCKET: Final = "ledger.sock"
KEPT_BYTES_MAX: Final = 32 * 1024 * 1024
"""Of journal lines in memory, where calls pass while the journal can't be written: some 12,000 calls."""
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
        self.counters = MemoryCounters(settings.calls_in_flight_max, extra=self._granted, granting=self._granting)
        self.waiting = Waiting()
        self.throttling = Throttling()
        self.expecting = Expecting()
        self.calibration = Calibration()
        kept_bytes_max = KEPT_BYTES_MAX if settings.without_journal == "pass" else 0
        self.journal = FileJournal(settings.data / "journal", settings.node, self.clock, kept_bytes_max=kept_bytes_max)
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
        self._first: Rules
        """Those to begin with."""
        self.door = Door(patience(settings))
        self.signing = SigningUpstream(HttpxUpstream(self.transport))
        self.upstream = TranslatingUpstream(self.signing, DIALECTS)
        self.hash_key = data_folder.hash_key(settings.data)
        self.generations = Generations(self.hash_key.of_epoch)
        self.watching, self.remembering = self._detector()
        self.sharing = Sharing(self.clock)
        self.plane = self._plane()
        self.owners = Owners()
        self.expiry = Expiry(self.plane, self.owners, self.counters.held)
        self.balancing = self._balancing()
        self.figures = self._figures()
        self.figures.show(self.metrics)
        self.figures.show_door(self.metrics)
        self.figures.show_detector(self.metrics)
        self.figures.show_answers(self.metrics)

    def _detector(self) -> tuple[Watching | None, Remembering | None]:
        if self.settings.detector != "on":
            return None, None
        memory = self.settings.data / f"redundancy-{self.settings.node}.state"
        remembering = Remembering(self.generations, memory, self.hash_key.id, self.clock)
        return Watching(self.generations, self.clock, self.journal, self.metrics.turned_away), remembering

    def _plane(self) -> Plane:
        return Plane(
            upstream=self.upstream,
            counters=self.counters,
            journal=self.journal,
            tokens=self.tokens,
            clock=self.clock,
            drain_s=self.settings.drain_s,
            observe=self.metrics.settled,
            waiting=self.waiting,
            throttling=self.throttling,
            expecting=self.expecting,
            calibration=self.calibration,
            warned=_warned,
            watching=self.watching,
            sharing=self.sharing,
        )

    def _balancing(self) -> Balancing:
        settings = self.settings
        return Balancing(
            balances=SocketBalances(settings.data / LEDGER_SOCKET),
            counters=self.counters,
            journal=self.journal,
            data=settings.data,
            node=settings.node,
            predecessor=settings.predecessor,
            now_us=self.clock.now_us,
            put_in_force=self._put_in_force,
        )

    def _figures(self) -> GatewayFigures:
        return GatewayFigures(
            counters=self.counters,
            waiting=self.waiting,
            expiry=self.expiry,
            journal=self.journal,
            clock=self.clock,
            folder=self.folder,
            balancing=self.balancing,
            watching=self.watching,
            sharing=self.sharing,
            generations=self.generations,
            rules=lambda: self._rules,
            door=self.door,
            answers=self.plane.answers,
            out=self._out,
        )

    def _granted(self, budget: Budget, instance: tuple[str, ...]) -> int:
        grants = self.grants.current
        return 0 if grants is NO_GRANTS else grants.granted(budget, instance, self.clock.now_us())

    def _granting(self) -> bool:
        return self.grants.current is not NO_GRANTS

    def load(self, policies: PolicySet) -> None:
        """All of a start that takes long and needs nothing of a gateway before; the journal is open. Raises OSError."""
        if self.remembering is not None:
            self.remembering.begin()
        self._first = self._made(policies)

    def start(self) -> None:
        """Put what was loaded in force before the first call. Raises OSError."""
        self.balancing.start(self._first)

    async def swap(self, policies: PolicySet) -> None:
        """Put another set in force while calls run, as soon as it is known what was spent in its budgets."""
        await self.balancing.swap(await asyncio.to_thread(self._made, policies))

    def _made(self, policies: PolicySet) -> Rules:
        """With the prices made from it; reading the price list takes a while."""
        unasked = [rule.name for rule in policies.rules.redundancy if rule.action not in ANSWERING]
        if unasked and self.watching is None:
            log.warning("these rules find nothing: the detector is off", rules=unasked)
        keys: Mapping[str, Key] = {**policies.keys, self._admin.hash: self._admin}
        return Rules(replace(policies, keys=keys), price_book(policies))

    def _put_in_force(self, rules: Rules) -> None:
        """In the event loop: no call may be counted by the old rules once the new ones are in force."""
        self._rules = rules
        self.counters.reload(rules.charges_of)
        self.waiting.freed()
        self.sharing.reload(rules)

    def admission(self) -> Admission:
        return Admission(
            counters=self.counters,
            journal=self.journal,
            clock=self.clock,
            hash_key=self.hash_key,
            secrets=ProviderSecrets(self.settings.policies, secret_from_environ),
            waiting=self.waiting,
            throttling=self.throttling,
            expecting=self.expecting,
            calibration=self.calibration,
            tokens=self.tokens,
            owners=self.owners,
            redundant=Redundant(self.watching, self.throttling, self.clock) if self.watching else None,
            sharing=self.sharing,
        )

    def endpoint(self) -> DataPlane:
        return DataPlane(
            rules=lambda: self._rules,
            dialects=DIALECTS,
            admission=self.admission(),
            plane=self.plane,
            clock=self.clock,
            body_bytes_max=self.settings.body_bytes_max,
            pace=pace(self.settings),
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
            if self.remembering is not None:
                watches.append(self.remembering.run())
            watches.append(self.grants.watch(self.waiting.freed))
            watches.append(self.sharing.sweep())
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


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])
