"""OpenAI embeddings and moderations: requests read, usage of embeddings heard.

Vectors come as lists of numbers or in base64; neither is read. Other servers leave `prompt_tokens` out and say
`total_tokens` only.
"""

from typing import Any, Final

import msgspec

from proxy.dialects import origin
from proxy.dialects.dialect import Reading
from proxy.dialects.fields import Fields
from proxy.dialects.openai_usage import usage_of
from proxy.dialects.output import Output
from proxy.dialects.quantity import quantity
from proxy.metering.json_object import NO_JSON, ObjectReader
from proxy.model.call import Request
from proxy.model.usage import Served, Usage

GOVERNED: Final = ("input", "model", "service_tier", "user")

_BODY: Final = ObjectReader(GOVERNED)


def read(body: bytes, headers: dict[bytes, bytes]) -> Request:
    """Of embeddings or moderations. Raises UnreadableError."""
    fields = Fields(_BODY.read(body))
    return Request(
        model=fields.model(),
        output_tokens_max=0,
        service_tier=fields.tier(),
        input_bytes=len(body),
        # A plain text is no message: it goes by the name that says so.
        content=(b'"prompt":' + fields.raw("input"),) if fields.raw("input") else (),
        session=origin.session(headers),
        agent=origin.agent(headers),
    )


class _Answer(msgspec.Struct, gc=False):
    model: Any = None
    usage: Any = None
    error: Any = None


_answer: Final = msgspec.json.Decoder(_Answer).decode


class EmbeddingsListener:
    """Of one answer."""

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
        answer = self._answer or _Answer()
        usage = _usage(answer.usage)
        return Reading(
            usage=usage,
            final=usage is not None,
            served=Served(model=origin.bounded(answer.model)),
            complete=self._answer is not None,
            failed=bool(answer.error),
            output_bytes=0,
        )


def _usage(reported: Any) -> Usage | None:
    if not quantity(reported, "prompt_tokens", "input_tokens"):
        total = quantity(reported, "total_tokens")
        return Usage(input_text=total) if total else None
    return usage_of(reported)
