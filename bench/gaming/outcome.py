"""Outcome: the figures of a plan that was played, for the organisation and for the team that games."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from bench.gaming.part import Part, houses, now_us, part, parts
from bench.gaming.plan import PICO, Plan
from proxy.model.service import Service
from proxy.outcomes.index import Cell, Credited, credited
from proxy.outcomes.quarters import WEEK_US, Quarters, quarter_us, quarters
from tests.fakes.telling import START


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one cohort."""

    earned: Credited
    spent_pico: int

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
    row: Figures
    """Of its services: what is attributed to them, or to nothing and within their reach."""
    price: Counter[str]
    refused: int
    x: Mapping[Cell, Fraction]
    own: frozenset[Cell]
    """Of `x` and `normal`: the team's."""
    normal: Mapping[Cell, float]
    lacking: tuple[tuple[str, int, Fraction], ...]

    def held(self, normal: Mapping[Cell, float]) -> float:
        """C of the organisation, had the baselines been these all along; without its services of other names."""
        return credited(self.x, normal, normal).credited

    def since(self, start_us: int) -> tuple[Credited, Credited]:
        """Of the organisation and of the team, without the team's weeks before."""
        gone = {cell for cell in self.own if cell[1] < start_us}
        return (
            credited(self.x, self.normal, self.normal.keys() - gone),
            credited(self.x, self.normal, self.own - gone),
        )


@dataclass(frozen=True, slots=True)
class Honest:
    """What is played once, and shared by all strategies that start from it."""

    plan: Plan
    parts: Mapping[frozenset[str], Part]
    outcome: Outcome

    @staticmethod
    def of(plan: Plan) -> "Honest":
        found = {house: part(plan, house) for house in houses(plan)}
        return Honest(plan, found, outcome(plan, list(found.values())))

    def beside(self, plan: Plan) -> Outcome:
        """Of the same organisation, with something changed."""
        return outcome(plan, parts(plan, self.parts, self.plan))


def outcome(plan: Plan, found: Sequence[Part], recorded: Quarters | None = None) -> Outcome:
    """As the product finds it. `recorded`: baselines that were on record before."""
    weeks = {cell: week for each in found for cell, week in each.weeks.items()}
    counting = {name: start for each in found for name, start in each.counting.items()}
    frozen = quarters(weeks, plan.services, counting, recorded or {}, now_us(plan))
    every = [(name, START + week * WEEK_US) for name in plan.services.services for week in range(plan.weeks)]
    cells = [(name, start) for name, start in every if start >= counting[name]]
    x = {cell: weeks[cell].credits for cell in cells if cell in weeks}
    normal = {
        (name, start): known.baseline.credits_a_week
        for name, start in cells
        if (known := frozen.get(quarter_us(start), {}).get(name)) is not None
    }
    mine = [each for each in plan.services.services.values() if each.owner == plan.team]
    own = frozenset(cell for cell in cells if cell[0] in {each.name for each in mine})
    money = sum((each.money for each in found), Counter())
    earned = credited(x, normal, own)
    return Outcome(
        Figures(credited(x, normal, cells), sum(money.values())),
        Figures(earned, sum(pico for (team, _, _), pico in money.items() if team == plan.team)),
        Figures(earned, _row(mine, money)),
        sum((each.price for each in found), Counter()) + Counter({"usd": sum(money.values()) // PICO}),
        sum(each.refused for each in found),
        x,
        own,
        normal,
        tuple(sorted(lack for each in found for lack in each.lacking)),
    )


def _row(mine: Sequence[Service], money: Mapping[tuple[str, str, str], int]) -> int:
    """As the report's rows by service have it (`within_reach_usd`)."""
    names = {each.name for each in mine}
    teams = {each.owner for each in mine} - {""}
    projects = {name for each in mine for name in each.projects}
    return sum(
        pico
        for (team, project, service), pico in money.items()
        if service in names or (not service and (team in teams or project in projects))
    )
