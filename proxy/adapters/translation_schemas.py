"""Schemas of tools and answers, as the translation sees them: with everything in them that they refer to.

Providers other than OpenAI know no `$ref`, so litellm puts a copy of the definition in each place that names it. A few
kilobytes of definitions that name one another stand for more than any memory, and the one process that all translated
calls share would be busy with them for ever. So what a request's schemas come to is counted first, by the same walk.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

NODES_MAX: Final = 200_000
"""Values in all schemas of a request, definitions counted wherever they are named. 200 tools of 60 parameters have
40,000; litellm takes half a second for 110,000 (measured)."""
_PLACES: Final = ("tools", "functions", "response_format", "text")
_DEFINITIONS: Final = ("$defs", "definitions")


def too_large(asked: Mapping[str, Any]) -> bool:
    """True where the schemas of this request come to more than NODES_MAX. `asked`: a body in OpenAI's dialect."""
    left = NODES_MAX
    for place in _PLACES:
        given = asked.get(place)
        for each in given if isinstance(given, list) else [given]:
            for _ in _expanded(each):
                left -= 1
                if left < 0:
                    return True
    return False


def _expanded(schema: Any) -> Iterator[Any]:
    """Every value of a schema and of what it refers to, save where a definition would stand within itself."""
    definitions = _definitions(schema)
    waiting: list[tuple[Any, frozenset[str]]] = [(schema, frozenset())]
    while waiting:
        value, within = waiting.pop()
        yield value
        if isinstance(value, list):
            waiting += [(each, within) for each in value]
        elif isinstance(value, dict):
            waiting += [(each, within) for each in value.values()]
            name = _named(value)
            if name and name not in within:
                waiting += [(each, within | {name}) for each in definitions.get(name, ())]


def _definitions(schema: Any) -> dict[str, list[Any]]:
    """By name; litellm looks only at the last part of a reference, so all of a name count."""
    found: dict[str, list[Any]] = {}
    waiting = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            for key in _DEFINITIONS:
                for name, body in value[key].items() if isinstance(value.get(key), dict) else ():
                    found.setdefault(name, []).append(body)
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return found


def _named(value: dict[str, Any]) -> str:
    reference = value.get("$ref")
    return reference.rsplit("/", 1)[-1] if isinstance(reference, str) else ""
