"""An organisation for the gaming bench: 12 services in 3 tiers, 60 people, their work, their failures and their spend.

A plan says what people do, by day; strategies change plans. Playing one gives the lines that sources would tell and the
rows of spend, which go through the product's own folding, judging, baselines and attribution.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from math import exp
from random import Random
from typing import Any, Final

from proxy.model.service import Service, Services
from proxy.model.told import CommitTold, ShippedTold, Told
from proxy.outcomes.attribution import ATTRIBUTED, Spend, attribute
from proxy.outcomes.crediting import judge
from proxy.outcomes.definition import CURRENT, Definition
from proxy.outcomes.entities import History
from proxy.outcomes.folding import fold
from proxy.outcomes.index import Cell, Credited, credited
from proxy.outcomes.quarantine import decided
from proxy.outcomes.quarters import WEEK_US, Quarters, counts_from, quarter_us, quarters
from proxy.outcomes.service_weeks import service_weeks
from proxy.outcomes.wanting import wanted
from tests.fakes.telling import ROUNDS_MAX, SOURCES, START, Organisation, a_service, at

HISTORY_WEEKS: Final = 26
"""Played before the weeks that are measured: of them the first baselines are made."""
AFTER_WEEKS: Final = 6
"""From the last measured week to the look at it: all soaks and claw-backs are over."""
TIERS: Final = (("core", 3, 2.0), ("standard", 5, 3.0), ("edge", 4, 1.2))
"""Name, services, change groups in a normal week of each."""
PERSONS_A_TEAM: Final = 5
FAILING: Final = 0.04
ROLLED_BACK: Final = 0.03
REVERTED: Final = 0.02
"""Shares of honest work."""
PICO: Final = 10**12
HOUR: Final = 1 / 24
MINUTE: Final = HOUR / 60
AFTER: Final = {"incident": 5 * HOUR, "rollback": 2 * HOUR}
"""When somebody notices."""


@dataclass
class Work:
    """One piece of work, from merge to production."""

    service: str
    number: str
    merged: float
    """Day, as all times here."""
    deployed: float
    author: str
    approvers: tuple[str, ...]
    usd: float = 0.0
    """Spent on it."""
    proof: str = "header"
    """How its spend can be attributed: 'header', 'session', or 'none'."""
    fate: str = ""
    """'incident', 'rollback' or 'revert' where it went wrong; each is put right by work of its own."""
    quiet: bool = False
    """True: nobody opens a ticket."""
    actor: str = "deploy-bot"
    given: dict[str, Any] = field(default_factory=dict)
    """More of the change."""


Act = Callable[["World"], None]


@dataclass
class Plan:
    services: Services
    works: list[Work]
    acts: list[tuple[float, Act]] = field(default_factory=list)
    weeks: int = 26
    aliases: dict[str, str] = field(default_factory=dict)
    spends: list[Callable[[Spend], Spend | None]] = field(default_factory=list)
    """What becomes of each row of spend; None: it never passed the proxy."""
    more: list[Spend] = field(default_factory=list)
    repositories: dict[str, str] = field(default_factory=dict)
    team: str = ""
    """That games."""
    rng: Random = field(default_factory=Random)

    def mine(self) -> str:
        """The gaming team's service."""
        return next(each.name for each in self.services.services.values() if each.owner == self.team)

    def persons(self, team: str = "") -> list[str]:
        return sorted(name for name in set(self.aliases.values()) if name.startswith(team or self.team))

    def slots(self, count: int) -> list[float]:
        """Days spread over the measured weeks, Wednesdays before dawn: no honest work is between merge and deployment
        then, which a further deployment would part from what goes wrong later."""
        return [7.0 * int((each + 0.5) * self.weeks / count) + 2 + 3 * HOUR + each * MINUTE for each in range(count)]

    def do(self, day: float, act: Act) -> None:
        self.acts.append((day, act))

    def measured(self, service: str = "") -> list[Work]:
        """Work of the measured weeks that went well, in order."""
        name = service or self.mine()
        found = [each for each in self.works if each.service == name and not each.fate]
        return sorted((each for each in found if 0 <= each.merged < 7 * self.weeks - 14), key=lambda each: each.merged)


class World(Organisation):
    """A plan as it is played."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(services=plan.services, aliases=plan.aliases)
        self.plan = plan
        self.spends: list[Spend] = []
        self.ran: dict[str, list[str]] = {}
        self.price: Counter[str] = Counter()
        """Changes, reviews, deployments that were made; microdollars that were spent."""
        self.refused: Counter[str] = Counter()
        """Deliveries that were not believed, by why."""
        self._above: dict[tuple[str, str], frozenset[str]] = {}

    def repository(self, service: str) -> str:
        return self.plan.repositories[service]

    def put(self, work: Work) -> None:
        """Its change is merged."""
        given = {"work_items": (f"{work.service.upper()}-{work.number}",)} | work.given
        shared = {"touches": [work.service]} if self._shared(work.service) else {}
        repository = given.pop("repository", self.repository(work.service))
        merge = self.change(
            f"{work.number}",
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
        named = work.proof == "header"
        for part in range(3):
            self.spends.append(
                spend(
                    self.plan,
                    work.author,
                    work.merged - 1 - part * 0.4,
                    work.usd / 3,
                    repository=repository if named else "",
                    branch=f"topic-{work.number}" if named else "",
                    session=session,
                )
            )

    def ship(self, service: str, name: str, day: float, *, sha: str = "", **given: Any) -> str:
        """A deployment, of what is merged by then; its commit."""
        repository = given.pop("repository", self.repository(service))
        sha = sha or self.tips.get((repository, "main"), "")
        named = {"service": service} if self._shared(service) else {}
        self.deploy(name, day, sha=sha, repository=repository, **(named | given))
        self.price["deployments"] += 1
        self.ran.setdefault(service, []).append(sha)
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
        """Each worked out once: histories only grow while they are played, and are asked about afterwards."""
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


def spend(plan: Plan, owner: str, day: float, usd: float, **given: str) -> Spend:
    names = dict.fromkeys(("project", "repository", "branch", "commit", "work_item", "session"), "") | given
    team = owner.partition("-")[0]
    return Spend(at(day), owner, "person", names.pop("team", team), cost_pico=round(usd * PICO), calls=10, **names)


def founded(seed: int, weeks: int) -> Plan:
    """What honest people do. The same seed, the same plan."""
    rng = Random(f"gaming {seed}")
    services: list[Service] = []
    repositories: dict[str, str] = {}
    rates: dict[str, float] = {}
    for tier, count, rate in TIERS:
        for _ in range(count):
            name = f"s{len(services) + 1:02}"
            # The last two live in one repository.
            repositories[name] = f"github.com/acme/{'s11' if name == 's12' else name}"
            rates[name] = rate * rng.uniform(0.8, 1.2)
            services.append(
                a_service(name, repositories[name], tier=tier, owner=f"t{name[1:]}", projects=(f"p{name[1:]}",))
            )
    plan = Plan(
        Services(services={each.name: each for each in services}, sources=SOURCES),
        [],
        weeks=weeks,
        repositories=repositories,
        team="t05",
        rng=rng,
    )
    for service in services:
        for number in range(PERSONS_A_TEAM):
            plan.aliases[f"{service.owner}-{number + 1}"] = f"{service.owner}-{number + 1}"
    for service in services:
        _work(plan, service, rates[service.name])
    return plan


def _work(plan: Plan, service: Service, rate: float) -> None:
    rng, number = plan.rng, int(service.name[1:]) * 10_000
    people = plan.persons(service.owner)
    for week in range(-HISTORY_WEEKS, plan.weeks):
        for _ in range(_poisson(rng, rate)):
            number += 1
            author, reviewer = rng.sample(people, 2)
            merged = week * 7 + rng.randrange(5) + rng.uniform(9, 16) * HOUR
            lot = rng.random()
            fate = next(
                (
                    name
                    for name, limit in (
                        ("incident", FAILING),
                        ("rollback", FAILING + ROLLED_BACK),
                        ("revert", FAILING + ROLLED_BACK + REVERTED),
                    )
                    if lot < limit
                ),
                "",
            )
            proof = rng.choices(("header", "session", "none"), (0.65, 0.2, 0.15))[0]
            plan.works.append(
                Work(
                    service.name,
                    str(number),
                    merged,
                    merged + rng.uniform(0.5, 4) * HOUR,
                    author,
                    (reviewer,),
                    round(rng.lognormvariate(3.5, 0.8), 2),
                    proof,
                    fate,
                )
            )


def _poisson(rng: Random, mean: float) -> int:
    limit, count, product = exp(-mean), 0, rng.random()
    while product > limit:
        count += 1
        product *= rng.random()
    return count


def played(plan: Plan) -> World:
    """Everything in the order in which it happens: what a deployment ships depends on that."""
    world = World(plan)
    acts = list(plan.acts)
    for work in plan.works:
        acts += _acts(work)
    for _, act in sorted(acts, key=lambda each: each[0]):
        act(world)
    rows: Iterable[Spend | None] = world.spends
    for change in plan.spends:
        rows = [change(each) for each in rows if each is not None]
    world.spends = sorted((each for each in (*rows, *plan.more) if each is not None), key=lambda each: each.at_us)
    return world


def _acts(work: Work) -> Iterable[tuple[float, Act]]:
    name = f"d-{work.service}-{work.number}"
    yield work.merged, lambda world: world.put(work)
    yield work.deployed, lambda world: _ship(world, work, name)
    if work.fate in ("incident", "rollback") and not work.quiet:
        yield work.deployed + AFTER[work.fate], partial(_incident, work=work)
    if work.fate == "rollback":
        yield work.deployed + 3 * HOUR, partial(_roll_back, work=work, name=name)
    if work.fate == "revert":
        repository_wide = {"inverse": "", "reverts": work.number, "work_items": ()}
        undo = Work(
            work.service,
            f"{work.number}9999",
            work.deployed + 6,
            work.deployed + 6.1,
            work.author,
            work.approvers,
            given=repository_wide,
        )
        yield from _acts(undo)
    if work.fate in ("incident", "rollback"):
        fix = Work(
            work.service,
            f"{work.number}0000",
            work.deployed + 1,
            work.deployed + 1.05,
            work.author,
            work.approvers,
            work.usd / 4,
            work.proof,
            given={"work_items": ()},
        )
        yield from _acts(fix)


def _ship(world: World, work: Work, name: str) -> None:
    given = {"repository": work.given["repository"]} if "repository" in work.given else {}
    world.ship(work.service, name, work.deployed, actor=work.actor, **given)


def _incident(world: World, work: Work) -> None:
    world.incident(work.deployed + AFTER[work.fate], service=work.service)


def _roll_back(world: World, work: Work, name: str) -> None:
    sha = world.older(work.service)
    if sha:
        world.ship(work.service, f"{name}-back", work.deployed + 3 * HOUR, sha=sha)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one cohort."""

    earned: Credited
    spent_pico: int
    attributed_pico: int = 0

    @property
    def credited(self) -> float:
        return self.earned.credited

    @property
    def index(self) -> float:
        return self.earned.index or 0.0

    @property
    def cost(self) -> float:
        """Dollars for each credited deployment."""
        return self.spent_pico / PICO / self.credited if self.credited else 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    whole: Figures
    team: Figures
    """Of the team that games: its services, and what its people spent, wherever that was booked."""
    price: Counter[str]
    refused: Counter[str]
    x: dict[Cell, Fraction]
    normal: dict[Cell, float]

    def held(self, normal: dict[Cell, float]) -> float:
        """C of the organisation, had the baselines been these all along."""
        return credited(self.x, normal, normal).credited


def outcome(world: World, recorded: Quarters | None = None, definition: Definition = CURRENT) -> Outcome:
    """As the product finds it. `recorded`: baselines that were on record before."""
    plan = world.plan
    now_us = at(7.0 * (plan.weeks + AFTER_WEEKS))
    history = world.read(definition)
    verdicts = judge(history, world.services, now_us, definition)
    weeks = service_weeks(history, verdicts, world.services)
    counting = counts_from(verdicts, world.services)
    normal = quarters(weeks, world.services, counting, recorded or {}, now_us, definition)
    shares = list(attribute(world.spends, history, verdicts, world.services, world.aliases))
    assert sum(each.cost_pico for each in shares) == sum(each.cost_pico for each in world.spends)
    inside = [each for each in shares if START <= each.spend.at_us < at(7.0 * plan.weeks)]
    every = [(name, START + week * WEEK_US) for name in world.services.services for week in range(plan.weeks)]
    cells = [(name, start) for name, start in every if start >= counting[name]]
    x = {cell: weeks[cell].credits for cell in cells if cell in weeks}
    known = {
        (name, start): frozen.baseline.credits_a_week
        for name, start in cells
        if (frozen := normal.get(quarter_us(start), {}).get(name)) is not None
    }
    own = {each.name for each in world.services.services.values() if each.owner == plan.team}
    return Outcome(
        Figures(credited(x, known, cells), sum(each.cost_pico for each in inside), _attributed(inside)),
        Figures(
            credited(x, known, [cell for cell in cells if cell[0] in own]),
            sum(each.cost_pico for each in inside if each.spend.team == plan.team),
        ),
        world.price + Counter({"usd": sum(each.cost_pico for each in world.spends) // PICO}),
        world.refused,
        x,
        known,
    )


def _attributed(shares: Iterable[Any]) -> int:
    return sum(each.cost_pico for each in shares if each.method in ATTRIBUTED)
