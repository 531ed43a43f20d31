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
    if not messages.startswith(b"[") or messages.find(b"[", 1) < 0:
        # Parts stand in a list of their own, so without a second bracket there are none.
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


def _given_back(part: _Part) -> list[_Part]:
    if memoryview(part.content)[:1].tobytes() != b"[":
        return []
    try:
        return _parts(part.content)
    except NO_JSON:
        return []
