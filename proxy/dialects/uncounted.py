"""Uncounted: the bytes of a prompt that a count of its texts leaves out, so that they stay held as bytes.

Files in base64, sealed thoughts, the JSON around it all, and whatever nobody knows yet: none of it has more tokens than
bytes, as far as it isn't rendered (see `unseen`). Pictures and recordings have far fewer, and an allowance instead.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from proxy.metering.json_object import NO_JSON

_PICTURES: Final = frozenset(("image", "image_url", "input_image"))
"""Types of parts that no provider reads anything from but a picture."""
_BLOCKS: Final = ("image", "audio", "video")
"""Bedrock names the kind of a block by its key."""
_INLINE: Final = ("inlineData", "inline_data")
_MEDIA: Final = ("image/", "audio/", "video/")


def uncounted_bytes(content: Sequence[bytes], texts: Sequence[str]) -> int:
    """Bytes of a request's content that are neither in the `texts` counted of it, nor in pictures and recordings.

    `content` as in `Request.content`. Escapes are undone first, since a letter may be written in six bytes. Never
    raises: what can't be read is all counted, or all not.
    """
    whole = b"{%b}" % b",".join(content)
    counted = sum(len(text.encode("utf-8", "replace")) for text in texts)
    try:
        body = msgspec.json.decode(whole)
        media = sum(len(data) for data in _media(body) if not _is_counted(data, texts))
        return max(0, len(msgspec.json.encode(body)) - counted - media)
    except NO_JSON:
        return max(0, len(whole) - counted)


def _media(value: object) -> Iterator[str]:
    """The longest text of each picture and recording: its bytes."""
    if isinstance(value, list):
        for each in value:
            yield from _media(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            if _is_media(value, name, each):
                yield max(_texts(each), key=len, default="")
            else:
                yield from _media(each)


def _is_counted(data: str, texts: Sequence[str]) -> bool:
    """What looks like a picture in the arguments of a tool is a text."""
    written = msgspec.json.encode(data)[1:-1].decode()
    return any(written in text for text in texts if len(text) > len(data))


def _is_media(part: dict[str, Any], name: str, value: object) -> bool:
    if part.get("type") in _PICTURES:
        return name in ("source", "image_url")
    if name in _INLINE and isinstance(value, dict):
        kind = value.get("mimeType") or value.get("mime_type")
        return isinstance(kind, str) and kind.startswith(_MEDIA)
    return name in _BLOCKS and "type" not in part and isinstance(value, dict) and "source" in value


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
