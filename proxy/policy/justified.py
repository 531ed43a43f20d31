"""Justified: how many justifications each rule has taken within a day, in the memory of one process."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

from proxy.policy.match import instance
from proxy.policy.redundancy_rules import RedundancyRule

DAY_US: Final = 86_400_000_000
INSTANCES_MAX: Final = 10_000
"""Of rules that count justifications: the one that was given none for longest leaves first."""


class Justified:
    """Bounded, and forgotten by a restart."""

    def __init__(self) -> None:
        self._taken: OrderedDict[tuple[str, tuple[str, ...]], list[int]] = OrderedDict()

    def take(self, rules: Sequence[RedundancyRule], facts: Mapping[str, str], at_us: int) -> bool:
        """Count one against each rule's day. False: one of them has as many as it takes, and none is counted."""
        keys = [(rule.name, instance(rule.per, facts)) for rule in rules]
        if any(self._left(rule, key, at_us) <= 0 for rule, key in zip(rules, keys, strict=True)):
            return False
        for key in keys:
            self._taken.setdefault(key, []).append(at_us)
            self._taken.move_to_end(key)
        while len(self._taken) > INSTANCES_MAX:
            self._taken.popitem(last=False)
        return True

    def _left(self, rule: RedundancyRule, key: tuple[str, tuple[str, ...]], at_us: int) -> int:
        taken = self._taken.get(key, [])
        taken[:] = [each for each in taken if each > at_us - DAY_US]
        return (rule.justifications_per_day or 0) - len(taken)
