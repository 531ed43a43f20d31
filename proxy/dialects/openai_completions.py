"""OpenAI's older completions: requests read. Answers are heard, and usage is asked for, as in chat."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from proxy.dialects import origin
from proxy.dialects.fields import CHOICES_MAX, Fields
from proxy.metering.json_object import NO_JSON, ObjectReader
from proxy.model.call import Request

CONTENT: Final = ("prompt", "suffix")
GOVERNED: Final = (
    *CONTENT,
    *("model", "stream", "stream_options", "n", "best_of", "max_tokens", "service_tier", "user", "prompt_cache_key"),
)

_BODY: Final = ObjectReader(GOVERNED)
_OPTIONS: Final = ObjectReader(("include_usage",))


def read(body: bytes, headers: dict[bytes, bytes]) -> Request:
    """Raises UnreadableError."""
    fields = Fields(_BODY.read(body))
    stream = fields.flag("stream")
    options = fields.nested("stream_options", _OPTIONS)
    return Request(
        model=fields.model(),
        stream=stream,
        choices=_choices(fields),
        output_tokens_max=fields.limit("max_tokens"),
        thinking_tokens_max=0,
        usage_asked=not stream or (options is not None and options.raw("include_usage") == b"true"),
        service_tier=fields.tier(),
        input_bytes=len(body),
        content=fields.content(CONTENT),
        session=origin.session(headers, fields.text("prompt_cache_key")),
        agent=origin.agent(headers),
    )


def _choices(fields: Fields) -> int:
    """Answers that are made, and billed: of the best of several only some are shown, and each prompt has its own."""
    each = max(fields.choices(), fields.limit("best_of") or 1)
    return min(each, CHOICES_MAX) * prompts(fields.raw("prompt"))


def prompts(prompt: bytes) -> int:
    """How many prompts these are: a text or a list of tokens is one, a list of them one each."""
    if not prompt.startswith(b"["):
        return 1
    try:
        listed: Sequence[Any] = msgspec.json.decode(prompt)
    except NO_JSON:
        return 1
    return 1 if not listed or isinstance(listed[0], int) else len(listed)
