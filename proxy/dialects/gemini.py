"""The dialect of Gemini: contents generated and streamed, tokens counted, embeddings, images, caches, models.

The model stands in the path (`/v1beta/models/{model}:generateContent`), and so does the version: v1beta, v1, v1alpha.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote

import msgspec

from proxy.dialects import (
    gemini_caches,
    gemini_content,
    gemini_embeddings,
    gemini_images,
    gemini_messages,
    gemini_parts,
)
from proxy.dialects.array_meter import ArrayMeter
from proxy.dialects.dialect import MODEL, FramedMeter, Meter, ModelList, Operation, Splice, UnreadableError, told
from proxy.dialects.gemini_content import ContentListener
from proxy.dialects.messages import Message
from proxy.dialects.meters import EVENT_STREAM, BodyMeter, SilentMeter, StreamMeter
from proxy.model.call import Request
from proxy.model.decision import Reason, Refusal

GENERATE: Final = Operation("generate_content", output_limited=True)
STREAM: Final = Operation("stream_generate_content", output_limited=True)
COUNT: Final = Operation("count_tokens", priced=False)
EMBED: Final = Operation("embeddings")
IMAGES: Final = Operation("images")
CACHE: Final = Operation("cached_contents")
"""Makes a cache: what is written to it is billed."""
CACHES: Final = Operation("cached_contents_kept", priced=False, body_read=False)
"""Lists, fetches, prolongs or deletes caches."""
MODELS: Final = Operation("models", priced=False, body_read=False, lists=ModelList(prefix="models/"))

_METHODS: Final = {
    "generateContent": GENERATE,
    "streamGenerateContent": STREAM,
    "countTokens": COUNT,
    "embedContent": EMBED,
    "batchEmbedContents": EMBED,
    "predict": IMAGES,
}
_VERSION: Final = re.compile(r"/v1(?:beta|alpha)?/")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@~+-]{0,149}")
_TUNED: Final = "tunedModels"
_SELECTING: Final = ("fields", "$fields")
_READ_ALTS: Final = frozenset(("sse", "json"))

_STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    504: "DEADLINE_EXCEEDED",
}
"""google.rpc.Code by HTTP status (google/rpc/code.proto)."""
_UNMET: Final = frozenset((Reason.POLICY, Reason.UNPRICED, Reason.PROVIDER_UNCONFIGURED))


class Gemini:
    name = "gemini"
    marker_header = b"x-goog-api-key"
    mount = ""

    def operation(self, method: str, path: str) -> Operation | None:
        version = _VERSION.match(path)
        if version is None:
            return None
        kind, _, rest = path[version.end() :].partition("/")
        if kind == "cachedContents":
            return _cache_operation(method, rest)
        if kind not in ("models", _TUNED):
            return None
        if method == "GET":
            return _model_list(kind, unquote(rest))
        name, _, verb = unquote(rest).rpartition(":")
        return _METHODS.get(verb) if method == "POST" and _NAME.fullmatch(name) else None

    def read(self, operation: Operation, body: bytes, headers: dict[bytes, bytes], target: bytes) -> Request:
        path, _, query = target.decode("latin-1").partition("?")
        if operation.priced:
            _check_readable(query, headers)
        if operation.name == CACHE.name:
            return gemini_caches.read(body, headers)
        model = _model(path)
        if operation.name == EMBED.name:
            return gemini_embeddings.read(body, headers, model)
        if operation.name == IMAGES.name:
            return gemini_images.read(body, headers, model)
        if operation.name == COUNT.name:
            return Request(model=model)
        return gemini_content.read(body, headers, model, stream=operation.name == STREAM.name)

    def ask_usage(self, operation: Operation, body: bytes) -> Splice | None:
        """Never: every answer carries its usage, or has none to ask for."""
        return None

    def limit_output(self, operation: Operation, request: Request, body: bytes, tokens: int) -> Splice | None:
        return gemini_content.limit_output(body, tokens)

    def replace_model(
        self, operation: Operation, request: Request, target: bytes, body: bytes, model: str
    ) -> Splice | None:
        if operation.name not in (GENERATE.name, STREAM.name):
            return None
        path, mark, query = target.partition(b"?")
        version = _VERSION.match(path.decode("latin-1"))
        named = gemini_content.with_model(body, model)
        if version is None or named is None:
            return None
        verb = unquote(path.decode("latin-1")).rpartition(":")[2]
        there = f"{version[0]}models/{quote(model, safe='')}:{verb}".encode("latin-1")
        return Splice(named, MODEL, there + mark + query)

    def streams(self, operation: Operation, content_type: bytes) -> bool:
        """A stream is one of events, or without `alt=sse` one JSON array."""
        return operation.name == STREAM.name or content_type.startswith(EVENT_STREAM)

    def meter(self, operation: Operation, request: Request, *, content_type: bytes, hide_usage: bool) -> Meter:
        if operation.name in (GENERATE.name, STREAM.name):
            listener = ContentListener(request)
            if content_type.startswith(EVENT_STREAM):
                return _Events(listener)
            return _Elements(listener) if operation.name == STREAM.name else _Whole(listener)
        if operation.name == EMBED.name:
            return BodyMeter(gemini_embeddings.listener())
        if operation.name == IMAGES.name:
            return BodyMeter(gemini_images.listener())
        if operation.name == CACHE.name:
            return BodyMeter(gemini_caches.listener())
        return SilentMeter()

    def credential(self, secret: str) -> tuple[bytes, bytes]:
        return b"x-goog-api-key", secret.encode()

    def refusal(self, refusal: Refusal, call_id: str) -> bytes:
        return msgspec.json.encode({"error": _error(refusal, call_id)})

    def stream_error(self, operation: Operation, refusal: Refusal, call_id: str, *, content_type: bytes = b"") -> bytes:
        """Of an array: the last element, with its end. What must stand before it, the meter's `tail` has."""
        error = self.refusal(refusal, call_id)
        if content_type.startswith(EVENT_STREAM):
            return b"\r\n\r\ndata: " + error + b"\r\n\r\n"
        return error + b"]"

    def prompt_texts(self, content: Sequence[bytes]) -> tuple[list[str], int]:
        return gemini_parts.prompt_texts(content)

    def messages(self, content: Sequence[bytes]) -> list[Message]:
        return gemini_messages.messages(content)


class _Headed(FramedMeter):
    """Tells the listener of the headers, one of which names the service tier."""

    listener: ContentListener

    def headers(self, headers: Mapping[bytes, bytes]) -> None:
        self.listener.headers(headers)


class _Events(_Headed, StreamMeter):
    def __init__(self, listener: ContentListener) -> None:
        super().__init__(listener, hide_usage=False)
        self.listener = listener


class _Elements(_Headed, ArrayMeter):
    def __init__(self, listener: ContentListener) -> None:
        super().__init__(listener)
        self.listener = listener


class _Whole(_Headed, BodyMeter):
    def __init__(self, listener: ContentListener) -> None:
        super().__init__(listener)
        self.listener = listener


def _model_list(kind: str, name: str) -> Operation | None:
    if not name:
        return MODELS
    model = f"{_TUNED}/{name}" if kind == _TUNED else name
    return replace(MODELS, lists=ModelList(model)) if _NAME.fullmatch(name) else None


def _cache_operation(method: str, id_: str) -> Operation | None:
    if not id_:
        return {"POST": CACHE, "GET": CACHES}.get(method)
    return CACHES if method in ("GET", "PATCH", "DELETE") and _NAME.fullmatch(unquote(id_)) else None


def _model(path: str) -> str:
    """The model of a path that has an operation; a tuned one keeps its prefix, since it has no price of the list's."""
    kind, _, rest = _VERSION.sub("", path, count=1).partition("/")
    name = unquote(rest).rpartition(":")[0]
    return f"{_TUNED}/{name}" if kind == _TUNED else name


def _check_readable(query: str, headers: Mapping[bytes, bytes]) -> None:
    """Raises UnreadableError where the call asks for an answer that can't be metered: another format, or one from
    which the usage was left out."""
    asked = parse_qsl(query, keep_blank_values=True)
    if any(name in _SELECTING for name, _ in asked) or b"x-goog-fieldmask" in headers:
        raise UnreadableError("A selection of fields (fields, x-goog-fieldmask) can leave the usage out: send none.")
    for name, value in asked:
        if name.lstrip("$") == "alt" and value.partition(";")[0] not in _READ_ALTS:
            raise UnreadableError("Answers are metered as JSON or as events only: alt must be json or sse.")


def _error(refusal: Refusal, call_id: str) -> dict[str, Any]:
    """The error object, google.rpc.Status as Google's clients read it."""
    return {
        "code": refusal.status,
        "message": told(refusal, call_id),
        "status": _status(refusal),
        "details": list(_details(refusal, call_id)),
    }


def _status(refusal: Refusal) -> str:
    if refusal.status == 400 and refusal.reason in _UNMET:
        return "FAILED_PRECONDITION"
    return _STATUSES.get(refusal.status, "UNAVAILABLE" if refusal.status >= 500 else "INVALID_ARGUMENT")


def _details(refusal: Refusal, call_id: str) -> Sequence[dict[str, Any]]:
    """google.rpc.ErrorInfo, and how long to wait (google.rpc.RetryInfo) where waiting helps."""
    info: dict[str, Any] = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": str(refusal.reason).upper(),
        "domain": "outlay",
        "metadata": {"call_id": call_id} if call_id else {},
    }
    if refusal.retry_after_s is None:
        return (info,)
    wait = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{refusal.retry_after_s}s"}
    return info, wait
