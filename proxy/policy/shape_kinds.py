"""Shape kinds: what words, names, times and amounts in policy files look like, as JSON Schema."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from proxy.policy import amounts, secret_source
from proxy.policy.section import TEXT_CHARS_MAX

Shape = dict[str, Any]
Shapes = Mapping[str, Shape]
FileShapes = Mapping[str, Shapes]
"""By section and setting."""

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
PERCENT: Final[Shape] = {"type": "string", "pattern": "^0*([1-9][0-9]?|100)%$"}
MODEL: Final[Shape] = {"type": ["string", "number", "boolean"], "minLength": 1, "pattern": r"^[^*?\[]*$"}


def list_of(items: Shape, **more: Any) -> Shape:
    return {"type": "array", "items": items, "uniqueItems": True, **more}


def choice_of(options: Sequence[str]) -> Shape:
    return {"enum": [str(option) for option in options]}


def any_of(*shapes: Shape) -> Shape:
    return {"anyOf": list(shapes)}


def table_of(values: Shape) -> Shape:
    return {"type": "object", "additionalProperties": values}


def ref_to(section: str) -> Shape:
    return {"$ref": f"#/$defs/{section.replace(' ', '_')}"}


def entries_of(section: str, *, bare: bool = False) -> Shape:
    """A table of names; `bare`: a name with nothing behind it is an entry too."""
    values = any_of(ref_to(section), {"type": "null"}) if bare else ref_to(section)
    return {**table_of(values), "propertyNames": {"pattern": NAME["pattern"]}}


WORDS: Final = list_of({**WORD, "maxLength": TEXT_CHARS_MAX})
NAMES: Final = list_of(NAME)
GLOBS: Final = any_of(WORD, list_of(WORD, minItems=1))
PLACE: Final[Shapes] = {
    "env": {"type": "string", "pattern": f"^{secret_source.VARIABLE_PATTERN}$"},
    "file": {"type": "string", "pattern": r"\S"},
}
"""Where a secret is found."""
ONE: Final[Shape] = {"minProperties": 1, "maxProperties": 1}
"""One setting and no other."""
