"""Gemini generateContent and streamGenerateContent: requests read, answers heard."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec
from msgspec import Raw

from proxy.dialects import gemini_parts, origin, unseen
from proxy.dialects.dialect import MAX_TOKENS, MODEL, Reading, Splice
from proxy.dialects.documents import page_tokens
from proxy.dialects.fields import CHOICES_MAX, Fields
from proxy.dialects.gemini_usage import tier, tier_of, usage_of
from proxy.dialects.output import Output
from proxy.dialects.placing import spliced
from proxy.dialects.proto_json import MessageReader
from proxy.metering.json_object import NO_JSON, UnreadableError
from proxy.model.call import Request
from proxy.model.usage import Served

CONTENT: Final = ("systemInstruction", "contents", "tools", "cachedContent")
GOVERNED: Final = (*CONTENT, "model", "generationConfig", "toolConfig", "serviceTier")
SEARCHES_DEFAULT: Final = 10
"""Searches to hold for a model that sells them one by one: no call names a limit."""
IMAGE_BYTES: Final = 2_600
"""What a generated image counts as visible output: above the tokens of the largest (2,520 at 4K)."""
AUDIO_BYTES_PER_TOKEN: Final = 64
"""Of generated speech in base64, at least: 24 kHz of 16 bits make 64 KB a second, for 25 or 32 tokens."""

_BODY: Final = MessageReader(GOVERNED)
_GENERATION: Final = MessageReader(("maxOutputTokens", "candidateCount", "thinkingConfig", "responseModalities"))
_THINKING: Final = MessageReader(("thinkingBudget", "thinkingLevel", "includeThoughts"))
_BY_PROMPT: Final = re.compile(r"gemini-(?:[12]\b|exp\b)")
"""Models that pay for searches by the prompt; since Gemini 3, each query has its fee (ai.google.dev, pricing)."""
_DEARER: Final = frozenset(("priority",))
"""Tiers that are believed on the request's word: a cheaper one must be the provider's."""
_SEARCHING: Final = (b'"googleSearch', b'"google_search', b'"googleMaps', b'"google_maps')


def read(body: bytes, headers: dict[bytes, bytes], model: str, *, stream: bool) -> Request:
    """`model`: by the path. Raises UnreadableError."""
    fields = Fields(_BODY.read(body))
    same_model(fields.text("model"), model)
    generation = fields.nested("generationConfig", _GENERATION) or Fields({})
    media_bytes, media_tokens = gemini_parts.media(fields.raw("contents"))
    cached = unseen.STORED_TOKENS if fields.raw("cachedContent").startswith(b'"') else 0
    return Request(
        model=model,
        stream=stream,
        choices=_choices(generation),
        output_tokens_max=generation.limit("maxOutputTokens"),
        thinking_tokens_max=_thinking_tokens_max(generation),
        service_tier=tier(fields.text("serviceTier")) or "",
        input_bytes=len(body) - media_bytes,
        input_tokens_unseen=media_tokens + cached + page_tokens(body),
        web_searches_max=_searches_max(model, fields.raw("tools")),
        content=fields.content(CONTENT),
        kept=fields.raw("cachedContent") if cached else b"",
        session=origin.session(headers),
        agent=origin.agent(headers),
    )


def limit_output(body: bytes, tokens: int) -> Splice | None:
    return spliced(body, [(_BODY, "generationConfig"), (_GENERATION, "maxOutputTokens")], tokens, MAX_TOKENS)


def with_model(body: bytes, model: str) -> bytes | None:
    """The body of a call for another model than it may name beside the path; None where it can't be read."""
    if not Fields(_BODY.read(body)).raw("model"):
        return body
    splice = spliced(body, [(_BODY, "model")], f"models/{model}", MODEL)
    return splice.body if splice else None


def same_model(named: str, model: str) -> None:
    """Raises UnreadableError where a body names another model than the path: a price needs one."""
    if named and named.removeprefix("models/") != model:
        raise UnreadableError("The key 'model' names another model than the path does.")


def _choices(generation: Fields) -> int:
    count = generation.whole("candidateCount") or 1
    if count > CHOICES_MAX:
        raise UnreadableError(f"The key 'candidateCount' must be at most {CHOICES_MAX}.")
    return max(1, count)


def _thinking_tokens_max(generation: Fields) -> int | None:
    """The thinking budget; None where the model decides (no budget, or -1), whatever level of thinking is named."""
    thinking = generation.nested("thinkingConfig", _THINKING)
    budget = thinking.whole("thinkingBudget") if thinking else None
    return None if budget is None or budget < 0 else budget


def _searches_max(model: str, tools: bytes) -> int:
    if not any(mark in tools for mark in _SEARCHING):
        return 0
    return 1 if _BY_PROMPT.match(model) else SEARCHES_DEFAULT


class _Blob(msgspec.Struct, rename="camel", gc=False):
    mime_type: Any = None
    data: Raw = Raw()


class _Part(msgspec.Struct, rename="camel", gc=False):
    text: Any = None
    thought: Any = None
    function_call: Any = None
    inline_data: _Blob | None = None
    executable_code: Any = None


class _Content(msgspec.Struct, gc=False):
    parts: list[_Part] | None = None


class _Grounding(msgspec.Struct, rename="camel", gc=False):
    web_search_queries: list[Any] | None = None
    image_search_queries: list[Any] | None = None
    grounding_chunks: list[dict[str, Any]] | None = None


class _Candidate(msgspec.Struct, rename="camel", gc=False):
    index: int = 0
    content: _Content | None = None
    finish_reason: Any = None
    grounding_metadata: _Grounding | None = None
    url_context_metadata: Any = None


class _Feedback(msgspec.Struct, rename="camel", gc=False):
    block_reason: Any = None


class _Told(msgspec.Struct, rename="camel", gc=False):
    """What is read where candidates have a shape that nobody knows."""

    model_version: Any = None
    response_id: Any = None
    usage_metadata: Any = None
    error: Any = None


class _Answer(_Told, rename="camel", gc=False):
    """A whole answer, or one piece of a stream."""

    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None


_answer: Final = msgspec.json.Decoder(_Answer).decode
_told: Final = msgspec.json.Decoder(_Told).decode


class ContentListener:
    """Of one answer. Each piece of a stream repeats the usage so far; the last word counts."""

    def __init__(self, request: Request) -> None:
        self.output = Output()
        self.ended = False
        """An error was told of. Else only the end of the stream is its end: pieces may follow a finish reason."""
        self._asked = request
        self._whole = False
        self._failed = False
        self._blocked = False
        self._begun: set[int] = set()
        self._finished: set[int] = set()
        """Candidates, by index."""
        self._usage: dict[str, Any] = {}
        self._model = ""
        self._id = ""
        self._tier: str | None = None
        self._queries: set[str] = set()
        self._places: set[str] = set()
        """Sources that a search or a map gave."""
        self._fed = False
        """Something else than a search fed the prompt: pages by their address, kept files, output of code."""

    def headers(self, headers: Mapping[bytes, bytes]) -> None:
        self._tier = tier(headers.get(b"x-gemini-service-tier", b"").decode("latin-1"))

    def event(self, data: bytes) -> bool:
        self._hear(data)
        return False

    def body(self, data: bytes) -> None:
        self._whole = self._hear(data)

    def closed(self) -> None:
        """The array that the answer is has come to its end."""
        self._whole = True

    def reading(self) -> Reading:
        usage = usage_of(self._usage, self._searches(), fed=self._fed)
        complete = self._whole or self._blocked or (bool(self._finished) and self._begun <= self._finished)
        final = usage is not None and complete
        return Reading(
            # The running count of a stream that broke off is that of an earlier piece: what passed is counted.
            usage=usage if usage is None or final else replace(usage, output_text=0),
            final=final,
            served=self._served(),
            complete=complete,
            failed=self._failed,
            output_bytes=self.output.size,
            texts=() if final else self.output.texts(),
            reply=self.output.reply(),
        )

    def _served(self) -> Served:
        told = tier_of(self._usage)
        asked = self._asked.service_tier
        given = next((each for each in (told, self._tier) if each is not None), asked if asked in _DEARER else "")
        return Served(
            model=origin.bounded(self._model).removeprefix("models/"),
            service_tier=origin.bounded(given),
            request_id=origin.bounded(self._id),
        )

    def _searches(self) -> int:
        """Searches as they are billed: every different query, or the prompt as one."""
        if not self._queries and not self._places:
            return 0
        by_prompt = _BY_PROMPT.match(self._model or self._asked.model)
        return 1 if by_prompt else max(1, len(self._queries))

    def _hear(self, data: bytes) -> bool:
        """False for what can't be read."""
        try:
            answer = _answer(data)
        except NO_JSON:
            try:
                self._note(_told(data))
            except NO_JSON:
                return False
            return True
        self._note(answer)
        for candidate in answer.candidates or ():
            self._candidate(candidate)
        if answer.prompt_feedback is not None and answer.prompt_feedback.block_reason:
            self._blocked = True
        return True

    def _note(self, told: _Told) -> None:
        if isinstance(told.model_version, str):
            self._model = told.model_version
        if isinstance(told.response_id, str):
            self._id = told.response_id
        if isinstance(told.usage_metadata, dict) and usage_of(told.usage_metadata) is not None:
            self._usage = told.usage_metadata
        if told.error:
            self._failed = self.ended = True

    def _candidate(self, candidate: _Candidate) -> None:
        index = candidate.index
        self._begun.add(index)
        if candidate.finish_reason:
            self._finished.add(index)
        if candidate.content is not None:
            for part in candidate.content.parts or ():
                self._part(index, part)
        if candidate.grounding_metadata is not None:
            self._ground(candidate.grounding_metadata)
        if candidate.url_context_metadata:
            self._fed = True

    def _part(self, index: int, part: _Part) -> None:
        text = part.text
        if type(text) is str:
            if part.thought:
                # A summary of thoughts: what is billed is the thoughts themselves.
                self.output.add_binary(len(text))
            else:
                self.output.add(index, text)
        if isinstance(part.function_call, dict):
            self.output.add_all((index, "name"), part.function_call.get("name"))
            self.output.add((index, "args"), msgspec.json.encode(part.function_call.get("args") or {}).decode())
        if isinstance(part.executable_code, dict):
            self._fed = True
            self.output.add_all((index, "code"), part.executable_code.get("code"))
        if part.inline_data is not None:
            self._blob(part.inline_data)

    def _blob(self, blob: _Blob) -> None:
        image = isinstance(blob.mime_type, str) and blob.mime_type.startswith("image/")
        self.output.add_binary(IMAGE_BYTES if image else memoryview(blob.data).nbytes // AUDIO_BYTES_PER_TOKEN)

    def _ground(self, grounding: _Grounding) -> None:
        for queries in (grounding.web_search_queries, grounding.image_search_queries):
            # An empty query is not billed (ai.google.dev, "Grounding with Google Search").
            self._queries.update(query for query in queries or () if isinstance(query, str) and query.strip())
        for chunk in grounding.grounding_chunks or ():
            self._places.update(chunk.keys() & {"web", "maps", "image"})
            self._fed = self._fed or "retrievedContext" in chunk
