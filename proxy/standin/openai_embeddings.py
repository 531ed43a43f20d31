"""OpenAI embeddings and moderations: requests read, answers rendered. Vectors are made of digests, and mean nothing."""

import struct
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Final

import msgspec

from proxy.standin.fields import text_of, whole_number
from proxy.standin.openai_completions import failure, prompt_tokens, prompts
from proxy.standin.protocol import Answer, Asked, Frame, Provider, WrongRequestError

DIMENSIONS: Final = 8
DIMENSIONS_MAX: Final = 4096
_CATEGORIES: Final = ("harassment", "hate", "illicit", "self-harm", "sexual", "violence")


class _Whole:
    """Never a stream."""

    provider: Provider = "openai"

    def frames(self, answer: Answer) -> Iterable[Frame]:
        return ()

    def ping(self) -> Frame | None:
        return None

    def failure(self, message: str) -> Frame:
        return failure(message)


class OpenAIEmbeddings(_Whole):
    """POST /v1/embeddings."""

    billed = True

    def read(self, body: dict[str, Any]) -> Asked:
        inputs = prompts(body.get("input"), "input")
        dimensions = whole_number(body, "dimensions") or DIMENSIONS
        if dimensions > DIMENSIONS_MAX:
            raise WrongRequestError(f"dimensions must be at most {DIMENSIONS_MAX}", param="dimensions")
        return Asked(
            model=text_of(body, "model"),
            prompt_tokens=sum(map(prompt_tokens, inputs)),
            worded=False,
            facts={"inputs": inputs, "dimensions": dimensions, "packed": body.get("encoding_format") == "base64"},
        )

    def whole(self, answer: Answer) -> dict[str, Any]:
        data = [
            {"object": "embedding", "index": index, "embedding": _embedding(answer, each)}
            for index, each in enumerate(answer.facts["inputs"])
        ]
        tokens = answer.usage.prompt_tokens
        usage = {"usage": {"prompt_tokens": tokens, "total_tokens": tokens}} if answer.usage_shown else {}
        return {"object": "list", "data": data, "model": answer.model, **usage}


class OpenAIModerations(_Whole):
    """POST /v1/moderations: finds nothing, ever."""

    billed = False

    def read(self, body: dict[str, Any]) -> Asked:
        return Asked(
            model=str(body.get("model") or "omni-moderation-latest"),
            prompt_tokens=0,
            worded=False,
            facts={"results": len(prompts(body.get("input"), "input"))},
        )

    def whole(self, answer: Answer) -> dict[str, Any]:
        result = {
            "flagged": False,
            "categories": dict.fromkeys(_CATEGORIES, False),
            "category_scores": dict.fromkeys(_CATEGORIES, 0.0),
            "category_applied_input_types": {name: ["text"] for name in _CATEGORIES},
        }
        return {"id": f"modr-{answer.id}", "model": answer.model, "results": [result] * answer.facts["results"]}


def _embedding(answer: Answer, text: object) -> list[float] | str:
    numbers = _vector(text, answer.facts["dimensions"])
    if answer.facts["packed"]:
        return b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
    return numbers


def _vector(text: object, dimensions: int) -> list[float]:
    """Numbers from -1 to 1 that a float of 32 bits has exactly."""
    digest = sha256(msgspec.json.encode(text)).digest()
    return [digest[index % len(digest)] / 128 - 1 for index in range(dimensions)]
