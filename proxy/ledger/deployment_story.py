"""The story of one deployment, from everything that was told until now: as reports are made of it, and as of now.

Only what it depends on is read and judged: what was told of its service and of the repositories beside it, of whatever
those need to be folded right, and of the changes elsewhere that are parts of the same work. The rest makes no
difference to it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from proxy.ledger.statements import statement
from proxy.model.service import Services
from proxy.model.told import Told
from proxy.outcomes.crediting import Verdicts, judge
from proxy.outcomes.definition import CURRENT, Definition
from proxy.outcomes.entities import History
from proxy.outcomes.explaining import Story, explained, found
from proxy.outcomes.folding import fold_ordered
from proxy.outcomes.owning import owners_of
from proxy.outcomes.people import Named, People
from proxy.outcomes.quarantine import decided, quarantined
from proxy.outcomes.verdicts import Ruling
from proxy.ports.store import Row, Store

NAMED_MAX: Final = 10
ID_CHARS_MAX: Final = 500
SHA_CHARS_MIN: Final = 7
TIMEOUT_S: Final = 60.0
_UNKNOWN: Final = (
    "No deployment is called so. Give its id, the source's own id of it, or at least seven characters of its commit; "
    "it shows about a second after it was told."
)


class UnknownDeploymentError(Exception):
    """Nothing that was told is called so, or more than one thing is; the message says what to do."""


def deployment_story(
    store: Store,
    text: str,
    services: Services,
    aliases: Named,
    now_us: int,
    definition: Definition = CURRENT,
    *,
    reader: str = "",
    openly: bool = False,
) -> Story:
    """`text`: an id, the end of one, a source's own id, or a commit's beginning. `aliases`: as folding takes them.
    `reader`, `openly`: as explaining takes them.

    Raises UnknownDeploymentError, StoreError, QueryTimeoutError.
    """
    text = text[:ID_CHARS_MAX]
    nearby = _Nearby(store, services)
    named = nearby.named(text)
    places = {_place(line) for line, strictly in named if strictly}
    while places:
        places = nearby.tied(places)
        history = fold_ordered(decided(nearby.told(places), services), services, aliases, definition)
        one = _only(found(history, text))
        if not one:
            break
        verdicts = judge(history, services, now_us, definition)
        more = nearby.alike(marks(history, verdicts, one), definition)
        if more <= places:
            story = explained(history, verdicts, services, one, People(aliases), reader, openly=openly)
            if story is not None:
                return story
            break
        places |= more
    raise UnknownDeploymentError(_held_back((line for line, _ in named), text, services) or _UNKNOWN)


def _only(ids: tuple[str, ...]) -> str:
    """'' of none. Raises UnknownDeploymentError."""
    if len(ids) > 1:
        named = ", ".join(ids[:NAMED_MAX]) + (" …" if len(ids) > NAMED_MAX else "")
        raise UnknownDeploymentError(f"{len(ids)} deployments are called so: {named}. Name one of them.")
    return ids[0] if ids else ""


def _place(line: Told) -> str:
    return line.facts.get("repository", "") or line.facts.get("service", "")


def _held_back(told: Iterable[Told], text: str, services: Services) -> str:
    """Why it has no story though it was told."""
    for line in told:
        name, sha = line.facts.get("deployment", ""), line.facts.get("sha", "")
        named = text == name or text.endswith(f"/{name}") or (len(text) >= SHA_CHARS_MIN and sha.startswith(text))
        if name and named and (why := quarantined(line, services)):
            return f"It was told, and is held back: {why}. GET /v1/events/quarantine has what to add to services.yaml."
    return ""


@dataclass(frozen=True, slots=True)
class Marks:
    """By what changes elsewhere are known to be parts of the same work."""

    items: frozenset[str]
    patches: frozenset[str]
    hashes: frozenset[int]


def marks(history: History, verdicts: Verdicts, deployment: str) -> Marks:
    """Of all changes in the groups that it brought, or may have carried on from those before it that did not last."""
    owners = owners_of(history.changes.values())
    service = next((each.service for each in history.deployments if each.id == deployment), "")
    unsettled = {
        each.deployment for each in verdicts.deployments if each.service == service and _did_not_last(each.rulings)
    }
    brought = {
        name
        for each in history.deployments
        if each.id == deployment or each.id in unsettled
        for name in owners.brought(each)
    }
    groups = {verdicts.changes[name].group for name in brought if name in verdicts.changes} - {""}
    mine = [history.changes[name] for name, each in verdicts.changes.items() if each.group in groups or name in brought]
    return Marks(
        frozenset(item for each in mine for item in each.work_items),
        frozenset(each.patch_id for each in mine) - {""},
        frozenset(each.simhash for each in mine) - {0},
    )


def _did_not_last(rulings: Iterable[Ruling]) -> bool:
    return any(each.rule == "D7" and each.holds is False for each in rulings)


class _Nearby:
    """What was told up to one moment, by the place it is told of: a repository, or a service where none is named."""

    def __init__(self, store: Store, services: Services) -> None:
        self._store = store
        self._services = services
        ((self._horizon,),) = store.read("SELECT coalesce(max(load), 0) FROM positions")

    def named(self, text: str) -> list[tuple[Told, bool]]:
        """Lines of deployments that the text may mean; False: it is rather the end of a name that nothing has."""
        rows = self._read("told_named", text=text, chars_min=SHA_CHARS_MIN)
        return [(Told(*row), bool(strictly)) for *row, strictly in rows]

    def told(self, places: Iterable[str]) -> Iterator[Told]:
        return (Told(*row) for row in self._read("told_of", places=sorted(places)))

    def tied(self, places: Iterable[str]) -> set[str]:
        """These, and all that they can't be folded without."""
        known: set[str] = set()
        more = self._beside(places)
        while not more <= known:
            known |= more
            more = self._beside(_places(self._read("told_tied", places=sorted(known))))
        return known

    def alike(self, wanted: Marks, definition: Definition) -> set[str]:
        hashes = [f"{each:x}" for each in sorted(wanted.hashes)]
        if not (wanted.items or wanted.patches or hashes):
            return set()
        values = {"items": sorted(wanted.items), "patches": sorted(wanted.patches), "hashes": hashes}
        return self._beside(_places(self._read("told_alike", **values, bits=definition.alike_bits)))

    def _beside(self, places: Iterable[str]) -> set[str]:
        """These, and what services.yaml ties to them: services of a repository, repositories of a service."""
        found = set(places)
        ties = [{each.name, *each.names, *each.repositories} for each in self._services.services.values()]
        size = -1
        while len(found) > size:
            size = len(found)
            for tie in ties:
                if not tie.isdisjoint(found):
                    found |= tie
        return found

    def _read(self, name: str, **values: object) -> Iterable[Row]:
        return self._store.read(statement(name), {"horizon": self._horizon, **values}, TIMEOUT_S)


def _places(rows: Iterable[Row]) -> set[str]:
    return {name for row in rows for name in row} - {""}
