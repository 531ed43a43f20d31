"""`outlay serve`, `outlay gateway`, `outlay ledger`: the server's processes."""

import asyncio
import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from proxy import VERSION
from proxy.adapters import admin_key, data_folder
from proxy.adapters.data_folder import ADMIN_KEY_FILE, write_once
from proxy.adapters.journal_whole import LEDGER_NODE, mark_new
from proxy.adapters.starter_files import write_starter
from proxy.app import logs
from proxy.app.supervisor import Supervisor, planes
from proxy.cli.configured import UNTRIED, configured, stop
from proxy.cli.on_path import exported
from proxy.cli.preflight import check_apart, check_certificate, check_policies, check_ports
from proxy.cli.reachable import LOOPBACK, wait_until_open
from proxy.settings import Settings
from proxy.web.server import tcp_socket

Host = Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")]
Port = Annotated[int | None, typer.Option(help="Port of the data plane: SDKs point here.", show_default="4141")]
LedgerPort = Annotated[
    int | None, typer.Option(help="Port of the control plane: reports come from here.", show_default="4142")
]
Policies = Annotated[Path | None, typer.Option(help="Folder of policy files.", show_default="policies")]
Data = Annotated[Path | None, typer.Option(help="Folder of journal and database.", show_default="data")]
Workers = Annotated[int | None, typer.Option(help="Gateway processes that share the port.", show_default="1")]


def serve(
    host: Host = None,
    port: Port = None,
    ledger_port: LedgerPort = None,
    policies: Policies = None,
    data: Data = None,
    workers: Workers = None,
    stand_in: Annotated[
        bool, typer.Option("--stand-in", help="Also run the make-believe provider, to try things out.")
    ] = False,
) -> None:
    """Run outlay on this machine: gateway and ledger, with everything they need."""
    settings = configured(host=host, port=port, ledger_port=ledger_port, policies=policies, data=data, workers=workers)
    logs.configure(settings, "supervisor")
    ports = [(settings.ledger_port, "--ledger-port")]
    if not settings.listen_fd:
        ports.insert(0, (settings.port, "--port"))
    check_apart([*ports, *([(settings.stand_in_port, "OUTLAY_STAND_IN_PORT")] if stand_in else [])])
    check_ports(settings.host, ports)
    check_certificate(settings)
    if stand_in:
        check_ports(LOOPBACK, [(settings.stand_in_port, "OUTLAY_STAND_IN_PORT")])
    _prepare(settings, [f"{settings.node}-{number}" for number in range(settings.workers)])
    check_policies(settings)
    listening = None if settings.listen_fd else tcp_socket(settings.host, settings.port)
    if listening is not None:
        settings = replace(settings, listen_fd=listening.fileno())
    supervisor = Supervisor(planes(settings, settings.stand_in_port if stand_in else 0), settings.stop_s)
    banner = _banner(settings, stand_in=stand_in)
    raise typer.Exit(asyncio.run(_run(supervisor, settings, banner)))


def gateway(host: Host = None, port: Port = None, policies: Policies = None, data: Data = None) -> None:
    """Run the data plane alone."""
    _become("proxy.app.gateway", configured(host=host, port=port, policies=policies, data=data))


def ledger(host: Host = None, ledger_port: LedgerPort = None, policies: Policies = None, data: Data = None) -> None:
    """Run the control plane alone."""
    _become("proxy.app.ledger", configured(host=host, ledger_port=ledger_port, policies=policies, data=data))


def _become(module: str, settings: Settings) -> None:
    """Turn this process into the plane: the command line's own libraries would weigh on it for good."""
    _prepare(settings, [settings.node])
    # -P: what lies in the folder where it is started is no module of ours.
    os.execve(sys.executable, [sys.executable, "-P", "-m", module], {**os.environ, **settings.environ()})  # noqa: S606


def _prepare(settings: Settings, nodes: Iterable[str]) -> None:
    """What a first start needs: the folders, starter policies, and the admin key, shown once."""
    try:
        data_folder.prepare(settings.data)
        mark_new(settings.data, [*nodes, LEDGER_NODE])
        written = write_starter(settings.policies)
        if written:
            typer.echo(f"Wrote starter policies to {settings.policies}/ ({', '.join(written)}).")
        _admin_key(settings)
    except OSError as error:
        stop(f"{error.filename or settings.data} can't be written: {error.strerror}", UNTRIED)


def _admin_key(settings: Settings) -> None:
    """Where the first start makes it: shown on a terminal, else in a file, so that it never gets into a log."""
    _, minted = admin_key.ensure(settings.data, settings.admin_key)
    # As process 1, in a container, even a terminal is kept in the container's log.
    if minted and sys.stdout.isatty() and os.getpid() != 1:
        typer.echo(f"The admin key, shown this once:\n\n    {minted}\n")
    elif minted:
        path = settings.data / ADMIN_KEY_FILE
        write_once(path, minted + "\n")
        typer.echo(f"The admin key is in {path} (readable by this user only). Move it to a safe place.")


async def _run(supervisor: Supervisor, settings: Settings, banner: str) -> int:
    announcement: list[asyncio.Task[None]] = []
    ports = (settings.port, settings.ledger_port)

    def on_start() -> None:
        announcement.append(asyncio.create_task(_announce(settings.host, ports, banner)))

    code = await supervisor.run(on_start)
    for task in announcement:
        task.cancel()
    return code


async def _announce(host: str, ports: tuple[int, ...], banner: str) -> None:
    """Say where everything is, once every port takes connections."""
    for port in ports:
        await wait_until_open(host, port)
    typer.echo(banner)


def _banner(settings: Settings, *, stand_in: bool) -> str:
    base = settings.base_url
    lines = [
        "",
        f"outlay {VERSION} is running.",
        "",
        f"  OpenAI SDKs     base URL {base}/v1",
        f"  Anthropic SDKs  base URL {base}",
        f"  Reports         {settings.control_url}",
    ]
    if stand_in:
        lines.append("  Stand-in        models stand-in-small and stand-in-large: make-believe, without a provider key")
        if settings.stand_in_port != Settings().stand_in_port:
            lines.append(f"                  on port {settings.stand_in_port}: say so in providers.yaml")
    lines += [
        "",
        "Next, in a second terminal:",
        *(f"  {line}" for line in (exported(),) if line),
        "  outlay keys create --user alice --project checkout",
        "  outlay report spend --by project,model",
        "",
        "Ctrl-C stops it.",
        "",
    ]
    return "\n".join(lines)
