"""Match: which rules are for a call.

Each dimension keeps, for every value, the set of rules that this value lets through, as bits of one number; the rules
of a call are what all its values let through. So a call costs a look-up a dimension, and then what its own rules cost.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import translate
from typing import Final, NamedTuple, TypeVar

from proxy.model.call import Call
from proxy.policy.charge import Account, Charge
from proxy.policy.globs import is_plain
from proxy.policy.model_rules import ModelRules
from proxy.policy.redundancy_rules import RedundancyRule
from proxy.policy.rules import Budget, ModelRule, RateLimit, Rule, RuleSet
from proxy.policy.verdict import Throttle
from proxy.policy.windows import NEVER_US, Windows

K = TypeVar("K")
V = TypeVar("V")

TAG: Final = "tags."
VALUES_MAX: Final = 4096
"""Values of one dimension, and combinations of values, that are kept once worked out: callers may make up tags."""


def facts_of(call: Call) -> dict[str, str]:
    """What rules see of a call: each of rules.DIMENSIONS, and 'tags.NAME' of each tag."""
    facts = {
        "user": call.owner,
        "team": call.team,
        "project": call.project,
        "key": call.key_id,
        "provider": call.provider,
        "model": call.model,
        "dialect": call.dialect,
        "cost_center": call.cost_center,
        "purpose": str(call.purpose),
        "operation": call.operation,
        "client": call.client,
    }
    for name, value in call.tags.items():
        facts[TAG + name] = value
    return facts


def instance(per: tuple[str, ...], facts: Mapping[str, str]) -> tuple[str, ...]:
    """Values of a rule's `per`; what a call doesn't have is ''."""
    return tuple([facts.get(dimension, "") for dimension in per])


@dataclass(frozen=True, slots=True)
class Matches:
    """The rules that are for one call, each kind in the order of its file."""

    budgets: tuple[Budget, ...] = ()
    limits: tuple[RateLimit, ...] = ()
    models: tuple[ModelRule, ...] = ()
    redundancy: tuple[RedundancyRule, ...] = ()
    names: tuple[str, ...] = field(init=False, compare=False, repr=False)
    enforced: ModelRules = field(init=False, compare=False, repr=False)
    """Of `models`."""
    tried: tuple[tuple[str, ModelRules], ...] = field(init=False, compare=False, repr=False)
    """Of each one in shadow mode its name, and what is enforced with it added."""
    per: tuple[str, ...] = field(init=False, compare=False, repr=False)
    """Dimensions by which budgets and limits have instances."""
    bits: int = field(default=0, compare=False, repr=False)
    """What its matcher has it under."""
    counted: dict[tuple[int, tuple[str, ...]], "Counted"] = field(default_factory=dict, compare=False, repr=False)
    """By `bits` and the values of `per`, what was worked out last: of all matches of a matcher, so that they have one
    bound together."""

    def __post_init__(self) -> None:
        kinds = (self.budgets, self.limits, self.models, self.redundancy)
        enforced = [rule for rule in self.models if rule.mode == "enforce"]
        tried = [(rule.name, ModelRules([*enforced, rule])) for rule in self.models if rule.mode == "shadow"]
        object.__setattr__(self, "names", tuple([rule.name for rules in kinds for rule in rules]))
        object.__setattr__(self, "enforced", ModelRules(enforced))
        object.__setattr__(self, "tried", tuple(tried))
        instances = [rule.per for rule in self.budgets] + [rule.per for rule in self.limits]
        object.__setattr__(self, "per", tuple(dict.fromkeys(name for per in instances for name in per)))

    def counting(self, facts: Mapping[str, str], at_us: int, windows: Windows) -> "Counted":
        """Where a call with these facts counts at that moment."""
        key = (self.bits, instance(self.per, facts))
        known = self.counted.get(key)
        if known is None or not known.since_us <= at_us < known.until_us:
            known = _keep(self.counted, key, self._worked_out(facts, at_us, windows))
        return known

    def _worked_out(self, facts: Mapping[str, str], at_us: int, windows: Windows) -> "Counted":
        bounds = [windows.bounds(budget.window, at_us) for budget in self.budgets]
        found = zip(self.budgets, bounds, strict=True)
        return Counted(
            since_us=max([start for start, _ in bounds], default=0),
            until_us=min([end for _, end in bounds], default=NEVER_US),
            charges=tuple(
                [Charge(Account(each.name, instance(each.per, facts), start), each) for each, (start, _) in found]
            ),
            throttles=tuple([Throttle(limit, instance(limit.per, facts)) for limit in self.limits]),
        )


class Counted(NamedTuple):
    """The accounts and rate limits that a call counts in, the same from one moment until another."""

    since_us: int
    until_us: int
    charges: tuple[Charge, ...]
    throttles: tuple[Throttle, ...]


class Matcher:
    """Of one rule set. What a call lacks counts as '', which only `*` and the like fit: leaving a tag out is no way out
    of a rule for all."""

    def __init__(self, rules: RuleSet) -> None:
        every: tuple[Rule, ...] = (*rules.budgets, *rules.limits, *rules.models, *rules.redundancy)
        self._rules = rules
        self._all = (1 << len(every)) - 1
        named = dict.fromkeys(dimension for rule in every for dimension in rule.scope.conditions)
        self._dimensions = [(name, _Dimension(name, every)) for name in named]
        self._known: dict[int, Matches] = {}
        self._counted: dict[tuple[int, tuple[str, ...]], Counted] = {}
        self.windows = Windows()
        """Of its budgets."""

    def matching(self, facts: Mapping[str, str]) -> Matches:
        fitting = self._all
        for name, dimension in self._dimensions:
            fitting &= dimension.fitting(facts.get(name, ""))
        known = self._known.get(fitting)
        if known is None:
            known = _keep(self._known, fitting, self._chosen(fitting))
        return known

    def _chosen(self, fitting: int) -> Matches:
        """The rules by their bits."""
        rules = self._rules
        limits_at = len(rules.budgets)
        models_at = limits_at + len(rules.limits)
        redundancy_at = models_at + len(rules.models)
        places = list(_bits(fitting))
        return Matches(
            tuple(rules.budgets[place] for place in places if place < limits_at),
            tuple(rules.limits[place - limits_at] for place in places if limits_at <= place < models_at),
            tuple(rules.models[place - models_at] for place in places if models_at <= place < redundancy_at),
            tuple(rules.redundancy[place - redundancy_at] for place in places if place >= redundancy_at),
            bits=fitting,
            counted=self._counted,
        )


class _Dimension:
    """Which rules each value of one dimension lets through."""

    def __init__(self, name: str, rules: Iterable[Rule]) -> None:
        self._open = 0
        self._plain: dict[str, int] = {}
        globs: dict[str, int] = {}
        for place, rule in enumerate(rules):
            conditions = rule.scope.conditions.get(name)
            if conditions is None:
                self._open |= 1 << place
            for glob in conditions or ():
                kept = self._plain if is_plain(glob) else globs
                kept[glob] = kept.get(glob, 0) | 1 << place
        self._globs = [(re.compile(translate(glob)).match, bits) for glob, bits in globs.items()]
        self._known: dict[str, int] = {}

    def fitting(self, value: str) -> int:
        known = self._known.get(value)
        return _keep(self._known, value, self._worked_out(value)) if known is None else known

    def _worked_out(self, value: str) -> int:
        found = self._open | self._plain.get(value, 0)
        for fits, bits in self._globs:
            if bits & ~found and fits(value):
                found |= bits
        return found


def _keep(known: dict[K, V], key: K, value: V) -> V:
    if len(known) >= VALUES_MAX:
        known.clear()
    known[key] = value
    return value


def _bits(number: int) -> Iterator[int]:
    """Places of the bits that are set, ascending."""
    while number:
        lowest = number & -number
        yield lowest.bit_length() - 1
        number ^= lowest
