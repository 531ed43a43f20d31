"""`outlay serve`, `outlay gateway`, `outlay ledger`: the server's processes."""

import asyncio
import os
import socket
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from proxy.adapters import admin_key, data_folder
from proxy.adapters.data_folder import ADMIN_KEY_FILE, write_once
from proxy.adapters.starter_files import write_starter
from proxy.app import logs
from proxy.app.supervisor import Supervisor, planes
from proxy.cli.configured import configured
from proxy.settings import Settings

READY_WAIT_S: Final = 30.0

Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Port = Annotated[int | None, typer.Option(help="Port of the data plane: SDKs point here.")]
LedgerPort = Annotated[int | None, typer.Option(help="Port of the control plane: reports come from here.")]
Policies = Annotated[Path | None, typer.Option(help="Folder of policy files.")]
Data = Annotated[Path | None, typer.Option(help="Folder of journal and database.")]
Workers = Annotated[int | None, typer.Option(help="Gateway processes that share the port.")]


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
    _prepare(settings)
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
    _prepare(settings)
    os.execve(sys.executable, [sys.executable, "-m", module], {**os.environ, **settings.environ()})  # noqa: S606


def _prepare(settings: Settings) -> None:
    """What a first start needs: the folders, starter policies, and the admin key, shown once."""
    data_folder.prepare(settings.data)
    written = write_starter(settings.policies)
    if written:
        typer.echo(f"Wrote starter policies to {settings.policies}/ ({', '.join(written)}).")
    _, minted = admin_key.ensure(settings.data, settings.admin_key)
    if minted and sys.stdout.isatty():
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
    reachable = "127.0.0.1" if host in ("0.0.0.0", "") else host  # noqa: S104  # compared, not bound
    waited = 0.0
    for port in ports:
        while waited < READY_WAIT_S and not await asyncio.to_thread(_open, reachable, port):
            await asyncio.sleep(0.1)
            waited += 0.1
    typer.echo(banner)


def _open(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), 0.5):
            return True
    except OSError:
        return False


def _banner(settings: Settings, *, stand_in: bool) -> str:
    base = f"http://{settings.host}:{settings.port}"
    lines = [
        "",
        f"outlay is running.   SDK base URL  {base}/v1 (OpenAI)   {base} (Anthropic)",
        f"                     reports       http://{settings.host}:{settings.ledger_port}",
        "",
        "Next: outlay keys create --user alice --project checkout",
        "      outlay report spend --by project,user",
    ]
    if stand_in:
        lines.append("      the stand-in answers to the models stand-in-small and stand-in-large")
    return "\n".join([*lines, "Stop with Ctrl-C.", ""])
