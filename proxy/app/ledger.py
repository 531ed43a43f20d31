"""The ledger: the control plane's composition root, and the only owner of the database.

Order of a start: policies (exit 2 where they are wrong), the database and its schema, the ledger's own journal, and
only then listening sockets; loading begins with them. A stop goes the other way round, with a last pass of the loader,
so that what the gateways wrote last is in the database.
"""

import asyncio
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import structlog
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request

from proxy.adapters import admin_key, data_folder
from proxy.adapters.charts_matplotlib import picture
from proxy.adapters.clock import SystemClock
from proxy.adapters.gateway_sockets import gateway_metrics, gateway_states
from proxy.adapters.grants_file import write_grants
from proxy.adapters.journal_file import FileJournal
from proxy.adapters.journal_folder import JournalLockedError
from proxy.adapters.journal_segments import FileSegments
from proxy.adapters.notices_apprise import AppriseSender
from proxy.adapters.policy_archive import PolicyArchive
from proxy.adapters.policy_files import PolicyFolder
from proxy.adapters.provider_secrets import ProviderSecrets
from proxy.adapters.sheets_parquet import ParquetWriter
from proxy.adapters.sheets_xlsx import XlsxWriter
from proxy.adapters.store_duckdb import DATABASE_FILE, DuckStore
from proxy.adapters.tls_files import TlsError, TlsFiles
from proxy.app import granting, logs
from proxy.app.delivering import Delivering
from proxy.app.listening import fronted, tls
from proxy.app.loading import Loading
from proxy.app.noticing import Noticing
from proxy.app.orphan import stop_with
from proxy.app.retention import retain
from proxy.app.tracing import trace
from proxy.ledger.grant_book import GrantBook
from proxy.ledger.loader import Loader
from proxy.ledger.schema import migrate
from proxy.ledger.spans import newest_load
from proxy.policy.types import Key, Mistake, PolicySet
from proxy.ports.journal import Journal, JournalUnavailableError
from proxy.ports.store import Store, StoreError
from proxy.settings import Settings, SettingsError, secret_from_environ
from proxy.web.balances import BalancesEndpoint
from proxy.web.budget_increases import BudgetIncreases
from proxy.web.calls_explained import CallsExplained
from proxy.web.control_auth import Authentication, as_operator
from proxy.web.control_metrics import LedgerMetrics, Metrics
from proxy.web.control_plane import ControlPlane
from proxy.web.control_reading import Desk
from proxy.web.notice_figures import NoticeFigures, notice_details
from proxy.web.replay_facts import EXPORT_S, EXPORTS_AT_ONCE, InForce, ReplayFacts
from proxy.web.reports import Reports
from proxy.web.server import serve_all, server, tcp_socket, unix_socket

log = structlog.get_logger("outlay.ledger")

MISCONFIGURED: Final = 2
FAILED: Final = 1
NODE: Final = "ledger"
"""The name under which the ledger's own facts stand in the journal."""
SOCKET_FILE: Final = "ledger.sock"
JOURNAL_FOLDER: Final = "journal"
WRITERS: Final = {writer.suffix: writer for writer in (ParquetWriter(), XlsxWriter())}

Servers = list[tuple[uvicorn.Server, list[socket.socket]]]


def open_store(data: Path, now_us: int) -> DuckStore:
    """The database of a data folder, at this program's schema. Raises StoreError."""
    store = DuckStore(data / DATABASE_FILE)
    try:
        migrate(store, now_us)
    except BaseException:
        store.close()
        raise
    return store


class Ledger:
    """What answers for a data folder: the database, its loader, and the application in front of both."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        journal: Journal,
        policies: Callable[[], PolicySet],
        mistakes: Callable[[], Sequence[Mistake]] = tuple,
    ) -> None:
        """`policies`: in force now, with every key that opens the control plane."""
        self.settings = settings
        self.clock = SystemClock()
        self.store = store
        self.journal = journal
        self.policies = policies
        self.mistakes = mistakes
        self.loader = Loader(store, FileSegments(settings.data / JOURNAL_FOLDER), self.clock.now_us)
        self.metrics = LedgerMetrics(lambda: self.loader.progress, lambda: len(mistakes()), self.clock.now_us)
        self.delivering = Delivering(
            store=store,
            journal=journal,
            sender=AppriseSender(),
            address=ProviderSecrets(settings.policies, secret_from_environ).value,
            now_us=self.clock.now_us,
        )
        self.metrics.registry.register(NoticeFigures(lambda: self.delivering.deliveries))
        self.loading = Loading(self.loader, self.metrics.load_failures.inc)
        self.grants = GrantBook(store, journal, partial(write_grants, settings.data), self.clock.now_us)

    def plane(self) -> ControlPlane:
        authentication = Authentication(self.policies, self.clock.now_us)
        desk = Desk(self.store, self.journal, self.clock.now_us)
        archive = PolicyArchive(self.settings.data)
        return ControlPlane(
            authentication=authentication,
            reports=Reports(desk, authentication, lambda: self.loader.progress, WRITERS, picture),
            calls=CallsExplained(desk, authentication, archive.load),
            # A place of its own: no gateway waits behind reports.
            balances=BalancesEndpoint(Desk(self.store, self.journal, self.clock.now_us)),
            replay=ReplayFacts(
                Desk(self.store, self.journal, self.clock.now_us, at_once=EXPORTS_AT_ONCE, timeout_s=EXPORT_S),
                authentication,
                lambda: (found := archive.in_force()) and InForce(*found),
            ),
            increases=BudgetIncreases(authentication, self.grants),
            metrics=Metrics(
                self.metrics,
                lambda: gateway_metrics(self.settings.data),
                authentication.sees_all if self.settings.metrics_access == "key" else _anybody,
            ),
            readiness=self.readiness,
            gateway={"gateway": self.settings.public_url, "gateway_port": self.settings.port},
        )

    def application(self) -> Starlette:
        """What listens on the control port."""
        return self.plane().application()

    def noticing(self) -> Noticing:
        return Noticing(
            store=self.store,
            journal=self.journal,
            delivering=self.delivering,
            targets=lambda: self.policies().targets,
            mistakes=self.mistakes,
            progress=lambda: self.loader.progress,
            failing=lambda: self.loading.failing,
            budgets=lambda: self.policies().rules.budgets,
            grants=self.grants.grants,
            gateways=partial(gateway_states, self.settings.data),
            now_us=self.clock.now_us,
        )

    def caught_up(self) -> bool:
        """Whether every fact up to the start is in the store."""
        return self.loader.progress.current_until_us > 0

    def readiness(self) -> Mapping[str, object]:
        progress = self.loader.progress
        behind_us = self.clock.now_us() - progress.current_until_us if progress.current_until_us else None
        return {
            "ready": not self.loading.failing,
            "loading": self.loading.failing or "in order",
            "seconds_behind": None if behind_us is None else round(max(behind_us, 0) / 1e6, 3),
            "lines_loaded": progress.lines,
            "quarantined_lines": progress.quarantined,
            "segments_waiting": progress.waiting,
            "segments_lost": progress.lost,
            "policy": self.policies().version,
            "keys": self.policies().keys_version,
            "policy_mistakes": [str(mistake) for mistake in self.mistakes()],
            "notices": notice_details(self.delivering.deliveries, self.clock.now_us()),
        }


class PoliciesInForce:
    """The policy folder's set with the admin key among its keys."""

    def __init__(self, settings: Settings) -> None:
        self.folder = PolicyFolder(settings.policies, settings.keys_file, settings.data)
        self._admin, _ = admin_key.ensure(settings.data, settings.admin_key)
        self._current: PolicySet

    def use(self, policies: PolicySet) -> None:
        keys: Mapping[str, Key] = {**policies.keys, self._admin.hash: self._admin}
        self._current = replace(policies, keys=keys)

    @property
    def current(self) -> PolicySet:
        return self._current


def main() -> int:
    """Exit code: 0 after a stop that was asked for, 1 where something failed, 2 where it is configured wrongly."""
    try:
        settings = Settings.load()
    except SettingsError as error:
        print(f"outlay: {error}", file=sys.stderr)  # noqa: T201  # before there is a log
        return MISCONFIGURED
    logs.configure(settings, "ledger")
    data_folder.prepare(settings.data)
    in_force = PoliciesInForce(settings)
    mistakes = in_force.folder.load_now()
    if mistakes:
        log.error("policies can't be used, nothing to start with", mistakes=len(mistakes))
        return MISCONFIGURED
    in_force.use(in_force.folder.current)
    try:
        return _run(settings, in_force)
    except TlsError as error:
        log.error("the certificate can't be used", why=str(error))
        return MISCONFIGURED
    except (OSError, StoreError, JournalLockedError, JournalUnavailableError) as error:
        # Never 2: a damaged database must not take the gateway down, which goes on without it.
        log.error("can't go on", why=str(error))
        return FAILED


def _run(settings: Settings, in_force: PoliciesInForce) -> int:
    with ExitStack() as stack:
        clock = SystemClock()
        store = open_store(settings.data, clock.now_us())
        stack.callback(store.close)
        journal = FileJournal(settings.data / JOURNAL_FOLDER, NODE, clock)
        ledger = Ledger(settings, store, journal, lambda: in_force.current, lambda: in_force.folder.mistakes)
        journal.open()
        stack.callback(_last_pass, ledger)
        stack.callback(journal.close)
        local = settings.data / SOCKET_FILE
        stack.callback(local.unlink, missing_ok=True)
        certificate = tls(settings)
        servers = _servers(ledger.plane(), settings, local, certificate)
        log.info("listening", host=settings.host, port=settings.ledger_port)
        uvloop.run(_serve(ledger, in_force, servers, certificate))
        return FAILED if ledger.loading.fatal else 0


async def _serve(ledger: Ledger, in_force: PoliciesInForce, servers: Servers, certificate: TlsFiles | None) -> None:
    """Load and answer until told to stop, or until loading can't go on in this process."""
    settings = ledger.settings
    journal = settings.data / JOURNAL_FOLDER
    watching = [
        asyncio.create_task(in_force.folder.watch(in_force.use)),
        asyncio.create_task(stop_with(settings.supervisor_pid)),
        asyncio.create_task(ledger.noticing().run()),
        asyncio.create_task(granting.keep(ledger.grants, ledger.caught_up)),
        asyncio.create_task(retain(journal, ledger.loader, ledger.clock.now_us, settings.journal_days)),
    ]
    if settings.otlp_endpoint:
        watching.append(asyncio.create_task(trace(ledger.store, settings.otlp_endpoint, newest_load(ledger.store))))
    if certificate:
        watching.append(asyncio.create_task(certificate.watch()))
    loading = asyncio.create_task(ledger.loading.run())
    loading.add_done_callback(lambda _: _stop_all(servers))
    try:
        await serve_all(servers)
    finally:
        ledger.loading.stop()
        for task in watching:
            task.cancel()
        await asyncio.wait([loading, *watching])
        await ledger.delivering.stop()


def _stop_all(servers: Servers) -> None:
    for each, _ in servers:
        each.should_exit = True


def _servers(plane: ControlPlane, settings: Settings, local: Path, certificate: TlsFiles | None) -> Servers:
    """The control port, and the socket of whoever may open the data folder anyway."""
    port = server(
        fronted(plane.application(), settings), stop_s=settings.stop_s, tls=certificate.context if certificate else None
    )
    servers = [(port, [tcp_socket(settings.host, settings.ledger_port)])]
    try:
        servers.append((server(as_operator(plane.local_application()), stop_s=settings.stop_s), [unix_socket(local)]))
    except OSError as error:
        # Paths of sockets are short (about 100 bytes); commands on this machine then need OUTLAY_URL and a key.
        log.warning("no socket for local commands", socket=str(local), why=str(error))
    return servers


def _last_pass(ledger: Ledger) -> None:
    try:
        ledger.loader.run_once()
    except Exception:
        # The next start loads the rest; a stop goes on whatever this runs into.
        log.exception("the last pass failed")


def _anybody(_: Request) -> None:
    return


if __name__ == "__main__":
    sys.exit(main())
