"""Schemas that the OpenAPI document is put together from."""

from collections.abc import Mapping
from typing import Any, Final

Schema = dict[str, Any]

MONEY: Final[Schema] = {
    "type": "string",
    "pattern": r"^-?[0-9]+(\.[0-9]+)?$",
    "description": "US dollars, an exact decimal.",
}
TEXT: Final[Schema] = {"type": "string"}
COUNT: Final[Schema] = {"type": "integer"}
TIME: Final[Schema] = {"type": ["string", "null"], "format": "date-time"}
TEXTS: Final[Schema] = {"type": "array", "items": TEXT}


def parameter(name: str, schema: Schema, text: str, place: str = "query") -> Schema:
    """A parameter of a route, in its query or its path."""
    return {"name": name, "in": place, "required": place == "path", "schema": schema, "description": text}


def table(
    required: Mapping[str, Schema], *, more: Schema | bool = False, optional: Mapping[str, Schema] | None = None
) -> Schema:
    """An object; `more`: what other properties may be."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": more,
    }
