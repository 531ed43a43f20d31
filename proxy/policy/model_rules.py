"""Model rules: which models a call may use, how much it may read, put out and cost, and where it goes instead.

Every function takes all rules that apply at once, and gives the same whatever their order.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache
from operator import itemgetter
from typing import Final

from proxy.model.call import Call
from proxy.model.decision import Reason, Refusal
from proxy.model.money import pico_to_usd
from proxy.policy.mistakes import shown
from proxy.policy.rules import FAILED_STATUSES, ModelRule
from proxy.policy.verdict import Asked, Weight

LISTED_MAX: Final = 12
"""Globs that a refusal lists."""

EVERY: Final = "*"
"""The glob for all models."""
FITS_KEPT: Final = 4096
"""Answers to whether a model fits some globs: callers choose the names of models."""


_Names = tuple[str, tuple[str, ...], str, str, bool]
"""Of a call: its model, other names of that, the one it goes to instead; its operation, and whether that is free."""


class ModelRules:
    """Rules that apply together, with what they say whatever the call is: worked out once, and asked for many calls."""

    __slots__ = (
        *("allowed", "allowing", "bounding", "context_max", "cost_max_pico", "fallback", "fallback_on", "lowest"),
        *("passing", "targets"),
    )

    def __init__(self, rules: Iterable[ModelRule]) -> None:
        named = sorted(rules, key=lambda rule: rule.name)
        self.targets: Final = frozenset(rule.downgrade_to for rule in named if rule.downgrade_to)
        """Models that calls go to instead."""
        limits = [rule.output_tokens_max for rule in named if rule.output_tokens_max is not None]
        self.lowest: Final = min(limits, default=None)
        """Output limit."""
        costs = [rule.cost_max_pico for rule in named if rule.cost_max_pico is not None]
        self.cost_max_pico: Final = min(costs, default=None)
        contexts = [rule.context_tokens_max for rule in named if rule.context_tokens_max is not None]
        self.context_max: Final = min(contexts, default=None)
        """The longest input that no rule asks more about."""
        self.passing: Final[dict[_Names, bool]] = {}
        """Whether a call of these names is refused by none of them, whatever it reads and costs."""
        self.fallback: Final = tuple(dict.fromkeys(provider for rule in named for provider in rule.fallback))
        """Providers to try: each rule's in its own order, rules by their names."""
        stated = {status for rule in named if rule.fallback for status in rule.fallback_on}
        self.fallback_on: Final = tuple(sorted(stated)) or FAILED_STATUSES
        """Statuses with which a provider has failed: those of every rule that has a fallback."""
        self.bounding: Final = [rule for rule in named if rule.deny or _bounds(rule)]
        """Rules that may be against a call by themselves."""
        self.allowing: Final = [rule for rule in named if rule.allow]
        self.allowed: Final = tuple(dict.fromkeys(glob for rule in self.allowing for glob in rule.allow))


def downgrade(rules: ModelRules, call: Call, asked: Asked) -> str:
    """The model that the call goes to instead, '' for none. Of several the one that it costs least with."""
    targets = rules.targets
    if not targets or asked.free or not call.model or call.model in targets:
        return ""
    if len(targets) == 1:
        return next(iter(targets))
    return min(targets, key=lambda target: (asked.weigh(target, None).hold.cost_pico, target))


def output_limit(rules: ModelRules, asked: Asked) -> int | None:
    """The output limit that the call must be given; None where its own is low enough."""
    lowest = rules.lowest
    if lowest is None or asked.free or not asked.output_limited:
        return None
    return lowest if asked.output_tokens_max is None or asked.output_tokens_max > lowest else None


def refusal(rules: ModelRules, call: Call, asked: Asked, weight: Weight, downgrade_to: str) -> Refusal | None:
    """Why the call must not go on; of several reasons the one whose rule's name comes first."""
    if _passes(rules, call, asked, weight, downgrade_to):
        return None
    against = [
        (rule.name, found)
        for rule in rules.bounding
        if (found := _denied(rule, call, asked, downgrade_to) or _too_much(rule, asked, weight))
    ]
    return min(against, key=itemgetter(0))[1] if against else _not_allowed(rules, call, asked, downgrade_to)


def _passes(rules: ModelRules, call: Call, asked: Asked, weight: Weight, downgrade_to: str) -> bool:
    """True: no rule is against it, as of nearly every call. What names say is the same each time."""
    hold, cost_max, context_max = weight.hold, rules.cost_max_pico, rules.context_max
    if cost_max is not None and hold.cost_pico > cost_max:
        return False
    if context_max is not None and hold.input_tokens > context_max:
        return False
    names = call.model, asked.known_as, downgrade_to, call.operation, asked.free
    passing = rules.passing.get(names)
    if passing is None:
        denied = any(_denied(rule, call, asked, downgrade_to) for rule in rules.bounding)
        passing = not denied and _not_allowed(rules, call, asked, downgrade_to) is None
        if len(rules.passing) >= FITS_KEPT:
            rules.passing.clear()
        rules.passing[names] = passing
    return passing


def _bounds(rule: ModelRule) -> bool:
    return rule.cost_max_pico is not None or rule.context_tokens_max is not None


def _denied(rule: ModelRule, call: Call, asked: Asked, downgrade_to: str) -> Refusal | None:
    if not rule.deny:
        return None
    if not call.model:
        return _closed(rule, call) or _unnamed(rule, asked)
    for model in (call.model, *asked.known_as, downgrade_to):
        if model and _fits(model, rule.deny):
            named = shown(call.model) if model == call.model else f"{shown(call.model)} (served by {shown(model)})"
            return _refused(rule, f"denies the model {named}", "Use another model.")
    return None


def _not_allowed(rules: ModelRules, call: Call, asked: Asked, downgrade_to: str) -> Refusal | None:
    """A model may be allowed by any of the rules that allow some; under any of its names."""
    if not rules.allowing:
        return None
    first, globs = rules.allowing[0], rules.allowed
    if not call.model:
        return _unnamed(first, asked)
    for names in ((call.model, *asked.known_as), (downgrade_to,)):
        if names[0] and not any(_fits(name, globs) for name in names):
            listed = ", ".join(globs[:LISTED_MAX]) + (", …" if len(globs) > LISTED_MAX else "")
            return _refused(first, f"does not allow the model {shown(names[0])}", f"Use one of: {listed}.")
    return None


def _too_much(rule: ModelRule, asked: Asked, weight: Weight) -> Refusal | None:
    """Refused for what the call reads or costs."""
    most = rule.cost_max_pico
    if most is not None and weight.hold.cost_pico > most:
        return _refused(
            rule,
            f"lets one call cost at most ${pico_to_usd(most)}, "
            f"and this one may cost ${pico_to_usd(weight.hold.cost_pico)}",
            "Send a shorter prompt, a lower output limit, or use a cheaper model.",
        )
    longest = rule.context_tokens_max
    if longest is not None and weight.hold.input_tokens > longest:
        tokens = asked.context_tokens()
        if tokens > longest:
            return _refused(
                rule,
                f"lets one call read at most {longest} tokens, and this one has about {tokens}",
                "Shorten or compact the conversation.",
            )
    return None


def _closed(rule: ModelRule, call: Call) -> Refusal | None:
    """Of a rule for certain operations that denies every model: it closes them, also where no model is named."""
    if EVERY not in rule.deny or "operation" not in rule.scope.conditions:
        return None
    return _refused(rule, f"denies the operation {shown(call.operation)}", "Send the calls one by one.")


def _unnamed(rule: ModelRule, asked: Asked) -> Refusal | None:
    """Of a call that leaves it to the server which model it uses: it might be one that is not allowed."""
    if asked.free:
        return None
    return _refused(rule, "is for certain models, and this call names none", "Name the model in the call.")


def _refused(rule: ModelRule, says: str, instead: str) -> Refusal:
    whom = rule.contact or "an admin"
    message = f"The rule '{rule.name}' ({rule.where}) {says}. {instead} Questions go to {whom}."
    return Refusal(400, Reason.POLICY, message, rule=rule.where)


@lru_cache(maxsize=FITS_KEPT)
def _fits(model: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(model, glob) for glob in globs)
