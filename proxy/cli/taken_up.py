"""Taken up: whether the servers on this machine already go by the keys that a command has just written.

A key that is shown before they know it gets a 401, which looks like a wrong key.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import typer

from proxy.cli.connection import LEDGER_SOCKET, LOCAL_URL, listening
from proxy.cli.policy_files import read_policies
from proxy.ports.local_socket import socket_address
from proxy.settings import Settings

WAIT_MAX_S: Final = 3.0
"""Servers promise 2 s."""
LOOK_S: Final = 0.05
ANSWER_S: Final = 1.0


def wait_until_taken_up(settings: Settings) -> None:
    """Wait until each server on this data folder has the keys as they stand now; says so where one doesn't."""
    written = read_policies(settings)
    if isinstance(written, list):
        if any(_running(settings.data)):
            typer.echo("The running server won't take this up yet: `outlay policy check` shows why.", err=True)
        return
    end = time.monotonic() + WAIT_MAX_S
    while any(version != written.keys_version for version in _running(settings.data)):
        if time.monotonic() > end:
            typer.echo("The running server hasn't taken this up: does it read these files? `outlay doctor`", err=True)
            return
        time.sleep(LOOK_S)


def _running(data: Path) -> Iterator[str]:
    """Of each plane that runs on this data folder, the version of the keys it goes by."""
    for path in filter(listening, (*sorted(data.glob("gateway-*.sock")), data / LEDGER_SOCKET)):
        transport = httpx.HTTPTransport(uds=socket_address(path))
        with httpx.Client(transport=transport, base_url=LOCAL_URL, timeout=ANSWER_S, trust_env=False) as client:
            try:
                details = client.get("/readyz").json()
            except (httpx.HTTPError, ValueError):
                continue  # it is stopping: nobody to wait for
        yield str(details.get("keys", ""))
