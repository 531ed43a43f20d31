"""Messages: what was said in a request, as (role, text), the calls of tools and their results among it.

This is how calls are compared with one another, so it says what a model reads and leaves out how it was sent: tool call
ids, cache marks, signatures, encrypted reasoning. What is no text (an image, a document) stands as a short hash.
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec
from msgspec import UNSET

from proxy.metering.json_object import NO_JSON

Message = tuple[str, str]
"""(role, text). A call of a tool is `<call NAME {arguments}>` in what the assistant says, what it gave begins with
`<result>`."""

_HASH_BYTES: Final = 12
_SYSTEM: Final = ("instructions", "system")
_UNSAID: Final = frozenset(
    ("reasoning", "thinking", "redacted_thinking", "compaction", "reasoningContent", "cachePoint")
)
"""What a model said to itself, or a provider put away for it."""
_UNHEARD: Final = (b'"tools":', b'"functions":', b'"response_format":')
"""Members of which nothing is said: often longer than a turn."""
_CALLS: Final = frozenset(("tool_use", "server_tool_use", "mcp_tool_use", "toolUse"))
_RESULTS: Final = ("tool_result", "toolResult")


class _Function(msgspec.Struct, gc=False):
    name: Any
    arguments: Any = None
    input: Any = None


class _Tool(msgspec.Struct, gc=False):
    function: _Function | None = None
    custom: _Function | None = None


class _Message(msgspec.Struct, gc=False):
    role: str = "None"
    content: Any = None
    tool_calls: list[_Tool] | None = None


class _Body(msgspec.Struct, gc=False):
    """What is said in nearly every body. What is read of them alone is built: no tools, no ids."""

    messages: list[_Message]
    instructions: Any = None
    system: Any = None
    prompt: Any = UNSET
    input: Any = UNSET


_usual: Final = msgspec.json.Decoder(_Body).decode


def messages(content: Sequence[bytes]) -> list[Message]:
    """Of a body in the style of OpenAI, Anthropic, or Bedrock's converse. `content` is made of JSON members, as in
    `Request.content`. Never raises: what can't be read is one message."""
    try:
        body = _usual(b"{%b}" % b",".join([member for member in content if not member.startswith(_UNHEARD)]))
        if body.prompt is UNSET and body.input is UNSET:
            return _usually_said(body)
    except NO_JSON:
        pass
    return _messages(content)


def _messages(content: Sequence[bytes]) -> list[Message]:
    """The long way, for whatever body."""
    whole = b"{%b}" % b",".join(content)
    try:
        body = msgspec.json.decode(whole)
    except NO_JSON:
        return [("user", whole.decode("utf-8", "replace"))]
    return list(said(body))


def _usually_said(body: _Body) -> list[Message]:
    """As `said`, at half its price."""
    found = [("system", text_of(system)) for system in (body.instructions, body.system) if system]
    for message in body.messages:
        content, role = message.content, message.role
        text = content if type(content) is str else text_of(content)
        for tool in message.tool_calls or ():
            text += _usually_called(tool)
        found.append((role, result(text) if role == "tool" else text))
    return found


def _usually_called(tool: _Tool) -> str:
    function = tool.function or tool.custom
    return call(function.name, function.arguments or function.input) if function is not None else ""


def call(name: object, arguments: object) -> str:
    """A call of a tool. Arguments in a string stay as they are."""
    told = arguments if isinstance(arguments, str) else encoded(arguments)
    return f"<call {name} {told}>"


def result(text: str) -> str:
    return f"<result>{text}"


def encoded(value: object) -> str:
    return "" if value is None else msgspec.json.encode(value).decode()


def untold(kind: object, value: object) -> str:
    """Stands for what is no text."""
    return f"<{kind} {blake2b(msgspec.json.encode(value), digest_size=_HASH_BYTES).hexdigest()}>"


def said(body: dict[str, Any]) -> Iterator[Message]:
    """Of a body that was decoded."""
    for name in _SYSTEM:
        if body.get(name):
            yield "system", text_of(body[name])
    if "prompt" in body:
        yield "user", _plain(body["prompt"]) + _plain(body.get("suffix"))
    for message in _objects(body.get("messages")):
        yield from _of_message(message)
    items = body.get("input")
    if isinstance(items, str):
        yield "user", items
    for item in _objects(items):
        yield from _of_item(item)


def _of_message(message: dict[str, Any]) -> Iterator[Message]:
    role, content = str(message.get("role")), message.get("content")
    calls = "".join(_called(each) for each in _objects(message.get("tool_calls")))
    text = text_of(content) + calls
    yield role, result(text) if role == "tool" else text


def _of_item(item: dict[str, Any]) -> Iterator[Message]:
    """An item of OpenAI's responses."""
    kind = str(item.get("type"))
    if kind in ("function_call_output", "custom_tool_call_output"):
        yield "tool", result(text_of(item.get("output")))
    elif kind in ("function_call", "custom_tool_call"):
        yield "assistant", call(item.get("name"), item.get("arguments") or item.get("input"))
    elif "role" in item:
        yield str(item["role"]), text_of(item.get("content"))
    elif kind not in _UNSAID:
        kept = {name: value for name, value in item.items() if name not in ("id", "status", "encrypted_content")}
        yield "assistant", untold(kind, kept)


def _called(call_: dict[str, Any]) -> str:
    """One of `tool_calls`."""
    function = call_.get("function") or call_.get("custom")
    if not isinstance(function, dict):
        return ""
    return call(function.get("name"), function.get("arguments") or function.get("input"))


def text_of(content: object) -> str:
    """A text, or the blocks of one, one after another."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return _of_block(content)
    return "\n".join(filter(None, map(_of_block, content))) if isinstance(content, list) else ""


def _of_block(block: object) -> str:
    if isinstance(block, str):
        return block
    if not isinstance(block, dict):
        return ""
    text = block.get("text")
    return text if isinstance(text, str) else _untexted(block)


def _untexted(block: dict[str, Any]) -> str:
    """A call of a tool, what it gave, or what is no text. Bedrock's converse says by a key what a block is."""
    kind = str(block.get("type") or next(iter(block), ""))
    inner = block if "type" in block else block.get(kind)
    if kind in _UNSAID or not isinstance(inner, dict):
        return ""
    if kind in _CALLS:
        return call(inner.get("name"), inner.get("input"))
    if kind.endswith(_RESULTS):
        return result(text_of(inner.get("content")))
    return untold(kind, {name: value for name, value in inner.items() if name != "cache_control"})


def _plain(prompt: object) -> str:
    """A prompt may be a list of texts, or of tokens."""
    if isinstance(prompt, str):
        return prompt
    if isinstance(prompt, list):
        return "\n".join(map(_plain, prompt)) if prompt and not isinstance(prompt[0], int) else encoded(prompt)
    return ""


def _objects(value: object) -> Iterator[dict[str, Any]]:
    return (each for each in (value if isinstance(value, list) else ()) if isinstance(each, dict))
