"""Attribution: which work each dollar of building went into, by the best proof that there is.

Every row of spend gets exactly one method, the first that fits, and keeps its amount to the last unit:

    A1 header        the call named repository and branch (or commit), and a change of both was merged later
    A2 session       a commit of a change names the session, which the ledger first saw from the same person
    A3 project       the project is that of exactly one service
    A4 estimated     what the same person landed next in the same repository, within 14 days; of a service account's
                     calls, what anybody did; in equal parts where that is several groups
    A5 claimed       a repository was named with a branch or commit, and nothing proves it (yet)
       unattributed  nothing was named

A1, A2 and A4 ask that the person who spent took part in the change: nobody puts cost on another one's work.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from proxy.model.identity import OwnerKind
from proxy.model.service import Services
from proxy.outcomes.apportion import evenly
from proxy.outcomes.crediting import Verdicts
from proxy.outcomes.definition import DAY_US
from proxy.outcomes.entities import History
from proxy.outcomes.naming import only_owner
from proxy.outcomes.people import Named, People, Spell
from proxy.outcomes.proofs import Landed, Merged, Proofs, proofs

WINDOW_US: Final = 14 * DAY_US
"""How long before a landing what was spent may belong to it (A4)."""
BRANCH_US: Final = 90 * DAY_US
"""How long after a call a change of its branch may be merged (A1): names of branches come again."""


class Method(StrEnum):
    HEADER = "header"
    SESSION = "session"
    PROJECT = "project"
    ESTIMATED = "estimated"
    CLAIMED = "claimed"
    UNATTRIBUTED = "unattributed"


ATTRIBUTED: Final = frozenset({Method.HEADER, Method.SESSION, Method.PROJECT, Method.ESTIMATED})


@dataclass(frozen=True, slots=True)
class Spend:
    """Calls that are alike in all that attribution looks at, summed."""

    at_us: int
    """Where the hour of their admission begins."""
    owner: str
    owner_kind: str
    team: str
    project: str
    repository: str
    branch: str
    commit: str
    session: str
    cost_pico: int
    calls: int
    work_item: str = ""
    """Proves nothing by itself: a change has it, or has not."""


@dataclass(frozen=True, slots=True)
class Share:
    """Of one row of spend, what goes to one change group."""

    spend: Spend
    method: Method
    service: str
    """'' where nothing says which one."""
    group: str
    """'' where it is known no nearer than the service."""
    cost_pico: int
    calls: int


Owner = tuple[str, str]
"""Name and kind."""
Work = tuple[str, str]
"""Service and group."""
_NOTHING: Final[Sequence[Work]] = (("", ""),)
_NEVER: Final[tuple[Sequence[int], Sequence[Merged]]] = ((), ())


def attribute(
    spends: Sequence[Spend], history: History, verdicts: Verdicts, services: Services, aliases: Named
) -> Iterator[Share]:
    """Shares of spend on building, in the order of the rows; their sum is that of the rows, exactly."""
    attribution = Attribution(proofs(history, verdicts, services), first_seen(spends), services, aliases)
    for spend in spends:
        yield from attribution.shares(spend)


def _parted(spend: Spend, method: Method, work: Sequence[Work]) -> Iterator[Share]:
    named = {f"{service} {group}": (service, group) for service, group in work}
    costs, calls = evenly(spend.cost_pico, tuple(named)), evenly(spend.calls, tuple(named))
    for name in sorted(named):
        yield Share(spend, method, *named[name], costs[name], calls[name])


class Attribution:
    """Proofs, by what is looked up in them."""

    def __init__(self, found: Proofs, seen: Mapping[str, Owner], services: Services, aliases: Named) -> None:
        """`seen`: from whom the ledger first saw each session that a commit names."""
        self._people = People(aliases)
        self._spells: dict[str, Spell] = {}
        self._of_project = only_owner({each.name: each.projects for each in services.services.values()})
        self._of_commit = {(each.repository, sha): each for each in found.merged for sha in each.commits}
        self._branches = _branches(found.merged)
        self._sessions = _sessions(found.merged)
        self._first = seen
        self._landed = _landings(found.landed)

    def shares(self, spend: Spend) -> Iterable[Share]:
        """Of one row; their sum is its amount."""
        method, work = self.work(spend)
        if len(work) == 1:
            return (Share(spend, method, *work[0], spend.cost_pico, spend.calls),)
        return _parted(spend, method, work)

    def work(self, spend: Spend) -> tuple[Method, Sequence[Work]]:
        """The method, and what the row is split over: one at least."""
        if merged := self._by_header(spend):
            return Method.HEADER, ((merged.service, merged.group),)
        if several := self._by_session(spend):
            return Method.SESSION, sorted({(each.service, each.group) for each in several})
        if service := self._of_project.get(spend.project, ""):
            return Method.PROJECT, ((service, ""),)
        if work := self._by_window(spend):
            return Method.ESTIMATED, work
        claimed = spend.repository and (spend.branch or spend.commit)
        return (Method.CLAIMED if claimed else Method.UNATTRIBUTED), _NOTHING

    def _took_part(self, spend: Spend, merged: Merged) -> bool:
        return spend.owner_kind == OwnerKind.PERSON and self._person(spend) in merged.persons

    def _person(self, spend: Spend) -> str:
        """Who that was when it was spent."""
        owner = spend.owner
        if owner not in self._spells:
            self._spells[owner] = self._people.spell(owner)
        until_us, person = self._spells[owner]
        return person if spend.at_us < until_us else self._people.person(owner, spend.at_us)

    def _by_header(self, spend: Spend) -> Merged | None:
        """By the branch first: the commit that a tool names is mostly the one that the work goes on from."""
        if not spend.repository:
            return None
        times, known = self._branches.get((spend.repository, spend.branch), _NEVER) if spend.branch else _NEVER
        for at in range(bisect_left(times, spend.at_us), len(times)):
            if times[at] - spend.at_us > BRANCH_US:
                break
            if self._took_part(spend, known[at]):
                return known[at]
        owner = self._of_commit.get((spend.repository, spend.commit)) if spend.commit else None
        later = owner is not None and owner.merged_us >= spend.at_us
        return owner if owner is not None and later and self._took_part(spend, owner) else None

    def _by_session(self, spend: Spend) -> list[Merged]:
        if not spend.session or self._first.get(spend.session) != (spend.owner, spend.owner_kind):
            return []
        return [each for each in self._sessions.get(spend.session, ()) if self._took_part(spend, each)]

    def _by_window(self, spend: Spend) -> Sequence[Work]:
        """A person's own next landing; of a service account, anybody's."""
        if not spend.repository:
            return ()
        who = self._person(spend) if spend.owner_kind == OwnerKind.PERSON else ""
        times, landed = self._landed.get((spend.repository, who), ((), ()))
        at = bisect_left(times, spend.at_us)
        if at == len(times) or times[at] - spend.at_us > WINDOW_US:
            return ()
        return landed[at]


def _landings(landed: Iterable[Landed]) -> dict[tuple[str, str], tuple[Sequence[int], Sequence[Sequence[Work]]]]:
    """By repository and person ('' for anybody): when something landed first, and what."""
    found: dict[tuple[str, str], dict[int, set[Work]]] = defaultdict(lambda: defaultdict(set))
    for each in landed:
        for person in {*each.persons, ""}:
            found[each.repository, person][each.at_us].add((each.service, each.group))
    return {
        who: (times := sorted(by_time), [tuple(sorted(by_time[each])) for each in times])
        for who, by_time in found.items()
    }


def _branches(merged: Iterable[Merged]) -> dict[tuple[str, str], tuple[list[int], list[Merged]]]:
    """Times and changes, in the order in which they were merged. A fork's branch goes by its name without the owner
    too."""
    found: dict[tuple[str, str], tuple[list[int], list[Merged]]] = defaultdict(lambda: ([], []))
    for each in merged:
        for name in {each.branch, each.branch.rpartition(":")[2]} - {""}:
            times, changes = found[each.repository, name]
            times.append(each.merged_us)
            changes.append(each)
    return dict(found)


def _sessions(merged: Iterable[Merged]) -> dict[str, list[Merged]]:
    found: dict[str, list[Merged]] = defaultdict(list)
    for each in merged:
        for session in each.sessions:
            found[session].append(each)
    return found


def first_seen(spends: Iterable[Spend]) -> dict[str, Owner]:
    """From whom the ledger first saw each session: within one hour, the first by name."""
    first: dict[str, tuple[int, str, str]] = {}
    for each in spends:
        if each.session:
            mine = each.at_us, each.owner, each.owner_kind
            known = first.get(each.session)
            if known is None or mine < known:
                first[each.session] = mine
    return {session: (owner, kind) for session, (_, owner, kind) in first.items()}
