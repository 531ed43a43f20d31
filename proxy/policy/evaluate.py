"""Evaluate: what the rules say about a call. A refusal by one rule is never lifted by another, and order never matters.

What a budget has left, and what a rate limit has seen, is not known here: the verdict names the accounts to ask.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from proxy.model.call import Call
from proxy.model.decision import Reason, Refusal
from proxy.policy import model_rules
from proxy.policy.charge import Account, Charge
from proxy.policy.match import Matcher, Matches, facts_of, instance
from proxy.policy.mistakes import shown
from proxy.policy.operations import FREE
from proxy.policy.rules import ModelRule
from proxy.policy.types import PolicySet
from proxy.policy.verdict import Asked, Shadow, Throttle, Verdict

UNPRICED: Final = "unpriced"
"""Name of the rule of prices.yaml that refuses models without a price."""


def evaluate(policies: PolicySet, matcher: Matcher, call: Call, asked: Asked, instead: str = "") -> Verdict:
    """The verdict on a call whose facts are known; `matcher` is of `policies.rules`; `instead`: the model that
    a budget has it go to, whatever model rules say."""
    facts = facts_of(call)
    matches = matcher.matching(facts)
    return evaluated(
        policies,
        matches,
        call,
        asked,
        instead,
        charges=charges(matcher, matches, facts, call.opened_us),
        throttles=throttles(matches, facts),
    )


def evaluated(
    policies: PolicySet,
    matches: Matches,
    call: Call,
    asked: Asked,
    instead: str = "",
    *,
    charges: tuple[Charge, ...] = (),
    throttles: tuple[Throttle, ...] = (),
) -> Verdict:
    """As `evaluate`, of a call whose rules, accounts and rate limits are known."""
    verdict = _by_models([rule for rule in matches.models if rule.mode == "enforce"], call, asked, instead)
    unpriced = None if verdict.weight.priced or policies.prices.unpriced != "refuse" else _unpriced(policies, call)
    return Verdict(
        weight=verdict.weight,
        refusal=verdict.refusal or unpriced,
        matched=(*matches.names, UNPRICED) if unpriced else matches.names,
        charges=charges,
        throttles=throttles,
        output_tokens_max=verdict.output_tokens_max,
        cost_max_pico=verdict.cost_max_pico,
        downgrade_to=verdict.downgrade_to,
        fallback=verdict.fallback,
        fallback_on=verdict.fallback_on,
        shadow=tuple(_shadows(matches.models, verdict, call, asked, instead)),
        redundancy=matches.redundancy,
    )


def throttles(matches: Matches, facts: Mapping[str, str]) -> tuple[Throttle, ...]:
    """The instances of rate limits that a call counts in."""
    return tuple([Throttle(limit, instance(limit.per, facts)) for limit in matches.limits])


def charges(matcher: Matcher, matches: Matches, facts: Mapping[str, str], at_us: int) -> tuple[Charge, ...]:
    """The accounts that a call of that moment counts in."""
    if facts["operation"] in FREE:
        return ()
    return tuple(
        [
            Charge(
                Account(budget.name, instance(budget.per, facts), matcher.windows.bounds(budget.window, at_us)[0]),
                budget,
            )
            for budget in matches.budgets
        ]
    )


def _by_models(rules: Sequence[ModelRule], call: Call, asked: Asked, instead: str) -> Verdict:
    """What these model rules make of the call."""
    if not rules:
        return Verdict(asked.weigh(instead, None), downgrade_to=instead)
    downgrade_to = instead or model_rules.downgrade(rules, call, asked)
    limit = model_rules.output_limit(rules, asked)
    weight = asked.weigh(downgrade_to, limit)
    return Verdict(
        weight=weight,
        refusal=model_rules.refusal(rules, call, asked, weight, downgrade_to),
        output_tokens_max=limit,
        cost_max_pico=model_rules.cost_limit(rules),
        downgrade_to=downgrade_to,
        fallback=model_rules.fallback(rules),
        fallback_on=model_rules.fallback_on(rules),
    )


def _shadows(rules: Sequence[ModelRule], verdict: Verdict, call: Call, asked: Asked, instead: str) -> Iterator[Shadow]:
    """What each rule in shadow mode would change if it were enforced beside those that are."""
    enforced = [rule for rule in rules if rule.mode == "enforce"]
    for rule in rules:
        if rule.mode != "shadow":
            continue
        would = _by_models([*enforced, rule], call, asked, instead)
        if would.refusal and not verdict.refusal:
            yield Shadow(rule.name, "refuse")
        if would.downgrade_to != verdict.downgrade_to:
            yield Shadow(rule.name, "downgrade")
        if would.output_tokens_max != verdict.output_tokens_max:
            yield Shadow(rule.name, "limit output")


def _unpriced(policies: PolicySet, call: Call) -> Refusal:
    where = policies.prices.where
    return Refusal(
        400,
        Reason.UNPRICED,
        f"The model {shown(call.model)} at the provider '{call.provider}' has no known price, and {where} refuses "
        "such models. Use a model with a price, or ask an admin to add one to prices.yaml.",
        rule=where,
    )
