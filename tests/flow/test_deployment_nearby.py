"""The story of a deployment is read from what it depends on, and is that of everything: in wild organisations too."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.adapters.store_duckdb import DuckStore
from proxy.ledger.deployment_story import deployment_story
from proxy.ledger.statements import statement
from proxy.model.told import ArtifactTold, CommitTold
from proxy.outcomes.crediting import judge
from proxy.outcomes.explaining import explained
from proxy.outcomes.folding import fold
from proxy.outcomes.people import People
from proxy.outcomes.quarantine import decided
from tests.fakes.telling import PAY, SHOP, Organisation, a_service, at, services_of
from tests.flow.ledger_world import a_store, load

slow = settings(max_examples=12)
SITE, LONE = "github.com/acme/site", "github.com/acme/lone"
REPOSITORIES = (PAY, SHOP, SITE, LONE)
SERVICES = {PAY: ("pay", "web"), SHOP: ("shop",), SITE: ("site",), LONE: ("lone",)}
HASH = 0xFACE_FEED_CAFE_BEEF
NOW = 60.0

CHANGED = st.fixed_dictionaries(
    {
        "repository": st.sampled_from(REPOSITORIES),
        "author": st.sampled_from(["alice", "carol"]),
        "approvers": st.sampled_from([("bob",), ("bob",), ()]),
        "work_items": st.sampled_from([(), (), ("A-1",), ("B-2",), ("A-1", "B-2")]),
        "patch": st.sampled_from(["", "", "p", "q"]),
        "inverse": st.sampled_from(["", "", "", "p"]),
        "simhash": st.sampled_from(["", "", f"{HASH:x}", f"{HASH ^ 5:x}"]),
        "back": st.sampled_from([0, 0, 0, 1]),
        "touched": st.booleans(),
    }
)
DEPLOYED = st.fixed_dictionaries(
    {
        "repository": st.sampled_from(REPOSITORIES),
        "which": st.integers(0, 1),
        "digest": st.sampled_from(["", "", "d1", "d2"]),
        "nameless": st.booleans(),
        "back": st.sampled_from([0, 0, 1]),
        "trouble": st.sampled_from(["", "", "failure", "incident"]),
    }
)
PLANS = st.lists(st.tuples(st.sampled_from([0.1, 1.0, 4.0]), st.one_of(CHANGED, DEPLOYED)), max_size=16)


class Plan:
    def __init__(self) -> None:
        names = [(name, repository) for repository, names in SERVICES.items() for name in names]
        self.org = Organisation(services_of(*(a_service(name, repository) for name, repository in names)))
        self.merged: dict[str, list[str]] = {repository: [] for repository in REPOSITORIES}
        self.day = 0.0
        self.count = 0

    def change(self, step: dict[str, Any]) -> None:
        given = dict(step)
        mine, back, touched = self.merged[given["repository"]], given.pop("back"), given.pop("touched")
        number = str(len(mine) + 1)
        given["reverts"] = str(len(mine)) if back and mine else ""
        mine.append(self.org.change(number, self.day, **given))
        if touched:
            # Another repository's word on the same commit: a fork has it too.
            self.org.tell(CommitTold(LONE, mine[-1], work_items=("C-3",), coauthors=("erin",)), self.day)

    def deploy(self, step: dict[str, Any]) -> None:
        repository, names = step["repository"], SERVICES[step["repository"]]
        mine, service = self.merged[repository], names[step["which"] % len(names)]
        if not mine:
            return
        self.count += 1
        name, sha = f"d{self.count}", mine[max(0, len(mine) - 1 - step["back"])]
        digest = f"{step['digest']}-{sha}" if step["digest"] else ""
        if digest:
            self.org.tell(ArtifactTold(digest, repository, sha), self.day)
        if digest and step["nameless"]:
            # As Argo CD tells of it: a service and what runs, no repository.
            told = {"repository": "", "service": service, "digest": digest, "source": "argocd"}
            self.org.deploy(name, self.day, sha=" ", **told)
        else:
            self.org.deploy(name, self.day, sha=sha, repository=repository, service=service, digest=digest)
        if step["trouble"] == "failure":
            self.org.state(name, self.day + 0.02, "failure", repository=repository)
        elif step["trouble"]:
            self.org.incident(self.day + 0.02, service=service)


def played(steps: list[tuple[float, dict[str, Any]]]) -> Organisation:
    plan = Plan()
    for after, step in steps:
        plan.day += after
        (plan.change if "author" in step else plan.deploy)(step)
    return plan.org


def stories_agree(store: DuckStore, org: Organisation) -> int:
    lines = org.answered()
    load(store, lines)
    history = fold(decided(lines, org.services), org.services, org.aliases)
    verdicts = judge(history, org.services, at(NOW))
    for each in history.deployments:
        whole = explained(history, verdicts, org.services, each.id, People(org.aliases))
        assert deployment_story(store, each.id, org.services, org.aliases, at(NOW)) == whole
    return len(history.deployments)


@slow
@given(PLANS)
def test_it_is_that_of_everything(tmp_path: Path, steps: list[tuple[float, dict[str, Any]]]) -> None:
    with TemporaryDirectory(dir=tmp_path) as folder, a_store(Path(folder)) as store:
        stories_agree(store, played(steps))


def far_and_near() -> Organisation:
    """One work item over three repositories, first landed elsewhere; and one repository that has nothing of it."""
    plan = Plan()
    org = plan.org
    org.change("1", 0, repository=SITE, work_items=("A-1",))
    org.deploy("first", 0.5, repository=SITE, service="site")
    org.change("1", 1, repository=SHOP, work_items=("B-2",), patch="p")
    org.change("2", 1.5, repository=SHOP, work_items=("A-1", "B-2"))
    org.change("1", 2, work_items=("C-3",), patch="p")
    org.deploy("mine", 3, service="pay")
    org.change("1", 2, repository=LONE)
    org.deploy("lone", 4, repository=LONE, service="lone")
    return org


def test_work_that_began_elsewhere_is_found_over_as_many_repositories_as_it_takes(tmp_path: Path) -> None:
    org = far_and_near()
    with a_store(tmp_path) as store:
        assert stories_agree(store, org) == 3
        story = deployment_story(store, "mine", org.services, org.aliases, at(NOW)).document
        assert [each["landed_first_by"] for each in story["groups"]] == [f"github/{SITE}/first"]


class Watched:
    """A store that keeps how many lines were read."""

    def __init__(self, store: DuckStore) -> None:
        self._store = store
        self.lines = 0

    def read(self, sql: str, *rest: Any) -> Any:
        rows = self._store.read(sql, *rest)
        if sql == statement("told_of"):
            self.lines += len(rows)
        return rows


def test_what_it_does_not_depend_on_is_not_read(tmp_path: Path) -> None:
    org = far_and_near()
    with a_store(tmp_path) as store:
        load(store, org.answered())
        watched = Watched(store)
        deployment_story(watched, "lone", org.services, org.aliases, at(NOW))  # type: ignore[arg-type]
        # The change with its review, diff and deployment, and what the mirror compared.
        assert watched.lines == 5


def test_what_other_repositories_say_of_its_commits_and_diffs_is_read(tmp_path: Path) -> None:
    plan = Plan()
    org = plan.org
    org.change("1", 0, repository=SHOP, patch="p")
    org.deploy("shop", 1, repository=SHOP, service="shop")
    org.change("1", 2, repository=SITE, inverse="p")
    merge = org.change("1", 3)
    org.tell(CommitTold(LONE, merge, work_items=("C-3",)), 3)
    org.deploy("mine", 4, service="pay")
    with a_store(tmp_path) as store:
        stories_agree(store, org)
        shop, mine = (
            deployment_story(store, name, org.services, org.aliases, at(NOW)).document for name in ("shop", "mine")
        )
        assert shop["standing"] == "voided"
        assert mine["changes"][0]["work_items"] == ["C-3"]


def test_work_that_another_repository_says_to_be_of_one_item_is_found_where_it_is(tmp_path: Path) -> None:
    """A fork's word on commits of two repositories: neither of them names the item."""
    org = Plan().org
    mine, others = org.change("1", 0), org.change("1", 1, repository=SHOP)
    for merge in (mine, others):
        org.tell(CommitTold(LONE, merge, work_items=("C-3",)), 1)
    org.deploy("first", 2, service="pay")
    org.deploy("second", 3, repository=SHOP, service="shop")
    with a_store(tmp_path) as store:
        assert stories_agree(store, org) == 2
        story = deployment_story(store, "second", org.services, org.aliases, at(NOW)).document
        assert [each["landed_first_by"] for each in story["groups"]] == [f"github/{PAY}/first"]
