"""What a request's schemas come to, once each reference is replaced by what it names."""

from typing import Any

import pytest

from proxy.adapters.translation_schemas import NODES_MAX, too_large


def asked(place: str, schema: Any) -> dict[str, Any]:
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    answer = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    return {place: [tool] if place in ("tools", "functions") else answer}


def doubling(levels: int, key: str = "$defs") -> Any:
    """Each level names the next twice."""
    definitions = {
        f"L{level}": {"properties": {name: {"$ref": f"#/{key}/L{level + 1}"} for name in "ab"}}
        for level in range(levels)
    }
    return {"$ref": f"#/{key}/L0", key: definitions | {f"L{levels}": {"type": "string"}}}


def each_names_all(count: int) -> Any:
    """In circles, which litellm cuts only where a definition stands within itself: count! places."""
    properties = {f"p{number}": {"$ref": f"#/$defs/D{number}"} for number in range(count)}
    return {"$ref": "#/$defs/D0", "$defs": {f"D{number}": {"properties": properties} for number in range(count)}}


@pytest.mark.parametrize("place", ["tools", "functions", "response_format", "text"])
@pytest.mark.parametrize("schema", [doubling(60), doubling(60, "definitions"), each_names_all(12)])
def test_a_few_kilobytes_that_stand_for_gigabytes_are_too_large(place: str, schema: Any) -> None:
    assert too_large(asked(place, schema))


@pytest.mark.parametrize(
    "schema",
    [
        None,
        {},
        {"$ref": "#/$defs/Node", "$defs": {"Node": {"properties": {"next": {"$ref": "#/$defs/Node"}}}}},
        {"$ref": "#/$defs/Nowhere", "$defs": []},
        {"$ref": 5, "$defs": {"": {"$ref": ""}}},
        doubling(8),
    ],
)
def test_what_people_write_is_not(schema: Any) -> None:
    assert not too_large(asked("tools", schema))
    assert not too_large(asked("response_format", schema))


def test_all_tools_of_a_call_count_together() -> None:
    properties = {f"p{number}": {"type": "string", "description": "d"} for number in range(60)}
    tools = asked("tools", {"type": "object", "properties": properties})["tools"]
    assert not too_large({"tools": tools * 200})
    assert too_large({"tools": tools * (NODES_MAX // 120)})
