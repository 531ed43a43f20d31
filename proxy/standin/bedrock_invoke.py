"""Bedrock's invoke: bodies as each family of models has them: Anthropic's, Nova's, Llama's, Titan's embeddings."""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol

import msgspec

from proxy.model.usage import Usage
from proxy.standin import bedrock_converse, tokens
from proxy.standin.anthropic_messages import AnthropicMessages
from proxy.standin.bedrock_converse import Converse
from proxy.standin.bedrock_frames import BinaryFrames
from proxy.standin.behaviour import Behaviour
from proxy.standin.client import Headers
from proxy.standin.fields import text_of, whole_number
from proxy.standin.protocol import Answer, Asked, Frame, Provider

METRICS: Final = "amazon-bedrock-invocationMetrics"
DIMENSIONS: Final = 8
Piece = tuple[dict[str, Any], int]
"""One event of a family's own stream, and the tokens it shows."""


class Family(Protocol):
    """The bodies of one family of models."""

    def read(self, body: dict[str, Any], model: str, *, stream: bool) -> Asked: ...

    def whole(self, answer: Answer) -> dict[str, Any]: ...

    def pieces(self, answer: Answer) -> Iterator[Piece]:
        """The last one gets Bedrock's own metrics."""
        ...


class Anthropic:
    def read(self, body: dict[str, Any], model: str, *, stream: bool) -> Asked:
        text_of(body, "anthropic_version")
        return AnthropicMessages().read({**body, "model": model, "stream": stream})

    def whole(self, answer: Answer) -> dict[str, Any]:
        return AnthropicMessages().whole(answer)

    def pieces(self, answer: Answer) -> Iterator[Piece]:
        for frame in AnthropicMessages().frames(answer):
            yield msgspec.json.decode(frame.data), frame.tokens


class Nova:
    def read(self, body: dict[str, Any], model: str, *, stream: bool) -> Asked:
        return Converse(model, stream=stream).read(body)

    def whole(self, answer: Answer) -> dict[str, Any]:
        message = {"role": "assistant", "content": [bedrock_converse.block(answer)]}
        told = {"usage": self._usage(answer.usage)} if answer.usage_shown else {}
        return {"output": {"message": message}, "stopReason": bedrock_converse.stop_reason(answer), **told}

    def pieces(self, answer: Answer) -> Iterator[Piece]:
        told = {"usage": self._usage(answer.usage)} if answer.usage_shown else {}
        for name, fields, count in bedrock_converse.told_in_order(answer, told):
            yield {name: fields}, count

    def _usage(self, usage: Usage) -> dict[str, int]:
        return {
            "inputTokens": usage.input_text,
            "outputTokens": usage.output_tokens,
            "totalTokens": usage.prompt_tokens + usage.output_tokens,
            "cacheReadInputTokenCount": usage.cache_read,
            "cacheWriteInputTokenCount": usage.cache_write_tokens,
        }


class Llama:
    def read(self, body: dict[str, Any], model: str, *, stream: bool) -> Asked:
        count = tokens.of_text(text_of(body, "prompt"))
        return Asked(model, count, stream, output_tokens_max=whole_number(body, "max_gen_len"))

    def whole(self, answer: Answer) -> dict[str, Any]:
        told = {"generation": answer.texts[0], "stop_reason": "length" if answer.limited else "stop"}
        return {**told, **self._counts(answer)}

    def pieces(self, answer: Answer) -> Iterator[Piece]:
        for piece in answer.choices[0]:
            yield {"generation": piece, "stop_reason": None}, 1
        yield {"generation": "", "stop_reason": "length" if answer.limited else "stop", **self._counts(answer)}, 0

    def _counts(self, answer: Answer) -> dict[str, int]:
        usage = answer.usage
        counts = {"prompt_token_count": usage.input_text, "generation_token_count": usage.output_tokens}
        return counts if answer.usage_shown else {}


class TitanEmbedding:
    def read(self, body: dict[str, Any], model: str, *, stream: bool) -> Asked:
        return Asked(model, tokens.of_text(text_of(body, "inputText")), output_tokens_max=0)

    def whole(self, answer: Answer) -> dict[str, Any]:
        count = {"inputTextTokenCount": answer.usage.input_text} if answer.usage_shown else {}
        return {"embedding": [int(answer.id[at], 16) / 16 for at in range(DIMENSIONS)], **count}

    def pieces(self, answer: Answer) -> Iterator[Piece]:
        yield from ()


def family(model: str) -> Family:
    """By the model's name; what isn't known answers as Llama does."""
    if "anthropic." in model:
        return Anthropic()
    if "amazon.nova" in model:
        return Nova()
    return TitanEmbedding() if "titan-embed" in model else Llama()


class Invoke:
    """POST /model/{id}/invoke and /invoke-with-response-stream."""

    provider: Provider = "bedrock"
    billed = True

    def __init__(self, model: str, *, stream: bool) -> None:
        self._model = model
        self._stream = stream
        self._family = family(model)

    def read(self, body: dict[str, Any]) -> Asked:
        return self._family.read(body, self._model, stream=self._stream)

    def whole(self, answer: Answer) -> dict[str, Any]:
        return self._family.whole(answer)

    def frames(self, answer: Answer) -> Iterable[Frame]:
        pieces = list(self._family.pieces(answer))
        for number, (piece, count) in enumerate(pieces, start=1):
            last = number == len(pieces)
            metrics = {METRICS: _metrics(answer.usage)} if last and answer.usage_shown else {}
            yield Frame(_chunk({**piece, **metrics}), event="chunk", tokens=count, usage=last)

    def ping(self) -> Frame | None:
        return None

    def failure(self, message: str) -> Frame:
        return Frame(msgspec.json.encode({"message": message}), event="throttlingException")

    def framing(self, behaviour: Behaviour) -> BinaryFrames:
        return BinaryFrames(behaviour)

    def headers(self, answer: Answer) -> Headers:
        """Bedrock's own count, of what is not streamed; and how it was served."""
        usage, tier = answer.usage, answer.behaviour.tier
        counts = {
            b"x-amzn-bedrock-input-token-count": usage.input_text,
            b"x-amzn-bedrock-output-token-count": usage.output_tokens,
            b"x-amzn-bedrock-cache-read-input-token-count": usage.cache_read,
            b"x-amzn-bedrock-cache-write-input-token-count": usage.cache_write_tokens,
        }
        shown = answer.usage_shown and not self._stream
        lines = [(name, str(count).encode()) for name, count in counts.items()] if shown else []
        content = [(b"x-amzn-bedrock-content-type", b"application/json")] if self._stream else []
        return [*lines, *content, *([(b"x-amzn-bedrock-service-tier", tier.encode())] if tier else [])]


def _chunk(piece: dict[str, Any]) -> bytes:
    data = b64encode(msgspec.json.encode(piece)).decode()
    return msgspec.json.encode({"bytes": data, "p": "abcdefgh"})


def _metrics(usage: Usage) -> dict[str, int]:
    return {
        "inputTokenCount": usage.input_text,
        "outputTokenCount": usage.output_tokens,
        "invocationLatency": 1,
        "firstByteLatency": 1,
        "cacheReadInputTokenCount": usage.cache_read,
        "cacheWriteInputTokenCount": usage.cache_write_tokens,
    }
