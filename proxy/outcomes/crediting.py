"""Crediting: each change group earns once, in the service and week of its first landing."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from proxy.model.service import Services
from proxy.outcomes.blaming import blamed
from proxy.outcomes.definition import CURRENT, DAY_US, Definition
from proxy.outcomes.delivered import Candidate, candidates, soaked
from proxy.outcomes.entities import History
from proxy.outcomes.gathering import gatherers
from proxy.outcomes.grouping import grouped
from proxy.outcomes.owning import Owners, owners_of
from proxy.outcomes.qualifying import CONFIG, Qualified, qualified
from proxy.outcomes.verdicts import ChangeVerdict, DeploymentVerdict, Landing, Ruling, Standing

EPOCH_WEEKDAY = 3
"""The epoch began on a Thursday; ISO weeks begin on Mondays."""
NONE, WHOLE = Fraction(0), Fraction(1)


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
    work, tried = _worked(history, services, now_us, definition)
    landings = (story.landing(definition, work.line_of) for story in work.stories.values())
    return Verdicts(
        tuple(work.verdict(each) for each in tried),
        {name: _change_verdict(each, work.groups) for name, each in work.changes.items()},
        tuple(sorted(landings, key=_order)),
        definition.version,
    )


def _worked(
    history: History, services: Services, now_us: int, definition: Definition
) -> tuple["_Work", Sequence[Candidate]]:
    owners = owners_of(history.changes.values())
    changes = qualified(history.changes, gatherers(history.changes, history.deployments, owners), definition)
    tried = candidates(history.deployments, services, definition)
    work = _Work(changes, grouped(changes, definition), owners, definition)
    bad = blamed(tried, history.bad_events, lambda each: each.lands and bool(work.own(each)))
    for each in tried:
        work.land(each, soaked(each, bad.get(each.deployment.id, ()), now_us))
    return work, tried


def _order(landing: Landing) -> tuple[int, str, str]:
    return landing.week_us, landing.service, landing.group


def _change_verdict(each: Qualified, groups: Mapping[str, str]) -> ChangeVerdict:
    name = each.change.id
    return ChangeVerdict(name, each.holds, each.rulings, groups.get(name, ""), each.line)


Brought = Mapping[str, tuple[str, ...]]
"""Groups, each with those of its changes that a deployment brought."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One deployment that brought a group."""

    candidate: Candidate
    standing: Standing
    changes: tuple[str, ...]


@dataclass(slots=True)
class _Story:
    """One group: everything that landed it, in order."""

    group: str
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def first(self) -> Attempt:
        return self.attempts[0]

    @property
    def lasting(self) -> Attempt:
        """The first that was not undone: while that is pending, so is the group. The first of all where all were."""
        return next((each for each in self.attempts if each.standing != Standing.VOIDED), self.first)

    def landing(self, definition: Definition, line_of: Callable[[Iterable[str]], str]) -> Landing:
        first, lasting = self.first.candidate, self.lasting
        lasted = lasting.standing == Standing.DELIVERED
        whole = WHOLE if lasting is self.first else Fraction(*definition.retried)
        worth = whole if lasted else NONE
        return Landing(
            group=self.group,
            service=first.service.name,
            week_us=week_us(first.deployment.at_us),
            deployment=first.deployment.id,
            credited_by=lasting.candidate.deployment.id if lasted else "",
            credit=NONE if first.past else worth,
            standing=Standing.PAST if first.past else lasting.standing,
            changes=lasting.changes,
            past=worth if first.past else NONE,
            line=line_of(lasting.changes),
        )


class _Work:
    def __init__(
        self, changes: Mapping[str, Qualified], groups: Mapping[str, str], owners: Owners, definition: Definition
    ) -> None:
        self.changes = changes
        self.groups = groups
        self._owners = owners
        self._definition = definition
        self._taken_back = _taken_back(changes)
        self._soak: dict[str, Ruling] = {}
        self._brought: dict[str, Brought] = {}
        self._unsettled: dict[str, Brought] = {}
        self._standings: dict[str, dict[str, Standing]] = {}
        self._ends: dict[str, tuple[str, str]] = {}
        self._origins: dict[str, str] = {}
        self.stories: dict[str, _Story] = {}

    def land(self, candidate: Candidate, soak: Ruling) -> None:
        """Each group that it brings gets on with its story. In the order of the deployments."""
        name = candidate.deployment.id
        self._soak[name] = soak
        self._origins[name] = candidate.origin
        self._brought[name] = brought = self._all(candidate) if candidate.lands else {}
        if soak.holds is False:
            self._unsettled[name] = brought
        self._standings[name] = stands = {}
        for group, changes in brought.items():
            stands[group] = self._standing(candidate, changes)
            story = self.stories.setdefault(group, _Story(group))
            story.attempts.append(Attempt(candidate, stands[group], changes))

    def _all(self, candidate: Candidate) -> Brought:
        """Its own, and what it goes on from that did not last: it is still there, and may last now."""
        deployment = candidate.deployment
        goes_on = deployment.commits is not None and not deployment.older
        before = self._origins.get(deployment.after, "") if goes_on else ""
        own, carried = self.own(candidate), self._unsettled.get(before, {})
        return {
            group: tuple(sorted({*own.get(group, ()), *carried.get(group, ())})) for group in sorted({*own, *carried})
        }

    def own(self, candidate: Candidate) -> Brought:
        """Of its own commits, what counts in its service."""
        found: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self._owners.brought(candidate.deployment)):
            group = self.groups.get(name)
            if group and (self.changes[name].line != CONFIG or candidate.service.config_counts):
                found[group].append(name)
        return {group: tuple(names) for group, names in found.items()}

    def line_of(self, names: Iterable[str]) -> str:
        lines = {self.changes[name].line for name in names}
        return CONFIG if lines == {CONFIG} else ""

    def verdict(self, candidate: Candidate) -> DeploymentVerdict:
        deployment = candidate.deployment
        brought = self._brought[deployment.id]
        fresh = {group: names for group, names in brought.items() if self._lands(candidate, group)}
        rulings = (*candidate.rulings, self._work_in(candidate, fresh), self._soak[deployment.id])
        return DeploymentVerdict(
            deployment.id,
            candidate.service.name,
            deployment.at_us,
            self._outcome(candidate, rulings, fresh),
            rulings,
            tuple(fresh),
            candidate.until_us,
            deployment.imported,
        )

    def _standing(self, candidate: Candidate, names: Iterable[str]) -> Standing:
        """Of one group that it brought."""
        limit_us = candidate.deployment.at_us + self._definition.clawback_us
        soak = self._soak[candidate.deployment.id].holds
        undone = self._taken_back
        if soak is False or (undone and all(undone.get(name, limit_us + 1) <= limit_us for name in names)):
            return Standing.VOIDED
        return Standing.PENDING if soak is None else Standing.DELIVERED

    def _lands(self, candidate: Candidate, group: str) -> bool:
        """It was the first to bring the group, or the one that made it last."""
        if group not in self._ends:
            story = self.stories[group]
            self._ends[group] = (story.first.candidate.deployment.id, story.lasting.candidate.deployment.id)
        return candidate.deployment.id in self._ends[group]

    def _work_in(self, candidate: Candidate, fresh: Brought) -> Ruling:
        """D6."""
        commits = candidate.deployment.commits
        if commits is None:
            return Ruling("D6", None, "what it brought is not known: no mirror of the repository")
        if fresh:
            return Ruling("D6", True, f"it landed {len(fresh)} new change group{'s' * (len(fresh) > 1)}")
        names = self._owners.brought(candidate.deployment)
        if not names:
            return Ruling("D6", False, "it brought no merged change")
        if any(self.changes[name].holds is None for name in names):
            return Ruling("D6", None, "the diff of what it brought was not read")
        return Ruling("D6", False, "none of what it brought is new, reviewed work: see its changes")

    def _outcome(self, candidate: Candidate, rulings: Sequence[Ruling], fresh: Brought) -> Standing:
        said = {ruling.rule: ruling.holds for ruling in rulings}
        if not candidate.lands or said["D6"] is False:
            return Standing.NOT_COUNTED
        if candidate.past:
            return Standing.PAST
        if said["D7"] is False:
            return Standing.VOIDED
        if said["D6"] is None:
            return Standing.UNVERIFIED
        stands = [self._standings[candidate.deployment.id][group] for group in fresh]
        return next((each for each in (Standing.DELIVERED, Standing.PENDING) if each in stands), Standing.VOIDED)


def _taken_back(changes: Mapping[str, Qualified]) -> dict[str, int]:
    """When each change's work was first taken back, of those whose was."""
    found: dict[str, int] = {}
    for each in changes.values():
        for name in each.undone:
            found[name] = min(found.get(name, each.change.merged_us), each.change.merged_us)
    return found
