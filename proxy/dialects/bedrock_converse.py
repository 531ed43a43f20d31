"""Bedrock's converse: requests read, answers heard. One shape for every model; Nova's own bodies have it, too."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from proxy.dialects import origin, unseen
from proxy.dialects.bedrock_models import family, is_prompt
from proxy.dialects.bedrock_usage import usage_of
from proxy.dialects.dialect import MAX_TOKENS, Reading, Splice
from proxy.dialects.documents import page_tokens
from proxy.dialects.fields import Fields
from proxy.dialects.output import THOUGHT, Output
from proxy.dialects.placing import spliced
from proxy.metering.json_object import NO_JSON, ObjectReader
from proxy.model.call import Request
from proxy.model.usage import Served

GOVERNED: Final = (
    *("messages", "system", "toolConfig", "inferenceConfig", "additionalModelRequestFields", "promptVariables"),
    *("performanceConfig", "serviceTier", "guardrailConfig", "outputConfig"),
)
EVENTS: Final = frozenset(
    ("messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata")
)
VIDEO_TOKENS: Final = unseen.STORED_TOKENS
"""For a video: as much as a common context window holds."""

_BODY: Final = ObjectReader(GOVERNED)
_LIMITS: Final = ObjectReader(("maxTokens", "max_new_tokens"))
_TOOLS: Final = ObjectReader(("tools",))
_TIER: Final = ObjectReader(("type",))
_MORE: Final = ObjectReader(("thinking", "reasoning_config", "max_tokens", "max_completion_tokens"))
_THINKING: Final = ObjectReader(("type", "budget_tokens"))
_OPENAI: Final = "openai."
_TIERS: Final = {"default": "", "standard": ""}


def read(body: bytes, model: str, *, stream: bool) -> Request:
    """Raises UnreadableError."""
    fields = Fields(_BODY.read(body))
    more = fields.nested("additionalModelRequestFields", _MORE)
    stored = unseen.STORED_TOKENS if is_prompt(model) else 0
    return Request(
        model=model,
        stream=stream,
        output_tokens_max=_output_tokens_max(fields, more),
        thinking_tokens_max=_thinking_tokens_max(more),
        service_tier=_tier(fields),
        input_bytes=len(body),
        input_tokens_unseen=stored + _allowance(fields.raw("messages")) + page_tokens(body),
        content=content(fields),
    )


def content(fields: Fields) -> tuple[bytes, ...]:
    """The members that make the prompt; the tools without what stands around them."""
    config = fields.nested("toolConfig", _TOOLS)
    tools = config.content(("tools",)) if config else ()
    return (*fields.content(("system", "messages")), *tools)


def limit_output(body: bytes, tokens: int) -> Splice | None:
    """None, too, where the model's own fields name a limit beside Bedrock's."""
    more = Fields(_BODY.read(body)).nested("additionalModelRequestFields", _MORE)
    if more and more.limit("max_tokens", "max_completion_tokens"):
        return None
    return spliced(body, [(_BODY, "inferenceConfig"), (_LIMITS, "maxTokens")], tokens, MAX_TOKENS)


def _output_tokens_max(fields: Fields, more: Fields | None) -> int | None:
    """The larger one, where the model's own fields name a limit beside Bedrock's."""
    config = fields.nested("inferenceConfig", _LIMITS)
    limits = (
        config.limit("maxTokens", "max_new_tokens") if config else None,
        more.limit("max_tokens", "max_completion_tokens") if more else None,
    )
    return max((limit for limit in limits if limit is not None), default=None)


def _thinking_tokens_max(more: Fields | None) -> int | None:
    """The thinking budget, 0 where thinking is switched off; None where the model decides."""
    for name in ("thinking", "reasoning_config") if more else ():
        thinking = more.nested(name, _THINKING) if more else None
        if thinking is not None:
            return 0 if thinking.raw("type") == b'"disabled"' else thinking.limit("budget_tokens")
    return None


def _tier(fields: Fields) -> str:
    """The service tier asked for, '' for the standard one. It prices the hold."""
    tier = fields.nested("serviceTier", _TIER)
    name = origin.bounded(tier.text("type")) if tier else ""
    return _TIERS.get(name, name)


_ABSENT: Final = msgspec.Raw()


class _Block(msgspec.Struct, gc=False):
    image: msgspec.Raw = _ABSENT
    document: msgspec.Raw = _ABSENT
    audio: msgspec.Raw = _ABSENT
    video: msgspec.Raw = _ABSENT
    toolResult: "_Result | None" = None  # noqa: N815  # Bedrock's name


class _Result(msgspec.Struct, gc=False):
    content: list[_Block] | None = None


class _Message(msgspec.Struct, gc=False):
    content: list[_Block] | None = None


_messages: Final = msgspec.json.Decoder(list[_Message]).decode


def _allowance(messages: bytes) -> int:
    """Tokens to allow for images, files, sound and video in the messages; 0 where the messages have another shape."""
    try:
        blocks = [block for message in _messages(messages or b"[]") for block in message.content or ()]
    except NO_JSON:
        return 0
    blocks += [inner for block in blocks if block.toolResult for inner in block.toolResult.content or ()]
    parts = sum(_there(block.image, block.document, block.audio) for block in blocks)
    return parts * unseen.PART_TOKENS + VIDEO_TOKENS * sum(_there(block.video) for block in blocks)


def _there(*values: msgspec.Raw) -> bool:
    return any(memoryview(value).nbytes for value in values)


class ConverseListener:
    """Of one answer. A stream tells its usage in `metadata`, its last event."""

    def __init__(self, model: str, *, streamed: bool) -> None:
        self.output = Output()
        self.ended = False
        self._inclusive = streamed and family(model).startswith(_OPENAI)
        self._stopped = False
        self._failed = False
        self._told: Mapping[str, Any] = {}
        """What holds usage, tier and the rest: a whole answer, or the event `metadata`."""

    def headers(self, headers: Mapping[bytes, bytes]) -> None:
        """Of no interest: the body says it all."""

    def frame(self, kind: str, payload: bytes) -> None:
        try:
            fields = msgspec.json.decode(payload)
        except NO_JSON:
            return
        if isinstance(fields, dict):
            self.tell(kind, fields)

    def event(self, data: bytes) -> bool:
        """Never: there are no server-sent events here."""
        return False

    def tell(self, kind: str, fields: Mapping[str, Any]) -> None:
        index = str(fields.get("contentBlockIndex"))
        if kind == "contentBlockDelta":
            self._content(index, fields.get("delta"))
        elif kind == "contentBlockStart":
            self._content(index, fields.get("start"))
        elif kind == "messageStop":
            self._stopped = True
        elif kind == "metadata":
            self._told = fields
            self.ended = True

    def _content(self, index: str, part: object) -> None:
        """Texts of a block or of a piece of one. Thinking counts as output, as it is billed."""
        if not isinstance(part, Mapping):
            return
        self.output.add_all(index, part.get("text"))
        self.output.add_all((THOUGHT, index), _get(part.get("reasoningContent"), "text"))
        self.output.add_all((THOUGHT, index), _get(_get(part.get("reasoningContent"), "reasoningText"), "text"))
        tool = part.get("toolUse")
        self.output.add_all((index, "name"), _get(tool, "name"))
        value = _get(tool, "input")
        if value:
            self.output.add(index, value if isinstance(value, str) else msgspec.json.encode(value).decode())

    def failure(self) -> None:
        self._failed = self.ended = True

    def body(self, data: bytes) -> None:
        try:
            answer = msgspec.json.decode(data)
        except NO_JSON:
            return
        if isinstance(answer, dict):
            self.whole(answer)

    def whole(self, answer: Mapping[str, Any]) -> None:
        self._stopped = True
        self._told = answer
        blocks = _get(_get(_get(answer, "output"), "message"), "content")
        for number, block in enumerate(blocks if isinstance(blocks, list) else ()):
            self._content(str(number), block)

    def reading(self) -> Reading:
        usage = usage_of(self._told.get("usage"), inclusive=self._inclusive)
        return Reading(
            usage=usage,
            final=usage is not None,
            served=self._served(),
            complete=self._stopped,
            failed=self._failed,
            output_bytes=self.output.size,
            texts=() if usage is not None else self.output.texts(),
            reply=self.output.reply(),
        )

    def _served(self) -> Served:
        """A prompt router says which model it chose; else the one in the path answered."""
        router = _get(self._told.get("trace"), "promptRouter")
        latency = origin.bounded(_get(self._told.get("performanceConfig"), "latency"))
        return Served(
            model=origin.bounded(_get(router, "invokedModelId")),
            service_tier=origin.bounded(_get(self._told.get("serviceTier"), "type")),
            speed="" if latency == "standard" else latency,
        )


def _get(value: object, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else None
