"""OpenAI responses: requests read, answers heard.

A response made with `background: true` is answered while the model has yet to work: the first answer has no usage, and
the work is billed whoever fetches its result. Such a call is held at its worst case, and settled there where no final
usage came with it.
"""

from typing import Any, Final

import msgspec

from proxy.dialects import origin, unseen
from proxy.dialects.dialect import Reading
from proxy.dialects.documents import page_tokens
from proxy.dialects.fields import Fields
from proxy.dialects.openai_usage import usage_of
from proxy.dialects.output import SHORT_BYTES, THOUGHT, Output
from proxy.metering.json_object import NO_JSON, ObjectReader
from proxy.model.call import Request
from proxy.model.usage import Served, Usage

CONTENT: Final = ("instructions", "input", "tools", "text", "prompt")
STORED: Final = ("previous_response_id", "conversation", "prompt")
"""What brings along input that is kept at the provider."""
KEPT: Final = ("previous_response_id", "conversation")
"""Of these, what was said before."""
GOVERNED: Final = (
    *CONTENT,
    *STORED,
    *("model", "stream", "stream_options", "n", "max_output_tokens", "max_tokens", "max_completion_tokens"),
    *("max_tool_calls", "service_tier", "reasoning", "background", "metadata", "user", "prompt_cache_key"),
)
SEARCHES_DEFAULT: Final = 5
"""Web searches to hold where the call sets no limit to its tools. OpenAI has none of its own."""

_BODY: Final = ObjectReader(GOVERNED)
_REASONING: Final = ObjectReader(("effort",))
_ENDS: Final = frozenset(("response.completed", "response.incomplete", "response.failed", "response.cancelled"))
_UNFINISHED: Final = ("queued", "in_progress")


def read(body: bytes, headers: dict[bytes, bytes]) -> Request:
    """Raises UnreadableError."""
    fields = Fields(_BODY.read(body))
    content = fields.content(CONTENT)
    stored = any(fields.raw(name) not in (b"", b"null") for name in STORED)
    repository, commit = origin.workspace(headers)
    return Request(
        model=fields.model(),
        stream=fields.flag("stream"),
        output_tokens_max=fields.limit("max_output_tokens"),
        thinking_tokens_max=_thinking_tokens_max(fields),
        service_tier=fields.tier(),
        input_bytes=len(body),
        input_tokens_unseen=unseen.allowance(fields.raw("input")) + unseen.STORED_TOKENS * stored + page_tokens(body),
        web_searches_max=_searches_max(fields),
        background=fields.flag("background"),
        content=content,
        kept=b"".join([fields.raw(name) for name in KEPT if fields.raw(name) != b"null"]),
        session=origin.session(headers, fields.text("prompt_cache_key")),
        agent=origin.agent(headers),
        repository=repository,
        commit=commit,
    )


def _thinking_tokens_max(fields: Fields) -> int | None:
    """0 where reasoning is switched off, else unknown: effort is no number of tokens."""
    reasoning = fields.nested("reasoning", _REASONING)
    return 0 if reasoning is not None and reasoning.raw("effort") == b'"none"' else None


def _searches_max(fields: Fields) -> int:
    if b'"web_search' not in fields.raw("tools"):
        return 0
    return unseen.searches(fields.limit("max_tool_calls"), SEARCHES_DEFAULT)


class _Item(msgspec.Struct, gc=False):
    type: Any = None
    name: Any = None
    action: Any = None


class _Response(msgspec.Struct, gc=False):
    """A response, whole (as JSON answer) or within an event."""

    model: Any = None
    service_tier: Any = None
    usage: Any = None
    status: Any = None
    error: Any = None
    output: msgspec.Raw = msgspec.Raw(b"")


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    delta: Any = None
    output_index: Any = None
    item: _Item | None = None
    response: _Response | None = None


_event: Final = msgspec.json.Decoder(_Event).decode
_response: Final = msgspec.json.Decoder(_Response).decode
_items: Final = msgspec.json.Decoder(list[_Item]).decode


class ResponsesListener:
    """Of one answer. Usage comes once, with the event that ends the response."""

    def __init__(self) -> None:
        self.output = Output()
        self.ended = False
        self._complete = False
        self._failed = False
        self._response: _Response | None = None
        """The last one told of."""
        self._searches = 0

    def event(self, data: bytes) -> bool:
        try:
            event = _event(data)
        except NO_JSON:
            return False
        kind = event.type
        if type(event.delta) is str:
            self._delta(kind, event.output_index, event.delta)
        elif event.response is not None:
            self._response = event.response
            if kind in _ENDS:
                self._complete = self.ended = True
                self._failed = kind == "response.failed"
        elif event.item is not None:
            self._item(kind, event.output_index, event.item)
        elif kind == "error":
            self._failed = self.ended = True
        return False

    def _delta(self, kind: str, output_index: object, delta: str) -> None:
        if kind == "response.audio.delta":
            self.output.add_binary(len(delta))
        else:
            thought = kind.startswith("response.reasoning")
            self.output.add((THOUGHT if thought else "", kind, str(output_index)), delta)

    def _item(self, kind: str, output_index: object, item: _Item) -> None:
        if kind == "response.output_item.added" and isinstance(item.name, str):
            self.output.add(("name", str(output_index)), item.name)
        elif kind == "response.output_item.done":
            self._searches += _is_search(item)

    def body(self, data: bytes) -> None:
        try:
            response = _response(data)
        except NO_JSON:
            return
        self._response = response
        self._complete = True
        self._failed = bool(response.error)
        if usage_of(response.usage) is None or len(bytes(response.output)) <= SHORT_BYTES:
            self._keep(response.output)

    def _keep(self, output: msgspec.Raw) -> None:
        """Keep the texts of a whole answer, for counting, and of a short one for its reply."""
        try:
            items = msgspec.json.decode(output or b"[]", type=list[dict[str, Any]])
        except NO_JSON:
            return
        for index, item in enumerate(items):
            thought = item.get("type") == "reasoning"
            for name in ("name", "arguments", "input", "content", "summary"):
                self.output.add_all((THOUGHT if thought else "", index, name), item.get(name))

    def reading(self) -> Reading:
        response = self._response or _Response()
        usage = self._usage(response)
        return Reading(
            usage=usage,
            final=usage is not None,
            served=Served(model=origin.bounded(response.model), service_tier=origin.bounded(response.service_tier)),
            complete=self._complete,
            failed=self._failed,
            output_bytes=self.output.size,
            texts=() if usage else self.output.texts(),
            reply=self.output.reply(),
        )

    def _usage(self, response: _Response) -> Usage | None:
        if response.status in _UNFINISHED:
            return None
        searches = self._searches
        if b'"web_search_call"' in bytes(response.output):
            searches = max(searches, _searches(response.output))
        return usage_of(response.usage, searches)


def _searches(output: msgspec.Raw) -> int:
    try:
        return sum(map(_is_search, _items(output)))
    except NO_JSON:
        return 0


def _is_search(item: _Item) -> bool:
    """True for what has a fee: opening a page and finding something in it have none (OpenAI, web search guide)."""
    action = item.action.get("type", "search") if isinstance(item.action, dict) else "search"
    return item.type == "web_search_call" and action == "search"
