"""Case reason: why another thing becomes of an example call than its case expects, in words for who wrote it."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final

from proxy.policy.amounts import words
from proxy.policy.cases import Judgement, example_call
from proxy.policy.cases_yaml import SPENT
from proxy.policy.match import Matcher, facts_of
from proxy.policy.mistakes import shown
from proxy.policy.rules import Budget, Case, Rule
from proxy.policy.types import PolicySet

SHOWN_MAX: Final = 5
"""Rules, or words of a condition, of a sentence."""


def reason(policies: PolicySet, matcher: Matcher, case: Case, found: Judgement, at_us: int) -> str:
    """`found`: what became of it. First of all it is what the rule that should decide lacks."""
    rules = policies.rules
    every = {rule.name: rule for rule in (*rules.budgets, *rules.limits, *rules.models, *rules.redundancy)}
    facts = facts_of(example_call(policies, case.call, at_us))
    matched = matcher.matching(facts).names
    rule = every.get(case.rule)
    if rule is not None and rule.name not in matched:
        return _not_for(rule, facts)
    if rule is not None and rule.mode == "shadow":
        return f"{rule.name} ({rule.where}) is in shadow mode, which changes no call"
    if found.says:
        return found.says
    if isinstance(rule, Budget) and found.outcome == "allow":
        return _has_room(rule, case)
    return _without(matched, every)


def _not_for(rule: Rule, facts: Mapping[str, str]) -> str:
    unmet = (
        f"it is for {dimension} {', '.join(globs[:SHOWN_MAX])}, and the call's is {shown(facts.get(dimension, ''))}"
        for dimension, globs in rule.scope.conditions.items()
        if not any(fnmatchcase(facts.get(dimension, ""), glob) for glob in globs)
    )
    return f"{rule.name} ({rule.where}) is not for this call: {next(unmet)}"


def _has_room(budget: Budget, case: Case) -> str:
    spent = words(budget.unit, int(case.call.get(SPENT + budget.name, 0)))
    of = f"{spent} of {words(budget.unit, budget.limit)}"
    return f"{budget.name} ({budget.where}) has room for it: {of} spent by what the case says (`spent`)"


def _without(matched: tuple[str, ...], every: Mapping[str, Rule]) -> str:
    if not matched:
        return "no rule is for this call"
    named = [f"{name} ({every[name].where}{_shadow(every[name])})" for name in matched[:SHOWN_MAX]]
    more = f" and {len(matched) - SHOWN_MAX} more" if len(matched) > SHOWN_MAX else ""
    return f"the rules for this call are {', '.join(named)}{more}"


def _shadow(rule: Rule) -> str:
    return ", in shadow mode" if rule.mode == "shadow" else ""
