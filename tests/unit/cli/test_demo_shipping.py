from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.cli.demo.company import DAYS
from proxy.cli.demo.delivered import sentences
from proxy.cli.demo.folder import make
from proxy.cli.demo.repositories import Commits, git_is_there, place, write
from proxy.cli.demo.shipping import HISTORY_WEEKS, PAIRS, history, registered, shipping, taken_back
from proxy.cli.demo.telling import deliveries, past
from proxy.model.service import EventSource
from proxy.outcomes.events.delivery import Delivery
from proxy.outcomes.events.importing import imported
from proxy.outcomes.events.receiving import Sender, received
from proxy.policy.load import load
from proxy.policy.types import PolicySet
from tests.fakes.git_repository import GitRepository

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@settings(max_examples=20)  # each has some hundred changes
@given(st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)))
def test_changes_are_reviewed_by_the_other_and_deployed_and_history_is_from_before(until: datetime) -> None:
    before = history(until)
    told = shipping(until, before)
    assert all(each.at < registered(until) for each in (*before.changes, *before.deployments))
    assert len(before.deployments) == HISTORY_WEEKS * len(PAIRS)
    since = until - timedelta(days=DAYS)
    assert all(since < each.at < until for each in (*told.changes, *told.deployments))
    for each in (*before.changes, *told.changes):
        assert {each.author, each.reviewer} == set(PAIRS[each.repository])
    ids = [each.id for each in (*before.deployments, *told.deployments)]
    assert len(ids) == len(set(ids))
    numbers = [(each.repository, each.number) for each in (*before.changes, *told.changes)]
    assert len(numbers) == len(set(numbers))
    assert taken_back(told)


def test_what_it_tells_is_taken_and_believed() -> None:
    before = history(NOW)
    told = shipping(NOW, before)
    commits = {
        (each.repository, each.number): Commits("1a" * 20, "2b" * 20) for each in (*before.changes, *told.changes)
    }
    sender = Sender(EventSource("acme-github", "github", host="github.com"), ["secret"])
    for each in deliveries(told, commits):
        at_us = int(each.at.timestamp()) * 1_000_000
        taken = received("github", [sender], each.body, each.headers("secret"), at_us)
        assert isinstance(taken, Delivery)
        assert not isinstance(received("github", [sender], each.body, each.headers("another"), at_us), Delivery)
    assert all(imported(each) for each in past(before, commits))


@pytest.mark.skipif(not git_is_there(), reason="no git command")
def test_the_repositories_are_real(tmp_path: Path) -> None:
    before = history(NOW)
    commits = write(tmp_path / "r", before.changes)
    assert len(commits) == len(before.changes)
    looking = GitRepository(tmp_path / "looking")
    where = f"--git-dir={place(tmp_path / 'r', 'checkout')}"
    last = before.changes[-1].number
    head, merge = commits["checkout", last]
    assert looking.git(where, "rev-parse", f"refs/pull/{last}/head", "main").split() == [head, merge]
    assert looking.git(where, "diff", "--name-only", f"{merge}^1", merge) == f"src/part_{last}.py"
    assert looking.git(where, "fsck", "--strict") == ""


def test_the_services_are_registered_without_a_mistake(tmp_path: Path) -> None:
    folder, _ = make(tmp_path / "demo", "http://127.0.0.1:4140")
    folder.register(registered(NOW))
    files = {path.name: path.read_bytes() for path in folder.policies.glob("*.yaml")}
    found = load(files, now_us=int(NOW.timestamp() * 1e6))
    assert isinstance(found, PolicySet), found
    assert not found.warnings
    assert set(found.services.services) == set(PAIRS)
    assert len(folder.secret()) == 64


def test_what_is_not_known_yet_is_said_beside_what_is() -> None:
    total = {"deployments": 9, "delivered": 6, "pending": 2, "voided": 1, "unverified": 0, "not_counted": 0}
    money = {"spend_usd": "120.5", "credited": "6", "index": "1.2", "cost_basis": "chance"}
    costs = {"cost_per_credited_usd": "20.083333", "cost_low_usd": "9.226", "cost_high_usd": "54.725"}
    said = sentences({"total": total | money | costs, "not_yet_known": ["the running week"]})
    assert said == [
        "9 deployments reached production: 6 delivered, 2 have to last 72 hours first, 1 taken back.",
        "They are worth 6.0 credited deployments, 1.20 times normal weeks (by imported history); $120.50 was spent on "
        "building, $20.08 for each (by chance anything from $9.23 to $54.73).",
        "Not yet known: the running week",
    ]
    assert sentences({"total": {"deployments": 0}, "not_yet_known": []}) == []
