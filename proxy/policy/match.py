"""Match: which rules are for a call.

Each dimension keeps, for every value, the set of rules that this value lets through, as bits of one number; the rules
of a call are what all its values let through. So a call costs a look-up a dimension, and then what its own rules cost.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import translate
from typing import Final, TypeVar

from proxy.model.call import Call
from proxy.policy.globs import is_plain
from proxy.policy.redundancy_rules import RedundancyRule
from proxy.policy.rules import Budget, ModelRule, RateLimit, Rule, RuleSet
from proxy.policy.windows import Windows

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

    @property
    def names(self) -> tuple[str, ...]:
        kinds = (self.budgets, self.limits, self.models, self.redundancy)
        return tuple([rule.name for rules in kinds for rule in rules])


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
