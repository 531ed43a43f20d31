"""Repeats that honest callers make on purpose, each up to a limit, and what they cost by project.

A caller can bring every one of these about (hang up near the end, provoke a failure, raise the temperature, claim an
evaluation, poll), so none is without limit, and all money that passes under one is counted.
"""

from __future__ import annotations

from .bounds import Recent
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
MODELS_MAX = 4
_ROWS_MAX = 2_000


def exemption(sight: Sight, use: Use, raw: int) -> ExemptionKind | None:
    """Why this repeat of `use` is no waste, if so. `raw`: hash of the call as sent; a disguised one is no retry or
    sample."""
    if sight.evaluation is not None and _evaluates(sight.evaluation.commit, use):
        return "evaluation"
    if raw != use.raw:
        return None
    if not use.succeeded and not use.open:
        return _retry(use)
    return "samples" if _samples(sight, use) else None


def _retry(use: Use) -> ExemptionKind | None:
    if use.failed_paid:
        return "hang_up" if use.failed_paid <= HANG_UPS_MAX else None
    return "retry" if use.failed_free <= FREE_FAILURES_MAX else None


def note_batch(sight: Sight, use: Use) -> None:
    together = sight.at_us - use.last_at_us <= SAMPLES_PAUSE_US
    use.batch = use.batch + 1 if together else 1


def note_evaluation(sight: Sight, use: Use) -> None:
    if sight.evaluation is None:
        return
    commits = use.commits = use.commits or {}
    if sight.evaluation.commit in commits or len(commits) < EVALUATION_COMMITS_MAX:
        commits[sight.evaluation.commit] = commits.get(sight.evaluation.commit, 0) + 1


def _evaluates(commit: str, use: Use) -> bool:
    commits = use.commits or {}
    if commit not in commits and len(commits) >= EVALUATION_COMMITS_MAX:
        return False
    return commits.get(commit, 0) < EVALUATION_TRIALS_MAX


def _samples(sight: Sight, use: Use) -> bool:
    """Several answers to one prompt at once, with a temperature that makes them differ."""
    batch_max = SAMPLES_UNSET_MAX if sight.temperature is None else SAMPLES_MAX
    together = sight.at_us - use.last_at_us <= SAMPLES_PAUSE_US
    return together and sight.temperature != 0 and use.batch < batch_max


class ExemptionLedger:
    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: Recent[tuple[str, ExemptionKind], list[int]] = Recent(_ROWS_MAX)

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
