"""Texts and messages of a prompt to Bedrock: of converse's blocks, and of bodies that hold plain text."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from proxy.dialects import messages as said
from proxy.dialects import prompt
from proxy.dialects.messages import Message
from proxy.metering.json_object import NO_JSON

_PLAIN: Final = (b'"prompt":', b'"inputText":', b'"texts":', b'"message":', b'"preamble":')
_PREAMBLE: Final = b'"preamble":'
_MESSAGES: Final = b'"messages":'
_CALLS: Final = ("toolUse", "toolResult")


def prompt_texts(content: Sequence[bytes]) -> tuple[list[str], int]:
    """As in Dialect. Plain text has no framing; calls of tools and their results count as their JSON. Never raises."""
    plain = [text for member in content if member.startswith(_PLAIN) for text in _texts(_value(member))]
    rest = [member for member in content if not member.startswith(_PLAIN)]
    if not rest:
        return plain, 0
    texts, framing = prompt.prompt_texts(rest)
    calls = [text for member in rest if member.startswith(_MESSAGES) for text in _calls(_value(member))]
    return plain + texts + calls, framing


def messages(content: Sequence[bytes]) -> list[Message]:
    """As in Dialect. Never raises."""
    plain = [
        ("system" if member.startswith(_PREAMBLE) else "user", text)
        for member in content
        if member.startswith(_PLAIN)
        for text in _texts(_value(member))
    ]
    rest = [member for member in content if not member.startswith(_PLAIN)]
    return plain + (said.messages(rest) if rest else [])


def _value(member: bytes) -> Any:
    try:
        return msgspec.json.decode(member.partition(b":")[2])
    except NO_JSON:
        return None


def _texts(value: Any) -> list[str]:
    return [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]


def _calls(messages: Any) -> list[str]:
    contents = [_get(message, "content") for message in (messages if isinstance(messages, list) else ())]
    blocks = [block for content in contents if isinstance(content, list) for block in content]
    return [msgspec.json.encode(block).decode() for block in blocks if any(_get(block, name) for name in _CALLS)]


def _get(value: object, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else None
