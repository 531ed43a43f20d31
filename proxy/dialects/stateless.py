"""Stateless: whether the answer to a request depends on the request alone, so that it may stand for the same request.

What isn't known to be so is not: a conversation or prompt kept at the provider, its own tools (a search finds other
things tomorrow), answers that it stores under an id that later calls name, files that it has by an id, work in the
background.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw

from proxy.dialects.sampling import seeded, temperature
from proxy.metering.json_object import NO_JSON
from proxy.model.call import Request

OPERATIONS: Final = frozenset(
    (
        *("chat", "completions", "responses", "messages", "embeddings"),
        *("generate_content", "stream_generate_content", "converse", "converse_stream", "invoke", "invoke_stream"),
    )
)
"""Those whose answers are words or numbers. An image or a recording may be a link that ends."""
STORING: Final = frozenset(("responses",))
"""Answers that a provider stores unless it is told not to."""

_ELSEWHERE: Final = (
    *("previous_response_id", "conversation", "container", "mcp_servers", "background", "deferred"),
    *("web_search_options", "search_parameters", "enable_search", "plugins", "audio"),
    *("cachedContent", "cached_content", "promptVariables"),
)
"""Members that point to what is not in the request."""
_REFERENCES: Final = (b'"item_reference"', b'"s3://')
"""An item of a conversation that the provider keeps; a file that may be another one tomorrow."""
_NOTHING: Final = (b"null", b"false", b'""', b"[]", b"{}")
_LOCAL: Final = (None, "function", "custom")
_DECLARATIONS: Final = frozenset(("functionDeclarations", "function_declarations"))
_SPECIFIED: Final = frozenset(("toolSpec", "cachePoint"))
_SEARCHING: Final = "search"
"""In the names of models that search by themselves."""
_members: Final = msgspec.json.Decoder(dict[str, Raw]).decode
_value: Final = msgspec.json.Decoder().decode


def stateless(operation: str, request: Request, body: bytes) -> bool:
    """`body`: decoded."""
    if operation not in OPERATIONS or request.background or request.input_tokens_unseen or request.web_searches_max:
        return False
    if _SEARCHING in request.model.lower() or any(mark in body for mark in _REFERENCES):
        return False
    try:
        said = _members(body)
        return not any(_says(said, name) for name in _ELSEWHERE) and not _kept(operation, said) and _own_tools(said)
    except NO_JSON:
        return False


def deterministic(operation: str, body: bytes) -> bool:
    """Whether the same request is meant to have the same answer: no sampling, a temperature of 0, or a seed."""
    return operation == "embeddings" or temperature(body) == 0 or seeded(body)


def _says(said: Mapping[str, Raw], name: str) -> bool:
    return bytes(said.get(name, b"null")) not in _NOTHING


def _kept(operation: str, said: Mapping[str, Raw]) -> bool:
    """The provider keeps the answer, or has the prompt."""
    stored = bytes(said.get("store", b"null"))
    by_default = operation in STORING
    return bytes(said.get("prompt", b""))[:1] == b"{" or (by_default if stored == b"null" else stored != b"false")


def _own_tools(said: Mapping[str, Raw]) -> bool:
    """The caller runs all of its tools."""
    tools: Any = _value(said.get("tools", b"[]")) or []
    if not isinstance(tools, list) or not all(map(_own, tools)):
        return False
    config: Any = _value(said.get("toolConfig", b"{}")) or {}
    specified = config.get("tools", []) if isinstance(config, dict) else None
    return isinstance(specified, list) and all(
        isinstance(tool, dict) and tool.keys() <= _SPECIFIED for tool in specified
    )


def _own(tool: object) -> bool:
    if not isinstance(tool, dict) or tool.get("type") not in _LOCAL:
        return False
    return "type" in tool or "name" in tool or tool.keys() <= _DECLARATIONS
