"""Service weeks: what became of each service's deployments and changes, by the week of the deployment."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from proxy.model.service import Services
from proxy.model.told import Trust
from proxy.outcomes.crediting import Verdicts, week_us
from proxy.outcomes.entities import Change, Deployment, History
from proxy.outcomes.owning import owners_of
from proxy.outcomes.people import UNRESOLVED
from proxy.outcomes.verdicts import DeploymentVerdict, Standing

WHY: Final[Mapping[str, str]] = {
    "D1": "not trusted",
    "D2": "not in production",
    "D3": "did not succeed",
    "D4": "ran there before",
    "D5": "in probation",
    "D6": "no new reviewed work",
}
TAKEN_BACK: Final = "taken back"
_KIND: Final = re.compile(r"([a-z ]+?) \d+ h after")
"""Of what speaks against a deployment, in the words of D7."""

Reason = tuple[Standing, str, str]
"""What became of it, by which rule, and why in short."""


@dataclass(slots=True)
class ServiceWeek:
    """Of deployments to production that first succeeded (or were last heard of) in the week."""

    deployments: int = 0
    standings: Counter[Standing] = field(default_factory=Counter)
    reasons: Counter[Reason] = field(default_factory=Counter)
    """Of those that don't count."""
    credits: Fraction = Fraction(0)
    past: Fraction = Fraction(0)
    """What would have been credited before the service was registered: for baselines alone."""
    config: Fraction = Fraction(0)
    """Of the credits: those of changes to configuration alone."""
    groups: int = 0
    """Change groups that landed first, credited or not."""
    succeeded: int = 0
    """Of the deployments: those that reached production and were new there."""
    failed: int = 0
    """Of these: something spoke against them within their soak."""
    rework: int = 0
    """Of these: the next one after one that failed, within its soak."""
    weak: int = 0
    """Of the deployments: told by nobody who could prove who he is, or at a time that can't be believed."""
    leads_us: list[int] = field(default_factory=list)
    """From merge to production, of each change that came with one that succeeded."""
    changes: int = 0
    """Merged changes that came with them."""
    maintenance: int = 0
    """Of the changes: bots', whom no person answers for."""
    approvals: int = 0
    imported: int = 0
    """Of the deployments: read from history."""
    persons: set[str] = field(default_factory=set)
    """Who wrote what they brought, as far as access.yaml knows them."""
    unknown: set[str] = field(default_factory=set)
    """Those whom it doesn't know."""


Weeks = dict[tuple[str, int], ServiceWeek]
"""By service, and where the ISO week begins."""


def service_weeks(history: History, verdicts: Verdicts, services: Services) -> Weeks:
    weeks: Weeks = defaultdict(ServiceWeek)
    owners = owners_of(history.changes.values())
    deployments = {each.id: each for each in history.deployments}
    failed_until_us: dict[str, int] = {}
    for verdict in verdicts.deployments:
        if not verdict.in_production:
            continue
        said = {ruling.rule: ruling.holds for ruling in verdict.rulings}
        deployment = deployments[verdict.deployment]
        week = weeks[verdict.service, week_us(verdict.at_us)]
        _count(week, verdict, deployment)
        brought = [history.changes[name] for name in sorted(owners.brought(deployment))]
        _put_persons(week, brought)
        if all(said.get(rule) for rule in ("D1", "D3", "D4")):
            again = verdict.at_us <= failed_until_us.pop(verdict.service, 0)
            _count_success(week, verdict, brought, rework=again, failed=said["D7"] is False)
            if said["D7"] is False:
                failed_until_us[verdict.service] = verdict.until_us
    for landing in verdicts.landings:
        week = weeks[landing.service, landing.week_us]
        week.groups += 1
        if landing.credit:
            week.credits += landing.credit
            week.config += landing.credit if landing.line else 0
        if landing.past:
            week.past += landing.past
        _put_persons(week, (history.changes[name] for name in landing.changes if name in history.changes))
    return dict(weeks)


def _count(week: ServiceWeek, verdict: DeploymentVerdict, deployment: Deployment) -> None:
    week.deployments += 1
    week.standings[verdict.standing] += 1
    week.imported += verdict.imported
    week.weak += (deployment.trust == Trust.CLAIMED or deployment.clamped) and not verdict.imported
    if verdict.standing in (Standing.VOIDED, Standing.NOT_COUNTED):
        week.reasons[(verdict.standing, *_reason(verdict))] += 1


def _reason(verdict: DeploymentVerdict) -> tuple[str, str]:
    """The first rule that does not hold, and why in short."""
    first = next((ruling for ruling in verdict.rulings if ruling.holds is False), None)
    if first is None:
        return "D7", TAKEN_BACK
    if first.rule == "D7":
        kind = _KIND.match(first.says)
        return "D7", kind[1] if kind else first.says
    return first.rule, WHY[first.rule]


def _count_success(
    week: ServiceWeek, verdict: DeploymentVerdict, brought: Sequence[Change], *, rework: bool, failed: bool
) -> None:
    week.succeeded += 1
    week.failed += failed
    week.rework += rework
    week.changes += len(brought)
    week.maintenance += sum(each.bot and not each.sponsor for each in brought)
    week.approvals += sum(len({approval.person for approval in each.approvals}) for each in brought)
    week.leads_us += [verdict.at_us - each.merged_us for each in brought if each.merged_us <= verdict.at_us]


def _put_persons(week: ServiceWeek, changes: Iterable[Change]) -> None:
    for each in changes:
        names = {*(() if each.bot else (each.author,)), *each.coauthors, each.sponsor} - {""}
        week.unknown |= {name for name in names if name.startswith(UNRESOLVED)}
        week.persons |= {name for name in names if not name.startswith(UNRESOLVED)}
