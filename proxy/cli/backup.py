"""`outlay backup` and `outlay restore`: everything copied beside running servers, and brought back elsewhere."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
import typer

from proxy.adapters.clock import SystemClock
from proxy.cli.configured import NO, UNTRIED, configured, stop
from proxy.cli.connection import LEDGER_SOCKET, LOCAL_URL, listening
from proxy.cli.foreign import refusal
from proxy.cli.progress import Step, progress
from proxy.ports.local_socket import socket_address
from proxy.settings import Settings

COPY_S: Final = 4 * 3600.0 + 60

Data = Annotated[Path | None, typer.Option("--data", help="Folder of journal and database.", show_default="data")]
Policies = Annotated[Path | None, typer.Option("--policies", help="Folder of policy files.", show_default="policies")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def backup(
    destination: Annotated[Path, typer.Argument(metavar="DEST", help="A folder of backups: each gets one of its own.")],
    data: Data = None,
    policies: Policies = None,
    as_json: Json = False,
) -> None:
    """Copy everything of this data folder and its policies, beside a running server, and read it back.

    It has secrets in it (hash keys, hashes of callers' keys, who called what), for this user alone.
    """
    from proxy.adapters.backup_folder import BackupError
    from proxy.app.backing_up import back_up, size_of
    from proxy.ports.store import StoreError

    settings = configured(data=data, policies=policies)
    if not (settings.data / "journal").is_dir():
        stop(f"there is no data in {settings.data.resolve()}: nothing to back up", UNTRIED)
    try:
        with progress("Copying", size_of(settings.data), "bytes") as step:
            made = back_up(
                settings, destination, lambda file: _copy(settings, file), SystemClock().now_us(), _added(step)
            )
    except BackupError as error:
        stop(f"no backup was made: {error}", NO)
    except (StoreError, OSError, httpx.HTTPError) as error:
        stop(f"no backup was made: {error}", UNTRIED)
    said = {"backup": str(made.folder), "bytes": made.bytes, "linked_bytes": made.linked, **made.manifest.figures}
    text = (
        f"Backed up to {made.folder}: {made.bytes:,} bytes, {made.linked:,} of them as in the backup before, read back "
        "and right. It has secrets in it; its files are readable by this user only."
    )
    typer.echo(json.dumps(said, indent=2) if as_json else text)


def restore(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="A backup, or a folder of backups: its newest.")],
    data: Data = None,
    policies: Policies = None,
    as_json: Json = False,
) -> None:
    """Bring a backup back into a data folder that isn't there yet or is empty, and check what it holds.

    A policy folder or keys file that is there already is left as it is.
    """
    from proxy.adapters.backup_folder import BackupError, found
    from proxy.app import logs
    from proxy.app.restoring import NotEmptyError
    from proxy.app.restoring import restore as restored_from
    from proxy.ledger.loader import LoadingStoppedError
    from proxy.ports.store import StoreError

    settings = configured(data=data, policies=policies)
    logs.configure(replace(settings, log_level="error"), "command")
    if listening(settings.data / LEDGER_SOCKET):
        stop(f"a server runs on {settings.data}. Stop it, or restore into another folder", NO)
    try:
        folder, manifest = found(source)
        total = 2 * sum(each.bytes for each in manifest.files.values())
        with progress("Restoring", total, "bytes") as step:
            done = restored_from(folder, manifest, settings, _added(step))
    except (BackupError, NotEmptyError) as error:
        stop(f"nothing was restored: {error}", NO)
    except (StoreError, LoadingStoppedError, OSError) as error:
        stop(f"nothing was restored: {error}", UNTRIED)
    said: dict[str, Any] = {
        "backup": str(folder),
        "data": str(settings.data.resolve()),
        "calls": str(done.calls),
        "refused": str(done.refused),
        "cost_usd": done.cost_usd,
        "lines_from_journal": done.from_journal,
        "left_as_it_was": [str(path) for path in done.kept],
    }
    if as_json:
        typer.echo(json.dumps(said, indent=2))
        return
    typer.echo(
        f"Restored {folder} into {settings.data.resolve()}: {done.calls:,} calls, {done.refused:,} refused, "
        f"{done.cost_usd} USD. {done.from_journal:,} lines came from the journal behind the database's copy."
    )
    for path in done.kept:
        typer.echo(f"{path} was there already and is left as it is.")


def _copy(settings: Settings, file: Path) -> None:
    """The database into a file: by the ledger that holds it, or by this process where none runs."""
    socket = settings.data / LEDGER_SOCKET
    if listening(socket):
        transport = httpx.HTTPTransport(uds=socket_address(socket))
        with httpx.Client(transport=transport, base_url=LOCAL_URL, timeout=COPY_S, trust_env=False) as client:
            answer = client.post("/v1/database/copy", json={"file": str(file)})
        if not answer.is_success:
            raise OSError(refusal(answer, str(socket)))
        return
    from proxy.app.opening import open_store

    store = open_store(settings.data, SystemClock().now_us())
    try:
        store.copy(file, COPY_S)
    finally:
        store.close()


def _added(step: Step) -> Step:
    """From how much more to how much in all."""
    done = 0

    def more(size: int) -> None:
        nonlocal done
        done += size
        step(done)

    return more
