"""Gemini embedContent and batchEmbedContents: requests read, answers heard. What is put out is vectors, not tokens."""

from typing import Any, Final

import msgspec

from proxy.dialects import gemini_parts, origin
from proxy.dialects.fields import Fields
from proxy.dialects.gemini_content import same_model
from proxy.dialects.gemini_usage import usage_of
from proxy.dialects.proto_json import MessageReader
from proxy.dialects.whole_answer import WholeListener
from proxy.metering.json_object import NO_JSON
from proxy.model.call import Request

CONTENT: Final = ("content", "requests")
_BODY: Final = MessageReader((*CONTENT, "model"))


class _Named(msgspec.Struct, gc=False):
    model: str | None = None
    content: msgspec.Raw = msgspec.Raw()


_requests: Final = msgspec.json.Decoder(list[_Named]).decode


def read(body: bytes, headers: dict[bytes, bytes], model: str) -> Request:
    """`model`: by the path. Raises UnreadableError."""
    fields = Fields(_BODY.read(body))
    requests = _listed(fields.raw("requests"))
    for named in (fields.text("model"), *(each.model or "" for each in requests)):
        same_model(named, model)
    contents = [fields.raw("content"), *(bytes(each.content) for each in requests)]
    media = [gemini_parts.media(content) for content in contents]
    return Request(
        model=model,
        output_tokens_max=0,
        input_bytes=len(body) - sum(taken for taken, _ in media),
        input_tokens_unseen=sum(allowed for _, allowed in media),
        content=fields.content(CONTENT),
        session=origin.session(headers),
        agent=origin.agent(headers),
    )


def _listed(requests: bytes) -> list[_Named]:
    try:
        return _requests(requests) if requests else []
    except NO_JSON:
        return []


class _Answer(msgspec.Struct, rename="camel", gc=False):
    usage_metadata: Any = None
    error: Any = None


_answer: Final = msgspec.json.Decoder(_Answer).decode


def listener() -> WholeListener[_Answer]:
    """Of one answer. Older models report no usage: then the texts of the request are counted."""
    return WholeListener(_answer, lambda answer: usage_of(answer.usage_metadata))
