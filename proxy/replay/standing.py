"""Standing: what the rules say about calls of one kind, kept as long as it is the same for all of them.

A verdict depends on a call's dimensions, on the windows that its moment falls in, and, under some model rules, on its
numbers. A call whose numbers are below all that such rules ask about is *plain*: the verdict of its kind is its own.
"""

from dataclasses import fields
from operator import attrgetter
from typing import Final

from proxy.gateway.rules import Rules
from proxy.model.call import Call, Hold
from proxy.policy.charge import Charge
from proxy.policy.evaluate import charges, evaluated, throttles
from proxy.policy.match import TAG, facts_of
from proxy.policy.rules import DIMENSIONS, ModelRule
from proxy.policy.verdict import Asked, Verdict, Weight
from proxy.policy.windows import NEVER_US
from proxy.replay.accounts import Course, Courses, Sums
from proxy.replay.facts import Kind, Row
from proxy.replay.names import known_as

_NOTHING: Final = Hold(0, 0, 0)
_FIELDS: Final = attrgetter(*[field.name for field in fields(Call)][2:])
"""All but a call's id and moment."""


class Standing:
    """Of one kind."""

    __slots__ = (
        *("_courses", "_fields", "_loud", "_rules", "_steady", "_thresholds", "_unmoved"),
        *("accounts", "asking", "every_throttle", "facts", "kind", "matches", "project", "redundancy"),
        *("simulated", "throttles", "until_us", "verdict"),
    )

    def __init__(self, rules: Rules, kind: Kind) -> None:
        self.kind: Final = kind
        self.project: Final = kind.dimensions["project"]
        self._rules: Final = rules
        self._fields: Final = _FIELDS(_like(kind))
        call = self.call("", 0)
        self.facts: Final = facts_of(call)
        self.matches: Final = rules.matcher.matching(self.facts)
        self.redundancy: Final = self.matches.redundancy if kind.redundant else ()
        """Rules that what was found of its calls is held against."""
        models = self.matches.models
        self._steady = not (kind.refused or kind.moved) and (kind.free or not _moves(models, call.model))
        self._thresholds = None if kind.free else _thresholds(models)
        self.verdict: Final = self._worked_out(call)
        """What the rules on models say about a plain call; its weight is no call's."""
        self.every_throttle: Final = throttles(self.matches, self.facts)
        self.throttles = self.every_throttle
        """Those that may be in the way of some call."""
        self._unmoved = self._steady and not (
            kind.job or self.verdict.refusal or self.verdict.shadow or self.redundancy
        )
        found = charges(rules.matcher, self.matches, self.facts, 0)
        self.accounts: Final = [(charge.budget, charge.account.instance) for charge in found]
        """Budgets that its calls count in, each with its instance."""
        self._courses: list[Course] = []
        self._loud: list[Course] = []
        self.asking: list[Sums] = []
        """The accounts, as of the last `renew`, that may be in the way of some call."""
        self.simulated = True
        """False, as of the last `renew`: of a plain call there is nothing to be decided."""
        self.until_us = 0
        """Until when what the last `renew` found is the same at any moment."""

    def leave_out(self, courses: Courses) -> None:
        """Accounts and limits that are quiet are asked no more."""
        quiet = courses.quiet
        self.throttles = tuple(each for each in self.every_throttle if not quiet.limit(each))
        self._courses = [courses.of(*each) for each in self.accounts]
        self._loud = [course for course in self._courses if not quiet.always((course.budget.name, course.instance))]
        self.until_us = 0

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

    def counting(self, at_us: int) -> list[Sums]:
        """The accounts of a call of that moment. Ask in order of time, or after `leave_out`."""
        return [course.at(at_us) for course in self._courses]

    def charges(self, at_us: int) -> list[Charge]:
        """As `counting`."""
        return [course.at(at_us).charge for course in self._courses]

    def renew(self, at_us: int) -> None:
        """Another window may have begun."""
        found = [course.at(at_us) for course in self._loud]
        self.asking = [sums for sums in found if sums.asks]
        self.simulated = not self._unmoved or bool(self.asking or self.throttles)
        self.until_us = min([course.ends_us for course in self._loud], default=NEVER_US)

    def _worked_out(self, call: Call) -> Verdict:
        kind = self.kind
        weightless = Weight(_NOTHING, priced=not kind.unpriced)
        asked = Asked(
            lambda _model, _limit: weightless,
            output_tokens_max=0,
            known_as=known_as(self._rules.policies, call),
            free=kind.free,
            output_limited=not kind.unlimitable,
        )
        return evaluated(self._rules.policies, self.matches, call, asked)


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
