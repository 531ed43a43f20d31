"""Unseen input: an allowance for what a request only names, since its bytes don't bound that.

The allowances are estimates, on the high side of what providers document. They shape holds only; what a call costs is
what the provider reports.
"""

from typing import Final

import msgspec

from proxy.metering.json_object import NO_JSON

PART_TOKENS: Final = 5_000
"""For each image or file, given by URL or id or whole. Documented costs of an image end at about 4,800 tokens."""
STORED_TOKENS: Final = 128_000
"""For a conversation or prompt kept at the provider: a common context window."""
SEARCHES_MAX: Final = 100
"""Of server-side searches to hold: a call that allows more doesn't make them."""

_NAMING: Final = frozenset(("image_url", "file", "input_image", "input_file", "image", "document"))
_BRACKETS_MAX: Final = 200
"""Looked at one by one: that takes as long as decoding."""
_COLON, _QUOTE, _BLANK = b':" '
_SPACE: Final = b" \t\r\n"


class _Part(msgspec.Struct, gc=False):
    type: str | None = None
    content: msgspec.Raw = msgspec.Raw()
    """Of what a tool gave back: parts again."""


class _Message(msgspec.Struct, gc=False):
    content: list[_Part] | str | None = None


_messages: Final = msgspec.json.Decoder(list[_Message]).decode
_parts: Final = msgspec.json.Decoder(list[_Part]).decode


def searches(stated: object, default: int) -> int:
    """Server-side searches to hold, by the limit that the call states."""
    return max(0, min(stated, SEARCHES_MAX)) if isinstance(stated, int) else default


def allowance(messages: bytes) -> int:
    """Tokens to allow for images and files in the messages; 0 where the messages have another shape."""
    if not (messages.startswith(b"[") and _may_list_parts(messages)):
        return 0
    try:
        lists = [content for message in _messages(messages) if isinstance(content := message.content, list)]
    except NO_JSON:
        return 0
    if not lists:
        return 0
    parts = [part for content in lists for part in content]
    parts += [inner for part in parts if part.type == "tool_result" for inner in _given_back(part)]
    return PART_TOKENS * sum(part.type in _NAMING for part in parts)


def _may_list_parts(messages: bytes) -> bool:
    """False: no "content" is a list. To look at each bracket takes a fifth of what decoding an agent's 70 KB takes.

    The bracket of such a list stands behind a colon, and that behind a key that ends in t (4, where it is \\u0074);
    there may be white space, which but for blanks never stands within a string.
    """
    at = messages.find(b"[", 1)
    for _ in range(_BRACKETS_MAX):
        if at < 0:
            return False
        place = at - 1
        if messages[place] == _BLANK:
            place -= 1
        before = messages[place]
        if before == _COLON:
            quote = messages[place - 1]
            if quote in _SPACE or (quote == _QUOTE and messages[place - 2] in b"t4"):
                return True
        elif before in _SPACE:
            return True
        at = messages.find(b"[", at + 1)
    return True


def _given_back(part: _Part) -> list[_Part]:
    if memoryview(part.content)[:1].tobytes() != b"[":
        return []
    try:
        return _parts(part.content)
    except NO_JSON:
        return []
