"""`outlay deployments`: what a pipeline tells of a deployment, and what became of it."""

import json
import secrets
import time
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn
from urllib.parse import quote

import httpx
import typer

from proxy.adapters.git_head import work_tree
from proxy.cli import deployments_import
from proxy.cli.configured import NO, UNTRIED, configured, stop
from proxy.cli.connection import address, ask
from proxy.cli.deployment_event import ANSWER_S, Answer, Event, deployment_event, send
from proxy.cli.login_file import LoginFileError, read_login
from proxy.cli.pipeline import Pipeline, pipeline_of
from proxy.cli.visible import visible
from proxy.model.repository import repository as spelled
from proxy.settings import Settings, config_folder, whole_environ

app = typer.Typer(
    no_args_is_help=True,
    help="Deployments: tell of one from a pipeline, bring in the past, and see what became of one.",
)


app.command("import")(deployments_import.import_)


class State(StrEnum):
    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    INACTIVE = "inactive"
    ROLLED_BACK = "rolled_back"


@app.command()
def record(
    service: Annotated[
        str, typer.Option(help="As services.yaml names it; needed where a repository has several.")
    ] = "",
    environment: Annotated[str, typer.Option(help="As services.yaml names it.", show_default="the CI's")] = "",
    state: Annotated[State, typer.Option(help="What became of it.")] = State.SUCCESS,
    sha: Annotated[str, typer.Option(help="The commit deployed.", show_default="the CI's, else HEAD")] = "",
    digest: Annotated[str, typer.Option(help="Of the artefact deployed: sha256:…")] = "",
    repository: Annotated[
        str, typer.Option(help="host/owner/name or its URL.", show_default="the CI's, else git's origin")
    ] = "",
    deployment: Annotated[
        str, typer.Option(help="Its id, where several runs tell of the same one.", show_default="the run's")
    ] = "",
    actor: Annotated[str, typer.Option(help="Who or what deployed.", show_default="the CI's")] = "",
    source: Annotated[str, typer.Option(help="The source's name in services.yaml; else the secret says it.")] = "",
    url: Annotated[str, typer.Option(help="The control plane.", show_default="OUTLAY_URL")] = "",
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 where it couldn't be recorded.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell of a deployment from a pipeline, signed with OUTLAY_EVENTS_SECRET. It never breaks a pipeline: where it
    can't be recorded it says so on stderr and exits with 0."""
    settings = configured()
    found = _pipeline(Path.cwd())
    facts = {
        "service": service,
        "environment": environment or found.environment,
        "state": state.value,
        "sha": sha or found.sha,
        "digest": digest,
        "repository": _repository(repository) or found.repository,
        "deployment": deployment,
        "actor": actor or found.actor,
    }
    if not facts["environment"]:
        stop("which environment? Say --environment production", UNTRIED)
    if not (facts["service"] or facts["repository"]):
        stop("of what? Say --service or --repository: this is no work tree, and no CI says it", UNTRIED)
    event = deployment_event(facts, found.run, datetime.now(UTC).isoformat(timespec="seconds"))
    _report(event, _sent(settings, url, event, source), strict=strict, as_json=as_json)


@app.command()
def explain(
    deployment: Annotated[
        str, typer.Argument(metavar="ID", help="Its id, the end of it, the source's own, or the commit's beginning.")
    ],
    reason: Annotated[
        str, typer.Option(help="Why you want to know who had a part in it. It goes on record and they can see it.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data: Annotated[Path | None, typer.Option("--data", help="Ask this data folder, whatever server is known.")] = None,
) -> None:
    """Show the whole story of one deployment: whether it counts, each rule and why, what it brought. People are told of
    by role, you by name."""
    asked = [("reason", reason)] if reason else []
    answer = ask(configured(data=data), f"/v1/deployments/{quote(deployment, safe='')}", asked, here=data is not None)
    if as_json:
        typer.echo(answer.content)
        return
    from proxy.cli import deployment_tables, tables

    tables.sections(deployment_tables.sections(visible(answer.json())))


def _pipeline(folder: Path) -> Pipeline:
    """What the CI says; what it doesn't, git does."""
    found, tree = pipeline_of(whole_environ()), work_tree(folder)
    return Pipeline(
        found.name,
        found.repository or spelled(tree.remote),
        found.sha or tree.commit,
        found.environment,
        found.actor,
        # Outside of a CI each run is one of its own.
        found.run or f"run/{secrets.token_hex(12)}",
    )


def _repository(given: str) -> str:
    found = spelled(given)
    if given and not found:
        stop(f"--repository {given}: write host/owner/name, or its URL", UNTRIED)
    return found


def _sent(settings: Settings, url: str, event: Event, source: str) -> Answer:
    control = (url or settings.url or _remembered() or settings.control_url).rstrip("/")
    if not address(control):
        return Answer(None, f"{control} is no URL of a control plane; write it as https://HOST:4142")
    if not settings.events_secret:
        return Answer(None, "OUTLAY_EVENTS_SECRET is not set: the secret of a generic source in services.yaml")
    with httpx.Client(base_url=control, timeout=ANSWER_S) as client:
        return send(client, event, settings.events_secret, source, lambda: time.time_ns() // 1000)


def _remembered() -> str:
    try:
        login = read_login(config_folder())
    except LoginFileError:
        return ""
    return login.url if login else ""


def _report(event: Event, answer: Answer, *, strict: bool, as_json: bool) -> None:
    if as_json:
        said = {"recorded": answer.document is not None, "event": event, "answer": answer.document, "why": answer.why}
        typer.echo(json.dumps(said))
    if answer.document is None:
        _unrecorded(answer.why, strict=strict)
    if not as_json:
        typer.echo(f"Recorded: {_sentence(event)}.")
    for reason in answer.document["quarantine"]:
        typer.echo(f"outlay: it is kept, and counts nothing yet: {visible(reason)}", err=True)


def _sentence(event: Event) -> str:
    commit = event.get("sha", "")[:10] or event.get("digest", "")[:19] or "no commit known"
    what = event.get("service") or event.get("repository", "")
    return str(visible(f"{what} in {event['environment']}, {event['state']}, {commit}"))


def _unrecorded(why: str, *, strict: bool) -> NoReturn:
    typer.echo(f"outlay: WARNING: this deployment was not recorded: {visible(why)}", err=True)
    raise typer.Exit(NO if strict else 0)
