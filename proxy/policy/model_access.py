"""Model access: which models a caller may use, asked about without a call for them (a list of models).

Only rules in force that allow or deny count, not what budgets have left. A rule for certain operations is about these,
and says nothing of a list.
"""

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase

from proxy.model.call import Call, Hold
from proxy.model.decision import Refusal
from proxy.policy import model_rules
from proxy.policy.match import Matcher, facts_of
from proxy.policy.model_rules import ModelRules
from proxy.policy.rules import ModelRule, RuleSet
from proxy.policy.verdict import Asked, Weight

_WEIGHTLESS = Weight(Hold(0, 0, 0), priced=True)
_ASKED = Asked(lambda _model, _limit: _WEIGHTLESS)


def governed(rules: RuleSet, call: Call) -> bool:
    """Whether any rule could keep a model from the caller of this call."""
    facts = facts_of(call)
    return any(_about(rule, facts) for rule in rules.models)


def denied(matcher: Matcher, call: Call, model: str, known_as: tuple[str, ...] = ()) -> Refusal | None:
    """Why the caller of `call` may not use `model`; None where nothing is against it.

    `known_as`: other names of the model, as in Asked.
    """
    now = replace(call, model=model)
    asked = replace(_ASKED, known_as=known_as)
    matches = matcher.matching(facts_of(now))
    rules = [each for each in matches.models if each.mode == "enforce"]
    # A limit of what a call reads or costs keeps no model from anybody.
    bare = [replace(each, cost_max_pico=None, context_tokens_max=None) for each in rules if _lets(each)]
    downgrade_to = model_rules.downgrade(matches.enforced, now, asked)
    return model_rules.refusal(ModelRules(bare), now, asked, _WEIGHTLESS, downgrade_to)


def _lets(rule: ModelRule) -> bool:
    return bool(rule.allow or rule.deny)


def _about(rule: ModelRule, facts: Mapping[str, str]) -> bool:
    return (
        rule.mode == "enforce"
        and _lets(rule)
        and all(
            any(fnmatchcase(facts.get(name, ""), glob) for glob in globs)
            for name, globs in rule.scope.conditions.items()
            if name != "model"
        )
    )
