"""How much of everything: honest work first, then campaigns until waste has the share of the money that was asked."""

from random import Random
from typing import Final

from . import honest_code, honest_office, honest_service, waste_motions, waste_repeats
from .company import Company, Pattern, Project, Scene, Weighed, founded
from .writing import Spool

HONEST: Final[Weighed] = honest_code.PATTERNS | honest_office.PATTERNS | honest_service.PATTERNS
WASTE: Final[dict[str, Pattern]] = waste_repeats.PATTERNS | waste_motions.PATTERNS
CALLS_PER_PERSON_DAY: Final = 8.4
"""Of honest work: 23,500 calls by 200 people in 14 days."""
CAMPAIGN_USD: Final = 1.2
"""What a campaign burns in the median."""
CAMPAIGN_CALLS_MAX: Final = 300
CAMPAIGNS_MIN: Final = 4


def made(spool: Spool, *, seed: int, waste: float, users: int, days: int) -> Company:
    """Puts all calls into the spool. `waste`: its share of the money of all calls, below 1."""
    company = founded(seed, users, days)
    honest_usd = _honest(company, spool, round(users * days * CALLS_PER_PERSON_DAY), Random(f"honest {seed}"))
    if waste > 0:
        _campaigns(company, spool, honest_usd * waste / (1 - waste), Random(f"waste {seed}"))
    return company


def _honest(company: Company, spool: Spool, calls: int, rng: Random) -> float:
    """Episodes of each pattern until it has its share of the calls; gives what they cost."""
    whole, spent = sum(share for _, share in HONEST.values()), 0.0
    for name, (pattern, share) in HONEST.items():
        left = calls * share / whole
        while left > 0:
            user, project = _worker(company, rng)
            for call in pattern(Scene(company, rng, user, project)):
                if call.at_s < company.end_s:
                    spool.add(call, "legit", name, None)
                    spent += call.cost_usd
                left -= 1
    return spent


def _worker(company: Company, rng: Random) -> tuple[str, Project]:
    """Some people work with models far more than others do: the honest heavy users."""
    return company.people[int(len(company.people) * rng.random() ** 2)]


def _campaigns(company: Company, spool: Spool, goal_usd: float, rng: Random) -> None:
    """Campaigns of about equal size, each strategy as often as any other, until the money is burnt."""
    each = min(CAMPAIGN_USD, goal_usd / CAMPAIGNS_MIN)
    order: list[str] = []
    number = 0
    while goal_usd > 0:
        order = order or rng.sample(sorted(WASTE), len(WASTE))
        number += 1
        user, project = rng.choice(company.people)
        size = min(goal_usd, each * rng.lognormvariate(0.0, 0.35))
        scene = Scene(company, Random(f"{rng.random()}"), user, project, size)
        goal_usd -= _campaign(scene, spool, order.pop(), f"w{number:04d}")


def _campaign(scene: Scene, spool: Spool, name: str, campaign: str) -> float:
    """One campaign, until it has burnt its part, or the days are over; gives what it burnt."""
    spent = 0.0
    for count, call in enumerate(WASTE[name](scene)):
        if call.at_s >= scene.company.end_s or spent >= scene.goal_usd or count >= CAMPAIGN_CALLS_MAX:
            break
        spool.add(call, "waste", name, campaign)
        spent += call.cost_usd
    return spent
