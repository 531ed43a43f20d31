"""Reviewing: strategies in which nobody else has looked, or only in name."""

from typing import Final

from bench.gaming.plan import HOUR, Plan, extra, numbered, spend
from bench.gaming.strategy import Strategy, distinct
from proxy.model.told import ReviewTold


def bumps(plan: Plan, count: int) -> None:
    for number, day in numbered(plan, count):
        extra(plan, f"9{number:03}", day, author="bump[bot]", bot=True)


def _in_anothers_name(plan: Plan, count: int) -> None:
    """A bot's changes, for somebody who knows nothing of them, approved by whoever had the bot make them."""
    people = plan.persons()
    for number, day in numbered(plan, count):
        extra(plan, f"9{number:03}", day, author="agent[bot]", bot=True, sponsor=people[1], approvers=(people[0],))


def _own_review(plan: Plan, count: int) -> None:
    """By another name of the author's, one that access.yaml knows and one that it doesn't."""
    me = plan.persons()[0]
    plan.aliases[f"{me}-home"] = me
    for number, day in numbered(plan, count):
        extra(plan, f"9{number:03}", day, author=me, approvers=(f"{me}-home", "second-account"))
        extra(plan, f"8{number:03}", day + 2 * HOUR, author="second-account", approvers=(me,))


def _late_review(plan: Plan, count: int) -> None:
    """Merged unseen, approved a week later; and approved before the last commit."""
    for number, day in numbered(plan, count):
        work = extra(plan, f"9{number:03}", day, approvers=())
        place, other = plan.repositories[work.service], plan.persons()[1]
        for when, head in ((day + 7, f"h-{work.service}-9{number:03}"), (day - HOUR, "earlier")):
            told = ReviewTold(place, work.number, other, "approved", head)
            plan.do(when, lambda world, t=told, d=when: world.tell(t, d))


def _ring(plan: Plan, count: int) -> None:
    """Trifles, waved through among friends."""
    people = plan.persons()
    for number, day in numbered(plan, count):
        extra(plan, f"9{number:03}", day, author=people[number % 2], approvers=(people[1 - number % 2],))


def _ring_over_teams(plan: Plan, count: int) -> None:
    """Each waves through what the other's team makes."""
    mine, theirs = plan.persons(), plan.persons("t04")
    for number, day in numbered(plan, count):
        extra(plan, f"9{number:03}", day, author=mine[0], approvers=(theirs[0],))
        extra(plan, f"9{number:03}", day + 2 * HOUR, service="s04", author=theirs[0], approvers=(mine[0],))


def _identities(plan: Plan, count: int) -> None:
    """The same people under many keys and names: for spend, and as each other's reviewers."""
    me = plan.persons()[0]
    for number, day in numbered(plan, count):
        plan.aliases[f"{me}-key{number}"] = me
        plan.more.append(spend(f"{me}-key{number}", day, 0.0, team=plan.team))
        extra(plan, f"9{number:03}", day, author=f"{me}-key{number}", approvers=(me,))


REVIEWING: Final = (
    Strategy("15", "bump bots", "Q2", bumps),
    Strategy("15a", "a bot's changes in the name of who knows nothing of them", "Q2: by own act", _in_anothers_name),
    Strategy("16", "reviewed under another name", "Q3: aliases", _own_review),
    Strategy("16", "reviewed afterwards, or before the last commit", "Q3", _late_review),
    Strategy("16", "trifles waved through among friends", "g; 2b", _ring, distinct()),
    Strategy("16a", "trifles waved through between teams", "g; 2b", _ring_over_teams, distinct(2)),
    Strategy("20", "many keys and names", "aliases", _identities),
)
