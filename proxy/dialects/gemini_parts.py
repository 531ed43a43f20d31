"""Parts of a Gemini prompt: how much of what a body carries is text, and what the rest may come to in tokens.

Rules of thumb by ai.google.dev ("Understand and count tokens", "Media resolution"): an image is 258 tokens a tile of
768 x 768 pixels, or at most 2,240 at the highest resolution; audio 32 tokens a second, video 263. No codec for speech
takes less than 750 bytes a second, and none for video less than 8 KB, so neither has more than a token for each 16
bytes of base64. They shape holds only: what a call costs is what the provider reports.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw

from proxy.dialects.prompt import ANSWER_TOKENS, MESSAGE_TOKENS, PART_TOKENS
from proxy.dialects.unseen import PART_TOKENS as IMAGE_TOKENS
from proxy.dialects.unseen import STORED_TOKENS
from proxy.metering.json_object import NO_JSON

MEDIA_BYTES_PER_TOKEN: Final = 16
"""Of audio and video in base64, at least."""

_MEDIA: Final = ("audio/", "video/")
_MARKS: Final = (b'"inlineData"', b'"inline_data"', b'"fileData"', b'"file_data"')


class _Blob(msgspec.Struct, rename="camel", gc=False):
    mime_type: str | None = None
    mime_type_: str | None = msgspec.field(default=None, name="mime_type")
    data: Raw = Raw()

    @property
    def kind(self) -> str:
        return self.mime_type or self.mime_type_ or ""


class _Part(msgspec.Struct, rename="camel", gc=False):
    inline_data: _Blob | None = None
    inline_data_: _Blob | None = msgspec.field(default=None, name="inline_data")
    file_data: _Blob | None = None
    file_data_: _Blob | None = msgspec.field(default=None, name="file_data")


class _Content(msgspec.Struct, gc=False):
    parts: list[_Part] | _Part | None = None


_contents: Final = msgspec.json.Decoder(list[_Content] | _Content).decode


def media(contents: bytes) -> tuple[int, int]:
    """Bytes of the contents that are no text, and the tokens to allow for them and for files they name.

    (0, 0) where the contents have another shape: then all bytes count.
    """
    if not any(mark in contents for mark in _MARKS):
        return 0, 0
    try:
        read = _contents(contents)
    except NO_JSON:
        return 0, 0
    taken = allowed = 0
    for part in _parts(read if isinstance(read, list) else [read]):
        if (blob := part.inline_data or part.inline_data_) is not None:
            tokens = _inline_tokens(blob)
            if tokens is not None:
                taken, allowed = taken + memoryview(blob.data).nbytes, allowed + tokens
        if (file := part.file_data or part.file_data_) is not None:
            allowed += IMAGE_TOKENS if file.kind.startswith("image/") else STORED_TOKENS
    return taken, allowed


def _parts(contents: Sequence[_Content]) -> Iterator[_Part]:
    for content in contents:
        parts = content.parts
        yield from parts if isinstance(parts, list) else () if parts is None else (parts,)


def _inline_tokens(blob: _Blob) -> int | None:
    """None: as many as bytes (text, documents, what nobody knows)."""
    if blob.kind.startswith("image/"):
        return IMAGE_TOKENS
    if blob.kind.startswith(_MEDIA):
        return IMAGE_TOKENS + memoryview(blob.data).nbytes // MEDIA_BYTES_PER_TOKEN
    return None


def prompt_texts(content: Sequence[bytes]) -> tuple[list[str], int]:
    """As of a Dialect: by the rule that outlay counts every unreported prompt with (`prompt`), each content a message.

    Never raises: what can't be read is one text.
    """
    whole = b"{%b}" % b",".join(content)
    try:
        body = msgspec.json.decode(whole)
    except NO_JSON:
        return [whole.decode("utf-8", "replace")], ANSWER_TOKENS
    if not isinstance(body, dict):
        return [], ANSWER_TOKENS
    if "contents" not in body:
        return _embedded(body)
    count = _Count()
    if body.get("systemInstruction"):
        count.message(body["systemInstruction"], "system")
    for each in _listed(body["contents"]):
        count.message(each, "user")
    if body.get("tools"):
        count.texts.append(msgspec.json.encode(body["tools"]).decode())
    return count.texts, count.framing


def _embedded(body: dict[str, Any]) -> tuple[list[str], int]:
    """Texts to embed: nothing stands around them."""
    count = _Count()
    requests = [each.get("content") for each in _listed(body.get("requests")) if isinstance(each, dict)]
    for content in (body.get("content"), *requests):
        count.parts(content)
    return count.texts, count.framing - ANSWER_TOKENS


class _Count:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.framing = ANSWER_TOKENS

    def message(self, content: object, role: str) -> None:
        self.framing += MESSAGE_TOKENS
        said = content.get("role") if isinstance(content, dict) else None
        self.texts.append(said if isinstance(said, str) and said else role)
        self.parts(content)

    def parts(self, content: object) -> None:
        if isinstance(content, str):
            self.texts.append(content)
            return
        for part in _listed(content.get("parts")) if isinstance(content, dict) else ():
            if not isinstance(part, dict):
                continue
            if isinstance(part.get("text"), str):
                self.texts.append(part["text"])
            elif any(name in part for name in ("inlineData", "inline_data", "fileData", "file_data")):
                self.framing += PART_TOKENS
            else:
                called = {name: value for name, value in part.items() if name != "thoughtSignature"}
                self.texts.append(msgspec.json.encode(called).decode())


def _listed(value: object) -> list[Any]:
    """A list as it is; one value where a list could stand, as a list."""
    return value if isinstance(value, list) else [] if value is None else [value]
