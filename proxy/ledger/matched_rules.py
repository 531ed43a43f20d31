"""Matched rules: which rules were for a call, by which of its values, and what each of them did.

Told from what is on the call's record and the policies it was decided under, never from those of today.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any, Final

from proxy.model.call import Call, Hold
from proxy.model.decision import Reason
from proxy.model.entry import Outcome
from proxy.model.usage import KINDS, Usage
from proxy.policy.evaluate import UNPRICED
from proxy.policy.match import Matcher, Matches, facts_of, instance
from proxy.policy.redundancy_outcome import calls_up
from proxy.policy.redundancy_rules import Evidence, RedundancyRule
from proxy.policy.rules import Budget, ModelRule, RateLimit, Rule, RuleSet, Unit
from proxy.policy.types import PolicySet
from proxy.policy.windows import NEVER_US, bounds

KINDS_OF_RULES: Final = ("budget", "rate limit", "model rule", "redundancy rule", "price policy")
MODEL_EDIT: Final = "model"
OUTPUT_EDIT: Final = "max_tokens"
"""Named splices, as they stand on record."""
COUNTED: Final = "count"
"""What a rule did that let the call pass and took note of it; what else it may have done is worded as in Shadow."""
REDUNDANT: Final = {"warn": "warned", "serve": "served", "coalesce": "coalesced"}
"""What a redundancy rule does about a call that goes on, as it stands on record."""
_KINDS: Final = dict(zip((Budget, RateLimit, ModelRule, RedundancyRule), KINDS_OF_RULES, strict=False))
_COLUMNS: Final = {"commit": "commit_id"}


@dataclass(frozen=True, slots=True)
class Fit:
    """One condition of a rule, and the value of the call that fits it."""

    dimension: str
    value: str
    glob: str
    """'': none of the rule's globs fits what is on record, which keeps long values short."""


@dataclass(frozen=True, slots=True)
class Charged:
    """Where a budget counted the call."""

    instance: tuple[tuple[str, str], ...]
    """Dimension and value; empty: one account for all."""
    since_us: int
    until_us: int
    """[since, until) of its window; 0, 0: it has no borders (total, rolling)."""
    amount: int
    """What the call took from it, in its unit; of a call in flight, what it holds."""


@dataclass(frozen=True, slots=True)
class MatchedRule:
    name: str
    where: str
    """'file:line' in the policies that the call was decided under; '' where those are not kept."""
    kind: str
    """One of KINDS_OF_RULES; '' as above."""
    mode: str
    contact: str
    did: str
    """'refuse', 'throttle', 'downgrade', 'limit output', 'cut', 'warn', 'serve', 'coalesce', 'count'; 'shadow: …' of
    what it would have done; '' for nothing."""
    decided: bool
    """True: the call was refused by this rule."""
    fits: tuple[Fit, ...] = ()
    rule: Rule | None = None
    charged: Charged | None = None
    squeezed: tuple[Mapping[str, str], ...] = ()
    """What it did for want of room, with its numbers then: model.squeeze, in order."""


def matched_rules(policies: PolicySet | None, row: Mapping[str, Any]) -> list[MatchedRule]:
    """The rules of a row of `calls` or `open_calls`: the one that refused it first, then as they are on record.

    `policies`: those it was decided under; None where they are not kept, and then only names are known.
    """
    if policies is None:
        return [_unknown(name, row) for name in row.get("matched") or ()]
    call = call_of(row)
    facts = facts_of(call)
    rules = {rule.name: rule for rule in _every(policies.rules)}
    names = row["matched"] if "matched" in row else _matching(policies.rules, facts).names
    applied = [rules[name] for name in names if name in rules]
    found = [_matched(rule, applied, call, facts, row) for rule in applied]
    found += [_unpriced(policies, row) for name in names if name == UNPRICED and name not in rules]
    return sorted(found, key=lambda each: not each.decided)


def call_of(row: Mapping[str, Any]) -> Call:
    """The call of a row; what the row has no column for is as of a call that doesn't say."""
    columns = {field.name: _COLUMNS.get(field.name, field.name) for field in fields(Call)}
    return Call(**{name: row[column] for name, column in columns.items() if row.get(column) is not None})


def _every(rules: RuleSet) -> Iterable[Rule]:
    return (*rules.budgets, *rules.limits, *rules.models, *rules.redundancy)


def _matching(rules: RuleSet, facts: Mapping[str, str]) -> Matches:
    return Matcher(rules).matching(facts)


def _matched(
    rule: Rule, applied: list[Rule], call: Call, facts: Mapping[str, str], row: Mapping[str, Any]
) -> MatchedRule:
    return MatchedRule(
        name=rule.name,
        where=rule.where,
        kind=_kind(rule),
        mode=rule.mode,
        contact=rule.contact,
        did=_did(rule, applied, row),
        decided=_decided(rule.where, row),
        fits=tuple(_fits(rule, facts)),
        rule=rule,
        charged=_charged(rule, call, facts, row) if isinstance(rule, Budget) else None,
        squeezed=_squeezed(rule, row),
    )


def _unknown(name: str, row: Mapping[str, Any]) -> MatchedRule:
    """Of a rule whose files are not kept."""
    return MatchedRule(name, "", "", "", "", _would(name, row), decided=False)


def _unpriced(policies: PolicySet, row: Mapping[str, Any]) -> MatchedRule:
    where = policies.prices.where
    return MatchedRule(
        UNPRICED, where, KINDS_OF_RULES[-1], "enforce", "", "refuse", decided=_decided(where, row), fits=()
    )


def _kind(rule: Rule) -> str:
    return _KINDS[type(rule)]


def _fits(rule: Rule, facts: Mapping[str, str]) -> Iterator[Fit]:
    for dimension, globs in rule.scope.conditions.items():
        value = facts.get(dimension, "")
        yield Fit(dimension, value, next((glob for glob in globs if fnmatchcase(value, glob)), ""))


def _decided(where: str, row: Mapping[str, Any]) -> bool:
    return bool(where) and row.get("rule") == where


def _did(rule: Rule, applied: list[Rule], row: Mapping[str, Any]) -> str:
    if rule.mode == "shadow":
        return _would(rule.name, row)
    if _decided(rule.where, row):
        return "throttle" if row["reason"] == Reason.RATE_LIMITED else "refuse"
    if row.get("refused"):
        return COUNTED if isinstance(rule, Budget) and rule.unit is Unit.CALLS and rule.count_refused else ""
    if isinstance(rule, RedundancyRule):
        return _redundant(rule, row)
    return _acted(rule, applied, row)


def _acted(rule: Rule, applied: list[Rule], row: Mapping[str, Any]) -> str:
    """Of a rule that let the call go on."""
    if squeezed := _squeezed(rule, row):
        return squeezed[-1]["did"]
    enforced = [each for each in applied if each.mode == "enforce"]
    for did, doers in (("downgrade", _downgrading), ("limit output", _limiting), ("cut", _cutting)):
        if rule in doers(enforced, row):
            return did
    return "" if isinstance(rule, ModelRule) else COUNTED


def _squeezed(rule: Rule, row: Mapping[str, Any]) -> tuple[Mapping[str, str], ...]:
    return tuple(each for each in row.get("squeezed") or () if each["budget"] == rule.name)


def _redundant(rule: RedundancyRule, row: Mapping[str, Any]) -> str:
    """By the strongest of what was found about the call, which is what stands on record."""
    found = row.get("found") or {}
    if not found or found.get("action") != REDUNDANT.get(rule.action):
        return ""
    score, flagged, age_us = (found.get(name) or 0 for name in ("score", "flagged", "age_us"))
    return (
        rule.action if calls_up(rule, Evidence(found["class"] or rule.classes[0], score, bool(flagged), age_us)) else ""
    )


def _would(name: str, row: Mapping[str, Any]) -> str:
    """What a rule in shadow mode would have done."""
    for said in row.get("shadow") or ():
        rule, _, would = said.rpartition(": ")
        if rule == name:
            return f"shadow: {would}"
    return ""


def _downgrading(rules: list[Rule], row: Mapping[str, Any]) -> list[Rule]:
    """The rules that put another model in the place of the call's own. Where rules name several, the answer says
    which of them it was."""
    if MODEL_EDIT not in (row.get("edits") or ()):
        return []
    naming = [rule for rule in rules if isinstance(rule, Budget | ModelRule) and rule.downgrade_to]
    served = str(row["served_model"])
    sure: list[Rule] = [rule for rule in naming if served and served.startswith(rule.downgrade_to)]
    return sure or [*naming]


def _limiting(rules: list[Rule], row: Mapping[str, Any]) -> list[Rule]:
    """The rules that lowered the output limit. Of budgets only one that stands alone is known to have."""
    if OUTPUT_EDIT not in (row.get("edits") or ()):
        return []
    limits = [
        (rule.output_tokens_max, rule)
        for rule in rules
        if isinstance(rule, ModelRule) and rule.output_tokens_max is not None
    ]
    lowest = min((limit for limit, _ in limits), default=0)
    return [rule for limit, rule in limits if limit == lowest] or _alone(rules)


def _cutting(rules: list[Rule], row: Mapping[str, Any]) -> list[Rule]:
    """The budget at whose cap the answer was ended, where there is only one that can have."""
    return _alone(rules) if row.get("outcome") == Outcome.CAPPED else []


def _alone(rules: list[Rule]) -> list[Rule]:
    able: list[Rule] = [
        rule for rule in rules if isinstance(rule, Budget) and rule.unit is not Unit.CALLS and rule.action != "warn"
    ]
    return able if len(able) == 1 else []


def _charged(budget: Budget, call: Call, facts: Mapping[str, str], row: Mapping[str, Any]) -> Charged:
    since_us, until_us = bounds(budget.window, call.opened_us)
    values = tuple(zip(budget.per, instance(budget.per, facts), strict=True))
    borders = (0, 0) if until_us == NEVER_US else (since_us, until_us)
    return Charged(values, *borders, _amount(budget, row))


def _amount(budget: Budget, row: Mapping[str, Any]) -> int:
    if row.get("refused"):
        return int(budget.unit is Unit.CALLS and budget.count_refused)
    if "hold_pico" in row:
        hold = Hold(row["hold_pico"], row["hold_input_tokens"], row["hold_output_tokens"])
        spent, tokens = hold.cost_pico, hold.input_tokens + hold.output_tokens
    else:
        usage = Usage(**{kind: row[kind] for kind in KINDS})
        spent, tokens = row["cost_pico"], usage.prompt_tokens + usage.output_tokens
    return {Unit.USD: spent, Unit.TOKENS: tokens, Unit.CALLS: 1}[budget.unit]
