"""Telling wildly: hypothesis strategies for whole histories of an organisation, with all that can go wrong in them.

A plan is a list of steps; `played(plan)` makes the organisation that went through them. Two services, 'pay' and 'web',
live in one repository; changes touch either or both.
"""

from dataclasses import dataclass, field
from typing import Final

from hypothesis import strategies as st

from proxy.model.service import Services
from tests.fakes.telling import PAY, Organisation, a_service, services_of

SERVICES: Final = ("pay", "web")
END: Final = 400.0
"""Days after which everything has soaked."""
HASH: Final = 0xFACE_FEED_CAFE_BEEF


@dataclass(frozen=True)
class Changed:
    after: float
    author: str = "alice"
    approvers: tuple[str, ...] = ("bob",)
    touches: tuple[str, ...] = SERVICES
    items: tuple[str, ...] = ()
    patch: str = ""
    simhash: str = ""
    substance: str = "substantive"
    reverts: int = 0
    """So many changes before it; 0: takes nothing back."""
    bot: bool = False


@dataclass(frozen=True)
class Deployed:
    after: float
    service: str = "pay"
    back: int = 0
    """So many changes behind the tip."""
    environment: str = "production"
    actor: str = "deploy-bot"
    state: str = "success"
    source: str = "github"
    trust: str = "signed"


@dataclass(frozen=True)
class Troubled:
    after: float
    service: str = "pay"
    kind: str = "incident"
    """'failure' and 'inactive' are of the last deployment; 'rolled_back' of whatever runs."""


Step = Changed | Deployed | Troubled
_pauses = st.sampled_from([0.0, 0.002, 0.1, 1.0, 2.5, 8.0])
_services = st.sampled_from(SERVICES)

honest_changes = st.builds(
    Changed,
    _pauses,
    author=st.sampled_from(["alice", "carol"]),
    touches=st.sampled_from([SERVICES, ("pay",), ("web",)]),
)
changes = st.builds(
    Changed,
    _pauses,
    author=st.sampled_from(["alice", "alice-work", "carol", "stranger"]),
    approvers=st.sampled_from([("bob",), ("alice",), (), ("bob", "carol"), ("nobody",)]),
    touches=st.sampled_from([SERVICES, ("pay",), ("web",), ()]),
    items=st.sampled_from([(), (), ("A",), ("B",), ("A", "B")]),
    patch=st.sampled_from(["", "", "p", "q"]),
    simhash=st.sampled_from(["", "", f"{HASH:x}", f"{HASH ^ 5:x}"]),
    substance=st.sampled_from(["substantive", "substantive", "substantive", "config", "comments", ""]),
    reverts=st.sampled_from([0, 0, 0, 1, 2]),
    bot=st.sampled_from([False, False, False, True]),
)
deployments = st.builds(Deployed, _pauses, _services, back=st.sampled_from([0, 0, 0, 1, 3]))
trouble = st.builds(
    Troubled, _pauses, _services, st.sampled_from(["incident", "degraded", "failure", "inactive", "rolled_back"])
)
nothings = st.one_of(
    st.builds(Deployed, _pauses, _services, environment=st.sampled_from(["staging", "preview"])),
    st.builds(Deployed, _pauses, _services, state=st.sampled_from(["failure", "pending"])),
    st.builds(Deployed, _pauses, _services, back=st.sampled_from([0, 1]), actor=st.just("mallory")),
    st.builds(Deployed, _pauses, _services, source=st.just("ci"), trust=st.just("claimed")),
    st.builds(Deployed, _pauses, st.just("unheard-of")),
)
"""Deployments that can never count."""
plans = st.lists(st.one_of(changes, changes, honest_changes, deployments, deployments, trouble, nothings), max_size=22)
honest_plans = st.lists(st.one_of(honest_changes, deployments), max_size=16)


def two_services(**given: object) -> Services:
    return services_of(*(a_service(name, **given) for name in SERVICES))


@dataclass
class Player:
    org: Organisation = field(default_factory=lambda: Organisation(services=two_services()))
    day: float = 0.0
    merged: list[str] = field(default_factory=list)
    count: int = 0
    last: str = ""
    aside: bool = False

    @property
    def mark(self) -> str:
        return f"x{len(self.org.lines)}" if self.aside else str(self.count)

    def play(self, step: Step, *, aside: bool = False) -> None:
        """`aside`: beside the plan, at this moment; what follows keeps its time and names."""
        if not aside:
            self.count += 1
            self.day += step.after
        self.aside = aside
        match step:
            case Changed():
                self._change(step)
            case Deployed():
                self._deploy(step)
            case Troubled():
                self._trouble(step)

    def _change(self, step: Changed) -> None:
        number = str(len(self.merged) + 1)
        back = len(self.merged) + 1 - step.reverts
        merge = self.org.change(
            number,
            self.day,
            author=step.author,
            approvers=step.approvers,
            touches=step.touches,
            work_items=step.items,
            patch=step.patch,
            simhash=step.simhash,
            substance=step.substance,
            bot=step.bot,
            reverts=str(back) if step.reverts and back > 0 else "",
        )
        self.merged.append(merge)

    def _deploy(self, step: Deployed) -> None:
        if not self.merged:
            return
        name = f"d{self.mark}"
        self.last = self.last if self.aside else name
        sha = self.merged[max(0, len(self.merged) - 1 - step.back)]
        self.org.deploy(
            name, self.day, sha=sha, service=step.service, environment=step.environment, actor=step.actor,
            state=step.state, source=step.source, trust=step.trust,
        )  # fmt: skip

    def _trouble(self, step: Troubled) -> None:
        if step.kind == "rolled_back":
            self.org.deploy(f"r{self.mark}", self.day, sha="unheard-of", service=step.service, state="rolled_back")
        elif step.kind in ("failure", "inactive"):
            if self.last:
                self.org.state(self.last, self.day, step.kind)
        else:
            self.org.incident(self.day, step.kind, service=step.service, repository=PAY)


def played(plan: list[Step], at: int = -1, *aside: Step) -> Organisation:
    """`aside`: what happens besides, before the step at `at`."""
    player = Player()
    for number, step in enumerate(plan):
        if number == at:
            for each in aside:
                player.play(each, aside=True)
        player.play(step)
    if at >= len(plan):
        for each in aside:
            player.play(each, aside=True)
    return player.org


def length(plan: list[Step]) -> float:
    """In days."""
    return sum(step.after for step in plan)
