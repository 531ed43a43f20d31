"""Bedrock's invoke: bodies in the form that each family of models has of its own.

Requests are read by the family, as far as it is known; what isn't known is bounded by the bytes and by the model's own
output limit, never refused. Answers are read by their shape, since an application profile's id tells no family. What
Bedrock itself counts stands in headers, and at the end of a stream in `amazon-bedrock-invocationMetrics`.
"""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from proxy.dialects import anthropic_messages, bedrock_converse, origin
from proxy.dialects.bedrock_converse import ConverseListener
from proxy.dialects.bedrock_models import family
from proxy.dialects.bedrock_usage import counts_in, usage_of
from proxy.dialects.dialect import Reading
from proxy.dialects.fields import CHOICES_MAX, Fields
from proxy.dialects.output import Output
from proxy.metering.json_object import NO_JSON, ObjectReader
from proxy.model.call import Request
from proxy.model.usage import Served, Usage

METRICS: Final = "amazon-bedrock-invocationMetrics"
CONTENT: Final = ("prompt", "inputText", "texts", "message", "preamble", "system", "messages", "tools")
"""What makes the prompt, of families that name it so; of others the whole body does."""
NO_OUTPUT_TOKENS: Final = 1
"""What an embedding is held for on the output side, where it has no tokens at all."""

_TIER_HEADER: Final = b"x-amzn-bedrock-service-tier"
_LATENCY_HEADER: Final = b"x-amzn-bedrock-performanceconfig-latency"
ANTHROPIC: Final = "anthropic."
_NOVA_TEXT: Final = (
    "amazon.nova-micro",
    "amazon.nova-lite",
    "amazon.nova-pro",
    "amazon.nova-premier",
    "amazon.nova-2-",
)
_EMBEDDING: Final = ("embed", "marengo")
_CHAT: Final = ("max_tokens", "max_completion_tokens")
_LIMITS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("mistral.", "deepseek.", "qwen.", "openai.", "moonshotai.", "moonshot.", "minimax."), _CHAT),
    **dict.fromkeys(("zai.", "nvidia.", "google.", "writer.", "xai.", "ai21.jamba", "cohere."), _CHAT),
    "meta.": ("max_gen_len",),
    "ai21.": ("maxTokens",),
}
"""Where a family's body has its output limit; the first that fits the model's name counts."""
_CHOICES: Final[Mapping[str, str]] = {"cohere.": "num_generations", "ai21.j2": "numResults"}
_NESTED: Final[Mapping[str, tuple[str, str]]] = {
    "amazon.titan-t": ("textGenerationConfig", "maxTokenCount"),
    "amazon.titan-image": ("imageGenerationConfig", "numberOfImages"),
    "amazon.nova-canvas": ("imageGenerationConfig", "numberOfImages"),
}
_IMAGES: Final = ("amazon.titan-image", "amazon.nova-canvas", "stability.")
_BODY: Final = ObjectReader(
    {
        *bedrock_converse.GOVERNED,
        *anthropic_messages.GOVERNED,
        *CONTENT,
        *("n", "textGenerationConfig", "imageGenerationConfig", "max_tokens_to_sample"),
        *(name for names in _LIMITS.values() for name in names),
        *_CHOICES.values(),
    }
)


def read(body: bytes, headers: Mapping[bytes, bytes], model: str, *, stream: bool) -> Request:
    """Raises UnreadableError."""
    name = family(model)
    fields = Fields(_BODY.read(body))
    if name.startswith(ANTHROPIC):
        request = anthropic_messages.read(body, dict(headers))
    elif name.startswith(_NOVA_TEXT) and not any(mark in name for mark in (*_EMBEDDING, "sonic")):
        request = bedrock_converse.read(body, model, stream=stream)
    else:
        request = _plain(fields, body, name)
    tier = origin.bounded(headers.get(_TIER_HEADER, b"").decode("latin-1"))
    return replace(request, model=model, stream=stream, service_tier="" if tier == "default" else tier)


def _plain(fields: Fields, body: bytes, name: str) -> Request:
    """A body of any other family."""
    images = _images(fields, name)
    return Request(
        model="",
        choices=_choices(fields, name),
        output_tokens_max=_output_tokens_max(fields, name),
        input_bytes=len(body),
        fixed=Usage(output_images=images),
        content=fields.content(CONTENT) or (body,),
    )


def _output_tokens_max(fields: Fields, name: str) -> int | None:
    if any(mark in name for mark in _EMBEDDING) or name.startswith(_IMAGES):
        return NO_OUTPUT_TOKENS
    for prefix, names in _LIMITS.items():
        if name.startswith(prefix):
            return fields.limit(*names)
    return _nested(fields, name) if name.startswith("amazon.titan-t") else None


def _nested(fields: Fields, name: str) -> int | None:
    for prefix, (outer, inner) in _NESTED.items():
        config = fields.nested(outer, ObjectReader((inner,))) if name.startswith(prefix) else None
        if config is not None:
            return config.limit(inner)
    return None


def _images(fields: Fields, name: str) -> int:
    """Images that the call makes, where it makes images."""
    return min(_nested(fields, name) or 1, CHOICES_MAX) if name.startswith(_IMAGES) else 0


def _choices(fields: Fields, name: str) -> int:
    key = next((key for prefix, key in _CHOICES.items() if name.startswith(prefix)), "n")
    return min(fields.limit(key) or 1, CHOICES_MAX)


class _PlainListener:
    """Of answers that hold texts and counts under names of the family's own."""

    def __init__(self) -> None:
        self.output = Output()
        self.ended = False
        self.stopped = False
        self._counts: dict[str, Any] = {}

    def hear(self, answer: Mapping[str, Any]) -> None:
        """A whole answer, or one piece of a stream."""
        self.output.add_all(0, [answer.get(name) for name in ("outputText", "generation", "completion", "text")])
        for name in ("results", "outputs", "choices", "generations", "completions"):
            each = answer.get(name)
            for index, choice in enumerate(each if isinstance(each, list) else ()):
                self._choice(index, choice)
        self.stopped = self.stopped or any(
            answer.get(name) for name in ("completionReason", "stop_reason", "is_finished")
        )
        for counts in (_with_results(answer), answer.get("usage")):
            if isinstance(counts, Mapping):
                # A stream tells its input at its start, and its output, a running count, at its end.
                self._counts.update((name, count) for name, count in counts.items() if isinstance(count, int))

    def _choice(self, index: int, choice: object) -> None:
        if not isinstance(choice, Mapping):
            return
        for part in (choice, choice.get("message"), choice.get("delta"), choice.get("data")):
            if isinstance(part, Mapping):
                names = ("outputText", "text", "content", "reasoning_content")
                self.output.add_all(index, [part.get(name) for name in names])
                calls = part.get("tool_calls")
                self.output.add_all(index, msgspec.json.encode(calls).decode() if calls else None)
        self.stopped = self.stopped or bool(choice.get("stop_reason") or choice.get("finish_reason"))

    def reading(self) -> Reading:
        usage = usage_of(self._counts)
        final = usage is not None and self.stopped
        return Reading(
            usage=usage if final else None,
            final=final,
            served=Served(),
            complete=self.stopped,
            failed=False,
            output_bytes=self.output.size,
            texts=() if final else self.output.texts(),
            reply=self.output.reply(),
        )


def _with_results(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Titan counts its output beside each result, if there is only the count of the input at the top."""
    results = answer.get("results")
    if not isinstance(results, list) or "totalOutputTextTokenCount" in answer:
        return answer
    counts = [each.get("tokenCount") for each in results if isinstance(each, Mapping)]
    return {**answer, "totalOutputTextTokenCount": sum(count for count in counts if isinstance(count, int))}


class InvokeListener:
    """Of one answer of any family. Anthropic's and Nova's own usage counts before Bedrock's, since it tells caches
    apart."""

    def __init__(self, model: str, *, streamed: bool) -> None:
        self._model = model
        self._streamed = streamed
        self._inner: anthropic_messages.MessagesListener | ConverseListener | _PlainListener = _PlainListener()
        self._known = False
        self._failed = False
        self._whole = False
        self._counted: Mapping[str, Any] = {}
        """By Bedrock: from headers, or from the metrics at a stream's end."""
        self._tier = ""
        self._latency = ""

    @property
    def output(self) -> Output:
        return self._inner.output

    @property
    def ended(self) -> bool:
        return self._failed or self._inner.ended or (self._streamed and bool(self._counted))

    def headers(self, headers: Mapping[bytes, bytes]) -> None:
        if not self._streamed:
            self._counted = counts_in(headers)
        self._tier = origin.bounded(headers.get(_TIER_HEADER, b"").decode("latin-1"))
        latency = origin.bounded(headers.get(_LATENCY_HEADER, b"").decode("latin-1"))
        self._latency = "" if latency == "standard" else latency

    def frame(self, kind: str, payload: bytes) -> None:
        """A chunk: an event of the family's own stream, in base64."""
        try:
            data = b64decode(msgspec.json.decode(payload, type=_Chunk).bytes)
            piece = msgspec.json.decode(data)
        except (*NO_JSON, binascii.Error):
            return
        if not isinstance(piece, dict):
            return
        inner = self._chosen(piece)
        if isinstance(inner, anthropic_messages.MessagesListener):
            inner.event(data)
        elif isinstance(inner, ConverseListener):
            for name in bedrock_converse.EVENTS & piece.keys():
                if isinstance(piece[name], dict):
                    inner.tell(name, piece[name])
        else:
            inner.hear(piece)
        metrics = piece.get(METRICS)
        if isinstance(metrics, dict):
            self._counted = metrics

    def event(self, data: bytes) -> bool:
        """Never: there are no server-sent events here."""
        return False

    def failure(self) -> None:
        self._failed = True

    def body(self, data: bytes) -> None:
        try:
            answer = msgspec.json.decode(data)
        except NO_JSON:
            return
        self._whole = True
        if not isinstance(answer, dict):
            return
        inner = self._chosen(answer)
        if isinstance(inner, anthropic_messages.MessagesListener):
            inner.body(data)
        elif isinstance(inner, ConverseListener):
            inner.whole(answer)
        else:
            inner.hear(answer)
            inner.stopped = True

    def _chosen(
        self, piece: Mapping[str, Any]
    ) -> "anthropic_messages.MessagesListener | ConverseListener | _PlainListener":
        """By the first piece: Anthropic's have a type, Nova's are named as converse's events."""
        if not self._known:
            self._known = True
            if isinstance(piece.get("type"), str):
                self._inner = anthropic_messages.MessagesListener()
            elif bedrock_converse.EVENTS & piece.keys() or isinstance(piece.get("output"), dict):
                self._inner = ConverseListener(self._model, streamed=self._streamed)
        return self._inner

    def reading(self) -> Reading:
        reading = self._inner.reading()
        counted = usage_of(self._counted)
        complete = reading.complete or self._whole or (self._streamed and bool(self._counted))
        # Counts in headers came before the body, and so hold for one that breaks off, too.
        if counted is not None and (not reading.final or isinstance(self._inner, _PlainListener)):
            reading = replace(reading, usage=counted, final=True, texts=())
        tier = reading.served.service_tier or self._tier
        # The path says which model answers. The body has its maker's name for it: no price stands under that.
        served = replace(reading.served, model="", service_tier=tier, speed=reading.served.speed or self._latency)
        return replace(reading, served=served, complete=complete, failed=reading.failed or self._failed)


class _Chunk(msgspec.Struct, gc=False):
    bytes: str = ""
