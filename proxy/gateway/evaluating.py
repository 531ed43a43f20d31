"""Evaluating: which calls are registered evaluations, and how much of what they repeat was let pass for that.

An evaluation may repeat itself for each new commit because an admin named its callers, and up to the cap: what is above
it is judged as anybody's.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from proxy.gateway.headers import text
from proxy.model.call import Call
from proxy.model.identity import OwnerKind
from proxy.policy.redundancy_rules import Evaluation

STEPS: Final = 64
"""Parts of a window that are counted apart: one leaves when it is wholly outside."""


class Passed:
    """What one evaluation let pass within its window."""

    def __init__(self, window_s: int) -> None:
        self._window_us = window_s * 1_000_000
        self._steps: deque[tuple[int, int, int]] = deque()

    def add(self, at_us: int, cost_pico: int) -> None:
        step = at_us // (self._window_us // STEPS or 1)
        if self._steps and self._steps[-1][0] >= step:
            number, calls, cost = self._steps.pop()
            self._steps.append((number, calls + 1, cost + cost_pico))
        else:
            self._steps.append((step, 1, cost_pico))

    def total(self, now_us: int) -> tuple[int, int]:
        """Calls, and their cost in pico-dollars."""
        length = self._window_us // STEPS or 1
        while self._steps and (self._steps[0][0] + 1) * length <= now_us - self._window_us:
            self._steps.popleft()
        return sum(calls for _, calls, _ in self._steps), sum(cost for _, _, cost in self._steps)


class Evaluating:
    """Of one gateway. Bounded by what the policy files register; a restart begins anew."""

    def __init__(self) -> None:
        self._passed: dict[tuple[str, int], Passed] = {}

    def of(
        self, evaluations: Sequence[Evaluation], call: Call, headers: Mapping[bytes, bytes]
    ) -> tuple[Evaluation, str] | None:
        """The registered evaluation that the call is of, and the commit it names; None: it is a call as any other."""
        for each in evaluations:
            if not _named(each, call) or not _says(each, headers):
                continue
            commit = text(headers, each.commit_header.encode())
            if commit and self._below_cap(each, call.opened_us):
                return each, commit
        return None

    def passed(self, evaluation: Evaluation, at_us: int, cost_pico: int) -> None:
        """A repeat was let pass because it is one."""
        key = (evaluation.name, evaluation.window_s)
        self._passed.setdefault(key, Passed(evaluation.window_s)).add(at_us, cost_pico)

    def _below_cap(self, evaluation: Evaluation, now_us: int) -> bool:
        passed = self._passed.get((evaluation.name, evaluation.window_s))
        if passed is None:
            return True
        calls, cost = passed.total(now_us)
        below_calls = evaluation.calls_max is None or calls < evaluation.calls_max
        return below_calls and (evaluation.cost_max_pico is None or cost < evaluation.cost_max_pico)


def _named(evaluation: Evaluation, call: Call) -> bool:
    """A person is none, whatever their name: only a registered service account, or a key."""
    service = call.owner_kind == OwnerKind.SERVICE and call.owner in evaluation.service_accounts
    if not (service or call.key_id in evaluation.keys):
        return False
    return not evaluation.projects or any(fnmatchcase(call.project, glob) for glob in evaluation.projects)


def _says(evaluation: Evaluation, headers: Mapping[bytes, bytes]) -> bool:
    if not evaluation.purpose_header:
        return True
    return text(headers, evaluation.purpose_header.encode()) == evaluation.purpose
