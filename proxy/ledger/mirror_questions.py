"""Mirror questions: what has to be read from repositories before more of what was told can be judged."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from proxy.ledger.outcome_facts import told_lines
from proxy.model.service import NO_SERVICES, Services
from proxy.outcomes.entities import Change
from proxy.outcomes.folding import fold_ordered
from proxy.outcomes.owning import Owners, owners_of
from proxy.outcomes.quarantine import decided
from proxy.outcomes.wanting import Wanted, wanted
from proxy.ports.store import Store

_COUNT: Final = "SELECT count(*) FROM told"


@dataclass(frozen=True, slots=True)
class Asked:
    wanted: Wanted = Wanted((), ())  # noqa: RUF009  # frozen
    services: Services = NO_SERVICES
    changes: Mapping[str, Change] = field(default_factory=dict)
    owners: Owners = field(default_factory=lambda: Owners(()))


class MirrorQuestions:
    """Folds only where something was told since. Blocks."""

    def __init__(self, store: Store, services: Callable[[], Services]) -> None:
        self._store = store
        self._services = services
        self._seen: tuple[int, Services] | None = None
        self._asked = Asked()

    def ask(self) -> Asked:
        """Of all repositories that have a mirror. Raises StoreError, QueryTimeoutError."""
        ((count,),) = self._store.read(_COUNT)
        seen = (count, self._services())
        if seen != self._seen:
            self._asked = self._folded(seen[1], seen[1].mirrors)
            self._seen = seen
        return self._asked

    def _folded(self, services: Services, repositories: Collection[str]) -> Asked:
        if not repositories:
            return Asked(services=services)
        with told_lines(self._store) as lines:
            # Who is who makes no difference to what is asked.
            history = fold_ordered(decided(lines(), services), services, {})
        questions = wanted(history, services, repositories)
        if not (questions.commits or questions.diffs):
            return Asked(services=services)
        return Asked(questions, services, history.changes, owners_of(history.changes.values()))
