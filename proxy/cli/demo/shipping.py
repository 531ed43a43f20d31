"""What the company of the demo merges and deploys: each change approved by another one, and what became of it.

The same on every run, as its calls are. Weeks before it was registered are there too: they tell what a normal week is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from proxy.cli.demo import words
from proxy.cli.demo.company import BRANCHES, DAYS
from proxy.model.calendar import floor

PAIRS: Final = {"checkout": ("alice", "bob"), "ranking": ("carol", "dan"), "app": ("erin", "frank")}
"""By repository, each of which is one service: who work on it."""
ROLLED_BACK: Final = ("checkout", 4)
"""The service, and which of its deployments didn't last."""
HISTORY_WEEKS: Final = 8
CHANGES_A_WEEK: Final = 3
"""Of each service, in its history."""
_SEED: Final = 11
_REGISTERED: Final = timedelta(days=DAYS + 35)
"""Before the end: probation is over when the weeks begin."""


@dataclass(frozen=True, slots=True)
class Change:
    repository: str
    number: int
    author: str
    reviewer: str
    branch: str
    at: datetime
    """When it was merged."""
    text: str


@dataclass(frozen=True, slots=True)
class Deployment:
    repository: str
    number: int
    """Of the change whose merge it puts in production."""
    id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Shipping:
    changes: Sequence[Change]
    """In the order of their merges."""
    deployments: Sequence[Deployment]


def registered(until: datetime) -> datetime:
    """When the services were: the first moment of a day, UTC."""
    return (until.astimezone(UTC) - _REGISTERED).replace(hour=0, minute=0, second=0, microsecond=0)


def history(until: datetime) -> Shipping:
    """Of whole weeks before the services were registered and the quarter of `until` began."""
    random = Random(_SEED)  # noqa: S311  # a play, no secret
    last = floor("week", min(registered(until), floor("quarter", until.astimezone(UTC))))
    changes: list[Change] = []
    deployments: list[Deployment] = []
    for week in range(HISTORY_WEEKS, 0, -1):
        for repository, (first, second) in PAIRS.items():
            at = last - timedelta(weeks=week) + timedelta(days=2, hours=random.uniform(9, 15))
            for step in range(CHANGES_A_WEEK):
                pair = (first, second) if step % 2 else (second, first)
                number = 1 + sum(each.repository == repository for each in changes)
                merged = at + timedelta(minutes=10 * step)
                changes.append(Change(repository, number, *pair, f"old/{number}", merged, words.code(random)))
            deployments.append(Deployment(repository, number, 1 + len(deployments), at + timedelta(hours=1)))
    return Shipping(changes, deployments)


def shipping(until: datetime, before: Shipping) -> Shipping:
    """Of the weeks of the play, which go on from their history."""
    random = Random(_SEED + 1)  # noqa: S311  # a play, no secret
    numbers = {repository: sum(each.repository == repository for each in before.changes) for repository in PAIRS}
    changes: list[Change] = []
    deployments: list[Deployment] = []
    midnight = until.replace(hour=0, minute=0, second=0, microsecond=0)
    for back in range(DAYS, -1, -1):
        day = midnight - timedelta(days=back)
        for change in _day(day, random) if day.weekday() < 5 else ():
            numbers[change.repository] += 1
            own = Change(
                change.repository, numbers[change.repository], change.author, change.reviewer, change.branch,
                change.at, change.text,
            )  # fmt: skip
            changes.append(own)
            deployments += _deployed(own, changes, deployments, 1 + len(before.deployments) + len(deployments))
    since, latest = until - timedelta(days=DAYS), until - timedelta(minutes=30)
    return Shipping(
        sorted((each for each in changes if since < each.at < latest), key=lambda each: each.at),
        sorted((each for each in deployments if since < each.at < latest), key=lambda each: each.at),
    )


def taken_back(told: Shipping) -> str:
    """Id of the deployment in whose place the one before was put; '' of none."""
    last: dict[str, Deployment] = {}
    for each in told.deployments:
        before = last.get(each.repository)
        if before and each.number < before.number:
            return f"{before.id}"
        last[each.repository] = each
    return ""


def _day(day: datetime, random: Random) -> Iterator[Change]:
    for repository, pair in PAIRS.items():
        author, reviewer = pair if random.random() < 0.5 else pair[::-1]
        branch = random.choice(BRANCHES[1:])
        merged = day + timedelta(hours=random.uniform(13, 16))
        text = words.code(random)
        if random.random() < 0.8:
            yield Change(repository, 0, author, reviewer, branch, merged, text)


def _deployed(
    change: Change, changes: Sequence[Change], deployments: Sequence[Deployment], next_id: int
) -> Iterator[Deployment]:
    """Half an hour after the merge; one of them is taken back, by putting the one before in its place."""
    yield Deployment(change.repository, change.number, next_id, change.at + timedelta(minutes=30))
    mine = [each for each in changes if each.repository == change.repository]
    if (change.repository, len(mine)) == ROLLED_BACK:
        yield Deployment(change.repository, mine[-2].number, next_id + 1, change.at + timedelta(hours=2))
