"""Outcome: what redundancy rules make of what was found about a call.

By the recorded evidence alone, so that other rules can be tried on the past. Order never matters: of all rules that a
finding calls up the strictest counts, and none lifts what another does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from proxy.policy.match import instance
from proxy.policy.redundancy_rules import ACTIONS, Action, Evidence, RedundancyRule
from proxy.policy.rules import RateLimit
from proxy.policy.verdict import Shadow, Throttle


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that a finding calls up."""

    rule: RedundancyRule
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Outcome:
    fired: tuple[Fired, ...] = ()
    """Rules that enforce, the strictest first. Of `throttle`: what is above its rate is refused, the rest passes."""
    excused: tuple[RedundancyRule, ...] = ()
    """Rules that would ask for a justification and were given one. Each counts it; where one has its day's number
    already, the call is judged again as without a justification."""
    shadow: tuple[Shadow, ...] = ()
    """What each rule in shadow mode would do by itself."""

    @property
    def action(self) -> Action:
        return self.fired[0].rule.action if self.fired else "observe"

    def throttles(self, facts: Mapping[str, str]) -> tuple[Throttle, ...]:
        """The rate limits that the call counts in, for `Rates.take`; `facts` of match.facts_of."""
        return tuple([throttle(each.rule, facts) for each in self.fired if each.rule.action == "throttle"])


def judged(rules: Sequence[RedundancyRule], found: Sequence[Evidence], *, justified: bool = False) -> Outcome:
    """`rules`: those that are for the call (Matches.redundancy). `justified`: it says why it repeats itself."""
    if not rules or not found:
        return Outcome()
    fired: list[Fired] = []
    excused: list[RedundancyRule] = []
    shadow: list[Shadow] = []
    for rule in rules:
        evidence = next((each for each in found if calls_up(rule, each)), None)
        if evidence is None or rule.action == "observe":
            continue
        if rule.action == "justify" and justified:
            if rule.mode == "enforce":
                excused.append(rule)
        elif rule.mode == "shadow":
            shadow.append(Shadow(rule.name, rule.action))
        else:
            fired.append(Fired(rule, evidence))
    fired.sort(key=_strictness, reverse=True)
    return Outcome(tuple(fired), tuple(excused), tuple(shadow))


def calls_up(rule: RedundancyRule, evidence: Evidence) -> bool:
    """Whether the evidence is enough for the rule."""
    if evidence.waste_class not in rule.classes:
        return False
    if rule.window_s is not None and evidence.age_us > rule.window_s * 1_000_000:
        return False
    if rule.action in ("serve", "coalesce"):
        return True
    threshold = rule.thresholds.get(evidence.waste_class)
    return evidence.flagged if threshold is None else evidence.score >= threshold


def throttle(rule: RedundancyRule, facts: Mapping[str, str]) -> Throttle:
    """A rule's rate, as a limit of requests that only what is waste to it counts in."""
    limit = RateLimit(
        *(rule.name, rule.where, rule.scope, rule.mode, rule.contact),
        per=rule.per,
        requests_per_minute=rule.requests_per_minute,
        tokens_per_minute=None,
        concurrent=None,
    )
    return Throttle(limit, instance(rule.per, facts))


def _strictness(fired: Fired) -> int:
    return ACTIONS.index(fired.rule.action)
