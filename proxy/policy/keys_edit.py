"""Keys edit: entries put into the text of keys.yaml by splices, so that every other byte stays as its admin left it.

Comments, order, quotes and line endings survive because nothing is written anew. (Reading the file into ruamel.yaml
and writing it back took 12 s for 10,000 keys, and moved comments.) Each edit is proved: the result is read again and
must differ from the file before by that one entry only.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any, Final

import yaml

from proxy.model.identity import OwnerKind
from proxy.policy.keys_yaml import FILE, read_keys
from proxy.policy.mistakes import Mistakes
from proxy.policy.types import Access, Key, Mistake

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN: Final = re.compile(r"[A-Za-z][\w.@+/-]*", re.ASCII)
_MEANS_SOMETHING: Final = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))
"""Words that other YAML readers would not take for text."""


class UneditableError(Exception):
    """The file can't be edited; the message says why. `mistakes`: what is wrong in it, if that is the reason."""

    def __init__(self, message: str, mistakes: list[Mistake] | None = None) -> None:
        super().__init__(message)
        self.mistakes = mistakes or []


def keys_in(text: str) -> dict[str, Key]:
    """The keys of a file by id, in its order. Raises UneditableError where it has mistakes."""
    mistakes = Mistakes(FILE)
    keys = read_keys(text, Access(), mistakes)
    if mistakes.found:
        raise UneditableError("the file has mistakes, and is left as it is", mistakes.found)
    return {key.id: replace(key, where="") for key in keys.values()}


def with_key(text: str, key: Key) -> str:
    """The text with one more entry at the end of the list. Raises UneditableError."""
    before = keys_in(text)
    edited = _appended(text, _in_flow(key), entry_lines(key))
    return _proved(edited, {**before, key.id: replace(key, where="")})


def with_revoked(text: str, id_: str) -> str:
    """The text with `revoked: true` in the entry of this id. Raises UneditableError, KeyError where there is none."""
    before = keys_in(text)
    return _proved(_set(text, id_, "revoked", "true"), {**before, id_: replace(before[id_], revoked=True)})


def with_expiry(text: str, id_: str, expires: datetime) -> str:
    """The text with `expires` in the entry of this id. Raises UneditableError, KeyError where there is none."""
    before = keys_in(text)
    expires = expires.replace(microsecond=0)
    edited = _set(text, id_, "expires", moment_text(expires))
    return _proved(edited, {**before, id_: replace(before[id_], expires=expires)})


def entry_lines(key: Key) -> list[str]:
    """The entry as YAML, one setting a line, not indented; the first line begins with '- '."""
    lines = [f"{name}: {value}" for name, value in _settings(key).items()]
    return [f"- {lines[0]}", *(f"  {line}" for line in lines[1:])]


def moment_text(moment: datetime) -> str:
    """A day where it is the first instant of one, else a time to the second, UTC."""
    naive = moment.astimezone(UTC).replace(microsecond=0, tzinfo=None)
    return naive.date().isoformat() if naive.time() == time() else naive.isoformat() + "Z"


def _settings(key: Key) -> Mapping[str, str]:
    owner = "user" if key.owner_kind is OwnerKind.PERSON else "service_account"
    settings = {
        "id": key.id,
        "hash": key.hash,
        owner: _scalar(key.owner),
        "projects": "[" + ", ".join(_scalar(project) for project in key.projects) + "]",
        "role": str(key.role),
    }
    if key.team:
        settings["team"] = _scalar(key.team)
    if key.expires:
        settings["expires"] = moment_text(key.expires)
    if key.revoked:
        settings["revoked"] = "true"
    return settings


def _scalar(text: str) -> str:
    plain = _PLAIN.fullmatch(text) and text.lower() not in _MEANS_SOMETHING
    return text if plain else json.dumps(text, ensure_ascii=False)


def _in_flow(key: Key) -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in _settings(key).items()) + "}"


def _compose(text: str) -> Any:
    return yaml.compose(text, Loader=_LOADER)


def _appended(text: str, flow: str, block: list[str]) -> str:
    """The text with one more item in the list under `keys`, in the style that the list has."""
    root = _compose(text)
    pair = _pair(root, "keys")
    if pair is None:
        if root is not None and (root.flow_style or not isinstance(root, yaml.MappingNode)):
            raise UneditableError("the file is written in braces as a whole: put the entry in by hand")
        return _below(text, len(text), ["keys:", *(f"  {line}" for line in block)])
    value = pair[1]
    if isinstance(value, yaml.SequenceNode) and value.value and value.flow_style:
        return _inserted(text, _end(value.value[-1]), f", {flow}")
    if isinstance(value, yaml.SequenceNode) and value.value:
        indent = " " * value.start_mark.column
        return _below(text, _end(value.value[-1]), [indent + line for line in block])
    if root.flow_style:
        return _replaced(text, value, f"[{flow}]")
    indent = " " * (pair[0].start_mark.column + 2)
    return _below(_replaced(text, value, ""), pair[0].end_mark.index, [indent + line for line in block])


def _set(text: str, id_: str, name: str, value: str) -> str:
    """The text with one setting of one entry written or replaced."""
    entry = _entry(_compose(text), id_)
    pair = _pair(entry, name)
    if pair is not None:
        return _replaced(text, pair[1], value)
    if entry.flow_style:
        return _inserted(text, _end(entry.value[-1][1]), f", {name}: {value}")
    return _below(text, _end(entry), [" " * entry.start_mark.column + f"{name}: {value}"])


def _entry(root: Any, id_: str) -> Any:
    for item in _pair(root, "keys")[1].value:
        pair = _pair(item, "id")
        if pair is not None and pair[1].value == id_:
            return item
    raise KeyError(id_)


def _pair(node: Any, name: str) -> Any:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((pair for pair in pairs if pair[0].value == name), None)


def _end(node: Any) -> int:
    """Where the last written thing within a node ends; a block's own end mark lies behind the comments after it."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)


def _below(text: str, index: int, lines: list[str]) -> str:
    """The text with lines put in below the line that holds `index`."""
    ending = "\r\n" if "\r\n" in text else "\n"
    newline = text.find("\n", index)
    if newline < 0:
        head = text if not text or text.endswith("\n") else text + ending
        return head + ending.join(lines) + ending
    return text[: newline + 1] + ending.join(lines) + ending + text[newline + 1 :]


def _inserted(text: str, index: int, piece: str) -> str:
    return text[:index] + piece + text[index:]


def _replaced(text: str, node: Any, piece: str) -> str:
    """The text with a node's own text replaced, and with one space before what is put in (`expires:` has none)."""
    start, end = node.start_mark.index, node.end_mark.index
    return text[:start].rstrip(" ") + (f" {piece}" if piece else "") + text[end:]


def _proved(edited: str, expected: Mapping[str, Key]) -> str:
    try:
        done = keys_in(edited) == expected
    except UneditableError:
        done = False
    if not done:
        raise UneditableError("the file is written in a way that can't be edited safely: put the entry in by hand")
    return edited
