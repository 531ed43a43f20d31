"""`outlay doctor`: looks at everything a working set-up needs, says what is wrong, and gives the command to mend it."""

import asyncio
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Final

import httpx
import typer

from proxy.adapters.data_folder import ADMIN_HASH_FILE
from proxy.adapters.gateway_sockets import gateway_states
from proxy.adapters.prices_litellm import PriceListError, installed_folder, version
from proxy.adapters.provider_secrets import ProviderSecrets
from proxy.cli.configured import configured
from proxy.cli.connection import address, key_like, remote
from proxy.cli.doctor_backups import backups
from proxy.cli.doctor_network import HTTP_OK, certificate, gateways, planes, reached
from proxy.cli.finding import MARKS, Finding, State, counted
from proxy.cli.login_file import LoginFileError, read_login
from proxy.cli.policy_files import read_policies
from proxy.model.visible import visible_lines
from proxy.policy.types import PolicySet, Provider
from proxy.settings import Settings, config_folder, secret_from_environ

DISK_FREE_BYTES_MIN: Final = 1024**3
GATEWAY_S: Final = 3.0
"""A gateway of a busy machine may take a while, and one that is left out looks well."""


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check the set-up: exit code 0 where nothing is wrong, 1 where something is, 2 where nothing could be checked."""
    findings = list(_findings(configured()))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            mend = f"\n        {visible_lines(finding.mend)}" if finding.mend else ""
            typer.echo(f"{MARKS[finding.state]} {visible_lines(finding.what)}{mend}")
    raise typer.Exit(1 if any(finding.state == "wrong" for finding in findings) else 0)


def _findings(settings: Settings) -> Iterator[Finding]:
    yield _price_list()
    yield from _data(settings)
    yield from backups(settings)
    yield from _policies(settings)
    yield from certificate(settings)
    yield from planes(settings)
    yield from gateways(asyncio.run(gateway_states(settings.data, GATEWAY_S)))
    yield from _login(settings)


def _price_list() -> Finding:
    try:
        return Finding("ok", f"price list: litellm {version(installed_folder())}")
    except PriceListError as error:
        return Finding("wrong", str(error), "pip install -r constraints.txt")


def _data(settings: Settings) -> Iterator[Finding]:
    data = settings.data
    if data.exists() and not data.is_dir():
        yield Finding("wrong", f"{data} is no folder: the server can't start", "move it away, or set OUTLAY_DATA")
        return
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
    read = read_policies(settings)
    if isinstance(read, list):
        what = f"{settings.policies} can't be used as it is: {counted(len(read), 'mistake')}"
        yield Finding("wrong", what, f"outlay policy check {settings.policies}")
        return
    yield Finding("ok", f"{settings.policies}: version {read.version}")
    yield from _providers(settings, read)
    yield from _targets(settings, read)
    yield _keys(read)


def _providers(settings: Settings, policies: PolicySet) -> Iterator[Finding]:
    secrets = ProviderSecrets(settings.policies, secret_from_environ)
    usable: list[Provider] = []
    for provider in policies.providers.values():
        if secrets.secret(provider) is None:
            source = provider.api_key
            where = f"export {source.name}=…" if source.source == "env" else f"write it to {source.name}"
            yield Finding("note", f"provider {provider.name}: no credential here", f"{where} where outlay runs")
        else:
            usable.append(provider)
    yield from reached(usable)


def _targets(settings: Settings, policies: PolicySet) -> Iterator[Finding]:
    """Nothing is sent: `outlay notify test` does that."""
    addresses = ProviderSecrets(settings.policies, secret_from_environ)
    for target in policies.targets:
        if addresses.value(target.url) is not None:
            yield Finding("ok", f"notices to {target.name}: an address is there")
            continue
        source = target.url
        where = f"export {source.name}=…" if source.source == "env" else f"write it to {source.name}"
        what = f"notices to {target.name}: no address here"
        yield Finding("note", what, f"{where} where the ledger runs; outlay notify test {target.name}")


def _keys(policies: PolicySet) -> Finding:
    valid = sum(not key.revoked for key in policies.keys.values())
    if valid:
        return Finding("ok", counted(valid, "key"))
    return Finding("note", "no keys yet", "outlay keys create --user alice --project checkout")


def _login(settings: Settings) -> Iterator[Finding]:
    """The server that commands on this machine ask, if one is named."""
    try:
        login = read_login(config_folder())
    except LoginFileError as error:
        yield Finding("wrong", str(error))
        return
    url = settings.url.rstrip("/") or (login.url if login else "")
    if not url:
        return
    key = settings.key or (login.key if login and login.url == url else "")
    mend = f"outlay login {url}"
    if not address(url):
        yield Finding("wrong", f"OUTLAY_URL: {url} is no URL of a control plane", "export OUTLAY_URL=https://HOST:4142")
        return
    if not key_like(key):
        yield Finding("wrong", "OUTLAY_KEY is no outlay key: it has characters that no key has", mend)
        return
    try:
        with remote(url, key) as client:
            answer = client.get("/v1/whoami")
        if answer.status_code == HTTP_OK:
            who = answer.json()
            yield Finding("ok", f"commands ask {url} as {who['name']} ({who['role']})")
        else:
            yield Finding("wrong", f"commands ask {url}, which doesn't take the key ({answer.status_code})", mend)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        yield Finding("wrong", f"commands ask {url}, which doesn't answer ({error or type(error).__name__})", mend)
