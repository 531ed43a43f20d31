"""The story of the demo: what is told to its ledger, by whom, and what the ledger then says was delivered."""

import asyncio
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import httpx
import typer

from proxy.cli.demo.folder import Folder
from proxy.cli.demo.player import tell
from proxy.cli.demo.repositories import git_is_there, write
from proxy.cli.demo.shipping import history, registered, shipping, taken_back
from proxy.cli.demo.telling import Delivery, deliveries, past

READ_S: Final = 12.0
"""How long the ledger may take to have read what was deployed last from the repositories."""
REPORT: Final = "/v1/reports/deployments?since=14d&reason=demo"


@dataclass(frozen=True, slots=True)
class Story:
    """What is told to the ledger. Nothing where there is no git: nobody could read then what a deployment brought."""

    secret: str = ""
    past: Sequence[dict[str, Any]] = ()
    deliveries: Sequence[Delivery] = ()
    taken_back: str = ""
    """Id of the deployment that didn't last."""


def story(made: Folder) -> Story:
    """Registers the services, and writes their repositories. Raises OSError."""
    if not git_is_there():
        typer.echo("There is no git here, so the demo leaves deployments out.")
        return Story()
    end = datetime.now().astimezone()
    before = history(end)
    told = shipping(end, before)
    try:
        commits = write(made.repositories, [*before.changes, *told.changes])
    except subprocess.SubprocessError as error:
        typer.echo(f"git can't write the repositories, so the demo leaves deployments out: {error}", err=True)
        return Story()
    made.register(registered(end))
    return Story(made.secret(), past(before, commits), deliveries(told, commits), taken_back(told))


async def bring_in(told: Story, ledger: str, key: str) -> None:
    """The time before the weeks. Raises httpx.HTTPError."""
    if not told.past:
        return
    async with _client(ledger, key) as client:
        (await client.post("/v1/events/import", json={"events": told.past})).raise_for_status()


async def tell_all(told: Story, ledger: str, now_s: Callable[[], float]) -> None:
    """Each delivery when its time has come. Raises httpx.HTTPError."""
    await tell(told.deliveries, ledger, told.secret, now_s)


async def delivered(ledger: str, key: str) -> dict[str, Any]:
    """The report, once everything deployed has been read from the repositories, or READ_S is over. Raises
    httpx.HTTPError."""
    until_s = time.monotonic() + READ_S
    async with _client(ledger, key) as client:
        while True:
            answer = await client.get(REPORT)
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
            if not found["total"]["unverified"] or time.monotonic() > until_s:
                return found
            await asyncio.sleep(0.5)


def _client(ledger: str, key: str) -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.AsyncClient(base_url=ledger, headers=headers, trust_env=False, timeout=READ_S)
