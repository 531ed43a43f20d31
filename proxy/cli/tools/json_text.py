"""JSON text: members of a settings file put in and taken out, every other byte left as it is.

Reads what the tools themselves read: JSON, with comments and trailing commas where a tool allows them.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

Path = Sequence[str]

DEPTH_MAX: Final = 200
_BLANK: Final = re.compile(r"(?:[ \t\r\n\ufeff]|//[^\n]*|/\*.*?\*/)*", re.S)
_STRING: Final = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"', re.S)
_WORD: Final = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_WHITE: Final = " \t\r\n"
_INDENT: Final = re.compile(r"\n([ \t]*)\Z")


class BrokenError(Exception):
    """The text isn't what its tool reads. `line`: where, from 1."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")
        self.line = line
        self.why = why


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it stands."""

    start: int
    end: int
    value: Any
    members: tuple["Member", ...] | None = None
    """Of a table."""


@dataclass(frozen=True, slots=True)
class Member:
    name: str
    start: int
    node: Node
    comma: int
    """Behind the comma that follows it; -1 where none does."""


def parsed(text: str) -> Any:
    """The whole value. Raises BrokenError."""
    return _root(text).value


def get(text: str, path: Path) -> tuple[bool, Any]:
    """Whether there is such a member, and its value."""
    node = _find(_root(text), path)
    return (False, None) if node is None else (True, node.value)


def put(text: str, path: Path, value: object) -> str:
    """Set one member; tables on the way are made. Raises BrokenError where something else stands in the way."""
    if not text.strip(_WHITE + "\ufeff"):
        return text + json.dumps(_nested(path, value), indent=2) + "\n"
    node = _root(text)
    for depth, name in enumerate(path):
        if node.members is None:
            raise BrokenError(_line(text, node.start), f"{'.'.join(path[:depth]) or 'the file'} is no table {{…}}")
        member = _member(node, name)
        if member is None:
            return _insert(text, node, name, _nested(path[depth + 1 :], value))
        node = member.node
    return text[: node.start] + _rendered(text, node.start, value) + text[node.end :]


def drop(text: str, path: Path) -> str:
    """Without one member. One that isn't there is no mistake."""
    parent = _find(_root(text), path[:-1])
    if parent is None or not parent.members:
        return text
    member = _member(parent, path[-1])
    if member is None:
        return text
    before = len(text[: member.start].rstrip(_WHITE))
    if member.comma >= 0:
        return text[:before] + text[member.comma :]
    index = parent.members.index(member)
    text = text[:before] + text[member.node.end :]
    if index and (comma := parent.members[index - 1].comma) >= 0:
        text = text[: comma - 1] + text[comma:]
    return text


def _insert(text: str, table: Node, name: str, value: object) -> str:
    """Behind the last member, laid out like it."""
    newline = "\r\n" if "\r\n" in text else "\n"
    key = json.dumps(name, ensure_ascii=False)
    if table.members:
        last = table.members[-1]
        indent = _INDENT.search(text[: last.start])
        gap = f"{newline}{indent[1]}" if indent else " "
        shown = f"{key}: {json.dumps(value, ensure_ascii=False, indent=_step(text) if indent else None)}"
        shown = shown.replace("\n", gap if indent else "\n")
        return f"{text[: last.node.end]},{gap}{shown}{text[last.node.end :]}"
    outer = _line_indent(text, table.start)
    gap = newline + outer + _step(text)
    shown = f"{key}: {json.dumps(value, ensure_ascii=False, indent=_step(text))}".replace("\n", gap)
    return f"{text[: table.start + 1]}{gap}{shown}{newline}{outer}{text[table.start + 1 :].lstrip(_WHITE)}"


def _rendered(text: str, at: int, value: object) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    return json.dumps(value, ensure_ascii=False, indent=_step(text)).replace("\n", newline + _line_indent(text, at))


def _step(text: str) -> str:
    """One level of the file's own indentation."""
    found = re.search(r"\n([ \t]+)\"", text)
    return found[1] if found else "  "


def _line_indent(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _nested(path: Path, value: object) -> object:
    for name in reversed(path):
        value = {name: value}
    return value


def _find(node: Node, path: Path) -> Node | None:
    for name in path:
        member = _member(node, name)
        if member is None:
            return None
        node = member.node
    return node


def _member(node: Node, name: str) -> Member | None:
    """The last of its name, which is the one that counts."""
    return next((each for each in reversed(node.members or ()) if each.name == name), None)


def _root(text: str) -> Node:
    at = _blank(text, 0)
    node = _value(text, at, 0)
    end = _blank(text, node.end)
    if end != len(text):
        raise BrokenError(_line(text, end), "something follows behind the end")
    return node


def _value(text: str, at: int, depth: int) -> Node:
    if depth > DEPTH_MAX:
        raise BrokenError(_line(text, at), "nested too deeply")
    opening = text[at : at + 1]
    if opening == "{":
        return _table(text, at, depth)
    if opening == "[":
        return _list(text, at, depth)
    if opening == '"':
        value, end = _string(text, at)
        return Node(at, end, value)
    word = _WORD.match(text, at)
    if word is None:
        raise BrokenError(_line(text, at), "a value is missing or isn't JSON")
    return Node(at, word.end(), json.loads(word[0]))


def _table(text: str, start: int, depth: int) -> Node:
    members: list[Member] = []
    at = _blank(text, start + 1)
    while text[at : at + 1] != "}":
        if members and members[-1].comma < 0:
            raise BrokenError(_line(text, at), "a comma or a closing brace is missing")
        name, end = _string(text, at)
        colon = _blank(text, end)
        if text[colon : colon + 1] != ":":
            raise BrokenError(_line(text, colon), f"a colon is missing behind {json.dumps(name)}")
        node = _value(text, _blank(text, colon + 1), depth + 1)
        behind = _blank(text, node.end)
        comma = behind + 1 if text[behind : behind + 1] == "," else -1
        members.append(Member(name, at, node, comma))
        at = _blank(text, comma) if comma >= 0 else behind
    return Node(start, at + 1, {each.name: each.node.value for each in members}, tuple(members))


def _list(text: str, start: int, depth: int) -> Node:
    values: list[Any] = []
    more = True
    at = _blank(text, start + 1)
    while text[at : at + 1] != "]":
        if not more:
            raise BrokenError(_line(text, at), "a comma or a closing bracket is missing")
        node = _value(text, at, depth + 1)
        values.append(node.value)
        at = _blank(text, node.end)
        more = text[at : at + 1] == ","
        at = _blank(text, at + 1) if more else at
    return Node(start, at + 1, values)


def _string(text: str, at: int) -> tuple[str, int]:
    found = _STRING.match(text, at)
    if found is None:
        raise BrokenError(_line(text, at), "a quoted name or text is missing its quotes")
    try:
        return json.loads(found[0]), found.end()
    except ValueError:
        raise BrokenError(_line(text, at), "a text has an escape that JSON doesn't know") from None


def _blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, min(at, len(text))) + 1
