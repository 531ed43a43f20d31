"""Evaluations: whose word is taken that a call is part of an evaluation, and how much was let pass because of it."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from proxy.model.call import Call
from proxy.model.identity import OwnerKind
from proxy.policy.redundancy_rules import Evaluation

COMMIT_CHARS_MAX: Final = 100
SLICES: Final = 60
"""Of a window: what passed counts until its whole slice is older than that."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A call that says it is part of an evaluation, and may say so."""

    evaluation: Evaluation
    commit: str


class Registered:
    """The evaluations of one policy set, by who may claim them."""

    def __init__(self, evaluations: Iterable[Evaluation]) -> None:
        self._by_service: dict[str, list[Evaluation]] = {}
        self._by_key: dict[str, list[Evaluation]] = {}
        for each in evaluations:
            for name in each.service_accounts:
                self._by_service.setdefault(name, []).append(each)
            for key in each.keys:
                self._by_key.setdefault(key, []).append(each)

    def claim(self, call: Call, header: Callable[[str], str]) -> Claim | None:
        """The first one of the file that the call claims; `header`: what it says in a header, by its name (lower case),
        '' where it doesn't come."""
        service = self._by_service.get(call.owner, ()) if call.owner_kind == OwnerKind.SERVICE else ()
        for each in (*service, *self._by_key.get(call.key_id, ())):
            commit = header(each.commit_header).strip()[:COMMIT_CHARS_MAX]
            if commit and _purposed(each, header) and _within(each, call):
                return Claim(each, commit)
        return None


def _purposed(evaluation: Evaluation, header: Callable[[str], str]) -> bool:
    return not evaluation.purpose_header or header(evaluation.purpose_header).strip() == evaluation.purpose


def _within(evaluation: Evaluation, call: Call) -> bool:
    return not evaluation.projects or any(fnmatchcase(call.project, glob) for glob in evaluation.projects)


@dataclass(slots=True)
class _Slice:
    number: int
    calls: int = 0
    cost_pico: int = 0


class Passed:
    """What each evaluation was let repeat, in the state of one process: bounded by what policy files register."""

    def __init__(self) -> None:
        self._accounts: dict[tuple[str, int], deque[_Slice]] = {}

    def room(self, evaluation: Evaluation, now_us: int) -> bool:
        """False: the cap of the window is used up, so its calls are judged as any others."""
        slices = self._slices(evaluation, now_us)
        if evaluation.calls_max is not None and sum(each.calls for each in slices) >= evaluation.calls_max:
            return False
        cost_max_pico = evaluation.cost_max_pico
        return cost_max_pico is None or sum(each.cost_pico for each in slices) < cost_max_pico

    def count(self, evaluation: Evaluation, now_us: int, *, calls: int = 0, cost_pico: int = 0) -> None:
        """Repeats that were no waste because of it: the call once it is let pass, its cost once that is known."""
        slices = self._slices(evaluation, now_us)
        number = now_us // _slice_us(evaluation)
        if not slices or slices[-1].number < number:
            slices.append(_Slice(number))
        slices[-1].calls += calls
        slices[-1].cost_pico += cost_pico

    def _slices(self, evaluation: Evaluation, now_us: int) -> deque[_Slice]:
        slices = self._accounts.setdefault((evaluation.name, evaluation.window_s), deque())
        oldest = now_us // _slice_us(evaluation) - SLICES
        while slices and slices[0].number < oldest:
            slices.popleft()
        return slices


def _slice_us(evaluation: Evaluation) -> int:
    return evaluation.window_s * 1_000_000 // SLICES
