"""Standing: what the rules say about calls of one kind, kept as long as it is the same for all of them.

A verdict depends on a call's dimensions, on the windows that its moment falls in, and, under some model rules, on its
numbers. A call whose numbers are below all that such rules ask about is *plain*: the verdict of its kind is its own.
"""

from dataclasses import fields
from operator import attrgetter
from typing import Final

from proxy.gateway.rules import Rules
from proxy.model.call import Call, Hold
from proxy.policy.evaluate import evaluate
from proxy.policy.match import TAG, facts_of
from proxy.policy.rules import DIMENSIONS, ModelRule
from proxy.policy.verdict import Asked, Verdict, Weight
from proxy.policy.windows import NEVER_US
from proxy.replay.facts import Kind, Row
from proxy.replay.names import known_as

_NOTHING: Final = Hold(0, 0, 0)
_FIELDS: Final = attrgetter(*[field.name for field in fields(Call)][2:])
"""All but a call's id and moment."""


class Standing:
    """Of one kind."""

    __slots__ = ("_charged", "_fields", "_rules", "_steady", "_thresholds", "_until_us", "_verdict", "kind", "project")

    def __init__(self, rules: Rules, kind: Kind) -> None:
        self.kind: Final = kind
        self.project: Final = kind.dimensions["project"]
        self._rules: Final = rules
        self._fields: Final = _FIELDS(_like(kind))
        self._until_us = 0
        self._verdict = Verdict(Weight(_NOTHING, priced=True))
        call = self.call("", 0)
        models = rules.matcher.matching(facts_of(call)).models
        self._steady = not (kind.refused or kind.moved) and (kind.free or not _moves(models, call.model))
        self._thresholds = None if kind.free else _thresholds(models)

    def call(self, call_id: str, opened_us: int) -> Call:
        # By place and not by replace(), which costs three times as much: there are millions.
        return Call(call_id, opened_us, *self._fields)

    def plain(self, row: Row) -> bool:
        """True: `verdict` is that of this call, and it costs what it cost."""
        if not self._steady:
            return False
        if self._thresholds is None:
            return True
        output_max, cost_max, context_max = self._thresholds
        return (
            row[5] <= cost_max
            and (row[6] <= context_max or row[10] <= context_max)
            and (0 <= row[9] <= output_max or output_max == NEVER_US or self.kind.unlimitable)
        )

    def verdict(self, opened_us: int) -> Verdict:
        """What the rules say about a plain call of that moment; its weight is no call's."""
        if opened_us >= self._until_us:
            self._renew(opened_us)
        return self._verdict

    def _renew(self, opened_us: int) -> None:
        rules, kind, call = self._rules, self.kind, self.call("", opened_us)
        weightless = Weight(_NOTHING, priced=not kind.unpriced)
        asked = Asked(
            lambda _model, _limit: weightless,
            output_tokens_max=0,
            known_as=known_as(rules.policies, call),
            free=kind.free,
            output_limited=not kind.unlimitable,
        )
        self._verdict = evaluate(rules.policies, rules.matcher, call, asked)
        bounds = rules.matcher.windows.bounds
        ends = [bounds(charge.budget.window, opened_us)[1] for charge in self._verdict.charges]
        self._until_us = min(ends, default=NEVER_US)


def _moves(rules: tuple[ModelRule, ...], model: str) -> bool:
    """Whether some rule, in shadow mode too, sends calls for this model elsewhere."""
    return any(rule.downgrade_to not in ("", model) for rule in rules)


def _thresholds(rules: tuple[ModelRule, ...]) -> tuple[int, int, int] | None:
    """The least that any rule, in shadow mode too, says of output limit, cost and context; None: no rule does."""
    found = (
        min((rule.output_tokens_max for rule in rules if rule.output_tokens_max is not None), default=NEVER_US),
        min((rule.cost_max_pico for rule in rules if rule.cost_max_pico is not None), default=NEVER_US),
        min((rule.context_tokens_max for rule in rules if rule.context_tokens_max is not None), default=NEVER_US),
    )
    return None if found == (NEVER_US, NEVER_US, NEVER_US) else found


def _like(kind: Kind) -> Call:
    """A call of this kind; what no rule asks about stays empty."""
    said = {name: kind.dimensions.get(name, "") for name in DIMENSIONS}
    tags = {name.removeprefix(TAG): value for name, value in kind.dimensions.items() if name.startswith(TAG) and value}
    return Call(
        id="",
        opened_us=0,
        dialect=said["dialect"],
        operation=said["operation"],
        provider=said["provider"],
        account="",
        model=said["model"],
        stream=kind.stream,
        key_id=said["key"],
        owner=said["user"],
        owner_kind="",
        team=said["team"],
        project=said["project"],
        cost_center=said["cost_center"],
        purpose=said["purpose"],
        policy="",
        client=said["client"],
        tags=tags,
    )
