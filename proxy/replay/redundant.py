"""Redundant: what redundancy rules would have done about a recorded call, by the evidence that stands on its line.

The detector doesn't run again: prompts are on no record. So another threshold, window, action or scope can be tried,
down to the score from which findings are recorded (half of the detector's threshold), and of each call the strongest
finding alone. `serve` and `coalesce` change nothing here: whether an answer was still kept is on no record either.
"""

from proxy.policy.justified import Justified
from proxy.policy.rates import Rates
from proxy.policy.redundancy_outcome import Outcome, judged
from proxy.replay import details
from proxy.replay.turn import Turn


class Redundant:
    """Of one replay."""

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._justified = Justified()

    def refused(self, turn: Turn) -> tuple[str, str] | None:
        """How, and by which rule; None: the call goes on. What rules do beside that is noted."""
        rules, facts, at_us = turn.standing.redundancy, turn.standing.facts, turn.row[1]
        evidence, justified = details.found(turn.row[-1])
        outcome = judged(rules, (evidence,), justified=justified)
        if outcome.excused and not self._justified.take(outcome.excused, facts, at_us):
            outcome = judged(rules, (evidence,))
        turn.did += [(f"shadow: {each.would}", each.rule, _saving(each.would, turn)) for each in outcome.shadow]
        for fired in outcome.fired:
            if fired.rule.action in ("refuse", "justify"):
                return fired.rule.action, fired.rule.name
        throttled = self._throttled(turn, outcome)
        if throttled is None:
            turn.did += [("warn", fired.rule.name, 0) for fired in outcome.fired if fired.rule.action == "warn"]
        return throttled

    def _throttled(self, turn: Turn, outcome: Outcome) -> tuple[str, str] | None:
        throttles = outcome.throttles(turn.standing.facts)
        if not throttles:
            return None
        id_, at_us = f"{turn.id}/redundancy", turn.row[1]
        excess = self._rates.take(id_, throttles, 0, at_us).excess
        if excess is not None:
            return "throttle", excess.throttle.limit.name
        self._rates.settle(id_, 0, at_us)
        return None


def _saving(would: str, turn: Turn) -> int:
    """Of a rate it isn't known, and so 0."""
    return turn.cost_pico if would in ("refuse", "justify") else 0
