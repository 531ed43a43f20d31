"""Gemini's cachedContents: what is written to a cache is metered when it is made.

Every token of it is input at the fresh rate once; reading it later comes at the cached rate with the calls that name
it. What keeping it costs by the hour is in no answer and not metered (ai.google.dev, "Context caching").
"""

from typing import Any, Final

import msgspec

from proxy.dialects import gemini_parts, origin
from proxy.dialects.fields import Fields
from proxy.dialects.proto_json import MessageReader
from proxy.dialects.quantity import quantity
from proxy.dialects.whole_answer import WholeListener
from proxy.model.call import Request
from proxy.model.usage import Usage

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


def listener() -> WholeListener[_Answer]:
    """Of the answer to making a cache."""
    return WholeListener(_answer, _usage)


def _usage(answer: _Answer) -> Usage | None:
    written = quantity(answer.usage_metadata, "totalTokenCount")
    return Usage(cache_write_5m=written) if written else None
