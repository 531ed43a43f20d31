"""Definition: the numbers that say what counts. Its version stands on every figure."""

from dataclasses import dataclass
from typing import Final

HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US


@dataclass(frozen=True, slots=True)
class Definition:
    version: str = "2"
    settled_us: int = 600_000_000
    """A failure so soon after a success takes the success back (D3)."""
    corroboration_us: int = 30 * 60 * 1_000_000
    """Two sources tell of the same artefact within it (D1)."""
    clawback_us: int = 30 * DAY_US
    """A revert so long after voids what it takes back (D7)."""
    review_us: int = HOUR_US
    """An approval so long after the merge is too late: nobody looked before (Q3)."""
    sponsors_act: bool = True
    """Who answers for a bot's change has approved it too: whoever writes a name knows it, and nobody else (Q2)."""
    soak_when_told: bool = True
    """A deployment soaks from when it was told, where that is later: no source dates it past its trouble (D7)."""
    alike_us: int = 14 * DAY_US
    """Changes whose diffs are nearly the same within it are one change."""
    alike_bits: int = 3
    """So many of 64 bits may differ."""
    retried: tuple[int, int] = (1, 2)
    """The credit of a change whose first landing did not last, as a fraction of a whole one."""
    probation_us: int = 30 * DAY_US
    probation_deployments: int = 5
    baseline_weeks: int = 26
    shrinkage: int = 8
    """Weeks by which a service's own history is drawn towards its tier's."""
    baseline_min: float = 0.5
    baseline_step: float = 0.2
    """So much a baseline may move from one quarter to the next."""
    baseline_worked: bool = True
    """Weeks before what a service brings of its past first earned, and services that never earned, say nothing of what
    is normal."""


DEFINITIONS: Final = {
    "1": Definition("1", sponsors_act=False, soak_when_told=False, baseline_worked=False),
    "2": Definition(),
}
CURRENT: Final = DEFINITIONS["2"]
