"""The past of a real repository as facts for an import."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.adapters.git_access import Access, access
from proxy.adapters.git_mirror import GitMirror, folder_of
from proxy.app.history_reading import history, imported_lines
from proxy.model.service import Mirror, Service, Services
from proxy.model.told import ChangeTold, CommitTold, DeploymentTold, ReviewTold
from proxy.outcomes.folding import fold
from proxy.outcomes.git_history import Found
from tests.fakes.git_repository import START_S, GitRepository

PAY = "github.com/acme/pay"
NOW_US = (START_S + 90 * 86_400) * 1_000_000


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    """A merge, a squash, a direct commit, and two tags, one of which is annotated."""
    made = GitRepository(tmp_path / "pay")
    made.commit({"a.py": "a = 1\n"}, "First")
    made.branch("topic-1")
    made.commit({"b.py": "b = 1\n"}, "PAY-7 work\n\nAI-Session: s1", author="bob@acme.example")
    made.merge("topic-1", message="Merge pull request #1 from acme/topic-1\n\nReviewed-by: Alice <alice@acme.example>")
    made.git("tag", "v1")
    made.branch("topic-2")
    made.commit({"c.py": "c = 1\n"})
    made.squash("topic-2", "Something (#2)")
    made.commit({"d.py": "d = 1\n"}, "Directly")
    made.git("tag", "-a", "-m", "v2", "v2")
    made.git("tag", "nightly")
    return made


@pytest.fixture
def mirror(repository: GitRepository, tmp_path: Path) -> GitMirror:
    entry = Mirror(PAY, repository.url)
    made = GitMirror(
        entry, folder_of(tmp_path, PAY, entry.url), access(entry, "", tmp_path, tmp_path),
        {"PATH": os.environ["PATH"]},
    )  # fmt: skip
    made.fetch()
    return made


def of(read: Found, kind: type) -> list[object]:
    return [fact for _, fact in read.facts if isinstance(fact, kind)]


def test_merges_are_changes_with_their_numbers_and_tags_are_deployments(
    repository: GitRepository, mirror: GitMirror
) -> None:
    read = history(mirror, "production", deployed="refs/tags/v*")
    first, second = of(read, ChangeTold)
    assert isinstance(first, ChangeTold)
    assert isinstance(second, ChangeTold)
    assert (first.number, first.author, first.work_items) == ("1", "bob@acme.example", ("PAY-7",))
    assert (first.merge, first.head) == (repository.head("v1"), repository.head("v1^2"))
    assert (second.number, second.author, second.work_items) == ("2", "alice@acme.example", ())
    assert of(read, ReviewTold) == [ReviewTold(PAY, "1", "alice@acme.example", "approved", first.head)]
    assert of(read, DeploymentTold) == [
        DeploymentTold(PAY, "v1", "production", "success", sha=repository.head("v1"), actor="import"),
        DeploymentTold(PAY, "v2", "production", "success", sha=repository.head("v2^{commit}"), actor="import"),
    ]
    assert {each.sessions for each in of(read, CommitTold) if isinstance(each, CommitTold)} == {(), ("s1",)}
    assert (read.merges, read.direct, read.tags) == (2, 2, 2)
    assert [at_us for at_us, _ in read.facts] == sorted(at_us for at_us, _ in read.facts)


def test_only_what_is_asked_for_is_read(repository: GitRepository, mirror: GitMirror) -> None:
    late = history(mirror, "production", since_us=NOW_US)
    assert late == Found(0, 0, 0, ())
    assert history(mirror, "production", deployed="refs/tags/none*").tags == 0
    repository.git("branch", "release", "v1")
    mirror.fetch()
    assert history(mirror, "production", branch="release").merges == 1


def test_imported_lines_are_labelled_and_the_same_each_time(mirror: GitMirror) -> None:
    read = history(mirror, "production")
    lines = list(imported_lines(PAY, read, NOW_US))
    again = list(imported_lines(PAY, history(mirror, "production"), NOW_US + 1))
    assert [each.id for each in lines] == [each.id for each in again]
    assert len({each.id for each in lines}) == len(lines)
    assert all(each.imported and each.source == "import" and each.occurred_us < NOW_US for each in lines)


def test_imported_history_folds(mirror: GitMirror) -> None:
    services = Services({"pay": Service("pay", (PAY,), ("production",), NOW_US)})
    lines = imported_lines(PAY, history(mirror, "production", deployed="refs/tags/v*"), NOW_US)
    folded = fold(lines, services, {})
    assert sorted(folded.changes) == [f"{PAY}#1", f"{PAY}#2"]
    assert [each.imported for each in folded.deployments] == [True, True]


def test_times_to_come_are_not_believed(mirror: GitMirror) -> None:
    read = history(mirror, "production")
    early = [replace(each, id="") for each in imported_lines(PAY, read, 5)]
    assert all(each.occurred_us == 5 and each.clamped for each in early)


def test_a_clone_on_this_disk_is_read_where_it_is(repository: GitRepository) -> None:
    local = GitMirror(Mirror(PAY, ""), repository.folder / ".git", Access(()), {"PATH": os.environ["PATH"]})
    assert history(local, "production").merges == 2
