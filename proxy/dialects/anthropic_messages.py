"""Anthropic messages: requests read, answers heard."""

import re
from dataclasses import replace
from typing import Any, Final

import msgspec

from proxy.dialects import origin, unseen
from proxy.dialects.anthropic_usage import usage_of
from proxy.dialects.dialect import MAX_TOKENS, MODEL, Reading, Splice
from proxy.dialects.documents import page_tokens
from proxy.dialects.fields import Fields
from proxy.dialects.output import SHORT_BYTES, THOUGHT, Output
from proxy.dialects.placing import spliced
from proxy.metering.json_object import NO_JSON, ObjectReader
from proxy.model.call import Request
from proxy.model.usage import Served, Usage

CONTENT: Final = ("system", "messages", "tools", "output_config")
GOVERNED: Final = (
    *CONTENT,
    *("model", "stream", "max_tokens", "thinking", "metadata", "service_tier", "speed", "inference_geo"),
    *("mcp_servers", "container", "fallbacks", "context_management"),
)
SEARCHES_DEFAULT: Final = 10
"""Web searches to hold where a search tool has no `max_uses`."""

_BODY: Final = ObjectReader(GOVERNED)
_THINKING: Final = ObjectReader(("type", "budget_tokens"))
_BILLING_MARK: Final = re.compile(rb'(x-anthropic-billing-header:[^"]{0,400}?\bcch=)\w+')
"""Claude Code's line at the start of its system prompt: `cch` is another one in each request."""
_BILLING_MARK_WITHIN_BYTES: Final = 1024
_WEB_SEARCH: Final = "web_search"


class _Tool(msgspec.Struct, gc=False):
    type: Any = None
    max_uses: Any = None


class _Metadata(msgspec.Struct, gc=False):
    user_id: Any = None


_tools: Final = msgspec.json.Decoder(list[_Tool]).decode
_metadata: Final = msgspec.json.Decoder(_Metadata).decode


def read(body: bytes, headers: dict[bytes, bytes]) -> Request:
    """Raises UnreadableError."""
    fields = Fields(_BODY.read(body))
    content = fields.content(CONTENT)
    return Request(
        model=fields.model(),
        stream=fields.flag("stream"),
        output_tokens_max=fields.limit("max_tokens"),
        thinking_tokens_max=_thinking_tokens_max(fields),
        service_tier=fields.tier(),
        region=fields.text("inference_geo"),
        speed=fields.text("speed"),
        input_bytes=len(body),
        input_tokens_unseen=unseen.allowance(fields.raw("messages")) + page_tokens(body),
        web_searches_max=_searches_max(fields.raw("tools")),
        content=tuple(map(_without_billing_mark, content)),
        session=origin.session(headers, origin.user_session(_user_id(fields.raw("metadata")))),
        agent=origin.agent(headers),
    )


def limit_output(request: Request, body: bytes, tokens: int) -> Splice | None:
    """None, too, where the call's thinking budget is no lower: the API wants it below the limit."""
    if (request.thinking_tokens_max or 0) >= tokens:
        return None
    return spliced(body, [(_BODY, "max_tokens")], tokens, MAX_TOKENS)


def replace_model(body: bytes, model: str) -> Splice | None:
    return spliced(body, [(_BODY, "model")], model, MODEL)


def _thinking_tokens_max(fields: Fields) -> int | None:
    """The thinking budget, 0 where thinking is switched off; None where the model decides."""
    thinking = fields.nested("thinking", _THINKING)
    if thinking is None:
        return None
    return 0 if thinking.raw("type") == b'"disabled"' else thinking.limit("budget_tokens")


def _searches_max(tools: bytes) -> int:
    if b'"web_search' not in tools:
        return 0
    try:
        searching = [tool for tool in _tools(tools) if isinstance(tool.type, str) and tool.type.startswith(_WEB_SEARCH)]
    except NO_JSON:
        return 0
    return sum(unseen.searches(tool.max_uses, SEARCHES_DEFAULT) for tool in searching)


def _user_id(metadata: bytes) -> object:
    try:
        return _metadata(metadata).user_id if metadata else None
    except NO_JSON:
        return None


def _without_billing_mark(member: bytes) -> bytes:
    """The member without what makes equal calls of Claude Code differ."""
    head = member[:_BILLING_MARK_WITHIN_BYTES]
    if b"x-anthropic-billing-header" not in head:
        return member
    return _BILLING_MARK.sub(rb"\1", head, count=1) + member[_BILLING_MARK_WITHIN_BYTES:]


class _Delta(msgspec.Struct, gc=False):
    text: Any = None
    thinking: Any = None
    partial_json: Any = None
    content: Any = None
    stop_reason: Any = None


class _Block(msgspec.Struct, gc=False):
    type: Any = None
    name: Any = None
    text: Any = None


class _Message(msgspec.Struct, gc=False):
    """A message, whole (as JSON answer) or as it begins."""

    type: Any = None
    model: Any = None
    usage: Any = None
    error: Any = None
    content: msgspec.Raw = msgspec.Raw(b"")


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    index: int | None = None
    delta: _Delta | None = None
    content_block: _Block | None = None
    message: _Message | None = None
    usage: Any = None


_event: Final = msgspec.json.Decoder(_Event).decode
_message: Final = msgspec.json.Decoder(_Message).decode


class MessagesListener:
    """Of one answer. Usage begins with `message_start`; what `message_delta` says of it later is cumulative."""

    def __init__(self) -> None:
        self.output = Output()
        self.ended = False
        self._complete = False
        self._failed = False
        self._reported = False
        """Usage of the output was told: `message_start` only has a place holder for it."""
        self._stopped = False
        """The model has stopped, so the usage told is the last."""
        self._model: Any = None
        self._usage: dict[str, Any] = {}
        self._searches = 0

    def event(self, data: bytes) -> bool:
        try:
            event = _event(data)
        except NO_JSON:
            return False
        kind = event.type
        if kind == "content_block_delta":
            self._delta(event)
        elif kind == "content_block_start":
            self._block(event)
        elif kind == "message_start" and event.message is not None:
            self._model = event.message.model
            self._merge(event.message.usage)
        elif kind == "message_delta":
            self._merge(event.usage)
            self._reported = self._reported or bool(event.usage)
            self._stopped = self._stopped or bool(event.delta and event.delta.stop_reason)
        elif kind == "message_stop":
            self._complete = self.ended = True
        elif kind == "error":
            self._failed = self.ended = True
        return False

    def _delta(self, event: _Event) -> None:
        delta, output, index = event.delta, self.output, event.index
        if delta is None:
            return
        text = delta.text or delta.partial_json or delta.content
        if type(text) is str:
            output.add(index, text)
        elif text:
            output.add_all(index, text)
        elif delta.thinking:
            output.add_all((THOUGHT, index), delta.thinking)

    def _block(self, event: _Event) -> None:
        block = event.content_block
        if block is None:
            return
        if isinstance(block.name, str):
            self.output.add((event.index, "name"), block.name)
            self._searches += block.type == "server_tool_use" and block.name == _WEB_SEARCH
        elif block.type == "text":
            self.output.add_all(event.index, block.text)

    def _merge(self, usage: object) -> None:
        if isinstance(usage, dict):
            self._usage.update({name: value for name, value in usage.items() if value is not None})

    def body(self, data: bytes) -> None:
        try:
            message = _message(data)
        except NO_JSON:
            return
        self._complete = True
        self._failed = message.type == "error" or bool(message.error)
        self._model = message.model
        self._merge(message.usage)
        self._reported = usage_of(self._usage) is not None
        if not self._reported or len(bytes(message.content)) <= SHORT_BYTES:
            self._keep(message.content)

    def _keep(self, content: msgspec.Raw) -> None:
        """Keep the texts of a whole answer, for counting, and of a short one for its reply."""
        try:
            blocks = msgspec.json.decode(content or b"[]", type=list[dict[str, Any]])
        except NO_JSON:
            return
        for index, block in enumerate(blocks):
            self.output.add_all(index, block.get("text"))
            self.output.add_all((THOUGHT, index), block.get("thinking"))
            self.output.add_all((index, "name"), block.get("name"))
            if block.get("input"):
                self.output.add((index, "input"), msgspec.json.encode(block["input"]).decode())

    def reading(self) -> Reading:
        usage = usage_of(self._usage)
        final = usage is not None and self._reported and (self._stopped or self._complete)
        return Reading(
            usage=usage if usage is None or final else self._begun(usage),
            final=final,
            served=self._served(),
            complete=self._complete,
            failed=self._failed,
            output_bytes=self.output.size,
            texts=() if final else self.output.texts(),
            reply=self.output.reply(),
        )

    def _begun(self, usage: Usage) -> Usage:
        """What is known of a message without its end: its input and its searches."""
        return replace(usage, output_text=0, reasoning=0, web_search=max(usage.web_search, self._searches))

    def _served(self) -> Served:
        usage = self._usage
        geo = origin.bounded(usage.get("inference_geo"))
        return Served(
            model=origin.bounded(self._model),
            service_tier=origin.bounded(usage.get("service_tier")),
            region="" if geo == "not_available" else geo,
            speed=origin.bounded(usage.get("speed")),
        )
