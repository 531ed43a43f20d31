"""Shapes: what each setting of each policy file may look like, as JSON Schema.

Never narrower than the loader: a line that works must not be underlined. What a schema can't say (names that must be
known, rules that contradict each other) is left to the loader. Words count as written, so a name may be a number.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from proxy.model.identity import Purpose, Role
from proxy.model.waste import WASTE_CLASSES
from proxy.policy import (
    access_yaml,
    amounts,
    budgets_yaml,
    cache_yaml,
    cases_yaml,
    evaluations_yaml,
    keys_yaml,
    limits_yaml,
    models_yaml,
    notify_yaml,
    prices_yaml,
    providers_yaml,
    redundancy_yaml,
    rule_yaml,
)
from proxy.policy.operations import OPERATIONS
from proxy.policy.redundancy_rules import ACTIONS, CACHE_SCOPES, CLASSES_OF
from proxy.policy.rules import DIMENSIONS
from proxy.policy.section import TEXT_CHARS_MAX

Shape = dict[str, Any]
Shapes = Mapping[str, Shape]

WORD: Final[Shape] = {"type": ["string", "number", "boolean"], "minLength": 1}
NAME: Final[Shape] = {"type": ["string", "number", "boolean"], "pattern": r"^[^\s,;:'\"_.@+/-][^\s,;:'\"]{0,99}$"}
FLAG: Final[Shape] = {"enum": [True, False, "true", "false"]}
DURATION: Final[Shape] = {"type": "string", "pattern": r"^\d{1,9}(ms|s|m|h|d)$"}
MOMENT: Final[Shape] = {"type": ["string", "number"], "pattern": r"^\d{4}"}
USD: Final[Shape] = {"type": ["number", "string"], "minimum": 0, "pattern": r"^\d{1,12}(\.\d{1,12})?$"}
USD_SOME: Final[Shape] = {"type": ["number", "string"], "exclusiveMinimum": 0, "pattern": r"^\d{1,12}(\.\d{1,12})?$"}
COUNT: Final[Shape] = {"type": ["integer", "string"], "minimum": 0, "pattern": f"^{amounts.COUNT_PATTERN}$"}
SOME: Final[Shape] = {
    "type": ["integer", "string"],
    "minimum": 1,
    "pattern": rf"^(?!0+(\.0+)?[kMB]?$){amounts.COUNT_PATTERN}$",
}
AMOUNT: Final[Shape] = {"type": "string", "pattern": f"^{amounts.AMOUNT_PATTERN}$"}
MONEY: Final[Shape] = {"type": "string", "pattern": f"^{amounts.COUNT_PATTERN} ?USD$"}
CAP: Final[Shape] = {
    "type": "string",
    "pattern": rf"^(?!0+(\.0+)?[kMB]? ?(USD|calls)$){amounts.COUNT_PATTERN} ?(USD|calls)$",
}
PERCENT: Final[Shape] = {"type": "string", "pattern": "^0*([1-9][0-9]?|100)%$"}
HEADER: Final[Shape] = {"type": ["string", "integer"], "pattern": f"^{evaluations_yaml.HEADER_PATTERN}$"}
SIZE: Final[Shape] = {"type": "string", "pattern": f"^{cache_yaml.SIZE_PATTERN}$"}
SCORE: Final[Shape] = {
    "type": ["number", "string"],
    "minimum": 0,
    "maximum": redundancy_yaml.SCORE_MAX,
    "pattern": r"^\d{1,4}(\.\d{1,12})?$",
}
MODEL: Final[Shape] = {"type": ["string", "number", "boolean"], "minLength": 1, "pattern": r"^[^*?\[]*$"}


def _list(items: Shape, **more: Any) -> Shape:
    return {"type": "array", "items": items, "uniqueItems": True, **more}


def _choice(options: Sequence[str]) -> Shape:
    return {"enum": [str(option) for option in options]}


def _any(*shapes: Shape) -> Shape:
    return {"anyOf": list(shapes)}


def _table(values: Shape) -> Shape:
    return {"type": "object", "additionalProperties": values}


def _ref(section: str) -> Shape:
    return {"$ref": f"#/$defs/{section.replace(' ', '_')}"}


def _entries(section: str, *, bare: bool = False) -> Shape:
    """A table of names; `bare`: a name with nothing behind it is an entry too."""
    values = _any(_ref(section), {"type": "null"}) if bare else _ref(section)
    return {**_table(values), "propertyNames": {"pattern": NAME["pattern"]}}


WORDS: Final = _list({**WORD, "maxLength": TEXT_CHARS_MAX})
PATTERNS: Final = _list({**WORD, "maxLength": rule_yaml.GLOB_CHARS_MAX}, minItems=1)
NAMES: Final = _list(NAME)
GLOBS: Final = _any(WORD, _list(WORD, minItems=1))
PER_WORD: Final = _any(_choice(DIMENSIONS), {"type": "string", "pattern": r"^tags\.\S"})
RULE: Final[Shapes] = {
    "name": NAME,
    "applies_to": {**_ref("applies_to"), "minProperties": 1},
    "mode": _choice(rule_yaml.MODES),
    "contact": WORD,
}
PER: Final[Shapes] = {"per": _any(PER_WORD, _list(PER_WORD, minItems=1))}
CLOSED: Final[Shapes] = {
    "dialect": _choice(providers_yaml.DIALECTS),
    "purpose": _choice(tuple(Purpose)),
    "operation": _choice(OPERATIONS),
}
PATTERN: Final[Shape] = {"type": "string", "pattern": r"[*?\[]"}
SCOPE: Final[Shapes] = {
    **dict.fromkeys(DIMENSIONS, GLOBS),
    **{name: _any(shape, PATTERN, _list(_any(shape, PATTERN), minItems=1)) for name, shape in CLOSED.items()},
    "tags": {**_table(GLOBS), "minProperties": 1, "propertyNames": {"pattern": r"\S"}},
}
DOWNGRADE: Final[Shapes] = {"to": MODEL}

CLASSES: Final = (*WASTE_CLASSES, redundancy_yaml.ALL)

SHAPES: Final[Mapping[str, Mapping[str, Shapes]]] = {
    providers_yaml.FILE: {
        "": {"providers": {**_entries("provider"), "propertyNames": {"pattern": "^[a-z0-9][a-z0-9._-]{0,63}$"}}},
        "provider": {
            "dialect": _choice(providers_yaml.DIALECTS),
            "base_url": {"type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://"},
            "api_key": _any({"const": "none"}, _ref("api_key")),
            "region": WORD,
            **{"account": NAME, "prices": NAME},
            "default_for": {**WORDS, "minItems": 1},
            "projects": {**NAMES, "minItems": 1},
            "paths": _table({"type": "string", "pattern": "^/(.*/)?$"}),
            "translate": _any(WORDS, _table(MODEL)),
            "deployments": _table(MODEL),
            "passes": _list({"type": "string", "pattern": r"^(GET|HEAD|POST|PUT|PATCH|DELETE) /(?![*?\[])\S+$"}),
            **{"ask_usage": FLAG, "websockets": FLAG},
            **dict.fromkeys(("connect_timeout", "read_timeout", "total_timeout"), DURATION),
        },
        "api_key": {
            "env": {"type": "string", "pattern": r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"},
            "file": {"type": "string", "pattern": r"\S"},
            "aws": {"type": "string", "minLength": 1},
        },
    },
    access_yaml.FILE: {
        "": {
            "people": _entries("person", bare=True),
            "service_accounts": _entries("service account"),
            "projects": _entries("project", bare=True),
        },
        "person": {"team": NAME, "aliases": NAMES, "roles": _list(_choice(tuple(Role)), minItems=1)},
        "service account": {"team": NAME},
        "project": {
            "team": NAME,
            "cost_center": {**WORD, "maxLength": 100},
            "purpose": _choice(tuple(Purpose)),
            "members": NAMES,
            "repositories": _list({"type": "string", "pattern": "/"}),
        },
    },
    keys_yaml.FILE: {
        "": {"keys": {"type": "array", "items": _ref("key")}},
        "key": {
            "id": {"type": "string", "pattern": "^k_[A-Za-z0-9_-]{1,40}$"},
            "hash": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
            **{"user": NAME, "service_account": NAME},
            "projects": {**NAMES, "minItems": 1},
            "role": _choice(tuple(Role)),
            "team": NAME,
            "expires": MOMENT,
            "revoked": FLAG,
        },
    },
    prices_yaml.FILE: {
        "": {
            "unpriced": _choice(("hold_ceiling", "refuse")),
            "ceiling": _ref("ceiling"),
            "prices": {"type": "array", "items": _ref("price"), "maxItems": prices_yaml.PRICES_MAX},
        },
        "price": {
            "name": NAME,
            "provider": WORD,
            "model": {**WORD, "maxLength": prices_yaml.GLOB_CHARS_MAX},
            "usd_per_million": {**_ref("usd_per_million"), "minProperties": 1},
            **dict.fromkeys(prices_yaml.PIECES, USD),
            "multiplier": {**USD_SOME, "maximum": int(prices_yaml.MULTIPLIER_MAX)},
            **{"valid_from": MOMENT, "valid_to": MOMENT},
        },
        "usd_per_million": dict.fromkeys(prices_yaml.KIND_NAMES, USD),
        "ceiling": dict.fromkeys(prices_yaml.CEILING, USD_SOME),
    },
    notify_yaml.FILE: {
        "": {"targets": {"type": "array", "items": _ref("target"), "maxItems": notify_yaml.TARGETS_MAX}},
        "target": {
            "name": NAME,
            "url": _ref("url"),
            "on": _list(_choice(notify_yaml.KINDS), minItems=1),
            **{"persons": FLAG, "min_level": PERCENT},
        },
        "url": {
            "env": {"type": "string", "pattern": r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"},
            "file": {"type": "string", "pattern": r"\S"},
        },
    },
    limits_yaml.FILE: {
        "": {
            "timezone": {"type": "string", "minLength": 1},
            "budgets": {"type": "array", "items": _ref("budget")},
            "limits": {"type": "array", "items": _ref("rate limit")},
        },
        "budget": {
            **RULE,
            **PER,
            "limit": AMOUNT,
            "window": _any(
                _choice(budgets_yaml.WINDOWS),
                {"type": "string", "pattern": f"^(?!0+[hd]$){budgets_yaml.ROLLING_PATTERN}$"},
            ),
            "timezone": {"type": "string", "minLength": 1},
            "warn_at": _list(PERCENT),
            "action": _choice(budgets_yaml.ACTIONS),
            "downgrade": _ref("downgrade"),
            "on_cap": _choice(budgets_yaml.ON_CAP),
            "reserve": _any(PERCENT, AMOUNT),
            "count_refused": FLAG,
        },
        "rate limit": {**RULE, **PER, **dict.fromkeys(limits_yaml.RATES, COUNT)},
        "applies_to": SCOPE,
        "downgrade": DOWNGRADE,
    },
    models_yaml.FILE: {
        "": {"models": {"type": "array", "items": _ref("model rule")}},
        "model rule": {
            **RULE,
            **dict.fromkeys(("allow", "deny"), PATTERNS),
            **dict.fromkeys(("output_tokens_max", "context_tokens_max"), SOME),
            "cost_max": MONEY,
            "downgrade": _ref("downgrade"),
            "fallback": {**WORDS, "minItems": 1},
            "fallback_on": _list(
                {"type": ["integer", "string"], "minimum": 400, "maximum": 599, "pattern": "^[45][0-9]{2}$"},
                minItems=1,
            ),
        },
        "applies_to": SCOPE,
        "downgrade": DOWNGRADE,
    },
    redundancy_yaml.FILE: {
        "": {
            "redundancy": {"type": "array", "items": _ref("redundancy rule")},
            "evaluations": {"type": "array", "items": _ref("evaluation")},
            "cache": _ref("cache"),
        },
        "redundancy rule": {
            **RULE,
            **PER,
            "classes": _any({"const": redundancy_yaml.ALL}, _list(_choice(CLASSES), minItems=1)),
            "action": _choice(ACTIONS),
            "threshold": _any(SCORE, _ref("threshold")),
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
            "scope": _choice(CACHE_SCOPES),
        },
    },
    cases_yaml.FILE: {
        "": {"cases": {"type": "array", "items": _ref("case")}},
        "case": {"name": WORD, "call": _ref("call"), "expect": _choice(cases_yaml.EXPECTATIONS), "rule": NAME},
        "call": {
            **dict.fromkeys(DIMENSIONS, MODEL),
            **CLOSED,
            "tags": _table(WORD),
            **dict.fromkeys(("input_tokens", "output_tokens"), COUNT),
            "spent": _table(AMOUNT),
            **{"found": _choice(WASTE_CLASSES), "score": SCORE, "justified": FLAG},
        },
    },
}
"""By file, section and setting, as load.SETTINGS."""

_OBSERVE: Final[Shape] = {"not": {"required": ["action"]}}
"""Without an action it is `observe`."""


def _where_action(actions: Sequence[str], then: Shape, *, unsaid: bool = False) -> Shape:
    said = {"properties": {"action": {"enum": list(actions)}}, "required": ["action"]}
    return {"if": _any(said, _OBSERVE) if unsaid else said, "then": then}


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
ONE: Final[Shape] = {"minProperties": 1, "maxProperties": 1}
TOGETHER: Final[Mapping[str, Mapping[str, Shape]]] = {
    providers_yaml.FILE: {"provider": {"required": ["dialect", "base_url", "api_key"]}, "api_key": ONE},
    access_yaml.FILE: {"service account": {"required": ["team"]}},
    keys_yaml.FILE: {
        "key": {
            "required": ["id", "hash", "projects"],
            "oneOf": [{"required": ["user"]}, {"required": ["service_account"]}],
        }
    },
    prices_yaml.FILE: {
        "price": _any(*({"required": [name]} for name in ("usd_per_million", *prices_yaml.PIECES, "multiplier")))
    },
    notify_yaml.FILE: {"target": {"required": ["name", "url"]}, "url": ONE},
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
        "rate limit": {"required": ["name"], **_any(*({"required": [name]} for name in limits_yaml.RATES))},
        "downgrade": {"required": ["to"]},
    },
    models_yaml.FILE: {
        "model rule": {"required": ["name"], **_any(*({"required": [name]} for name in models_yaml.EFFECTS))},
        "downgrade": {"required": ["to"]},
    },
    redundancy_yaml.FILE: {
        "redundancy rule": {"required": ["name"], "allOf": [*_BY_ACTION]},
        "evaluation": {
            "required": ["name", "cap"],
            "dependentRequired": {"purpose": ["purpose_header"], "purpose_header": ["purpose"]},
            **_any({"required": ["service_accounts"]}, {"required": ["keys"]}),
        },
    },
    cases_yaml.FILE: {
        "case": {"required": ["name", "call", "expect"]},
        "call": {"dependentRequired": {"score": ["found"], "justified": ["found"]}},
    },
}
"""By file and section: which settings need each other."""
