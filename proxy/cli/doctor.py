"""`outlay doctor`: looks at everything a working set-up needs, says what is wrong, and gives the command to mend it."""

import json
import os
import shutil
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated, Final, Literal

import typer

from proxy.adapters.data_folder import ADMIN_HASH_FILE
from proxy.adapters.policy_snapshot import take_snapshot
from proxy.adapters.prices_litellm import PriceListError, installed_folder
from proxy.adapters.provider_secrets import ProviderSecrets
from proxy.cli.configured import configured
from proxy.policy.load import load
from proxy.policy.types import PolicySet
from proxy.settings import Settings, secret_from_environ

DISK_FREE_BYTES_MIN: Final = 1024**3

State = Literal["ok", "note", "wrong"]
MARKS: Final[dict[State, str]] = {"ok": "ok   ", "note": "note ", "wrong": "WRONG"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `mend` is the command or edit that helps, where one is needed."""

    state: State
    what: str
    mend: str = ""


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check the set-up: exit code 0 where nothing is wrong, 1 where something is, 2 where nothing could be checked."""
    findings = list(_findings(configured()))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            typer.echo(f"{MARKS[finding.state]} {finding.what}" + (f"\n        {finding.mend}" if finding.mend else ""))
    raise typer.Exit(1 if any(finding.state == "wrong" for finding in findings) else 0)


def _findings(settings: Settings) -> Iterator[Finding]:
    yield _price_list()
    yield from _data(settings)
    yield from _policies(settings)
    yield from _planes(settings)


def _price_list() -> Finding:
    try:
        return Finding("ok", f"price list of litellm in {installed_folder().name}")
    except PriceListError as error:
        return Finding("wrong", str(error), "pip install -r constraints.txt")


def _data(settings: Settings) -> Iterator[Finding]:
    data = settings.data
    if not data.is_dir():
        yield Finding("note", f"no data folder {data} yet", "outlay serve makes it")
        return
    if not os.access(data, os.W_OK | os.X_OK):
        yield Finding("wrong", f"{data} can't be written: calls would be refused", f"chown $(id -u) {data}")
        return
    free = shutil.disk_usage(data).free
    state: State = "ok" if free > DISK_FREE_BYTES_MIN else "wrong"
    mend = "" if state == "ok" else f"make room on the disk of {data}: a full disk stops all calls"
    yield Finding(state, f"{data}: {free / 1024**3:.1f} GiB free", mend)
    if data.stat().st_mode & 0o077:
        yield Finding("wrong", f"{data} can be read by other users", f"chmod 700 {data}")
    if not (data / ADMIN_HASH_FILE).exists() and not settings.admin_key:
        yield Finding("note", "no admin key yet", "outlay serve makes one and shows it once")


def _policies(settings: Settings) -> Iterator[Finding]:
    if not settings.policies.is_dir():
        yield Finding("note", f"no policy folder {settings.policies} yet", "outlay init")
        return
    snapshot = take_snapshot(settings.policies, settings.keys_file)
    loaded = load(snapshot.files)
    if isinstance(loaded, list) or snapshot.unreadable:
        yield Finding(
            "wrong", f"{settings.policies} can't be used as it is", f"outlay policy check {settings.policies}"
        )
        return
    yield Finding("ok", f"{settings.policies}: version {loaded.version}")
    yield from _providers(settings, loaded)
    yield _keys(loaded)


def _providers(settings: Settings, policies: PolicySet) -> Iterator[Finding]:
    secrets = ProviderSecrets(settings.policies, secret_from_environ)
    for provider in policies.providers.values():
        if secrets.secret(provider) is None:
            source = provider.api_key
            where = f"export {source.name}=…" if source.source == "env" else f"write it to {source.name}"
            yield Finding("note", f"provider {provider.name}: no credential here", f"{where} where outlay runs")
        else:
            yield Finding("ok", f"provider {provider.name} at {provider.base_url}")


def _keys(policies: PolicySet) -> Finding:
    valid = sum(not key.revoked for key in policies.keys.values())
    if valid:
        return Finding("ok", f"{valid} keys")
    return Finding("note", "no keys yet", "outlay keys create --user alice --project checkout")


def _planes(settings: Settings) -> Iterator[Finding]:
    checks: list[tuple[str, int, str]] = [
        ("gateway", settings.port, "outlay serve, or outlay gateway"),
        ("ledger", settings.ledger_port, "outlay serve, or outlay ledger"),
    ]
    for name, port, mend in checks:
        yield _plane(settings.host, name, port, mend)


def _plane(host: str, name: str, port: int, mend: str) -> Finding:
    reachable = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104  # compared, not bound
    try:
        with socket.create_connection((reachable, port), 1):
            return Finding("ok", f"{name} listens on {reachable}:{port}")
    except OSError as error:
        return Finding("note", f"{name} doesn't listen on {reachable}:{port} ({error.strerror})", mend)
