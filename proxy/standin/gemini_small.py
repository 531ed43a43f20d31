"""Gemini's smaller operations: tokens counted, embeddings, images, caches, models."""

import base64
from collections.abc import Iterable
from typing import Any, Final

from proxy.model.usage import Usage
from proxy.standin import tokens
from proxy.standin.fields import objects, text_of, whole_number
from proxy.standin.gemini_content import GeminiContent, content_tokens, prompt_tokens
from proxy.standin.models import CREATED_AT, NAMES
from proxy.standin.protocol import MISSING_MODEL, Answer, Asked, Frame, Provider, WrongRequestError

IMAGES_DEFAULT: Final = 4
IMAGES_MAX: Final = 4
DIMENSIONS: Final = 8
_METHODS: Final = ("generateContent", "countTokens", "embedContent")
_PIXEL: Final = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
        "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
    )
).decode()
"""A PNG of one red pixel."""


class _Small:
    """What the formats without a stream have in common."""

    provider: Provider = "gemini"
    billed = True

    def __init__(self, name: str = "") -> None:
        self._name = name

    def frames(self, answer: Answer) -> Iterable[Frame]:
        return ()

    def ping(self) -> Frame | None:
        return None

    def failure(self, message: str) -> Frame:
        return GeminiContent(self._name).failure(message)


class CountTokens(_Small):
    """POST /v1beta/models/{model}:countTokens."""

    billed = False

    def read(self, body: dict[str, Any]) -> Asked:
        return Asked(model=self._name, prompt_tokens=prompt_tokens(body.get("generateContentRequest") or body))

    def whole(self, answer: Answer) -> dict[str, Any]:
        count = answer.usage.input_text
        return {"totalTokens": count, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": count}]}


class Embeddings(_Small):
    """POST /v1beta/models/{model}:embedContent and :batchEmbedContents (`batch`)."""

    def __init__(self, name: str, *, batch: bool) -> None:
        super().__init__(name)
        self._batch = batch
        self._contents = 1

    def read(self, body: dict[str, Any]) -> Asked:
        requests = objects(body.get("requests"), "requests") if self._batch else [body]
        contents = [each["content"] for each in requests if isinstance(each.get("content"), dict)]
        if not contents:
            raise WrongRequestError("content is not specified", param="content")
        self._contents = len(contents)
        framing = tokens.of_message("user", "")
        texts = sum(content_tokens({**content, "role": "user"}, "user") - framing for content in contents)
        return Asked(model=self._name, prompt_tokens=texts, worded=False)

    def whole(self, answer: Answer) -> dict[str, Any]:
        count = answer.usage.input_text
        usage = {"promptTokenCount": count, "promptTokenDetails": [{"modality": "TEXT", "tokenCount": count}]}
        values = [{"values": [int(digit, 16) / 16 for digit in answer.id[:DIMENSIONS]]}] * self._contents
        vectors = {"embeddings": values} if self._batch else {"embedding": values[0]}
        return {**vectors, **({"usageMetadata": usage} if answer.usage_shown else {})}


class Images(_Small):
    """POST /v1beta/models/{model}:predict."""

    def read(self, body: dict[str, Any]) -> Asked:
        prompts = objects(body.get("instances"), "instances")
        each = whole_number(body.get("parameters") or {}, "sampleCount") or IMAGES_DEFAULT
        if not prompts or each > IMAGES_MAX:
            raise WrongRequestError(f"instances and a sampleCount of at most {IMAGES_MAX} are needed")
        return Asked(model=self._name, prompt_tokens=0, worded=False, beside=Usage(output_images=each * len(prompts)))

    def whole(self, answer: Answer) -> dict[str, Any]:
        image = {"mimeType": "image/png", "bytesBase64Encoded": _PIXEL}
        return {"predictions": [image] * answer.usage.output_images}


class Cache(_Small):
    """POST /v1beta/cachedContents."""

    def read(self, body: dict[str, Any]) -> Asked:
        self._name = text_of(body, "model").removeprefix("models/")
        written = Usage(cache_write_5m=prompt_tokens(body))
        return Asked(model=self._name, prompt_tokens=0, worded=False, beside=written)

    def whole(self, answer: Answer) -> dict[str, Any]:
        usage = {"usageMetadata": {"totalTokenCount": answer.usage.cache_write_5m}} if answer.usage_shown else {}
        return {**_cache(answer.id[:16]), "model": f"models/{answer.model}", **usage}


class Caches(_Small):
    """GET, PATCH and DELETE of caches: each is there, and none is listed."""

    billed = False

    def __init__(self, name: str, method: str) -> None:
        super().__init__(name)
        self._method = method

    def read(self, body: dict[str, Any]) -> Asked:
        return Asked(model="", prompt_tokens=0)

    def whole(self, answer: Answer) -> dict[str, Any]:
        if self._method == "DELETE":
            return {}
        return _cache(self._name) if self._name else {"cachedContents": []}


class GeminiModels(_Small):
    """GET /v1beta/models and /v1beta/models/{name}."""

    billed = False

    def read(self, body: dict[str, Any]) -> Asked:
        if self._name == MISSING_MODEL:
            raise WrongRequestError(f"models/{self._name} is not found", status=404, param="model")
        return Asked(model="", prompt_tokens=0)

    def whole(self, answer: Answer) -> dict[str, Any]:
        return _model(self._name) if self._name else {"models": [_model(name) for name in NAMES]}


def _cache(name: str) -> dict[str, Any]:
    times = dict.fromkeys(("createTime", "updateTime", "expireTime"), CREATED_AT)
    return {"name": f"cachedContents/{name}", **times}


def _model(name: str) -> dict[str, Any]:
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": f"Stand-in: {name}",
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": list(_METHODS),
    }
