"""`outlay keys`: make, list, end and replace callers' keys. Only hashes are written."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from proxy.cli.configured import NO, UNTRIED, configured, stop
from proxy.model.identity import OwnerKind, Role

app = typer.Typer(no_args_is_help=True, help="Make, list, revoke and rotate callers' keys.")

Id = Annotated[str, typer.Argument(metavar="ID", help="As `outlay keys list` shows it.")]
Policies = Annotated[Path | None, typer.Option(help="The policy folder.", show_default="policies")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Expires = Annotated[str | None, typer.Option(help="A day (2027-01-01), a time, or from now on: 90d, 12h.")]


@app.command()
def create(
    user: Annotated[str | None, typer.Option(help="The person it belongs to.")] = None,
    service_account: Annotated[str | None, typer.Option(help="Or the service account.")] = None,
    project: Annotated[list[str] | None, typer.Option(help="May be given again; the first is the default.")] = None,
    team: Annotated[str, typer.Option(help="For an owner whom access.yaml gives no team.")] = "",
    role: Annotated[Role, typer.Option(help="What its reports may show.")] = Role.DEVELOPER,
    expires: Expires = None,
    only_print: Annotated[bool, typer.Option("--print", help="Write nothing; show the entry to add.")] = False,
    as_json: AsJson = False,
    policies: Policies = None,
) -> None:
    """Make a key for a person or a service account. It is shown once; keys.yaml gets its hash."""
    from proxy.cli.new_key import check_entry, new_key, show_key, show_unregistered
    from proxy.cli.taken_up import wait_until_taken_up

    settings = configured(policies=policies)
    if bool(user) == bool(service_account):
        stop("a key has one owner: --user, or --service-account", UNTRIED)
    if not project:
        stop("a key is for at least one --project", UNTRIED)
    made = new_key(
        owner=user or service_account or "",
        owner_kind=OwnerKind.PERSON if user else OwnerKind.SERVICE,
        projects=tuple(dict.fromkeys(project)),
        role=role,
        team=team,
        expires=_from_now(expires),
    )
    missing = check_entry(settings, made.entry)
    if not only_print:
        with _Explained():
            file = _file(settings.keys_file)
            _note(file, made.entry)
            file.create(made.entry)
        wait_until_taken_up(settings)
    show_key(made, as_json=as_json, only_print=only_print)
    show_unregistered(missing)


@app.command("list")
def list_(as_json: AsJson = False, policies: Policies = None) -> None:
    """List every key: its id, whose it is, and whether it still works. Never the key itself."""
    settings = configured(policies=policies)
    with _Explained():
        entries = list(_file(settings.keys_file).keys().values())
    rows = [_row(key, datetime.now(UTC)) for key in entries]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    elif not rows:
        typer.echo(f"{settings.keys_file} holds no keys; `outlay keys create` makes one.")
    else:
        _print_table(rows)


@app.command()
def revoke(id_: Id, policies: Policies = None) -> None:
    """End a key at once. Its entry stays, for the record."""
    from proxy.cli.taken_up import wait_until_taken_up

    settings = configured(policies=policies)
    with _Explained():
        file = _file(settings.keys_file)
        if (key := file.keys().get(id_)) is not None:
            _note(file, replace(key, revoked=True))
        file.revoke(id_)
    wait_until_taken_up(settings)
    typer.echo(f"{id_} is revoked. Servers elsewhere refuse it within 2 seconds of getting the file.")


@app.command()
def rotate(
    id_: Id,
    keep_old: Annotated[
        str | None, typer.Option(help="How long the old key still works: 24h. Else it ends now.")
    ] = None,
    expires: Expires = None,
    as_json: AsJson = False,
    policies: Policies = None,
) -> None:
    """Replace a key by a new one of the same owner, projects and role, and end the old one."""
    from proxy.cli.new_key import new_key, show_key
    from proxy.cli.taken_up import wait_until_taken_up

    settings = configured(policies=policies)
    file = _file(settings.keys_file)
    with _Explained():
        old = file.keys().get(id_)
    if old is None:
        stop(f"{file.path} has no key '{id_}'; `outlay keys list` shows them", NO)
    if _state(old, datetime.now(UTC)) != "active":
        stop(f"{id_} works no more: make a new key with `outlay keys create`", NO)
    made = new_key(
        owner=old.owner,
        owner_kind=old.owner_kind,
        projects=old.projects,
        role=old.role,
        team=old.team,
        expires=_from_now(expires) or old.expires,
    )
    until = _from_now(keep_old)
    until = min(until, old.expires) if until and old.expires else until
    with _Explained():
        _note(file, made.entry, replace(old, expires=until) if until else replace(old, revoked=True))
        file.rotate(id_, made.entry, until)
    wait_until_taken_up(settings)
    show_key(made, as_json=as_json)
    typer.echo(f"{id_} " + (f"works until {until:%Y-%m-%d %H:%M} UTC." if until else "is revoked."), err=True)


def _file(path: Path) -> Any:
    from proxy.adapters.keys_file import KeysFile

    if not path.parent.is_dir():
        stop(f"there is no folder {path.parent}; `outlay init` makes one", UNTRIED)
    return KeysFile(path)


def _note(file: Any, *entries: Any) -> None:
    """Who gives the command that writes these entries, for the ledger's record; before it sees them."""
    from proxy.adapters.keys_editors import note
    from proxy.settings import os_user

    note(file.path, entries, os_user())


class _Explained:
    """Turns what a keys file says into an exit that shows it."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        from proxy.adapters.keys_file import KeysFileError

        if isinstance(error, KeysFileError):
            for mistake in error.mistakes:
                typer.echo(str(mistake), err=True)
            stop(str(error), NO)


def _from_now(text: str | None) -> datetime | None:
    """A moment to come, to the second."""
    from proxy.policy.section import duration_s, moment

    if text is None:
        return None
    now = datetime.now(UTC).replace(microsecond=0)
    try:
        found = now + timedelta(seconds=duration_s(text)) if duration_s(text) else moment(text).replace(microsecond=0)
    except (ValueError, OverflowError):
        _unreadable(text)
    if found <= now:
        stop(f"{text} is over already", UNTRIED)
    return found


def _unreadable(text: str) -> NoReturn:
    stop(
        f"{text!r} is no time: write a day (2027-01-01), a time (2027-01-01T12:00Z), or from now on (90d, 12h)", UNTRIED
    )


def _state(key: Any, now: datetime) -> str:
    if key.revoked:
        return "revoked"
    return "expired" if key.expires is not None and now >= key.expires else "active"


def _row(key: Any, now: datetime) -> dict[str, Any]:
    return {
        "id": key.id,
        "owner": key.owner,
        "kind": str(key.owner_kind),
        "projects": list(key.projects),
        "role": str(key.role),
        "team": key.team,
        "expires": key.expires.isoformat() if key.expires else None,
        "state": _state(key, now),
    }


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from proxy.cli.tables import console

    table = Table(box=None, pad_edge=False)
    for name in rows[0]:
        table.add_column(name, overflow="fold", no_wrap=name in ("id", "expires", "state"))
    for row in rows:
        expires = (row["expires"] or "never")[:10]
        values = {**row, "projects": " ".join(row["projects"]), "expires": expires}
        table.add_row(*(str(value) for value in values.values()))
    console().print(table)
