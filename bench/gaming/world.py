"""World: plans as they are played, service by service, in the lines that sources would tell and the rows of spend."""

from collections import Counter
from collections.abc import Iterable, Set
from dataclasses import replace
from functools import partial
from typing import Any

from bench.gaming.plan import DEPLOYER, HOUR, Act, Plan, Work, spend
from proxy.model.told import CommitTold, ShippedTold, Told
from proxy.outcomes.attribution import Spend
from proxy.outcomes.definition import Definition
from proxy.outcomes.entities import History
from proxy.outcomes.folding import fold
from proxy.outcomes.quarantine import decided
from proxy.outcomes.wanting import wanted
from tests.fakes.telling import ROUNDS_MAX, Organisation


class World(Organisation):
    """Of some of a plan's services: those whose histories hang together."""

    def __init__(self, plan: Plan, names: Set[str]) -> None:
        super().__init__(services=plan.services, aliases=plan.aliases)
        self.plan = plan
        self.names = names
        self.spends: list[Spend] = []
        self.ran: dict[str, list[str]] = {}
        """Commits that were in production, by service."""
        self.replaced: dict[str, str] = {}
        """What ran before each piece of work was deployed, by the deployment."""
        self.price: Counter[str] = Counter()
        """Changes, reviews and deployments that were made."""
        self.refused = 0
        """Deliveries that were not believed."""
        self._above: dict[tuple[str, str], frozenset[str]] = {}

    def repository(self, service: str) -> str:
        return self.plan.repositories[service]

    def put(self, work: Work) -> None:
        """Its change is merged."""
        given = {"work_items": (f"{work.service.upper()}-{work.number}",)} | work.given
        shared = {"touches": [work.service]} if self._shared(work.service) else {}
        repository = given.pop("repository", self.repository(work.service))
        merge = self.change(
            work.number,
            work.merged,
            author=work.author,
            approvers=work.approvers,
            repository=repository,
            **(shared | given),
        )
        self.price["changes"] += 1
        self.price["reviews"] += len(work.approvers)
        if work.usd:
            self._spend(work, repository, merge)

    def _shared(self, service: str) -> bool:
        return sum(each == self.plan.repositories[service] for each in self.plan.repositories.values()) > 1

    def _spend(self, work: Work, repository: str, merge: str) -> None:
        session = f"s-{work.service}-{work.number}" if work.proof == "session" else ""
        if session:
            self.tell(CommitTold(repository, merge, author=work.author, sessions=(session,)), work.merged)
        named = {"repository": repository, "branch": f"topic-{work.number}"} if work.proof == "header" else {}
        for part in range(3):
            day = work.merged - 1 - part * 0.4
            self.spends.append(spend(work.author, day, work.usd / 3, session=session, **named))

    def ship(self, service: str, name: str, day: float, *, sha: str = "", **given: Any) -> str:
        """A deployment to production, of what is merged by then; its commit."""
        sha = self.pretend(service, name, day, sha=sha, **given)
        self.ran.setdefault(service, []).append(sha)
        return sha

    def pretend(self, service: str, name: str, day: float, *, sha: str = "", **given: Any) -> str:
        """One that is told, and puts nothing into production."""
        repository = given.pop("repository", self.repository(service))
        sha = sha or self.tips.get((repository, "main"), "")
        named = {"service": service} if self._shared(service) else {}
        self.deploy(name, day, sha=sha, repository=repository, **(named | given))
        self.price["deployments"] += 1
        return sha

    def older(self, service: str, back: int = 1) -> str:
        """What ran before what runs."""
        ran = list(dict.fromkeys(self.ran.get(service, ())))
        return ran[-1 - back] if len(ran) > back else ""

    def read(self, definition: Definition) -> History:
        """Folded, with the mirror's answers: first to what it will be asked, as far as that can be guessed."""
        known = [*self.lines, *(self._mirror(each, str(number)) for number, each in enumerate(self.diffs.values()))]
        known += [self._answer(*each, f"g{number}") for number, each in enumerate(self._likely())]
        for turn in range(ROUNDS_MAX):
            history = fold(decided(known, self.services), self.services, self.aliases, definition)
            asked = wanted(history, self.services, {repository for repository, _ in self.commits}).commits
            if not asked:
                return history
            known += [
                self._answer(each.service, each.repository, each.sha, each.before, f"s{turn}-{number}")
                for number, each in enumerate(asked)
            ]
        raise AssertionError("the mirror is asked without end")

    def _likely(self) -> Iterable[tuple[str, str, str, str]]:
        for service, ran in self.ran.items():
            for before, sha in zip(["", *ran], ran, strict=False):
                yield service, self.repository(service), sha, before

    def _answer(self, service: str, repository: str, sha: str, before: str, name: str) -> Told:
        return self._mirror(
            ShippedTold(service, repository, sha, before, *self._compared(service, repository, sha, before)), name
        )

    def _ancestors(self, repository: str, sha: str) -> set[str]:
        """Histories only grow while they are played, and are asked about afterwards."""
        return set(self._known(repository, sha))

    def _known(self, repository: str, sha: str) -> frozenset[str]:
        waiting = [sha]
        while waiting:
            name = waiting[-1]
            commit = self.commits.get((repository, name))
            missing = [each for each in commit.parents if (repository, each) not in self._above] if commit else []
            if missing:
                waiting += missing
                continue
            waiting.pop()
            own = frozenset({name}) if commit else frozenset()
            parents = commit.parents if commit else ()
            self._above[repository, name] = own.union(*(self._above[repository, each] for each in parents))
        return self._above[repository, sha]


def played(plan: Plan, names: Set[str]) -> World:
    """Everything in the order in which it happens: what a deployment ships depends on that."""
    world = World(plan, names)
    acts = list(plan.acts) if plan.mine() in names else []
    for work in plan.works:
        if work.service in names:
            acts += _acts(work)
    for _, act in sorted(acts, key=lambda each: each[0]):
        act(world)
    rows: list[Spend | None] = sorted(world.spends, key=lambda each: each.at_us)  # type: ignore[assignment]
    for change in plan.spends:
        rows = [change(each) if each is not None and each.team == plan.team else each for each in rows]
    more = plan.more if plan.mine() in names else []
    world.spends = sorted((each for each in (*rows, *more) if each is not None), key=lambda each: each.at_us)
    return world


def _acts(work: Work) -> Iterable[tuple[float, Act]]:
    name = f"d-{work.service}-{work.number}"
    yield work.merged, lambda world: world.put(work)
    yield work.deployed, lambda world: _ship(world, work, name)
    if work.shows:
        yield work.deployed + work.shows, partial(_incident, work=work)
    if work.fate == "rollback":
        yield work.deployed + 3 * HOUR, partial(_roll_back, work=work, name=name)
    for each in _put_right(work):
        yield from _acts(each)


def _put_right(work: Work) -> Iterable[Work]:
    """By work of its own."""
    if work.fate == "revert":
        given = {"inverse": "", "reverts": work.number, "work_items": ()}
        yield _after(work, "9999", 6.0, 0.1, given)
    if work.fate in ("incident", "rollback"):
        fix = _after(work, "0000", 1.0, 0.05, {"work_items": ()})
        yield replace(fix, usd=work.usd / 4, proof=work.proof)


def _after(work: Work, end: str, days: float, lag: float, given: dict[str, Any]) -> Work:
    merged = work.deployed + days
    return Work(
        work.service, f"{work.number}{end}", merged, merged + lag, work.author, work.approvers, given=given
    )  # fmt: skip


def _ship(world: World, work: Work, name: str) -> None:
    if work.repository or work.actor != DEPLOYER:
        given = {"repository": work.repository} if work.repository else {}
        world.pretend(work.service, name, work.deployed, actor=work.actor, **given)
        return
    sha = world.ship(work.service, name, work.deployed, actor=work.actor)
    world.replaced[name] = next((each for each in reversed(world.ran[work.service]) if each != sha), "")


def _incident(world: World, work: Work) -> None:
    world.incident(work.deployed + work.shows, service=work.service)


def _roll_back(world: World, work: Work, name: str) -> None:
    sha = world.replaced.get(name, "")
    if sha:
        world.ship(work.service, f"{name}-back", work.deployed + 3 * HOUR, sha=sha)
