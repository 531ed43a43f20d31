"""Redundant: what redundancy rules do about a call before it goes upstream, and what its caller is told.

Only where a rule that is in force for the call must know, the detector is asked before the call. A refusal says what
was repeated, which rule is against it, and how to go on.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from proxy.gateway.throttling import Throttling
from proxy.gateway.watching import Seen, Watching
from proxy.model.call import Call
from proxy.model.decision import Reason, Refusal
from proxy.model.found import Found
from proxy.policy.justified import Justified
from proxy.policy.match import facts_of
from proxy.policy.redundancy_outcome import Fired, Outcome, judged
from proxy.policy.redundancy_rules import Evidence, RedundancyRule
from proxy.ports.clock import Clock

SAID: Final[Mapping[str, str]] = {
    "exact_repeat": "the same prompt was answered before",
    "disguised_repeat": "the same prompt was answered before, but for what makes no difference in it",
    "near_repeat": "much the same was asked before",
    "shared_repeat": "the same long prompt goes round between several callers",
    "in_flight_twin": "the same call is under way",
    "replayed_conversation": "a conversation that was had before is played again",
    "tool_loop": "the same call of a tool gives the same result again and again",
    "repeated_turn": "the same turn comes again and again in this conversation",
    "ping_pong": "the conversation brings nothing new",
    "trivial_context": "short questions are asked about ever new long contexts",
}


class Redundant:
    """Of one gateway. What it counts is in its memory: bounded, and forgotten by a restart."""

    def __init__(self, watching: Watching, throttling: Throttling, clock: Clock) -> None:
        self._watching = watching
        self._throttling = throttling
        self._clock = clock
        self._justified = Justified()

    def refusal(self, call: Call, what: Seen | None, rules: Sequence[RedundancyRule]) -> Refusal | None:
        """Why the call must not go on by these rules (those that are for it)."""
        if what is None or not any(rule.before_call for rule in rules):
            return None
        self._watching.look(call, what)
        found = self._watching.evidence(call)
        outcome = judged(rules, found, justified=bool(call.justification))
        if outcome.excused and not self._justified.take(outcome.excused, facts_of(call), call.opened_us):
            outcome = judged(rules, found)
        return self._refused(call, outcome)

    def turned_away(self, call: Call) -> Found:
        """The call goes no further, whatever was against it. Gives what was found about it, for its line."""
        found = self._watching.found(call)
        self._watching.refused(call)
        return found

    def _refused(self, call: Call, outcome: Outcome) -> Refusal | None:
        for fired in outcome.fired:
            if fired.rule.action == "refuse":
                self._watching.acted(call, "refused")
                return _refusal(fired, "Use the answer that you have, or ask something else.")
            if fired.rule.action == "justify":
                self._watching.acted(call, "justify")
                return _refusal(fired, self._how_to_justify(call, fired.rule))
        return self._throttled(call, outcome)

    def _throttled(self, call: Call, outcome: Outcome) -> Refusal | None:
        throttles = outcome.throttles(facts_of(call))
        # Under an id of its own: the call takes from its other rate limits later.
        id_ = f"{call.id}/redundancy"
        taken = self._throttling.take(id_, throttles, 0, self._clock)
        if taken.refusal is None:
            self._throttling.settle(id_, 0, self._clock)
            return None
        self._watching.acted(call, "throttled")
        return taken.refusal

    def _how_to_justify(self, call: Call, rule: RedundancyRule) -> str:
        if call.justification:
            return f"It takes {rule.justifications_per_day} justified repeats a day, and those are used up."
        return (
            "If you need it, send it again with the header x-outlay-justification and your reason in a few words: "
            "it goes on record."
        )


def warning(outcome: Outcome) -> str:
    """What stands in `x-outlay-warning`; '' for nothing."""
    fired = next((each for each in outcome.fired if each.rule.action == "warn"), None)
    return f"{SAID[fired.evidence.waste_class]} (rule {fired.rule.name})" if fired is not None else ""


def _refusal(fired: Fired, instead: str) -> Refusal:
    rule, evidence = fired.rule, fired.evidence
    whom = f" Ask {rule.contact} about it." if rule.contact else ""
    message = f"The rule '{rule.name}' ({rule.where}) is against it: {SAID[evidence.waste_class]}"
    return Refusal(400, Reason.POLICY, f"{message}{_age(evidence)}. {instead}{whom}", rule=rule.where)


def _age(evidence: Evidence) -> str:
    seconds = evidence.age_us // 1_000_000
    if not seconds:
        return ""
    return f", last {seconds} s ago" if seconds < 120 else f", last {seconds // 60} min ago"
