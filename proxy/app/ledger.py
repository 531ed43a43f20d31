"""The ledger: the control plane's composition root, and the only owner of the database.

Order of a start: policies (exit 2 where they are wrong), the database and its schema, the ledger's own journal, and
only then listening sockets; loading begins with them. A stop goes the other way round, with a last pass of the loader,
so that what the gateways wrote last is in the database.
"""

import asyncio
import os
import socket
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import structlog
import uvloop

from proxy.adapters import data_folder
from proxy.adapters.clock import SystemClock
from proxy.adapters.journal_file import FileJournal
from proxy.adapters.journal_folder import JournalLockedError
from proxy.adapters.journal_whole import mark_first
from proxy.adapters.tls_files import TlsError, TlsFiles
from proxy.app import granting, logs
from proxy.app.ledger_wiring import JOURNAL_FOLDER, NODE, Ledger
from proxy.app.listening import fronted, tls
from proxy.app.opening import mark_damaged, open_or_rebuild
from proxy.app.orphan import stop_with
from proxy.app.policies_in_force import PoliciesInForce
from proxy.app.tracing import trace
from proxy.ledger.spans import newest_load
from proxy.ports.journal import JournalUnavailableError
from proxy.ports.store import StoreError
from proxy.settings import Settings, SettingsError
from proxy.web.control_auth import as_operator
from proxy.web.control_plane import ControlPlane
from proxy.web.server import Server, serve_all, server, tcp_socket, unix_socket

log = structlog.get_logger("outlay.ledger")

MISCONFIGURED: Final = 2
FAILED: Final = 1
SOCKET_FILE: Final = "ledger.sock"

Servers = list[tuple[Server, list[socket.socket]]]


def main(clock: SystemClock | None = None) -> int:
    """Exit code: 0 after a stop that was asked for, 1 where something failed, 2 where it is configured wrongly."""
    try:
        settings = Settings.load()
    except SettingsError as error:
        print(f"outlay: {error}", file=sys.stderr)  # noqa: T201  # before there is a log
        return MISCONFIGURED
    logs.configure(settings, "ledger")
    # The database's library makes its log with the rights that it finds.
    os.umask(0o077)
    try:
        data_folder.prepare(settings.data)
        in_force = PoliciesInForce(settings)
        mistakes = in_force.folder.load_now()
        if mistakes:
            log.error("policies can't be used, nothing to start with", mistakes=len(mistakes))
            return MISCONFIGURED
        in_force.use(in_force.folder.current)
        return _run(settings, in_force, clock or SystemClock())
    except TlsError as error:
        log.error("the certificate can't be used", why=str(error))
        return MISCONFIGURED
    except (OSError, StoreError, JournalLockedError, JournalUnavailableError) as error:
        # Never 2: a damaged database must not take the gateway down, which goes on without it.
        log.error("can't go on", why=str(error))
        return FAILED


def _run(settings: Settings, in_force: PoliciesInForce, clock: SystemClock) -> int:
    with ExitStack() as stack:
        store = open_or_rebuild(settings.data, clock.now_us())
        stack.callback(store.close)
        journal = FileJournal(settings.data / JOURNAL_FOLDER, NODE, clock)
        ledger = Ledger(settings, store, journal, lambda: in_force.current, lambda: in_force.folder.mistakes, clock)
        journal.open()
        mark_first(settings.data / JOURNAL_FOLDER / NODE, journal.place)
        stack.callback(_last_pass, ledger)
        stack.callback(journal.close)
        local = settings.data / SOCKET_FILE
        stack.callback(local.unlink, missing_ok=True)
        certificate = tls(settings)
        servers = _servers(ledger.plane(), settings, local, certificate)
        log.info("listening", host=settings.host, port=settings.ledger_port)
        uvloop.run(_serve(ledger, in_force, servers, certificate))
        if store.damaged:
            mark_damaged(settings.data, store.damaged)
        return FAILED if ledger.loading.fatal else 0


async def _serve(ledger: Ledger, in_force: PoliciesInForce, servers: Servers, certificate: TlsFiles | None) -> None:
    """Load and answer until told to stop, or until loading can't go on in this process."""
    settings, rebuilding = ledger.settings, ledger.rebuilding()
    watching = [
        asyncio.create_task(in_force.folder.watch(in_force.use)),
        asyncio.create_task(stop_with(settings.supervisor_pid)),
        asyncio.create_task(ledger.noticing().run()),
        asyncio.create_task(ledger.mirroring.run()),
        asyncio.create_task(rebuilding.run()),
        asyncio.create_task(granting.keep(ledger.grants, ledger.caught_up)),
        asyncio.create_task(ledger.policy_recording().run(ledger.caught_up)),
        asyncio.create_task(ledger.retention(lambda: rebuilding.made).run()),
    ]
    if settings.otlp_endpoint:
        after = newest_load(ledger.store)
        watching.append(
            asyncio.create_task(trace(ledger.store, settings.otlp_endpoint, after, loaded=ledger.caught_up))
        )
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
        # The loop's end waits for threads: a copy or a rebuild that still reads would hold up the stop for minutes.
        ledger.store.interrupt()


def _stop_all(servers: Servers) -> None:
    for each, _ in servers:
        each.stop()


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
    if ledger.store.damaged or ledger.store.removed:
        return
    try:
        ledger.loader.run_once()
    except Exception:
        # The next start loads the rest; a stop goes on whatever this runs into.
        log.exception("the last pass failed")


if __name__ == "__main__":
    sys.exit(main())
