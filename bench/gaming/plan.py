"""Plan: what people of the gaming bench's organisation do, by day. Strategies change plans; bench/gaming/world.py plays
them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, Final

from proxy.model.service import Service, Services
from proxy.outcomes.attribution import Spend
from tests.fakes.telling import at

if TYPE_CHECKING:
    from bench.gaming.world import World

DEPLOYER: Final = "deploy-bot"
"""Whom services.yaml lets deploy."""
PICO: Final = 10**12
HOUR: Final = 1 / 24
MINUTE: Final = HOUR / 60

Act = Callable[["World"], None]


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
    shows: float = 0.0
    """How long after its deployment an incident is told of; 0: never."""
    actor: str = DEPLOYER
    given: dict[str, Any] = field(default_factory=dict)
    """More of the change."""

    @property
    def repository(self) -> str:
        """'' : its service's."""
        return str(self.given.get("repository", ""))


@dataclass
class Plan:
    services: Services
    works: list[Work]
    acts: list[tuple[float, Act]] = field(default_factory=list)
    weeks: int = 26
    seed: int = 0
    aliases: dict[str, str] = field(default_factory=dict)
    spends: list[Callable[[Spend], Spend | None]] = field(default_factory=list)
    """What becomes of each row of the gaming team's spend; None: it never counts as spend on building."""
    more: list[Spend] = field(default_factory=list)
    repositories: dict[str, str] = field(default_factory=dict)
    team: str = ""
    """That games."""
    touched: set[str] = field(default_factory=set)
    """Services beside the team's own in which acts happen; those whose work differs are found without."""
    rng: Random = field(default_factory=Random)

    def mine(self) -> str:
        """The gaming team's service."""
        return next(each.name for each in self.services.services.values() if each.owner == self.team)

    def others(self) -> list[str]:
        """Services of other teams, those that share a repository left out."""
        places = list(self.repositories.values())
        return [
            name
            for name, each in self.services.services.items()
            if each.owner != self.team and places.count(self.repositories[name]) == 1
        ]

    def persons(self, team: str = "") -> list[str]:
        return sorted(name for name in set(self.aliases.values()) if name.startswith(team or self.team))

    def slots(self, count: int) -> list[float]:
        """Days spread over the measured weeks, Wednesdays before dawn: no honest work is between merge and deployment
        then, which a further deployment would part from what goes wrong later."""
        return [7.0 * int((each + 0.5) * self.weeks / count) + 2 + 3 * HOUR + each * MINUTE for each in range(count)]

    def do(self, day: float, act: Act, *services: str) -> None:
        """`services`: those in which it happens; without any, the team's own."""
        self.acts.append((day, act))
        self.touched.update(services)

    def measured(self, service: str = "") -> list[Work]:
        """Work of the measured weeks that went well, in order."""
        name = service or self.mine()
        found = [each for each in self.works if each.service == name and not each.fate]
        return sorted((each for each in found if 0 <= each.merged < 7 * self.weeks - 14), key=lambda each: each.merged)

    def went_wrong(self, fate: str) -> list[Work]:
        """Of the measured weeks; the gaming team's own first."""
        found = [each for each in self.works if each.fate == fate and 0 <= each.merged < 7 * self.weeks - 14]
        return sorted(found, key=lambda each: (each.service != self.mine(), each.merged))

    def register(self, *services: Service) -> None:
        """New, or in place of those of the same names."""
        known = {**self.services.services, **{each.name: each for each in services}}
        self.services = Services(services=known, sources=self.services.sources)
        for each in services:
            self.repositories.setdefault(each.name, each.repositories[0])


def extra(
    plan: Plan,
    number: str,
    day: float,
    *,
    service: str = "",
    actor: str = DEPLOYER,
    author: str = "",
    approvers: tuple[str, ...] | None = None,
    lag: float = HOUR,
    **given: Any,
) -> Work:
    """One more change, merged and deployed; for nothing."""
    people = plan.persons()
    work = Work(
        service or plan.mine(),
        number,
        day,
        day + lag,
        author or people[0],
        (people[1],) if approvers is None else approvers,
        actor=actor,
        given={"work_items": ()} | given,
    )
    plan.works.append(work)
    return work


def merged_only(plan: Plan, number: str, day: float, **given: Any) -> Work:
    """One more change that no true deployment brings: it goes into a branch of its own."""
    work = extra(plan, number, day, base="side", **given)
    plan.works.remove(work)
    plan.do(day, lambda world: world.put(work))
    return work


def numbered(plan: Plan, count: int) -> Iterable[tuple[int, float]]:
    return enumerate(plan.slots(count))


def spend(owner: str, day: float, usd: float, **given: str) -> Spend:
    """For nothing named, unless told."""
    names = dict.fromkeys(("project", "repository", "branch", "commit", "work_item", "session"), "") | given
    team = owner.partition("-")[0]
    return Spend(at(day), owner, "person", names.pop("team", team), cost_pico=round(usd * PICO), calls=10, **names)
