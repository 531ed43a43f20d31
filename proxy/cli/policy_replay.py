"""`outlay policy replay`: a folder of policies tried on past calls, against the policies in force."""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
import typer

from proxy.cli.configured import UNTRIED, configured, stop
from proxy.cli.connection import Ledger, Parameters, connection, no_answer
from proxy.cli.foreign import foreign, refusal
from proxy.cli.policy_files import read_policies
from proxy.cli.policy_mistakes import refuse
from proxy.cli.progress import progress
from proxy.cli.visible import visible
from proxy.ledger.periods import FORMS, Period, PeriodError, instant, zone_of
from proxy.ledger.replay_facts import history_of
from proxy.policy.load import load
from proxy.policy.types import PolicySet
from proxy.settings import Settings

DAYS: Final = 30
"""What is replayed where nothing else is said: so many days up to the newest fact."""
_UTC: Final = "UTC"


def replay(
    policies: Annotated[
        Path | None, typer.Option("--policies", help="The folder to try.", show_default="policies")
    ] = None,
    since: Annotated[
        str,
        typer.Option(help="Start, included: 2026-03-01, 2026-03, 7d, last-month, … (UTC)", show_default="30 days"),
    ] = "",
    until: Annotated[
        str, typer.Option(help="End, not included: as --since.", show_default="just after the newest call")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, the same bytes for the same calls.")] = False,
    data: Annotated[Path | None, typer.Option("--data", help="Ask this data folder, whatever server is known.")] = None,
) -> None:
    """Try policy files on past calls: what they would refuse, downgrade or slow down, and what of that is new.

    Nothing is changed. It needs an admin key (or the machine that outlay serves on), and is on record.

    Exit code 0: done; 1: the files have mistakes; 2: it can't be done (no calls, no server, no right).
    """
    settings = configured(policies=policies, data=data)
    if not settings.policies.is_dir():
        stop(f"there is no folder {settings.policies}; name one with --policies", UNTRIED)
    candidate = read_policies(settings)
    if isinstance(candidate, list):
        refuse(candidate, as_json)
    with (
        tempfile.TemporaryDirectory(prefix="outlay-replay-") as folder,
        connection(settings, here=data is not None) as ledger,
    ):
        facts = Path(folder, "facts.parquet")
        about = _asked(ledger, "/v1/replay", ()).json()
        in_force = _in_force(about["in_force"])
        span = _span(about, since, until)
        _fetch(ledger, span, (candidate, in_force), facts)
        document = _document(candidate, in_force, span, facts)
    if not document["calls"] + document["refused"]:
        stop(f"no call that a rule could decide is on record from {document['since']} to {document['until']}", UNTRIED)
    _print(document, settings, as_json)


def _print(document: dict[str, Any], settings: Settings, as_json: bool) -> None:
    from proxy.cli import replay_document, replay_tables

    if as_json:
        typer.echo(replay_document.as_json(document).encode())
    else:
        replay_tables.draw(visible(document), f"{settings.policies}/")


def _in_force(kept: Mapping[str, Any] | None) -> PolicySet:
    if kept is None:
        stop("the data folder keeps no policies that were in force, so there is nothing to compare with", UNTRIED)
    loaded = load(kept["files"], commit=kept["commit"])
    if isinstance(loaded, list):
        stop("this outlay can't read the policies in force; run the replay with the server's version of it", UNTRIED)
    return replace(loaded, version=kept["version"])


def _span(about: Mapping[str, Any], since: str, until: str) -> Period:
    """The time to replay. Without an end it is that of the newest fact, so that the same facts give the same result
    whenever they are replayed."""
    if about["newest"] is None:
        stop("no call is on record yet, so there is nothing to try policies on", UNTRIED)
    newest = datetime.fromisoformat(about["newest"])
    zone = zone_of(_UTC)
    now = datetime.now(zone)
    try:
        end = instant(until, now) if until else newest + timedelta(microseconds=1)
        begin = instant(since, now) if since else end - timedelta(days=DAYS)
    except PeriodError as error:
        stop(f"{error} ({FORMS})" if FORMS not in str(error) else str(error), UNTRIED)
    if begin >= end:
        stop(f"the time is empty: it begins at {begin.isoformat()} and ends at {end.isoformat()}", UNTRIED)
    return Period(begin, end, zone)


def _fetch(ledger: Ledger, span: Period, sets: tuple[PolicySet, PolicySet], into: Path) -> None:
    """Write the facts into a file."""
    budgets = [budget for policies in sets for budget in policies.rules.budgets]
    history = history_of(budgets, span.since_us)
    parameters = [
        ("since_us", str(span.since_us)),
        ("until_us", str(span.until_us)),
        ("minutes_since_us", str(history.minutes_since_us)),
        ("quarters_since_us", str(history.quarters_since_us)),
    ]
    with progress("Reading the calls", None, "bytes") as step:
        _asked(ledger, "/v1/replay/facts", parameters, into, step)


def _asked(
    ledger: Ledger, path: str, parameters: Parameters, into: Path | None = None, step: Any = None
) -> httpx.Response:
    """The answer; exits with 2 and the reason where there is none or it is a no."""
    try:
        answer = ledger.send("GET", path, parameters) if into is None else ledger.fetch(path, parameters, into, step)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        stop(no_answer(ledger, error), UNTRIED)
    if who := foreign(answer, ledger.name, "json" if into is None else "parquet"):
        stop(who, UNTRIED)
    if answer.is_success:
        return answer
    stop(refusal(answer, ledger.name), UNTRIED)


def _document(candidate: PolicySet, in_force: PolicySet, span: Period, facts: Path) -> dict[str, Any]:
    from proxy.adapters.prices_litellm import PriceListError
    from proxy.app.replaying import calls_in, replayed
    from proxy.cli.replay_document import Side, replay_document
    from proxy.replay.fault import FactsError

    def side(policies: PolicySet, what: str) -> Side:
        with progress(what, total, "calls") as step:
            return Side(
                policies, replayed(policies, facts, since_us=span.since_us, until_us=span.until_us, progress=step)
            )

    try:
        total = calls_in(facts, candidate)
        tried = side(candidate, "Trying the candidate")
        same = candidate.version == in_force.version
        ours = Side(in_force, tried.result) if same else side(in_force, "Trying the policies in force")
    except (FactsError, PriceListError) as error:
        stop(str(error), UNTRIED)
    return replay_document(tried, ours, span.since.isoformat(), span.until.isoformat())
