"""OpenAI chat completions: requests read, answers heard, usage asked for."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from proxy.dialects import origin, unseen
from proxy.dialects.dialect import Reading, Splice
from proxy.dialects.documents import page_tokens
from proxy.dialects.fields import Fields
from proxy.dialects.openai_usage import usage_of
from proxy.dialects.output import THOUGHT, Output
from proxy.dialects.quantity import part
from proxy.metering.json_object import NO_JSON, Member, ObjectReader, UnreadableError, members
from proxy.model.call import Request
from proxy.model.usage import Served

CONTENT: Final = ("messages", "tools", "functions", "response_format")
GOVERNED: Final = (
    *CONTENT,
    *("model", "stream", "stream_options", "n", "max_tokens", "max_completion_tokens", "service_tier"),
    *("reasoning_effort", "reasoning", "thinking", "modalities", "prediction", "web_search_options"),
    *("metadata", "user", "prompt_cache_key"),
)
ASKED: Final = "stream_options.include_usage"

_BODY: Final = ObjectReader(GOVERNED)
_OPTIONS: Final = ObjectReader(("include_usage",))


def read(body: bytes, headers: dict[bytes, bytes]) -> Request:
    """Raises UnreadableError."""
    fields = Fields(_BODY.read(body))
    content = fields.content(CONTENT)
    stream = fields.flag("stream")
    repository, commit = origin.workspace(headers)
    return Request(
        model=fields.model(),
        stream=stream,
        choices=fields.choices(),
        output_tokens_max=fields.limit("max_completion_tokens", "max_tokens"),
        thinking_tokens_max=0 if fields.raw("reasoning_effort") == b'"none"' else None,
        usage_asked=not stream or _asked(fields),
        service_tier=fields.tier(),
        input_bytes=len(body),
        input_tokens_unseen=unseen.allowance(fields.raw("messages")) + page_tokens(body),
        web_searches_max=1 if fields.raw("web_search_options").startswith(b"{") else 0,
        content=content,
        session=origin.session(headers, fields.text("prompt_cache_key")),
        agent=origin.agent(headers),
        repository=repository,
        commit=commit,
    )


def _asked(fields: Fields) -> bool:
    options = fields.nested("stream_options", _OPTIONS)
    return options is not None and options.raw("include_usage") == b"true"


def ask_usage(body: bytes) -> Splice | None:
    """The body of a stream with `"include_usage":true` in it, every other byte as it was; None where it needs none."""
    try:
        values = _BODY.read(body)
        if Fields(values).raw("stream") != b"true":
            return None
        options = next((each for each in members(body, values) if each.key == "stream_options"), None)
        if options is None:
            start = body.index(b"{") + 1
            return _spliced(body, start, start, b'"stream_options":{"include_usage":true},')
        return _asked_within(body, options)
    except UnreadableError:
        return None


def _asked_within(body: bytes, options: Member) -> Splice | None:
    """The same where there are stream options."""
    value = body[options.start : options.end]
    if value == b"null":
        return _spliced(body, options.start, options.end, b'{"include_usage":true}')
    if not value.startswith(b"{"):
        return None
    inside = _OPTIONS.read(value)
    for member in members(value, inside):
        if member.key == "include_usage":
            start, end = options.start + member.start, options.start + member.end
            return None if body[start:end] == b"true" else _spliced(body, start, end, b"true")
    piece = b'"include_usage":true,' if inside else b'"include_usage":true'
    return _spliced(body, options.start + 1, options.start + 1, piece)


def _spliced(body: bytes, start: int, end: int, piece: bytes) -> Splice:
    return Splice(body[:start] + piece + body[end:], ASKED)


class _Said(msgspec.Struct, gc=False):
    """A delta or a message. Servers fill these fields with texts, lists of parts or null."""

    content: Any = None
    refusal: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    tool_calls: Any = None
    function_call: Any = None
    audio: Any = None
    annotations: Any = None


class _Choice(msgspec.Struct, gc=False):
    index: int | None = None
    delta: _Said | None = None
    message: _Said | None = None
    text: Any = None
    """Of the older completions, which are heard here, too."""
    finish_reason: Any = None


class _Told(msgspec.Struct, gc=False):
    """What is read where choices have a shape that nobody knows."""

    object: Any = None
    model: Any = None
    service_tier: Any = None
    usage: Any = None
    x_groq: Any = None
    error: Any = None


class _Chunk(_Told, gc=False):
    """A chunk of a stream, or a whole answer."""

    choices: list[_Choice] | None = None


_chunk: Final = msgspec.json.Decoder(_Chunk).decode
_told: Final = msgspec.json.Decoder(_Told).decode


class ChatListener:
    """Of one answer. The usage said last counts: some servers say it in every chunk."""

    def __init__(self) -> None:
        self.output = Output()
        self.ended = False
        self._done = False
        self._failed = False
        self._finished = False
        self._final = False
        self._usage: Any = None
        self._size_at_usage = 0
        """Of the visible output when the usage was said."""
        self._searched = False
        self._model = ""
        self._tier = ""

    def event(self, data: bytes) -> bool:
        try:
            chunk = _chunk(data)
        except NO_JSON:
            self._odd(data)
            return False
        self._hear(chunk, chunk.choices or ())
        return chunk.choices == [] and isinstance(chunk.usage, dict)

    def body(self, data: bytes) -> None:
        try:
            chunk = _chunk(data)
        except NO_JSON:
            self._done = self._odd(data)
        else:
            self._hear(chunk, chunk.choices or ())
            self._done = True
        self._final = self._done

    def reading(self) -> Reading:
        usage = usage_of(self._usage, int(self._searched))
        final = usage is not None and self._final
        return Reading(
            usage=usage,
            final=final,
            served=Served(model=origin.bounded(self._model), service_tier=origin.bounded(self._tier)),
            complete=self._done or (self._finished and final),
            failed=self._failed,
            output_bytes=self.output.size,
            texts=() if final else self.output.texts(),
            reply=self.output.reply(),
        )

    def _odd(self, data: bytes) -> bool:
        """Hear what is no chunk: the end, or choices in a shape of its own. False where it can't be read at all."""
        if data.startswith(b"[DONE]"):
            self._done = self.ended = True
            # Some servers say the usage beside a choice that is as good as ended (OpenRouter).
            self._final = self._final or self._size_at_usage == self.output.size
            return True
        try:
            self._hear(_told(data), ())
        except NO_JSON:
            return False
        return True

    def _hear(self, told: _Told, choices: Sequence[_Choice]) -> None:
        if told.model and isinstance(told.model, str):
            self._model = told.model
        if told.service_tier and isinstance(told.service_tier, str):
            self._tier = told.service_tier
        for choice in choices:
            if choice.finish_reason:
                self._finished = True
            said = choice.delta or choice.message
            if said is not None:
                self._said(choice.index, said)
            elif choice.text:
                self.output.add_all(choice.index, choice.text)
        if told.usage or told.x_groq:
            self._note_usage(told, choices)
        if told.error or told.object == "error":
            self._failed = self.ended = True

    def _note_usage(self, told: _Told, choices: Sequence[_Choice]) -> None:
        usage = told.usage or part(told.x_groq, "usage")
        if usage and isinstance(usage, dict):
            self._usage = usage
            self._size_at_usage = self.output.size
            # A running count comes with unfinished choices; the last word comes with their ends, or after them.
            self._final = all(choice.finish_reason for choice in choices)

    def _said(self, index: int | None, said: _Said) -> None:
        output = self.output
        content = said.content
        if type(content) is str:
            output.add(index, content)
        elif content:
            output.add_all(index, content)
        if said.reasoning_content or said.reasoning:
            # Some servers send both names, for one text.
            output.add_all((THOUGHT, index), said.reasoning_content or said.reasoning)
        if said.tool_calls:
            self._calls(index, said.tool_calls)
        if said.function_call:
            self._call((index, "function_call"), said.function_call)
        if said.refusal:
            output.add_all((index, "refusal"), said.refusal)
        if said.audio:
            self._audio(index, said.audio)
        if said.annotations:
            self._searched = self._searched or b"url_citation" in msgspec.json.encode(said.annotations)

    def _calls(self, index: int | None, calls: object) -> None:
        for place, call in enumerate(calls if isinstance(calls, list) else ()):
            if isinstance(call, dict):
                thread = (index, str(call.get("index", place)))
                self._call(thread, part(call, "function") or part(call, "custom"))

    def _call(self, thread: tuple[int | None, str], called: Any) -> None:
        for name in ("name", "arguments", "input") if isinstance(called, dict) else ():
            self.output.add_all((*thread, name), called.get(name))

    def _audio(self, index: int | None, audio: object) -> None:
        if isinstance(audio, dict):
            self.output.add_all((index, "transcript"), audio.get("transcript"))
            self.output.add_binary(len(audio.get("data") or ""))
