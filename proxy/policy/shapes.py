"""Shapes: what each setting of each policy file may look like, as JSON Schema.

Never narrower than the loader: a line that works must not be underlined. What a schema can't say (names that must be
known, rules that contradict each other) is left to the loader. Words count as written, so a name may be a number.
"""

from collections.abc import Mapping
from typing import Final

from proxy.model.identity import Purpose, Role
from proxy.policy import (
    access_yaml,
    keys_yaml,
    notify_yaml,
    prices_yaml,
    providers_yaml,
    rule_shapes,
    service_shapes,
    services_yaml,
)
from proxy.policy.shape_kinds import (
    DURATION,
    FLAG,
    MODEL,
    MOMENT,
    NAME,
    NAMES,
    ONE,
    PERCENT,
    PLACE,
    USD,
    USD_SOME,
    WORD,
    WORDS,
    FileShapes,
    Shape,
    any_of,
    choice_of,
    entries_of,
    list_of,
    ref_to,
    table_of,
)

SHAPES: Final[Mapping[str, FileShapes]] = {
    providers_yaml.FILE: {
        "": {"providers": {**entries_of("provider"), "propertyNames": {"pattern": "^[a-z0-9][a-z0-9._-]{0,63}$"}}},
        "provider": {
            "dialect": choice_of(providers_yaml.DIALECTS),
            "base_url": {"type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://"},
            "api_key": any_of({"const": "none"}, ref_to("api_key")),
            "region": WORD,
            **{"account": NAME, "prices": NAME},
            "default_for": {**WORDS, "minItems": 1},
            "projects": {**NAMES, "minItems": 1},
            "paths": table_of({"type": "string", "pattern": "^/(.*/)?$"}),
            "translate": any_of(WORDS, table_of(MODEL)),
            "deployments": table_of(MODEL),
            "passes": list_of({"type": "string", "pattern": r"^(GET|HEAD|POST|PUT|PATCH|DELETE) /(?![*?\[])\S+$"}),
            **{"ask_usage": FLAG, "websockets": FLAG},
            **dict.fromkeys(("connect_timeout", "read_timeout", "total_timeout"), DURATION),
        },
        "api_key": {
            **PLACE,
            "aws": {"type": "string", "minLength": 1},
        },
    },
    access_yaml.FILE: {
        "": {
            "people": entries_of("person", bare=True),
            "service_accounts": entries_of("service account"),
            "projects": entries_of("project", bare=True),
        },
        "person": {"team": NAME, "aliases": NAMES, "roles": list_of(choice_of(tuple(Role)), minItems=1)},
        "service account": {"team": NAME},
        "project": {
            "team": NAME,
            "cost_center": {**WORD, "maxLength": 100},
            "purpose": choice_of(tuple(Purpose)),
            "members": NAMES,
            "owners": NAMES,
            "repositories": list_of({"type": "string", "pattern": "/"}),
        },
    },
    keys_yaml.FILE: {
        "": {"keys": {"type": "array", "items": ref_to("key")}},
        "key": {
            "id": {"type": "string", "pattern": "^k_[A-Za-z0-9_-]{1,40}$"},
            "hash": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
            **{"user": NAME, "service_account": NAME},
            "projects": {**NAMES, "minItems": 1},
            "role": choice_of(tuple(Role)),
            "team": NAME,
            "expires": MOMENT,
            "revoked": FLAG,
        },
    },
    prices_yaml.FILE: {
        "": {
            "unpriced": choice_of(("hold_ceiling", "refuse")),
            "ceiling": ref_to("ceiling"),
            "prices": {"type": "array", "items": ref_to("price"), "maxItems": prices_yaml.PRICES_MAX},
        },
        "price": {
            "name": NAME,
            "provider": WORD,
            "model": {**WORD, "maxLength": prices_yaml.GLOB_CHARS_MAX},
            "usd_per_million": {**ref_to("usd_per_million"), "minProperties": 1},
            **dict.fromkeys(prices_yaml.PIECES, USD),
            "multiplier": {**USD_SOME, "maximum": int(prices_yaml.MULTIPLIER_MAX)},
            **{"valid_from": MOMENT, "valid_to": MOMENT},
        },
        "usd_per_million": dict.fromkeys(prices_yaml.KIND_NAMES, USD),
        "ceiling": dict.fromkeys(prices_yaml.CEILING, USD_SOME),
    },
    notify_yaml.FILE: {
        "": {"targets": {"type": "array", "items": ref_to("target"), "maxItems": notify_yaml.TARGETS_MAX}},
        "target": {
            "name": NAME,
            "url": ref_to("url"),
            "on": list_of(choice_of(notify_yaml.KINDS), minItems=1),
            **{"persons": FLAG, "min_level": PERCENT},
        },
        "url": PLACE,
    },
    **rule_shapes.SHAPES,
    services_yaml.FILE: service_shapes.SHAPES,
}
"""By file, section and setting, as load.SETTINGS."""

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
        "price": any_of(*({"required": [name]} for name in ("usd_per_million", *prices_yaml.PIECES, "multiplier")))
    },
    notify_yaml.FILE: {"target": {"required": ["name", "url"]}, "url": ONE},
    **rule_shapes.TOGETHER,
    services_yaml.FILE: service_shapes.TOGETHER,
}
"""By file and section: which settings need each other."""
