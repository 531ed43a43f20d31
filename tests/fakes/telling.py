"""Telling: a made-up organisation for tests of outcomes. What it does becomes the lines that its sources would tell.

    org = Organisation()
    org.change("1", day=0)                       # by alice, approved by bob, merged into github.com/acme/pay
    org.deploy("d1", day=0.5)                    # of all that is merged by then, to production of 'pay'
    org.verdicts(day=30).deployments             # folded and judged, the mirror's answers included

Days count from START, a Monday; services are registered, and out of probation, long before.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from proxy.model.service import EventSource, Service, Services
from proxy.model.told import (
    ChangeTold,
    DeploymentTold,
    DiffTold,
    Fact,
    IncidentTold,
    ReviewTold,
    ShippedTold,
    Told,
)
from proxy.model.told_facts import kind_of, told
from proxy.outcomes.crediting import Verdicts, judge
from proxy.outcomes.definition import CURRENT, Definition
from proxy.outcomes.entities import History
from proxy.outcomes.folding import fold
from proxy.outcomes.index import Credited, cells, credited
from proxy.outcomes.verdicts import DeploymentVerdict, Landing
from proxy.outcomes.wanting import wanted

DAY_US = 86_400_000_000
START = 2_900 * 7 * DAY_US + 4 * DAY_US
"""A Monday."""
PAY = "github.com/acme/pay"
SHOP = "github.com/acme/shop"
ALIASES = {
    "alice": "alice", "alice@acme.example": "alice", "alice-work": "alice",
    "bob": "bob", "carol": "carol", "dave": "dave", "erin": "erin",
}  # fmt: skip
ROUNDS_MAX = 20


def a_service(name: str = "pay", repository: str = PAY, **given: Any) -> Service:
    plain: dict[str, Any] = {
        "environments": ("production",),
        "registered_us": START - 400 * DAY_US,
        "deploy_actors": ("deploy-bot",),
    }
    return Service(name, (repository,), **(plain | given))


SOURCES = {
    "github": EventSource("github", "github", host="github.com"),
    "github-2": EventSource("github-2", "github", host="github.com"),
    "argocd": EventSource("argocd", "argocd"),
    "ci": EventSource("ci", "generic"),
    "pager": EventSource("pager", "cdevents"),
}


def at(day: float) -> int:
    return START + int(day * DAY_US)


@dataclass
class Commit:
    sha: str
    parents: tuple[str, ...]
    services: frozenset[str] | None = None
    """Whose paths it touches; None: everybody's."""


@dataclass
class Organisation:
    services: Services = field(default_factory=lambda: services_of(a_service()))
    aliases: dict[str, str] = field(default_factory=lambda: dict(ALIASES))
    lines: list[Told] = field(default_factory=list)
    commits: dict[tuple[str, str], Commit] = field(default_factory=dict)
    tips: dict[tuple[str, str], str] = field(default_factory=dict)
    mirrored: bool = True
    diffs: dict[tuple[str, str], DiffTold] = field(default_factory=dict)

    def tell(self, fact: Fact, day: float, source: str = "github", **given: Any) -> Told:
        """Any line at all, told when it happened."""
        at_us = at(day)
        delivery = given.pop("delivery", f"n{len(self.lines)}")
        plain: dict[str, Any] = {"trust": "signed", "occurred_us": at_us, "at_us": at_us}
        facts = told(fact)
        line = Told(
            f"{source}:{delivery}:0", source=source, delivery=delivery, kind=kind_of(fact), facts=facts,
            **(plain | given),
        )  # fmt: skip
        self.lines.append(line)
        return line

    def commit(
        self, sha: str, repository: str = PAY, branch: str = "main", *, touches: Iterable[str] | None = None,
        parents: Iterable[str] = (),
    ) -> str:  # fmt: skip
        """On a branch of the repository, for the mirror to know."""
        tip = self.tips.get((repository, branch)) or self.tips.get((repository, "main"), "")
        above = tuple(each for each in (tip, *parents) if each)
        services = None if touches is None else frozenset(touches)
        self.commits[repository, sha] = Commit(sha, above, services)
        self.tips[repository, branch] = sha
        return sha

    def change(
        self, number: str, day: float, *, author: str = "alice", approvers: Iterable[str] = ("bob",),
        repository: str = PAY, base: str = "main", branch: str = "", substance: str = "substantive", patch: str = "",
        simhash: str = "", inverse: str = "", head: str = "", touches: Iterable[str] | None = None,
        carries: Iterable[str] = (), **given: Any,
    ) -> str:  # fmt: skip
        """A change that is merged, reviewed and read; its merge commit. `carries`: commits that it brings along."""
        name = f"{repository.rpartition('/')[2]}-{number}"
        head, merge = head or f"h-{name}", given.pop("merge", f"m-{name}")
        self.commit(merge, repository, base, touches=touches, parents=carries)
        for person in approvers:
            self.tell(ReviewTold(repository, number, person, "approved", head, f"r-{name}-{person}"), day - 0.01)
        told_of = ChangeTold(
            repository, number, author, head, base, branch or f"topic-{number}", merge, at(day), **given
        )  # fmt: skip
        self.tell(told_of, day)
        self.diffs[repository, number] = DiffTold(
            repository, number, merge, patch or f"p-{name}", simhash, substance, inverse
        )
        return merge

    def deploy(
        self, name: str, day: float, *, sha: str = "", repository: str = PAY, environment: str = "production",
        state: str = "success", actor: str = "deploy-bot", source: str = "github", trust: str = "signed",
        imported: bool = False, **given: Any,
    ) -> str:  # fmt: skip
        """Of a commit; of what is at the tip of main, unless told otherwise. The id that it gets when folded."""
        sha = sha or self.tips.get((repository, "main"), "")
        fact = DeploymentTold(repository, name, environment, state, sha=sha, actor=actor, **given)
        self.tell(fact, day, source, trust=trust, imported=imported)
        return f"{source}/{repository or fact.service}/{name}"

    def state(self, name: str, day: float, state: str, *, repository: str = PAY, environment: str = "production",
              source: str = "github") -> None:  # fmt: skip
        """Another one of a deployment."""
        self.tell(DeploymentTold(repository, name, environment, state), day, source)

    def incident(self, day: float, kind: str = "incident", *, service: str = "pay", source: str = "pager",
                 **given: Any) -> None:  # fmt: skip
        self.tell(IncidentTold(f"i{day}", kind, service=service, **given), day, source)

    def history(self, lines: Iterable[Told] | None = None, definition: Definition = CURRENT) -> History:
        """Folded, with what the mirror answers."""
        return fold(self.answered(lines, definition), self.services, self.aliases, definition)

    def answered(self, lines: Iterable[Told] | None = None, definition: Definition = CURRENT) -> list[Told]:
        """The lines, with what the mirror answers."""
        known = list(self.lines if lines is None else lines)
        known += [self._mirror(each, str(number)) for number, each in enumerate(self.diffs.values()) if self.mirrored]
        asked = 0
        for _ in range(ROUNDS_MAX):
            history = fold(known, self.services, self.aliases, definition)
            questions = wanted(history, self.services, {repository for repository, _ in self.commits})
            if not (self.mirrored and questions.commits):
                return known
            for each in questions.commits:
                asked += 1
                brought, older = self._compared(each.service, each.repository, each.sha, each.before)
                fact = ShippedTold(each.service, each.repository, each.sha, each.before, brought, older)
                known.append(self._mirror(fact, f"s{asked}"))
        raise AssertionError("the mirror is asked without end")

    def verdicts(self, day: float, lines: Iterable[Told] | None = None, definition: Definition = CURRENT) -> Verdicts:
        return judge(self.history(lines, definition), self.services, at(day), definition)

    def _mirror(self, fact: Fact, name: str) -> Told:
        return Told(f"mirror:{name}:0", START, "mirror", name, kind_of(fact), START, "signed", facts=told(fact))

    def _compared(self, service: str, repository: str, sha: str, before: str) -> tuple[tuple[str, ...], bool]:
        mine, theirs = self._ancestors(repository, sha), self._ancestors(repository, before)
        touching = [each for each in mine - theirs if self._touches(repository, each, service)]
        return tuple(sorted(touching)), sha in theirs and sha != before

    def _touches(self, repository: str, sha: str, service: str) -> bool:
        services = self.commits[repository, sha].services
        return services is None or service in services

    def _ancestors(self, repository: str, sha: str) -> set[str]:
        found: set[str] = set()
        left = [sha]
        while left:
            each = self.commits.get((repository, left.pop()))
            if each and each.sha not in found:
                found.add(each.sha)
                left.extend(each.parents)
        return found


def services_of(*services: Service, **given: Any) -> Services:
    return Services(services={each.name: each for each in services}, sources=SOURCES, **given)


def verdict(verdicts: Verdicts, name: str) -> DeploymentVerdict:
    """Of the deployment whose id ends so."""
    return next(each for each in verdicts.deployments if each.deployment.endswith(f"/{name}"))


def ruling(verdicts: Verdicts, name: str, rule: str) -> tuple[bool | None, str]:
    found = next(each for each in verdict(verdicts, name).rulings if each.rule == rule)
    return found.holds, found.says


def landing(verdicts: Verdicts, change: str) -> Landing:
    """Of the group of a change: 'pay#1'."""
    group = next(each.group for name, each in verdicts.changes.items() if name.endswith(f"/{change}"))
    return next(each for each in verdicts.landings if each.group == group)


def total(verdicts: Verdicts) -> float:
    """Credits of all."""
    return float(sum(each.credit for each in verdicts.landings))


def score(verdicts: Verdicts, baseline: float = 1.0) -> Credited:
    """Of all weeks and services that earned, against one baseline."""
    found = cells(verdicts.landings)
    return credited(found, dict.fromkeys(found, baseline), found)
