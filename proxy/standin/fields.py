"""Fields: reading the fields of a request's body, with the complaints of a real provider."""

from collections.abc import Mapping
from typing import Any, Final

from proxy.standin import tokens
from proxy.standin.protocol import WrongRequestError

TOOL_PHRASE: Final = "use the tool"
"""What a user's last message must contain to be answered with a tool call."""


def text_of(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise WrongRequestError(f"you must provide a {name} parameter", param=name)
    return value


def whole_number(body: Mapping[str, Any], *names: str) -> int | None:
    """The first of the fields that is there."""
    for name in names:
        value = body.get(name)
        if value is not None:
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise WrongRequestError(f"{name} must be a whole number of at least 1", param=name)
            return value
    return None


def objects(value: object, param: str) -> list[dict[str, Any]]:
    """A list of objects; None is an empty one."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise WrongRequestError(f"{param} must be a list of objects", param=param)
    return value


def asks_for_tool(last: Mapping[str, Any] | None) -> bool:
    """True where the last message is the user's and says so."""
    if last is None or last.get("role") != "user":
        return False
    return any(TOOL_PHRASE in text.lower() for text in tokens.texts(last.get("content")))
