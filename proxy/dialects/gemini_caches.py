"""Gemini's cachedContents: what is written to a cache is metered when it is made.

Every token of it is input at the fresh rate once; reading it later comes at the cached rate with the calls that name
it. What keeping it costs by the hour is in no answer and not metered (ai.google.dev, "Context caching").
"""

from typing import Any, Final

import msgspec

from proxy.dialects import gemini_parts, origin
from proxy.dialects.dialect import Reading
from proxy.dialects.fields import Fields
from proxy.dialects.output import Output
from proxy.dialects.proto_json import MessageReader
from proxy.dialects.quantity import quantity
from proxy.metering.json_object import NO_JSON
from proxy.model.call import Request
from proxy.model.usage import Served, Usage

CONTENT: Final = ("systemInstruction", "contents", "tools")
_BODY: Final = MessageReader((*CONTENT, "model"))


def read(body: bytes, headers: dict[bytes, bytes]) -> Request:
    """Raises UnreadableError."""
    fields = Fields(_BODY.read(body))
    media_bytes, media_tokens = gemini_parts.media(fields.raw("contents"))
    return Request(
        model=fields.model().removeprefix("models/"),
        output_tokens_max=0,
        input_bytes=len(body) - media_bytes,
        input_tokens_unseen=media_tokens,
        content=fields.content(CONTENT),
        session=origin.session(headers),
        agent=origin.agent(headers),
    )


class _Answer(msgspec.Struct, rename="camel", gc=False):
    usage_metadata: Any = None
    error: Any = None


_answer: Final = msgspec.json.Decoder(_Answer).decode


class CacheListener:
    """Of the answer to making a cache."""

    def __init__(self) -> None:
        self.output = Output()
        self.ended = False
        self._answer: _Answer | None = None

    def event(self, data: bytes) -> bool:
        self.body(data)
        return False

    def body(self, data: bytes) -> None:
        try:
            self._answer = _answer(data)
        except NO_JSON:
            return

    def reading(self) -> Reading:
        answer = self._answer
        written = quantity(answer.usage_metadata, "totalTokenCount") if answer else 0
        return Reading(
            usage=Usage(cache_write_5m=written) if written else None,
            final=bool(written),
            served=Served(),
            complete=answer is not None,
            failed=answer is not None and bool(answer.error),
            output_bytes=0,
        )
