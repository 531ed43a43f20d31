"""Shapes of the files of rules: budgets.yaml, models.yaml, redundancy.yaml and cases.yaml."""

from collections.abc import Mapping, Sequence
from typing import Final

from proxy.model.identity import Purpose
from proxy.model.waste import WASTE_CLASSES
from proxy.policy import (
    amounts,
    budgets_yaml,
    cache_yaml,
    cases_yaml,
    evaluations_yaml,
    limits_yaml,
    models_yaml,
    providers_yaml,
    redundancy_yaml,
    rule_yaml,
)
from proxy.policy.operations import OPERATIONS
from proxy.policy.redundancy_rules import ACTIONS, CACHE_SCOPES, CLASSES_OF
from proxy.policy.rules import DIMENSIONS
from proxy.policy.shape_kinds import (
    AMOUNT,
    COUNT,
    DURATION,
    FLAG,
    GLOBS,
    MODEL,
    MONEY,
    NAME,
    NAMES,
    PERCENT,
    SOME,
    WORD,
    WORDS,
    FileShapes,
    Shape,
    Shapes,
    any_of,
    choice_of,
    list_of,
    ref_to,
    table_of,
)

CAP: Final[Shape] = {
    "type": "string",
    "pattern": rf"^(?!0+(\.0+)?[kMB]? ?(USD|calls)$){amounts.COUNT_PATTERN} ?(USD|calls)$",
}
SCORE: Final[Shape] = {
    "type": ["number", "string"],
    "minimum": 0,
    "maximum": redundancy_yaml.SCORE_MAX,
    "pattern": r"^\d{1,4}(\.\d{1,12})?$",
}
PATTERNS: Final = list_of({**WORD, "maxLength": rule_yaml.GLOB_CHARS_MAX}, minItems=1)
PER_WORD: Final = any_of(choice_of(DIMENSIONS), {"type": "string", "pattern": r"^tags\.\S"})
SIZE: Final[Shape] = {"type": "string", "pattern": f"^{cache_yaml.SIZE_PATTERN}$"}
HEADER: Final[Shape] = {"type": ["string", "integer"], "pattern": f"^{evaluations_yaml.HEADER_PATTERN}$"}
RULE: Final[Shapes] = {
    "name": NAME,
    "applies_to": {**ref_to("applies_to"), "minProperties": 1},
    "mode": choice_of(rule_yaml.MODES),
    "contact": WORD,
}
PER: Final[Shapes] = {"per": any_of(PER_WORD, list_of(PER_WORD, minItems=1))}
CLOSED: Final[Shapes] = {
    "dialect": choice_of(providers_yaml.DIALECTS),
    "purpose": choice_of(tuple(Purpose)),
    "operation": choice_of(OPERATIONS),
}
PATTERN: Final[Shape] = {"type": "string", "pattern": r"[*?\[]"}
SCOPE: Final[Shapes] = {
    **dict.fromkeys(DIMENSIONS, GLOBS),
    **{name: any_of(shape, PATTERN, list_of(any_of(shape, PATTERN), minItems=1)) for name, shape in CLOSED.items()},
    "tags": {**table_of(GLOBS), "minProperties": 1, "propertyNames": {"pattern": r"\S"}},
}
DOWNGRADE: Final[Shapes] = {"to": MODEL}

CLASSES: Final = (*WASTE_CLASSES, redundancy_yaml.ALL)

SHAPES: Final[Mapping[str, FileShapes]] = {
    limits_yaml.FILE: {
        "": {
            "timezone": {"type": "string", "minLength": 1},
            "budgets": {"type": "array", "items": ref_to("budget")},
            "limits": {"type": "array", "items": ref_to("rate limit")},
        },
        "budget": {
            **RULE,
            **PER,
            "limit": AMOUNT,
            "window": any_of(
                choice_of(budgets_yaml.WINDOWS),
                {"type": "string", "pattern": f"^(?!0+[hd]$){budgets_yaml.ROLLING_PATTERN}$"},
            ),
            "timezone": {"type": "string", "minLength": 1},
            "warn_at": list_of(PERCENT),
            "action": choice_of(budgets_yaml.ACTIONS),
            "downgrade": ref_to("downgrade"),
            "on_cap": choice_of(budgets_yaml.ON_CAP),
            "reserve": any_of(PERCENT, AMOUNT),
            "count_refused": FLAG,
        },
        "rate limit": {**RULE, **PER, **dict.fromkeys(limits_yaml.RATES, COUNT)},
        "applies_to": SCOPE,
        "downgrade": DOWNGRADE,
    },
    models_yaml.FILE: {
        "": {"models": {"type": "array", "items": ref_to("model rule")}},
        "model rule": {
            **RULE,
            **dict.fromkeys(("allow", "deny"), PATTERNS),
            **dict.fromkeys(("output_tokens_max", "context_tokens_max"), SOME),
            "cost_max": MONEY,
            "downgrade": ref_to("downgrade"),
            "fallback": {**WORDS, "minItems": 1},
            "fallback_on": list_of(
                {"type": ["integer", "string"], "minimum": 400, "maximum": 599, "pattern": "^[45][0-9]{2}$"},
                minItems=1,
            ),
        },
        "applies_to": SCOPE,
        "downgrade": DOWNGRADE,
    },
    redundancy_yaml.FILE: {
        "": {
            "redundancy": {"type": "array", "items": ref_to("redundancy rule")},
            "evaluations": {"type": "array", "items": ref_to("evaluation")},
            "cache": ref_to("cache"),
        },
        "redundancy rule": {
            **RULE,
            **PER,
            "classes": any_of({"const": redundancy_yaml.ALL}, list_of(choice_of(CLASSES), minItems=1)),
            "action": choice_of(ACTIONS),
            "threshold": any_of(SCORE, ref_to("threshold")),
            "window": DURATION,
            "requests_per_minute": SOME,
            "justifications_per_day": SOME,
        },
        "threshold": dict.fromkeys(WASTE_CLASSES, SCORE),
        "applies_to": SCOPE,
        "evaluation": {
            "name": NAME,
            "service_accounts": NAMES,
            "keys": NAMES,
            "projects": GLOBS,
            **{"purpose_header": HEADER, "purpose": WORD, "commit_header": HEADER},
            "cap": CAP,
            "window": DURATION,
        },
        "cache": {
            "ttl": DURATION,
            **{"size_max": SIZE, "answer_size_max": SIZE},
            "scope": choice_of(CACHE_SCOPES),
        },
    },
    cases_yaml.FILE: {
        "": {"cases": {"type": "array", "items": ref_to("case")}},
        "case": {"name": WORD, "call": ref_to("call"), "expect": choice_of(cases_yaml.EXPECTATIONS), "rule": NAME},
        "call": {
            **dict.fromkeys(DIMENSIONS, MODEL),
            **CLOSED,
            "tags": table_of(WORD),
            **dict.fromkeys(("input_tokens", "output_tokens"), COUNT),
            "spent": table_of(AMOUNT),
            **{"found": choice_of(WASTE_CLASSES), "score": SCORE, "justified": FLAG},
        },
    },
}

_OBSERVE: Final[Shape] = {"not": {"required": ["action"]}}
"""Without an action it is `observe`."""


def _where_action(actions: Sequence[str], then: Shape, *, unsaid: bool = False) -> Shape:
    said = {"properties": {"action": {"enum": list(actions)}}, "required": ["action"]}
    return {"if": any_of(said, _OBSERVE) if unsaid else said, "then": then}


_BY_ACTION: Final = (
    *(
        _where_action([each for each in ACTIONS if each not in fit], {"properties": {name: False}}, unsaid=True)
        for name, fit in redundancy_yaml.FITS.items()
    ),
    _where_action([each for each in ACTIONS if len(CLASSES_OF[each]) > 1], {"required": ["classes"]}, unsaid=True),
    *(
        _where_action([each], {"properties": {"classes": {"enum": [None, [*CLASSES_OF[each]]]}}})
        for each in ("serve", "coalesce")
    ),
    _where_action(["throttle"], {"required": ["requests_per_minute"]}),
)
"""What each action of a redundancy rule needs, and what means nothing to it."""
TOGETHER: Final[Mapping[str, Mapping[str, Shape]]] = {
    limits_yaml.FILE: {
        "budget": {
            "required": ["name", "limit", "window"],
            "dependentRequired": {"reserve": ["on_cap"]},
            "allOf": [
                {
                    "if": {"properties": {"action": {"const": "downgrade"}}, "required": ["action"]},
                    "then": {"required": ["downgrade"]},
                },
                {
                    "if": {"required": ["action", "downgrade"]},
                    "then": {"properties": {"action": {"const": "downgrade"}}},
                },
                {
                    "if": {"properties": {"on_cap": {"const": "finish"}}, "required": ["on_cap"]},
                    "then": {"required": ["reserve"]},
                },
            ],
        },
        "rate limit": {"required": ["name"], **any_of(*({"required": [name]} for name in limits_yaml.RATES))},
        "downgrade": {"required": ["to"]},
    },
    models_yaml.FILE: {
        "model rule": {"required": ["name"], **any_of(*({"required": [name]} for name in models_yaml.EFFECTS))},
        "downgrade": {"required": ["to"]},
    },
    redundancy_yaml.FILE: {
        "redundancy rule": {"required": ["name"], "allOf": [*_BY_ACTION]},
        "evaluation": {
            "required": ["name", "cap"],
            "dependentRequired": {"purpose": ["purpose_header"], "purpose_header": ["purpose"]},
            **any_of({"required": ["service_accounts"]}, {"required": ["keys"]}),
        },
    },
    cases_yaml.FILE: {
        "case": {"required": ["name", "call", "expect"]},
        "call": {"dependentRequired": {"score": ["found"], "justified": ["found"]}},
    },
}
