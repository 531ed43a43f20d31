"""Crediting: each change group earns once, in the service and week of its first landing."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from proxy.model.service import Services
from proxy.outcomes.definition import CURRENT, DAY_US, Definition
from proxy.outcomes.delivered import Candidate, candidates
from proxy.outcomes.entities import History
from proxy.outcomes.grouping import grouped
from proxy.outcomes.qualifying import CONFIG, Qualified, qualified
from proxy.outcomes.verdicts import ChangeVerdict, DeploymentVerdict, Landing, Ruling, Standing

EPOCH_WEEKDAY = 3
"""The epoch began on a Thursday; ISO weeks begin on Mondays."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    deployments: tuple[DeploymentVerdict, ...]
    changes: Mapping[str, ChangeVerdict]
    landings: tuple[Landing, ...]
    definition: str


def week_us(at_us: int) -> int:
    """Where the ISO week begins, UTC."""
    day = at_us // DAY_US
    return (day - (day + EPOCH_WEEKDAY) % 7) * DAY_US


def judge(history: History, services: Services, now_us: int, definition: Definition = CURRENT) -> Verdicts:
    """All verdicts, as of `now_us`."""
    changes = qualified(history.changes)
    groups = grouped(changes, definition)
    tried = candidates(history.deployments, history.bad_events, services, now_us, definition)
    work = _Work(changes, groups, definition)
    for each in tried:
        work.land(each)
    landings = tuple(sorted((story.landing() for story in work.stories.values()), key=_order))
    return Verdicts(
        tuple(work.verdict(each) for each in tried),
        {name: _change_verdict(each, groups) for name, each in changes.items()},
        landings,
        definition.version,
    )


def _order(landing: Landing) -> tuple[int, str, str]:
    return landing.week_us, landing.service, landing.group


def _change_verdict(each: Qualified, groups: Mapping[str, str]) -> ChangeVerdict:
    name = each.change.id
    return ChangeVerdict(name, each.holds, each.rulings, groups.get(name, ""), each.line)


@dataclass(slots=True)
class _Story:
    """One group: everything that landed it, in order."""

    group: str
    first: Candidate
    attempts: list[tuple[Candidate, Standing, tuple[str, ...]]] = field(default_factory=list)
    """With the changes that each brought."""

    def landing(self, retried: Fraction = Fraction(1, 2)) -> Landing:
        lasted = next((each for each in self.attempts if each[1] == Standing.DELIVERED), None)
        waiting = next((each for each in self.attempts if each[1] == Standing.PENDING), None)
        candidate, standing, changes = lasted or waiting or self.attempts[0]
        whole = Fraction(1) if candidate is self.first else retried
        return Landing(
            group=self.group,
            service=self.first.service.name,
            week_us=week_us(self.first.deployment.at_us),
            deployment=self.first.deployment.id,
            credited_by=candidate.deployment.id if lasted else "",
            credit=whole if lasted else Fraction(0),
            standing=standing,
            changes=changes,
        )


class _Work:
    def __init__(self, changes: Mapping[str, Qualified], groups: Mapping[str, str], definition: Definition) -> None:
        self._changes = changes
        self._groups = groups
        self._definition = definition
        self._by_commit = {commit: name for name, each in changes.items() for commit in each.change.commits}
        self._taken_back = _taken_back(changes)
        self.stories: dict[str, _Story] = {}

    def land(self, candidate: Candidate) -> None:
        """Each group that it brings gets on with its story."""
        if not candidate.arrived:
            return
        for group, names in self._brought(candidate).items():
            story = self.stories.setdefault(group, _Story(group, candidate))
            story.attempts.append((candidate, self._standing(candidate, names), names))

    def verdict(self, candidate: Candidate) -> DeploymentVerdict:
        deployment = candidate.deployment
        fresh = tuple(sorted(group for group in self._brought(candidate) if self._lands(candidate, group)))
        rulings = (*candidate.rulings, self._work_in(candidate, fresh), candidate.soak)
        return DeploymentVerdict(
            deployment.id,
            candidate.service.name,
            deployment.at_us,
            self._outcome(candidate, rulings, fresh),
            rulings,
            fresh,
            candidate.until_us,
        )

    def _brought(self, candidate: Candidate) -> dict[str, tuple[str, ...]]:
        """Groups, with those of their changes that the deployment brought and that count in its service."""
        found: dict[str, set[str]] = defaultdict(set)
        for commit in candidate.deployment.commits or ():
            name = self._by_commit.get(commit, "")
            group = self._groups.get(name)
            if group and (self._changes[name].line != CONFIG or candidate.service.config_counts):
                found[group].add(name)
        return {group: tuple(sorted(names)) for group, names in found.items()}

    def _standing(self, candidate: Candidate, names: Iterable[str]) -> Standing:
        """Of one group that it brought."""
        limit_us = candidate.deployment.at_us + self._definition.clawback_us
        if candidate.soak.holds is False or all(self._taken_back.get(name, limit_us + 1) <= limit_us for name in names):
            return Standing.VOIDED
        return Standing.PENDING if candidate.soak.holds is None else Standing.DELIVERED

    def _lands(self, candidate: Candidate, group: str) -> bool:
        """It was the first to bring the group, or the one that made it last."""
        story = self.stories.get(group)
        if story is None:
            return False
        lasted = next((each for each, standing, _ in story.attempts if standing == Standing.DELIVERED), None)
        return candidate is story.first or candidate is lasted

    def _work_in(self, candidate: Candidate, fresh: Sequence[str]) -> Ruling:
        """D6."""
        brought = candidate.deployment.commits
        if fresh:
            return Ruling("D6", True, f"it landed {len(fresh)} change group{'s' * (len(fresh) > 1)} first")
        if brought is None:
            return Ruling("D6", None, "what it brought is not known: no mirror of the repository")
        names = {self._by_commit[commit] for commit in brought if commit in self._by_commit}
        if not names:
            return Ruling("D6", False, "it brought no merged change")
        if any(self._changes[name].holds is None for name in names):
            return Ruling("D6", None, "the diff of what it brought was not read")
        return Ruling("D6", False, "none of what it brought is new, reviewed work: see its changes")

    def _outcome(self, candidate: Candidate, rulings: Sequence[Ruling], fresh: Sequence[str]) -> Standing:
        said = {ruling.rule: ruling.holds for ruling in rulings}
        if not candidate.arrived or said["D6"] is False:
            return Standing.NOT_COUNTED
        if said["D6"] is None:
            return Standing.UNVERIFIED
        stands = [self._standing(candidate, self._brought(candidate)[group]) for group in fresh]
        return next((each for each in (Standing.DELIVERED, Standing.PENDING) if each in stands), Standing.VOIDED)


def _taken_back(changes: Mapping[str, Qualified]) -> dict[str, int]:
    """When each change was first taken back, of those that were. What brings work back takes nothing back."""
    found: dict[str, int] = {}
    for each in changes.values():
        for name in () if each.reapplies else each.change.reverts:
            found[name] = min(found.get(name, each.change.merged_us), each.change.merged_us)
    return found
