"""Answering: what the stand-in says to a request, and what that counts."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Final

from proxy.model.usage import Usage
from proxy.standin import tokens, vocabulary
from proxy.standin.behaviour import Behaviour
from proxy.standin.protocol import Answer, Asked, Tool

_FILLERS: Final[Mapping[str, object]] = {
    "integer": 1,
    "number": 1,
    "boolean": True,
    "array": [],
    "object": {},
    "string": "amber",
}


def compose(asked: Asked, behaviour: Behaviour, identity: str) -> Answer:
    """The answer to a request. `identity` is the hex digest of the request: it seeds words and ids."""
    name_tokens = 0
    wanted: list[tuple[str, ...]] = []
    if asked.tool is not None:
        said = tokens.split(arguments(asked.tool))
        name_tokens = tokens.of_text(asked.tool.name)
        wanted = [said] * asked.choices
    elif asked.worded:
        seed = int(identity[:8], 16)
        wanted = [vocabulary.pieces(behaviour.tokens, seed + choice) for choice in range(asked.choices)]
    room = asked.output_tokens_max
    limit = None if room is None else max(0, room - name_tokens)
    choices = tuple(pieces[:limit] for pieces in wanted)
    usage = Usage(
        input_text=asked.prompt_tokens,
        cache_read=behaviour.cached,
        cache_write_5m=behaviour.cache_write_5m,
        cache_write_1h=behaviour.cache_write_1h,
        output_text=sum(name_tokens + len(pieces) for pieces in choices),
        reasoning=behaviour.reasoning,
    )
    return Answer(
        id=identity[:32],
        model=behaviour.served or asked.model,
        choices=choices,
        tool_name=asked.tool.name if asked.tool else "",
        name_tokens=name_tokens,
        limited=any(len(said) < len(full) for said, full in zip(choices, wanted, strict=True)),
        usage=_with(_modal(asked, behaviour, usage) if asked.modal else usage, asked.beside),
        usage_shown=asked.usage_asked and behaviour.usage == "normal",
        behaviour=behaviour,
        facts=asked.facts,
    )


def _modal(asked: Asked, behaviour: Behaviour, usage: Usage) -> Usage:
    """The usage with what behaviour puts beside the text. What a search feeds into the prompt is paid with the search;
    before Gemini 3, that is one fee a prompt."""
    by_prompt = asked.model.startswith(("gemini-1", "gemini-2"))
    return replace(
        usage,
        input_text=usage.input_text + (0 if behaviour.searches else behaviour.tool_prompt),
        input_audio=behaviour.input_audio,
        input_image=behaviour.input_image,
        web_search=min(1, behaviour.searches) if by_prompt else behaviour.searches,
    )


def _with(usage: Usage, beside: Usage) -> Usage:
    if beside.by_unit:
        return beside
    return replace(usage, **{kind: count for kind, count in asdict(beside).items() if count})


def arguments(tool: Tool) -> str:
    """Arguments that fit the tool's schema, as compact ASCII JSON: a filler value for every property."""
    properties = tool.schema.get("properties")
    named = properties if isinstance(properties, dict) else {}
    values = {name: _filler(schema) for name, schema in named.items()}
    return json.dumps(values, separators=(",", ":"))


def _filler(schema: object) -> object:
    if not isinstance(schema, dict):
        return None
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    kind = schema.get("type")
    return _FILLERS.get(kind) if isinstance(kind, str) else None
