"""Prompt: the texts of a call's content, for counting a prompt that no provider reported.

The rule is OpenAI's published one for chat messages (cookbook, "How to count tokens with tiktoken"): 3 tokens a
message with its role and text, a name one more, 3 for the start of the answer. System prompts and instructions count
as messages, calls of tools and definitions as their compact JSON. Other providers frame otherwise: an estimate.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from proxy.metering.json_object import NO_JSON

MESSAGE_TOKENS: Final = 3
ANSWER_TOKENS: Final = 3
NAME_TOKENS: Final = 1
PART_TOKENS: Final = 765
"""An image, or another part whose text isn't there: OpenAI's example of a 1024 x 1024 image in high detail."""

_SYSTEM: Final = ("instructions", "system")
_PLAIN: Final = ("prompt", "suffix")
"""Counted as they are: no message is made of them. A prompt may be a list of them, or its tokens."""
_TOOLS: Final = ("tools", "functions")
_FORMATS: Final = ("response_format", "text", "output_config")
_UNTOLD: Final = frozenset(("input_image", "image_url", "image", "input_file", "file", "input_audio", "document"))
"""Types of parts that carry no countable text: bytes in base64, or a URL."""

_SEALED: Final = frozenset(("signature", "encrypted_content", "data"))
"""Longer than what it stands for, and no text."""
_SAID: Final = ("refusal", "reasoning_content", "reasoning")
"""What an assistant's message holds beside its content."""


class _Count:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.framing = 0

    def message(self, role: object, content: object) -> None:
        self.framing += MESSAGE_TOKENS
        self.texts.append(role if isinstance(role, str) else "")
        self.parts(content)

    def parts(self, content: object) -> None:
        if isinstance(content, str):
            self.texts.append(content)
        for part in content if isinstance(content, list) else ():
            self._part(part)

    def _part(self, part: object) -> None:
        if not isinstance(part, dict):
            return
        if isinstance(part.get("text"), str):
            self.texts.append(part["text"])
        elif part.get("type") == "document" and isinstance(source := part.get("source"), dict) and _is_text(source):
            self.plain([part.get("title"), part.get("context"), source.get("data")])
            self.parts(source.get("content"))
        elif part.get("type") in _UNTOLD:
            self.framing += PART_TOKENS
        elif "content" in part:
            self.parts(part["content"])
        elif "type" in part:
            # A call of a tool, a thought, or what nobody knows yet: it isn't free.
            self.json({name: value for name, value in part.items() if name not in _SEALED})

    def plain(self, value: object) -> None:
        if isinstance(value, str):
            self.texts.append(value)
        elif isinstance(value, int):
            self.framing += 1
        for each in value if isinstance(value, list) else ():
            self.plain(each)

    def json(self, value: object) -> None:
        if value:
            self.texts.append(msgspec.json.encode(value).decode())


def prompt_texts(content: Sequence[bytes]) -> tuple[list[str], int]:
    """Texts of a request's content, each to be counted by itself, and the tokens of framing around them.

    `content` is made of JSON members ('"messages":[…]'), as in `Request.content`. Never raises: what can't be read is
    one text.
    """
    whole = b"{%b}" % b",".join(content)
    count = _Count()
    try:
        _whole(count, msgspec.json.decode(whole))
    except NO_JSON:
        return [whole.decode("utf-8", "replace")], ANSWER_TOKENS
    return count.texts, count.framing


def _whole(count: _Count, body: dict[str, Any]) -> None:
    if isinstance(body.get("prompt"), str | list):
        for name in _PLAIN:
            count.plain(body.get(name))
        return
    count.framing = ANSWER_TOKENS
    for name in _SYSTEM:
        if body.get(name):
            count.message("system", body[name])
    for message in _objects(body.get("messages")):
        _message(count, message)
    items = body.get("input")
    if isinstance(items, str):
        count.message("user", items)
    for item in _objects(items):
        _item(count, item)
    for name in _TOOLS:
        count.json(body.get(name))
    for name in _FORMATS:
        if "schema" in repr(body.get(name)):
            count.json(body[name])


def _is_text(source: dict[str, Any]) -> bool:
    """Of a document: it stands in the call as words."""
    return source.get("type") in ("text", "content")


def _message(count: _Count, message: dict[str, Any]) -> None:
    count.message(message.get("role"), message.get("content"))
    name = message.get("name")
    if isinstance(name, str) and name:
        count.framing += NAME_TOKENS
        count.texts.append(name)
    for name in _SAID:
        if isinstance(message.get(name), str):
            count.plain(message[name])
    count.json(message.get("tool_calls"))
    count.json(message.get("function_call"))


def _item(count: _Count, item: dict[str, Any]) -> None:
    """An item of OpenAI's responses: a message, the output of a tool, or else its JSON."""
    if item.get("type") in ("function_call_output", "custom_tool_call_output"):
        count.message("tool", item.get("output"))
    elif "role" in item:
        count.message(item["role"], item.get("content"))
    else:
        count.framing += MESSAGE_TOKENS
        count.json({name: value for name, value in item.items() if name not in _SEALED})


def _objects(value: object) -> Iterator[dict[str, Any]]:
    return (each for each in (value if isinstance(value, list) else ()) if isinstance(each, dict))
