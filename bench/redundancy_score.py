"""How good a detector is on labelled traffic: in calls and money, online and in the report, by pattern."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.redundancy_data import Label, Played
from proxy.model.waste import WasteClass
from proxy.redundancy.findings import Judgement

NEVER_FLAGGED = ("retry", "stream_reconnect", "self_consistency", "ci_eval", "support_agent", "cron_template")


@dataclass(slots=True)
class Tally:
    """Money in pico-dollars. `reported`: flagged online, or attributed to a campaign later."""

    calls: int = 0
    flagged: int = 0
    cost: int = 0
    cost_flagged: int = 0
    cost_reported: int = 0
    classes: Counter[WasteClass] = field(default_factory=Counter)

    def add(self, call: Played, judgement: Judgement, reported: bool) -> None:
        cost = call.answer.cost_pico
        self.calls += 1
        self.cost += cost
        if judgement.flagged:
            self.flagged += 1
            self.cost_flagged += cost
            self.classes[judgement.findings[0].waste_class] += 1
        self.cost_reported += cost if reported else 0

    @property
    def online(self) -> float:
        return self.cost_flagged / self.cost if self.cost else 0.0

    @property
    def in_report(self) -> float:
        return self.cost_reported / self.cost if self.cost else 0.0


@dataclass(slots=True)
class Score:
    waste: dict[str, Tally]
    legit: dict[str, Tally]
    campaigns: int
    first_flags: dict[str, list[int]]
    """By strategy: of each campaign caught, which of its scored calls was the first one flagged."""

    @property
    def all_waste(self) -> Tally:
        return _sum(self.waste)

    @property
    def all_legit(self) -> Tally:
        return _sum(self.legit)

    @property
    def precision(self) -> float:
        flagged = self.all_waste.flagged + self.all_legit.flagged
        return self.all_waste.flagged / flagged if flagged else 1.0

    @property
    def recall(self) -> float:
        waste = self.all_waste
        return waste.flagged / waste.calls if waste.calls else 0.0

    @property
    def f1(self) -> float:
        return 2 * self.precision * self.recall / (self.precision + self.recall) if self.recall else 0.0

    @property
    def report_precision(self) -> float:
        """Of the money reported as waste, the share that was waste."""
        waste, legit = self.all_waste.cost_reported, self.all_legit.cost_reported
        return waste / (waste + legit) if waste + legit else 1.0

    @property
    def never_flagged(self) -> int:
        return sum(self.legit[pattern].flagged for pattern in NEVER_FLAGGED if pattern in self.legit)


def score(calls: list[Played], judged: Mapping[str, Judgement], attributed: frozenset[str]) -> Score:
    """Compare with the labels. Grace calls aren't scored."""
    tallies: dict[str, dict[str, Tally]] = {"waste": defaultdict(Tally), "legit": defaultdict(Tally)}
    waste_calls: Counter[str] = Counter()
    first: dict[str, tuple[str, int]] = {}
    for call in calls:
        label, judgement = call.label, judged[call.sight.call_id]
        if label is None or label.kind == "grace":
            continue
        reported = judgement.flagged or call.sight.call_id in attributed
        tallies[label.kind][label.pattern].add(call, judgement, reported)
        if label.kind == "waste":
            _count_campaign(label, judgement.flagged, waste_calls, first)
    first_flags: dict[str, list[int]] = defaultdict(list)
    for pattern, number in first.values():
        first_flags[pattern].append(number)
    return Score(tallies["waste"], tallies["legit"], len(waste_calls), first_flags)


def _count_campaign(label: Label, flagged: bool, calls: Counter[str], first: dict[str, tuple[str, int]]) -> None:
    campaign = label.campaign or label.pattern
    calls[campaign] += 1
    if flagged:
        first.setdefault(campaign, (label.pattern, calls[campaign]))


def _sum(tallies: Mapping[str, Tally]) -> Tally:
    total = Tally()
    for tally in tallies.values():
        total.calls += tally.calls
        total.flagged += tally.flagged
        total.cost += tally.cost
        total.cost_flagged += tally.cost_flagged
        total.cost_reported += tally.cost_reported
    return total
