"""Deciding: what becomes of one call when it asks to be let in. As in the gateway: rules, rate limits, budgets."""

from collections.abc import Iterator, Sequence

from proxy.gateway.holding import OUTPUT_TOKENS_MIN, output_that_fits
from proxy.gateway.rules import Rules
from proxy.policy.charge import Shortfall
from proxy.policy.downgrades import by_turn
from proxy.policy.evaluate import UNPRICED, evaluated
from proxy.policy.rates import Rates
from proxy.policy.rules import Budget
from proxy.policy.verdict import Verdict, Weight
from proxy.ports.counters import Spent
from proxy.replay import books, details
from proxy.replay.counting import Counting
from proxy.replay.quiet import Quiet
from proxy.replay.redundant import Redundant
from proxy.replay.texts import Texts
from proxy.replay.turn import Did, Turn
from proxy.replay.weighing import Weighing, expected


class Deciding:
    def __init__(self, rules: Rules, rates: Rates, counting: Counting, quiet: Quiet) -> None:
        self._rules = rules
        self._rates = rates
        self._counting = counting
        self._quiet = quiet
        self._texts = Texts(rules)
        self._redundant = Redundant(rates)

    def admitted(self, turn: Turn) -> bool:
        """Whether the call is let in, changed as the rules say."""
        row, standing = turn.row, turn.standing
        plain = standing.plain(row)
        verdict = standing.verdict if plain else self._weighed(turn)
        if verdict.shadow:
            turn.did += [(f"shadow: {each.would}", each.rule, _saving(each.would, turn)) for each in verdict.shadow]
        if verdict.refusal is not None:
            self._refused(turn, "refuse", self._name(verdict.refusal.rule, verdict))
            return False
        if not plain:
            self._changed(turn)
        if standing.redundancy and (why := self._redundant.refused(turn)) is not None:
            self._refused(turn, *why)
            return False
        if standing.throttles and (why := self._throttled(turn)) is not None:
            self._refused(turn, *why)
            return False
        found = books.reserve(turn)
        if isinstance(found, Shortfall):
            found = self._made_to_fit(turn, verdict, found)
        if isinstance(found, Shortfall):
            self._rates.give_back(turn.id)
            budget = found.charge.budget
            self._refused(turn, "throttle" if budget.action == "throttle" else "refuse", budget.name)
            return False
        if found:
            turn.did += _missed(found, turn)
        self._let_in(turn)
        return True

    def _weighed(self, turn: Turn) -> Verdict:
        """The verdict on a call that rules on numbers may change, which is then changed as they say."""
        weighing = self._weighing(turn)
        rules, call = self._rules, turn.call
        verdict = evaluated(rules.policies, turn.standing.matches, call, weighing.asked())
        turn.hold, turn.expected_tokens = verdict.weight.hold, verdict.weight.expected_tokens
        turn.spent = weighing.spent(self._recorded(turn), "", None)
        turn.unruled_pico = turn.spent.cost_pico
        if verdict.refusal is None:
            self._change(turn, weighing, verdict)
        return verdict

    def _weighing(self, turn: Turn) -> Weighing:
        """Of the call as it is on record, whatever rules have made of it since."""
        kind, row = turn.standing.kind, turn.row
        hold = turn.recorded_hold
        recorded = Weight(hold, not kind.unpriced, row[8])
        weighing = Weighing(self._rules, turn.call, details.read(row[-1], kind, hold), recorded, self._texts)
        if not kind.refused:
            return weighing
        weighing, spent = expected(weighing)
        turn.cost_pico = spent.cost_pico
        return weighing

    def _change(self, turn: Turn, weighing: Weighing, verdict: Verdict) -> None:
        """By the rules on models: each with what it saves by itself."""
        instead, limit = verdict.downgrade_to, verdict.output_tokens_max
        before = self._recorded(turn)
        if instead:
            self._lighten(turn, weighing.spent(before, instead, None), "downgrade", self._sending(verdict))
        if limit is not None:
            self._lighten(turn, weighing.spent(before, instead, limit), "limit output", self._limiting(verdict))

    def _sending(self, verdict: Verdict) -> str:
        return next(
            rule.name
            for rule in self._rules.policies.rules.models
            if rule.name in verdict.matched and rule.mode == "enforce" and rule.downgrade_to == verdict.downgrade_to
        )

    def _limiting(self, verdict: Verdict) -> str:
        return next(
            rule.name
            for rule in self._rules.policies.rules.models
            if rule.name in verdict.matched
            and rule.mode == "enforce"
            and rule.output_tokens_max == verdict.output_tokens_max
        )

    def _throttled(self, turn: Turn) -> tuple[str, str] | None:
        """By which limit, and whether for now or for good; None: it has taken its share."""
        taking = self._rates.take(turn.id, turn.standing.throttles, turn.expected_tokens, turn.row[1])
        turn.did += [("shadow: throttle", each.throttle.limit.name, turn.cost_pico) for each in taking.shadow]
        excess = taking.excess
        if excess is None:
            return None
        return ("refuse" if excess.wait_us is None else "throttle"), excess.throttle.limit.name

    def _made_to_fit(self, turn: Turn, verdict: Verdict, short: Shortfall) -> Shortfall | Sequence[Budget]:
        """A call that finds no room: let in where others are about to make some, else made lighter if that helps; or
        why it can't be."""
        if short.waiting_helps:
            return self._waited(turn, short)
        if short.charge.budget.action != "downgrade" and turn.standing.kind.stream:
            return short
        weighing = self._weighing(turn)
        if weighing.details.free:
            return short
        found: Shortfall | Sequence[Budget] = short
        instead = verdict.downgrade_to
        tried = {instead or turn.call.model}
        while isinstance(found, Shortfall):
            if found.waiting_helps:
                return self._waited(turn, found)
            budget = self._downgrading(turn, found, tried)
            if budget is None:
                return self._shorter(turn, weighing, found, instead)
            tried.add(budget.downgrade_to)
            smaller = self._smaller(turn, weighing, budget)
            if smaller is not None:
                found, instead = smaller, budget.downgrade_to
        return found

    def _downgrading(self, turn: Turn, short: Shortfall, tried: set[str]) -> Budget | None:
        """The one whose model is to be tried next: of all budgets that apply, quiet ones too."""
        budget = short.charge.budget
        if budget.action != "downgrade":
            return None
        naming = by_turn(turn.standing.charges(turn.row[1]), budget.name)
        return next((each for each in naming if each.downgrade_to not in tried), None)

    def _waited(self, turn: Turn, short: Shortfall) -> Sequence[Budget]:
        turn.did.append(("wait", short.charge.budget.name, 0))
        books.take(turn)
        return ()

    def _smaller(self, turn: Turn, weighing: Weighing, budget: Budget) -> Shortfall | Sequence[Budget] | None:
        """The call, sent to the model that the budget names; None: a rule is against that."""
        rules = self._rules
        asked = weighing.asked()
        verdict = evaluated(rules.policies, turn.standing.matches, turn.call, asked, budget.downgrade_to)
        if verdict.refusal is not None:
            return None
        turn.hold = verdict.weight.hold
        self._lighten(turn, weighing.spent(self._recorded(turn), budget.downgrade_to, None), "downgrade", budget.name)
        self._changed(turn)
        return books.reserve(turn)

    def _shorter(self, turn: Turn, weighing: Weighing, short: Shortfall, instead: str) -> Shortfall | Sequence[Budget]:
        """The call, with the output limit that fits."""
        asked, hold = weighing.details, turn.hold
        if turn.standing.kind.stream or not asked.output_limited:
            return short
        bare = weighing.bare(weighing.model(instead))
        limit = output_that_fits(short, hold, bare) // max(1, asked.choices)
        if limit < OUTPUT_TOKENS_MIN:
            return short
        turn.hold = weighing.weigh(instead, limit).hold
        self._changed(turn)
        found = books.reserve(turn)
        if not isinstance(found, Shortfall):
            spent = weighing.spent(self._recorded(turn), instead, limit)
            self._lighten(turn, spent, "limit output", short.charge.budget.name)
            self._changed(turn)
        return found

    def _changed(self, turn: Turn) -> None:
        """It isn't as on record: what is quiet hears of it, for what it will hold and come to from now on."""
        standing, row = turn.standing, turn.row
        if turn.more:
            self._quiet.ended(turn.more)
        turn.more = self._quiet.changed(row, turn.hold, turn.spent, standing.charges)
        self._quiet.changed_tokens(row, turn.expected_tokens, turn.spent, standing.every_throttle)

    def _recorded(self, turn: Turn) -> Spent:
        return Spent(turn.cost_pico, turn.row[8] if turn.standing.kind.refused else turn.row[4])

    def _lighten(self, turn: Turn, spent: Spent, did: str, rule: str) -> None:
        turn.did.append((did, rule, turn.spent.cost_pico - spent.cost_pico))
        turn.spent = spent

    def _refused(self, turn: Turn, did: str, rule: str) -> None:
        # What else was done to it came to nothing: all that it would have cost is kept by what keeps it out.
        turn.did = [each for each in turn.did if each[0].startswith("shadow: ")]
        turn.did.append((did, rule, turn.unruled_pico))
        self._quiet.ended(turn.more)
        self._counting.refused(turn.row[3], turn.unruled_pico, turn.cost_pico)
        self._tell(turn)
        counting = [sums for sums in turn.sums if sums.budget.count_refused]
        if counting:
            books.count(turn.row[1], Spent(0, 0), counting)

    def _let_in(self, turn: Turn) -> None:
        if turn.standing.kind.refused:
            self._counting.passed_again(turn.cost_pico)
        self._counting.passed(turn.row[3], turn.unruled_pico)
        if turn.did:
            self._tell(turn)

    def _tell(self, turn: Turn) -> None:
        standing, at_us = turn.standing, turn.row[1]
        for did, rule, saved in turn.did:
            self._counting.did(did, rule, standing.project, at_us, turn.cost_pico, saved, standing.kind.refused)

    def _name(self, where: str, verdict: Verdict) -> str:
        """Of the rule that stands there; of several on one line, the first that applied."""
        rules = self._rules.policies.rules.models
        found = (rule.name for rule in rules if rule.where == where and rule.name in verdict.matched)
        return next(found, UNPRICED)


def _missed(missed: Sequence[Budget], turn: Turn) -> Iterator[Did]:
    """By budgets that refuse nothing."""
    for budget in missed:
        if budget.mode == "enforce":
            yield "warn", budget.name, 0
        elif budget.action != "warn":
            yield f"shadow: {budget.action}", budget.name, _saving(budget.action, turn)


def _saving(would: str, turn: Turn) -> int:
    """What it would have saved; unknown, and so 0, where it would have changed the call."""
    return turn.cost_pico if would in ("refuse", "throttle") else 0
