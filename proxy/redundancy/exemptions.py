"""Repeats that honest callers make on purpose, each up to a limit, and what they cost by project.

A caller can bring every one of these about (hang up near the end, provoke a failure, raise the temperature, claim an
evaluation, poll), so none is without limit, and all money that passes under one is counted.
"""

from __future__ import annotations

from .bounds import HOUR_US, Recent
from .findings import Exempted, ExemptionKind
from .prompts import Use
from .sight import Sight

HANG_UPS_MAX = 6
"""Paid failures of one prompt without a success, per owner; later repeats count."""
FREE_FAILURES_MAX = 200
SAMPLES_MAX = 32
"""Of one batch, where the caller set a temperature above 0; without one only SAMPLES_UNSET_MAX."""
SAMPLES_UNSET_MAX = 6
SAMPLES_PAUSE_US = 2_500_000
EVALUATION_TRIALS_MAX = 16
"""Runs of one prompt under one commit."""
EVALUATION_COMMITS_MAX = 400
LONE_COMMITS_MAX = 8
"""An evaluation asks more than one thing of a commit. One prompt that alone came with so many in a row is none."""
LONE_WITHIN_US = 6 * HOUR_US
_SUITES_MAX = 4_000
_ROWS_MAX = 2_000


def _retry(use: Use) -> ExemptionKind | None:
    if use.failed_paid:
        return "hang_up" if use.failed_paid <= HANG_UPS_MAX else None
    return "retry" if use.failed_free <= FREE_FAILURES_MAX else None


def note_batch(sight: Sight, use: Use) -> None:
    together = sight.at_us - use.last_at_us <= SAMPLES_PAUSE_US
    use.batch = use.batch + 1 if together else 1


def _samples(sight: Sight, use: Use) -> bool:
    """Several answers to one prompt at once, with a temperature that makes them differ."""
    if sight.at_us - use.last_at_us > SAMPLES_PAUSE_US:
        return False
    temperature = sight.sampled_at()
    return temperature != 0 and use.batch < (SAMPLES_UNSET_MAX if temperature is None else SAMPLES_MAX)


class ExemptionLedger:
    """Which repeats are let pass, and what they cost."""

    __slots__ = ("_rows", "_suites")

    def __init__(self) -> None:
        self._suites: Recent[tuple[str, str], int] = Recent(_SUITES_MAX)
        self._rows: Recent[tuple[str, ExemptionKind], list[int]] = Recent(_ROWS_MAX)

    def of(self, sight: Sight, use: Use, raw: int) -> ExemptionKind | None:
        """Why this repeat of `use` is no waste, if so. `raw`: hash of the call as sent; a disguised one is no retry or
        sample."""
        if sight.evaluation is not None and self._evaluates(sight, sight.evaluation.commit, use):
            return "evaluation"
        if raw != use.raw:
            return None
        if not use.succeeded and not use.open:
            return _retry(use)
        return "samples" if _samples(sight, use) else None

    def note_evaluation(self, sight: Sight, use: Use) -> None:
        if sight.evaluation is None:
            return
        commit, commits = sight.evaluation.commit, use.commits or {}
        use.commits = commits
        if commit not in commits:
            suite = (sight.owner, commit)
            self._suites.put(suite, (self._suites.get(suite) or 0) + 1)
        if commit in commits or len(commits) < EVALUATION_COMMITS_MAX:
            runs, first_us = commits.get(commit, (0, sight.at_us))
            commits[commit] = runs + 1, first_us

    def _evaluates(self, sight: Sight, commit: str, use: Use) -> bool:
        commits = use.commits or {}
        if commit in commits:
            return commits[commit][0] < EVALUATION_TRIALS_MAX
        return len(commits) < EVALUATION_COMMITS_MAX and not self._lone(sight, commits)

    def _lone(self, sight: Sight, commits: dict[str, tuple[int, int]]) -> bool:
        """Whether this prompt came alone, with ever new commits, many times within hours."""
        latest = list(commits.items())[-LONE_COMMITS_MAX:]
        if len(latest) < LONE_COMMITS_MAX or sight.at_us - latest[0][1][1] > LONE_WITHIN_US:
            return False
        return all((self._suites.get((sight.owner, commit)) or 0) <= 1 for commit, _ in latest)

    def count(self, project: str, kind: ExemptionKind, cost_pico: int) -> None:
        row = self._rows.get((project, kind))
        if row is None:
            row = [0, 0]
            self._rows.put((project, kind), row)
        row[0] += 1
        row[1] += cost_pico

    def report(self) -> list[Exempted]:
        return sorted(
            (Exempted(project, kind, calls, cost) for (project, kind), (calls, cost) in self._rows.items()),
            key=lambda row: (row.project, row.kind),
        )
