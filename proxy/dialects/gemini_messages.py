"""What was said in a request to Gemini, as (role, text); see `messages`."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from proxy.dialects.messages import Message, call, encoded, result, untold
from proxy.metering.json_object import NO_JSON

_ROLES: Final = {"model": "assistant", "function": "tool"}


def messages(content: Sequence[bytes]) -> list[Message]:
    """As of a Dialect. Never raises: what can't be read is one message."""
    whole = b"{%b}" % b",".join(content)
    try:
        body = msgspec.json.decode(whole)
    except NO_JSON:
        return [("user", whole.decode("utf-8", "replace"))]
    return list(_said(body))


def _said(body: dict[str, Any]) -> Iterator[Message]:
    if body.get("systemInstruction"):
        yield "system", _text(body["systemInstruction"])
    embedded = [each.get("content") for each in _listed(body.get("requests")) if isinstance(each, dict)]
    prompts = [each.get("prompt") for each in _listed(body.get("instances")) if isinstance(each, dict)]
    for each in (*_listed(body.get("contents")), *_listed(body.get("content")), *embedded, *prompts):
        role = each.get("role") if isinstance(each, dict) else None
        yield _ROLES.get(str(role), str(role or "user")), _text(each)


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = _listed(content.get("parts")) if isinstance(content, dict) else []
    return "\n".join(filter(None, map(_part, parts)))


def _part(part: object) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict) or part.get("thought"):
        return ""
    if isinstance(part.get("text"), str):
        return str(part["text"])
    for name in ("functionCall", "function_call"):
        if isinstance(used := part.get(name), dict):
            return call(used.get("name"), used.get("args"))
    for name in ("functionResponse", "function_response"):
        if isinstance(given := part.get(name), dict):
            return result(encoded(given.get("response")))
    return untold("part", {name: value for name, value in part.items() if name != "thoughtSignature"})


def _listed(value: object) -> list[Any]:
    """A list as it is; one value where a list could stand, as a list."""
    return value if isinstance(value, list) else [] if value is None else [value]
