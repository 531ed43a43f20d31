"""OpenAI embeddings and moderations: requests read, usage of embeddings heard.

Vectors come as lists of numbers or in base64; neither is read. Other servers leave `prompt_tokens` out and say
`total_tokens` only.
"""

from typing import Any, Final

import msgspec

from proxy.dialects import origin
from proxy.dialects.fields import Fields
from proxy.dialects.openai_usage import usage_of
from proxy.dialects.quantity import quantity
from proxy.dialects.whole_answer import WholeListener
from proxy.metering.json_object import ObjectReader
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


def listener() -> WholeListener[_Answer]:
    """Of one answer to embeddings."""
    return WholeListener(_answer, _usage, lambda answer: Served(model=origin.bounded(answer.model)))


def _usage(answer: _Answer) -> Usage | None:
    reported = answer.usage
    if not quantity(reported, "prompt_tokens", "input_tokens"):
        total = quantity(reported, "total_tokens")
        return Usage(input_text=total) if total else None
    return usage_of(reported)
