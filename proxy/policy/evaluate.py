"""Evaluate: what the rules say about a call. A refusal by one rule is never lifted by another, and order never matters.

What a budget has left, and what a rate limit has seen, is not known here: the verdict names the accounts to ask.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from proxy.model.call import Call
from proxy.model.decision import Reason, Refusal
from proxy.policy import model_rules
from proxy.policy.charge import Charge
from proxy.policy.match import Matcher, Matches, facts_of, instance
from proxy.policy.mistakes import shown
from proxy.policy.model_rules import ModelRules
from proxy.policy.operations import FREE
from proxy.policy.types import PolicySet
from proxy.policy.verdict import Asked, Shadow, Throttle, Verdict, Weight

UNPRICED: Final = "unpriced"
"""Name of the rule of prices.yaml that refuses models without a price."""


def evaluate(policies: PolicySet, matcher: Matcher, call: Call, asked: Asked, instead: str = "") -> Verdict:
    """The verdict on a call whose facts are known; `matcher` is of `policies.rules`; `instead`: the model that
    a budget has it go to, whatever model rules say."""
    facts = facts_of(call)
    matches = matcher.matching(facts)
    counted = matches.counting(facts, call.opened_us, matcher.windows)
    charges = () if call.operation in FREE else counted.charges
    return evaluated(policies, matches, call, asked, instead, charges=charges, throttles=counted.throttles)


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
    rules = matches.enforced
    weight, refusal, limit, downgrade_to = said = _by_models(rules, call, asked, instead)
    unpriced = None if weight.priced or policies.prices.unpriced != "refuse" else _unpriced(policies, call)
    return Verdict(
        weight=weight,
        refusal=refusal or unpriced,
        matched=(*matches.names, UNPRICED) if unpriced else matches.names,
        charges=charges,
        throttles=throttles,
        output_tokens_max=limit,
        cost_max_pico=rules.cost_max_pico,
        downgrade_to=downgrade_to,
        fallback=rules.fallback,
        fallback_on=rules.fallback_on,
        shadow=tuple(_shadows(matches, said, call, asked, instead)) if matches.tried else (),
        redundancy=matches.redundancy,
    )


def throttles(matches: Matches, facts: Mapping[str, str]) -> tuple[Throttle, ...]:
    """The instances of rate limits that a call counts in."""
    return tuple([Throttle(limit, instance(limit.per, facts)) for limit in matches.limits])


def charges(matcher: Matcher, matches: Matches, facts: Mapping[str, str], at_us: int) -> tuple[Charge, ...]:
    """The accounts that a call of that moment counts in."""
    return () if facts["operation"] in FREE else matches.counting(facts, at_us, matcher.windows).charges


class _Said(NamedTuple):
    """What some model rules make of a call."""

    weight: Weight
    refusal: Refusal | None
    output_tokens_max: int | None
    downgrade_to: str


def _by_models(rules: ModelRules, call: Call, asked: Asked, instead: str) -> _Said:
    downgrade_to = instead or model_rules.downgrade(rules, call, asked)
    limit = model_rules.output_limit(rules, asked)
    weight = asked.weigh(downgrade_to, limit)
    return _Said(weight, model_rules.refusal(rules, call, asked, weight, downgrade_to), limit, downgrade_to)


def _shadows(matches: Matches, verdict: _Said, call: Call, asked: Asked, instead: str) -> Iterator[Shadow]:
    """What each rule in shadow mode would change if it were enforced beside those that are."""
    for name, rules in matches.tried:
        would = _by_models(rules, call, asked, instead)
        if would.refusal and not verdict.refusal:
            yield Shadow(name, "refuse")
        if would.downgrade_to != verdict.downgrade_to:
            yield Shadow(name, "downgrade")
        if would.output_tokens_max != verdict.output_tokens_max:
            yield Shadow(name, "limit output")


def _unpriced(policies: PolicySet, call: Call) -> Refusal:
    where = policies.prices.where
    return Refusal(
        400,
        Reason.UNPRICED,
        f"The model {shown(call.model)} at the provider '{call.provider}' has no known price, and {where} refuses "
        "such models. Use a model with a price, or ask an admin to add one to prices.yaml.",
        rule=where,
    )
