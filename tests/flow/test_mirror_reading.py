"""Changes and deployments of real repositories, as a mirror tells them: merged, squashed, rebased, forwarded, reverted,
copied to a release, from forks, and too large to be read."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.adapters.git_access import access
from proxy.adapters.git_mirror import GitMirror, folder_of
from proxy.app.mirror_reading import MirrorReading, MissingCommitError, line_of
from proxy.model.service import Mirror, Service, Services
from proxy.model.told import CommitTold, DiffTold, Fact, ShippedTold
from proxy.model.told_facts import fact_of
from proxy.outcomes.entities import Change
from proxy.outcomes.owning import owners_of
from proxy.outcomes.wanting import WantedCommits, WantedDiff
from tests.fakes.git_repository import GitRepository

PAY = "github.com/acme/pay"
SERVICES = Services(services={"pay": Service("pay", (PAY,), ("production",), 0)})
BYTES_MAX = 200_000
"""Of a diff, here."""
CODE = "".join(f"def step_{at}(a, b):\n    return a.part_{at}(b) + {at}\n\n\n" for at in range(12))


class Told:
    """What is read of a repository that has these changes."""

    def __init__(self, repository: GitRepository, mirrors: Path, services: Services = SERVICES) -> None:
        self.repository = repository
        entry = Mirror(PAY, repository.url)
        self.mirror = GitMirror(
            entry, folder_of(mirrors, PAY, repository.url), access(entry, "", mirrors, mirrors),
            {"PATH": os.environ["PATH"]},
        )  # fmt: skip
        self.services = services
        self.changes: dict[str, Change] = {}

    def reading(self) -> MirrorReading:
        self.mirror.fetch()
        return MirrorReading(self.mirror, self.services, self.changes, owners_of(self.changes.values()), BYTES_MAX)

    def diff(self, number: str, merge: str, head: str) -> tuple[DiffTold, dict[str, DiffTold], dict[str, CommitTold]]:
        """Of the change; what belongs to it by commit; its commits. It is known from then on."""
        self.changes.setdefault(f"{PAY}#{number}", change(number, merge, head))
        facts = self.reading().diff(WantedDiff(PAY, number, merge, head))
        diffs = {each.sha: each for each in facts if isinstance(each, DiffTold)}
        self.changes[f"{PAY}#{number}"] = replace(change(number, merge, head), commits=tuple(diffs))
        return diffs[merge], diffs, {each.sha: each for each in facts if isinstance(each, CommitTold)}

    def shipped(self, sha: str, before: str = "", service: str = "pay") -> tuple[Fact, ...]:
        return self.reading().shipped(WantedCommits(service, PAY, sha, before))

    def brought(self, sha: str, before: str = "", service: str = "pay") -> set[str]:
        found = [each for each in self.shipped(sha, before, service) if isinstance(each, ShippedTold)]
        return {commit for each in found for commit in each.commits}


def change(number: str, merge: str, head: str) -> Change:
    return Change(
        f"{PAY}#{number}", PAY, "alice", (), (), head, "main", f"topic-{number}", merge, 1, commits=(merge, head)
    )


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    made = GitRepository(tmp_path / "pay")
    made.commit({"pay.py": CODE, "shop/shop.py": "s = 1\n", "api/api.py": "p = 1\n"}, "First")
    return made


@pytest.fixture
def told(repository: GitRepository, tmp_path: Path) -> Told:
    return Told(repository, tmp_path / "mirrors")


def proposed(repository: GitRepository, number: str, *contents: str, path: str = "new.py") -> list[str]:
    """A pull request of a commit for each content; its commits, the last one its head."""
    repository.branch(f"topic-{number}")
    commits = [repository.commit({path: content}, f"Step {at}") for at, content in enumerate(contents)]
    repository.pull(number, commits[-1])
    repository.checkout("main")
    return commits


def landed(repository: GitRepository, way: str) -> str:
    if way == "squash":
        return repository.squash("topic-1", "All of it (#1)")
    return {"merge": repository.merge, "rebase": repository.rebase, "forward": repository.forward}[way]("topic-1")


def test_a_merged_change_is_what_its_merge_brought(repository: GitRepository, told: Told) -> None:
    commits = proposed(repository, "1", "a = 1\n", "a = 1\nb = 2\n")
    other = repository.commit({"other.py": "z = 1\n"})
    merge = repository.merge("topic-1")
    found, known, read = told.diff("1", merge, commits[-1])
    assert found.substance == "substantive"
    assert known.keys() == read.keys() == {merge, *commits}
    assert read[merge].tree == repository.head("HEAD^{tree}")
    assert other not in known


def test_a_squashed_a_rebased_and_a_merged_change_of_the_same_work_are_one_patch(
    repository: GitRepository, told: Told, tmp_path: Path
) -> None:
    patches = set()
    for way in ("merge", "squash", "rebase", "forward"):
        own = GitRepository(tmp_path / way)
        own.commit({"pay.py": CODE}, author="bob@acme.example")
        commits = proposed(own, "1", "a = 1\n", "a = 1\nb = 2\n", "a = 1\nb = 2\nc = 3\n")
        if way != "forward":
            own.commit({"other.py": f"z = '{way}'\n"})
        merge = landed(own, way)
        found, known, _ = Told(own, tmp_path / f"mirrors-{way}").diff("1", merge, commits[-1])
        series = own.git("rev-list", "-3", merge).split() if way == "rebase" else [merge]
        assert known.keys() == {*series, *commits}, way
        patches.add((found.patch_id, found.inverse, found.substance, found.simhash))
    assert len(patches) == 1


def test_a_rebased_change_that_others_go_before_is_its_own_commits_alone(repository: GitRepository, told: Told) -> None:
    first = proposed(repository, "1", "a = 1\n", "a = 2\n", path="one.py")
    second = proposed(repository, "2", "b = 1\n", "b = 2\n", path="two.py")
    earlier = repository.rebase("topic-1")
    merge = repository.rebase("topic-2")
    told.diff("1", earlier, first[-1])
    found, known, _ = told.diff("2", merge, second[-1])
    series = repository.git("rev-list", "-2", merge).split()
    assert known.keys() == {*series, *second}
    assert found.substance == "substantive"


def test_a_forwarded_change_ends_where_others_begin(repository: GitRepository, told: Told) -> None:
    repository.commit({"bob.py": "b = 1\n"}, author="bob@acme.example")
    commits = proposed(repository, "1", "a = 1\n", "a = 2\n")
    merge = repository.forward("topic-1")
    _, known, _ = told.diff("1", merge, merge)
    assert known.keys() == set(commits)


def test_a_forwarded_change_ends_where_another_change_of_the_same_author_did(
    repository: GitRepository, told: Told
) -> None:
    proposed(repository, "1", "a = 1\n", path="one.py")
    earlier = repository.forward("topic-1")
    told.changes[f"{PAY}#1"] = change("1", earlier, earlier)
    commits = proposed(repository, "2", "# words\n", "# more words\n", path="two.py")
    merge = repository.forward("topic-2")
    found, known, _ = told.diff("2", merge, merge)
    assert known.keys() == set(commits)
    assert found.substance == "comments"


def test_a_stacked_change_has_not_the_commits_of_the_one_below(repository: GitRepository, told: Told) -> None:
    below = proposed(repository, "1", "a = 1\n", path="below.py")
    repository.branch("topic-2", "topic-1")
    above = repository.commit({"above.py": "b = 1\n"})
    repository.pull("2", above)
    first = repository.merge("topic-1")
    second = repository.merge("topic-2")
    told.diff("1", first, below[-1])
    _, known, _ = told.diff("2", second, above)
    assert known.keys() == {second, above}


def test_a_change_on_top_of_a_squashed_one_has_not_the_commits_proposed_there(
    repository: GitRepository, told: Told
) -> None:
    below = proposed(repository, "1", "a = 1\n", path="below.py")
    repository.branch("topic-2", "topic-1")
    above = repository.commit({"above.py": "b = 1\n"})
    repository.pull("2", above)
    told.diff("1", repository.squash("topic-1", "Below (#1)"), below[-1])
    second = repository.merge("topic-2")
    _, known, _ = told.diff("2", second, above)
    assert known.keys() == {second, above}


def test_a_change_from_a_fork_whose_branch_is_gone_is_read_by_its_pull_request(
    repository: GitRepository, told: Told
) -> None:
    commits = proposed(repository, "1", "a = 1\n", "a = 1\nb = 2\n")
    merge = repository.squash("topic-1", "From a fork (#1)")
    repository.git("branch", "-D", "topic-1")
    _, known, read = told.diff("1", merge, commits[-1])
    assert known.keys() == {merge, *commits}
    assert set(read) == {merge, *commits}


def test_a_revert_is_the_inverse_of_what_it_reverts_without_a_word_about_it(
    repository: GitRepository, told: Told
) -> None:
    commits = proposed(repository, "1", CODE.replace("part_3", "piece_3"), path="pay.py")
    merge = repository.merge("topic-1")
    repository.commit({"pay.py": CODE.replace("part_3", "piece_3") + "# later\nlater = 1\n"})
    repository.branch("topic-2")
    back = repository.commit({"pay.py": CODE + "# later\nlater = 1\n"}, "Some cleaning")
    undone = repository.merge("topic-2")
    first, _, _ = told.diff("1", merge, commits[-1])
    second, _, _ = told.diff("2", undone, back)
    assert second.inverse == first.patch_id
    assert first.inverse == second.patch_id
    assert first.patch_id != second.patch_id


def test_trailers_of_commits_are_told(repository: GitRepository, told: Told) -> None:
    repository.branch("topic-1")
    trailers = "AI-Session: s-1\nCo-authored-by: Bob <bob@acme.example>"
    message = f"Work (PAY-12)\n\nThis reverts commit {'a' * 40}.\n\n{trailers}"
    head = repository.commit({"new.py": "a = 1\n"}, message)
    merge = repository.merge("topic-1")
    _, _, read = told.diff("1", merge, head)
    assert read[head].sessions == ("s-1",)
    assert read[head].coauthors == ("bob@acme.example",)
    assert read[head].reverts == ("a" * 40,)
    assert read[head].work_items == ("PAY-12",)
    assert read[head].author == "alice@acme.example"


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ({"pay.py": CODE.replace("\n\n\n", "\n\n\n# said\n")}, "comments"),
        ({"pay.py": CODE.replace("    ", "\t")}, "white_space"),
        ({"README.md": "# Pay\n"}, "ignored"),
        ({"yarn.lock": "a@1:\n"}, "lock_files"),
        ({"vendor/x/y.go": "package y\n"}, "vendored"),
        ({"api.pb.go": "package y\n"}, "generated"),
        ({"values.yaml": "replicas: 3\n"}, "config"),
        ({"logo.png": b"\x89PNG\0\1\2"}, "substantive"),
        ({}, "empty"),
        ({"pay.py": None, "paid.py": CODE}, "empty"),
        ({"latin.py": "x = '\xe9'\n".encode("latin-1")}, "substantive"),
        ({'we"ird \t\n.py': "a = 1\n"}, "substantive"),
        ({"big.py": "value = compute(1, 2, 3)\n" * 9_000}, "too_large"),
        ({"dist/big.js": "value = compute(1, 2, 3)\n" * 9_000, "a.py": "a = 1\n"}, "substantive"),
    ],
)  # fmt: skip
def test_a_change_is_told_by_what_it_changes(
    repository: GitRepository, told: Told, files: dict[str, str | bytes | None], word: str
) -> None:
    repository.branch("topic-1")
    head = repository.commit(files)
    found, _, _ = told.diff("1", repository.merge("topic-1"), head)
    assert found.substance == word
    assert bool(found.patch_id) == bool(found.inverse) == (word in ("substantive", "config"))


def test_a_small_change_of_a_file_too_long_to_be_read_whole_is_read(repository: GitRepository, told: Told) -> None:
    long = "value = compute(1, 2, 3)\n" * 9_000
    repository.commit({"long.py": long})
    repository.branch("topic-1")
    head = repository.commit({"long.py": long + "other = 1\n"})
    found, _, _ = told.diff("1", repository.merge("topic-1"), head)
    assert (found.substance, len(found.patch_id)) == ("substantive", 40)


def test_the_same_work_in_another_folder_is_nearly_the_same(repository: GitRepository, told: Told) -> None:
    hashes = []
    for number, folder in enumerate(("pay", "shop"), 1):
        repository.branch(f"topic-{number}")
        head = repository.commit({f"{folder}/steps.py": CODE.replace("part_3", f"part_{number}")})
        found, _, _ = told.diff(str(number), repository.merge(f"topic-{number}"), head)
        hashes.append(found)
    assert hashes[0].patch_id != hashes[1].patch_id
    assert (int(hashes[0].simhash, 16) ^ int(hashes[1].simhash, 16)).bit_count() <= 3


def test_a_deployment_brings_what_came_since_the_one_before(repository: GitRepository, told: Told) -> None:
    first = repository.head()
    second, third = repository.commit({"pay.py": "a = 2\n"}), repository.commit({"shop/shop.py": "s = 2\n"})
    assert told.brought(third, first) == {second, third}
    assert told.brought(third) == {first, second, third}
    assert told.shipped(third, third) == (ShippedTold("pay", PAY, third, third, ()),)


def test_a_service_has_only_what_touches_its_paths(repository: GitRepository, told: Told) -> None:
    told.services = Services(
        services={
            "shop": Service("shop", (PAY,), ("production",), 0, paths=("shop/**",)),
            "api": Service("api", (PAY,), ("production",), 0, paths=("api/**",)),
        }
    )
    first = repository.head()
    commits = proposed(repository, "1", "s = 9\n", path="shop/shop.py")
    aside = repository.commit({"api/api.py": "p = 2\n"})
    merge = repository.merge("topic-1")
    told.diff("1", merge, commits[-1])
    assert told.brought(merge, first, "shop") == {merge, commits[-1]}
    assert told.brought(merge, first, "api") == {aside}


def test_going_back_is_told(repository: GitRepository, told: Told) -> None:
    first = repository.head()
    second = repository.commit({"pay.py": "a = 2\n"})
    assert told.shipped(first, second) == (ShippedTold("pay", PAY, first, second, (), older=True),)
    repository.git("checkout", "-q", "-b", "hotfix", first)
    aside = repository.commit({"pay.py": "a = 3\n"})
    assert told.shipped(aside, second) == (ShippedTold("pay", PAY, aside, second, (aside,)),)


def test_many_commits_take_many_lines_that_each_fit(repository: GitRepository, told: Told) -> None:
    stream = "".join(
        f"commit refs/heads/main\ncommitter A <a@b.c> {1_790_000_500 + at} +0000\ndata 1\nx\n"
        + (f"from {repository.head()}\n" if not at else "")
        for at in range(100)
    )
    repository.git("fast-import", "--quiet", given=stream.encode())
    facts = told.shipped(repository.head("main"))
    assert all(isinstance(each, ShippedTold) and len(each.commits) <= 46 for each in facts)
    assert len(facts) == 3
    lines = [line_of(each, PAY, 5) for each in facts]
    assert len({each.id for each in lines}) == 3
    assert all(len(value) <= 2000 for each in lines for value in each.facts.values())
    assert tuple(fact_of(each.kind, each.facts) for each in lines) == facts


def test_the_same_facts_have_the_same_ids_whenever_they_are_read(repository: GitRepository, told: Told) -> None:
    head = proposed(repository, "1", "a = 1\n")[-1]
    merge = repository.merge("topic-1")
    wanted = WantedDiff(PAY, "1", merge, head)
    ids = [[line_of(each, PAY, now_us).id for each in told.reading().diff(wanted)] for now_us in (1, 2)]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == len(ids[0]) == 4
    assert all(len(each) <= 200 for each in ids[0])


def test_a_copy_on_a_release_branch_belongs_to_its_change_where_it_says_so(
    repository: GitRepository, told: Told
) -> None:
    first = repository.head()
    proposed(repository, "1", "a = 1\n")
    merge = repository.squash("topic-1", "Feature (#1)")
    told.diff("1", merge, repository.head("refs/pull/1/head"))
    repository.branch("release", first)
    repository.git("cherry-pick", "-x", merge)
    picked = repository.head()
    liar = repository.commit({"else.py": "q = 1\n"}, "Something else (#1)")
    links = [each for each in told.shipped(liar, first) if isinstance(each, DiffTold)]
    assert links == [DiffTold(PAY, "1", picked)]


def test_what_is_not_there_is_said(repository: GitRepository, told: Told) -> None:
    gone = "d" * 40
    with pytest.raises(MissingCommitError) as raised:
        told.shipped(repository.head(), gone)
    assert raised.value.sha == gone
    with pytest.raises(MissingCommitError):
        told.reading().diff(WantedDiff(PAY, "1", gone, gone))


def test_a_change_whose_proposal_is_gone_is_read_by_what_it_became(repository: GitRepository, told: Told) -> None:
    repository.branch("topic-1")
    repository.commit({"new.py": "a = 1\n"})
    merge = repository.squash("topic-1", "Squashed")
    found, known, _ = told.diff("1", merge, "e" * 40)
    assert found.substance == "substantive"
    assert known.keys() == {merge}
