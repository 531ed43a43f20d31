"""What the detector says about a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from proxy.model.fact import fact
from proxy.model.waste import WasteClass

ExemptionKind = Literal["retry", "hang_up", "samples", "evaluation", "polling", "justified"]


@fact(frozen=True, slots=True)
class Finding:
    """Evidence that a call repeats earlier work. `score` is compared with the class's threshold, so that a replay of
    other thresholds needs only this record. `repeats` are ids of earlier calls, oldest first, bounded."""

    waste_class: WasteClass
    score: float
    flagged: bool
    repeats: tuple[str, ...] = ()
    campaign: str = ""


@fact(frozen=True, slots=True)
class Judgement:
    """All that was found about a call, the strongest first; empty for nearly all calls."""

    call_id: str
    findings: tuple[Finding, ...] = ()
    exempted: ExemptionKind | None = None

    @property
    def flagged(self) -> bool:
        return any(finding.flagged for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Attribution:
    """Earlier calls that turn out to belong to a campaign, now that it is clear."""

    campaign: str
    waste_class: WasteClass
    call_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exempted:
    """Money that an exemption let pass in one project."""

    project: str
    kind: ExemptionKind
    calls: int
    cost_pico: int
