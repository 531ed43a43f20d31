"""New key: minted, checked against access.yaml, and shown this once."""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime

import typer

from proxy.adapters.policy_snapshot import take_snapshot
from proxy.cli.configured import NO, UNTRIED, stop
from proxy.model.identity import OwnerKind, Role
from proxy.policy import access_yaml, keys_yaml
from proxy.policy.keys import ID_BYTES, RANDOM_BYTES, digest, mint, mint_id
from proxy.policy.keys_edit import entry_lines
from proxy.policy.load import load
from proxy.policy.types import Key
from proxy.policy.unregistered import Unregistered, unregistered
from proxy.settings import Settings


@dataclass(frozen=True, slots=True)
class NewKey:
    key: str
    """The secret itself: shown to whoever made it, and forgotten."""
    entry: Key


def new_key(
    *, owner: str, owner_kind: OwnerKind, projects: tuple[str, ...], role: Role, team: str, expires: datetime | None
) -> NewKey:
    key = mint(secrets.token_bytes(RANDOM_BYTES))
    entry = Key(
        id=mint_id(secrets.token_bytes(ID_BYTES)),
        hash=digest(key.encode()),
        owner=owner,
        owner_kind=owner_kind,
        projects=projects,
        role=role,
        team=team,
        expires=expires,
    )
    return NewKey(key, entry)


def check_entry(settings: Settings, entry: Key) -> Unregistered:
    """Read the entry beside access.yaml as a server will; gives what access.yaml doesn't know yet.

    Exits where the server would find a mistake, or would take the key for less than it says.
    """
    alone = "\n".join(["keys:", *entry_lines(entry)])
    access = take_snapshot(settings.policies, settings.keys_file).files.get(access_yaml.FILE, b"")
    loaded = load({access_yaml.FILE: access, keys_yaml.FILE: alone})
    if isinstance(loaded, list):
        ours = [mistake.message for mistake in loaded if mistake.file == keys_yaml.FILE]
        if ours:
            stop("; ".join(ours), UNTRIED)
        stop("access.yaml has mistakes; `outlay policy check` shows them", NO)
    if loaded.keys[entry.hash].role is not entry.role:
        stop(f"access.yaml doesn't give {entry.owner} the role {entry.role}", NO)
    return unregistered(loaded.access, list(loaded.keys.values()))


def show_key(made: NewKey, *, as_json: bool, only_print: bool = False) -> None:
    """Data on stdout, words on stderr. With `only_print` the data is the entry, ready for a file."""
    entry = made.entry
    lines = "\n".join(f"  {line}" for line in entry_lines(entry))
    if as_json:
        shown = {"id": entry.id, "key": made.key}
        typer.echo(json.dumps({**shown, "entry": lines} if only_print else shown))
        return
    if only_print:
        typer.echo("Nothing was written. Add this to the list `keys:` in keys.yaml:\n", err=True)
        typer.echo(lines)
    projects = ", ".join(entry.projects)
    typer.echo(f"\nThe key {entry.id} of {entry.owner}, for {projects}. It is shown this once:\n", err=True)
    typer.echo(made.key, err=only_print)


def show_unregistered(missing: Unregistered) -> None:
    if missing:
        typer.echo("\naccess.yaml doesn't know all of this yet, which is allowed. To register it, add:\n", err=True)
        typer.echo("\n".join(f"  {line}" for line in missing.lines_to_add()), err=True)
