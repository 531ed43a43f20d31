"""Settings files: what outlay puts into the settings of a tool, and how it is taken out again.

Everything else in such a file stays byte for byte. A text that its tool couldn't read raises BrokenError, and is not
touched.
"""

import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import yaml

from proxy.cli.tools.json_text import BrokenError, drop, get, parsed, put
from proxy.cli.tools.launch import toml_value
from proxy.cli.tools.marked_lines import lines_of, marked, unmarked

Wrote = Sequence[tuple[Sequence[str], Any]]
"""Members set by outlay, None for one taken out."""

_TOML_LINE: Final = re.compile(r"at line (\d+)")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Reverted:
    text: str
    kept: tuple[str, ...] = ()
    """What somebody else has changed since, and was left as it is."""


class SettingsFile(Protocol):
    """What outlay wants in one file of a tool."""

    @property
    def path(self) -> Path: ...

    @property
    def secret(self) -> bool:
        """It holds a key: nobody else may read it."""
        ...

    @property
    def wrote(self) -> Wrote: ...

    def applied(self, text: str) -> str:
        """The text ('' for a file that isn't there) with outlay in it. Raises BrokenError."""
        ...


@dataclass(frozen=True, slots=True)
class JsonFile:
    path: Path
    changes: tuple[tuple[tuple[str, ...], Any], ...]
    """Members to set; None takes one out."""
    secret: bool = False

    @property
    def wrote(self) -> Wrote:
        return self.changes

    def applied(self, text: str) -> str:
        for path, value in self.changes:
            text = drop_if_there(text, path) if value is None else put(text, path, value)
        parsed(text)
        return text


@dataclass(frozen=True, slots=True)
class LinesFile:
    """A file whose lines are put out of force and added to, by marks that stand in it."""

    path: Path
    edit: Callable[[str], str]
    secret: bool = False

    @property
    def wrote(self) -> Wrote:
        return ()

    def applied(self, text: str) -> str:
        return self.edit(text)


def drop_if_there(text: str, path: Sequence[str]) -> str:
    return drop(text, path) if text.strip() else text


def reverted(text: str, before: str, wrote: Wrote) -> Reverted:
    """The text without what outlay put there; edits made since stay. `before`: the text at the time of the set-up."""
    if not wrote:
        return Reverted(unmarked(text))
    kept = []
    for path, value in reversed(wrote):
        there, now = get(text, path)
        if (now if there else None) != value:
            kept.append(".".join(path))
            continue
        was_there, was = get(before, path) if before.strip() else (False, None)
        text = put(text, path, was) if was_there else _without(text, before, path)
    return Reverted(text, tuple(reversed(kept)))


def _without(text: str, before: str, path: Sequence[str]) -> str:
    """Without the member, and without the tables that were only made for it."""
    text = drop(text, path)
    for depth in range(len(path) - 1, 0, -1):
        parent = path[:depth]
        if get(text, parent) == (True, {}) and not (before.strip() and get(before, parent)[0]):
            text = drop(text, parent)
    return text


def codex_toml(table: Mapping[str, Any]) -> Callable[[str], str]:
    """`model_provider` at the top, where TOML wants it, and the provider's own table at the end."""

    def edit(text: str) -> str:
        before = _toml(text)
        lines = lines_of(text)
        off = _lines_of_table(lines, "model_providers.outlay") | _lines_of_key(lines, "model_provider")
        block = [
            "[model_providers.outlay]",
            *(f"{_toml_key(key)} = {toml_value(value)}" for key, value in table.items()),
        ]
        after = marked(text, [(0, ['model_provider = "outlay"']), (len(lines), block)], off)
        others = {name: each for name, each in before.get("model_providers", {}).items() if name != "outlay"}
        wanted = {**before, "model_provider": "outlay", "model_providers": {**others, "outlay": dict(table)}}
        return _checked(after, _toml, wanted)

    return edit


def env_lines(variables: Mapping[str, str], *, export: bool = False) -> Callable[[str], str]:
    """Lines NAME=VALUE. Lines that set the same names are put out of force."""

    def edit(text: str) -> str:
        lines = lines_of(text)
        names = "|".join(map(re.escape, variables))
        setting = re.compile(rf"\s*(export\s+)?({names})\s*=")
        off = {index for index, line in enumerate(lines) if setting.match(line)}
        word = "export " if export else ""
        return marked(text, [(len(lines), [f"{word}{name}={value}" for name, value in variables.items()])], off)

    return edit


def yaml_settings(values: Mapping[str, Any], lists: Mapping[str, Sequence[str]]) -> Callable[[str], str]:
    """Top-level settings, each in place of the one that is there; `lists` are added to those that are there."""

    def edit(text: str) -> str:
        before, spans = _yaml(text)
        wanted = dict(values)
        for name, items in lists.items():
            there = before.get(name) or []
            wanted[name] = [*(there if isinstance(there, list) else [there]), *items]
        off = {line for name in wanted if name in spans for line in spans[name]}
        block = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in wanted.items()]
        after = marked(text, [(len(lines_of(text)), block)], off)
        return _checked(after, lambda text: _yaml(text)[0], {**before, **wanted})

    return edit


def yaml_entries(name: str, entries: Sequence[Mapping[str, Any]], head: Mapping[str, str]) -> Callable[[str], str]:
    """Entries in front of those of a top-level list; `head`: what a new file needs besides."""

    def edit(text: str) -> str:
        before, spans = _yaml(text)
        missing = [f"{key}: {json.dumps(value)}" for key, value in head.items() if key not in before]
        total = len(lines_of(text))
        there = before.get(name)
        if name not in spans or not there:
            block = [*missing, f"{name}:", *_items(entries, 2)]
            after = marked(text, [(total, block)], set(spans.get(name, ())))
        else:
            first, indent = _first_item(text, name)
            blocks = [(first, _items(entries, indent)), *([(total, missing)] if missing else [])]
            after = marked(text, blocks)
        wanted = {**before, **{key: head[key] for key in head if key not in before}}
        wanted[name] = [*map(dict, entries), *(there or [])]
        return _checked(after, lambda text: _yaml(text)[0], wanted)

    return edit


def _items(entries: Sequence[Mapping[str, Any]], indent: int) -> list[str]:
    pad = " " * indent
    lines = []
    for entry in entries:
        for index, (key, value) in enumerate(entry.items()):
            lines.append(f"{pad}{'  ' if index else '- '}{key}: {json.dumps(value, ensure_ascii=False)}")
    return lines


def _first_item(text: str, name: str) -> tuple[int, int]:
    """Line and indentation of the first entry of a list."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    node = next(value for key, value in root.value if key.value == name)
    if not isinstance(node, yaml.SequenceNode) or node.flow_style:
        raise BrokenError(node.start_mark.line + 1, f"write {name} as lines that begin with '- '")
    return node.start_mark.line, node.start_mark.column


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        found = _TOML_LINE.search(str(error))
        raise BrokenError(int(found[1]) if found else len(lines_of(text)) or 1, str(error)) from None


def _toml_key(key: str) -> str:
    return key if _BARE.fullmatch(key) else json.dumps(key)


def _lines_of_table(lines: Sequence[str], name: str) -> set[int]:
    """The lines of a table and of the tables in it."""
    found = set()
    inside = False
    own = re.compile(rf"\s*\[\[?\s*{re.escape(name)}\s*(\.[^\]]+)?\]")
    for index, line in enumerate(lines):
        if line.lstrip().startswith("["):
            inside = own.match(line) is not None
        if inside and line.strip() and not line.lstrip().startswith("#"):
            found.add(index)
    return found


def _lines_of_key(lines: Sequence[str], name: str) -> set[int]:
    """The line that sets a key of the top table."""
    for index, line in enumerate(lines):
        if line.lstrip().startswith("["):
            break
        if re.match(rf"\s*\"?{name}\"?\s*=", line):
            return {index}
    return set()


def _yaml(text: str) -> tuple[dict[str, Any], dict[str, range]]:
    """The top table, and the lines of each of its settings."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        why = str(getattr(error, "problem", None) or "this is no YAML")
        raise BrokenError(mark.line + 1 if mark else 1, why) from None
    except ValueError:
        raise BrokenError(1, "a value can't be read") from None
    if root is None:
        return {}, {}
    if not isinstance(root, yaml.MappingNode) or root.flow_style or not isinstance(value, dict):
        raise BrokenError(root.start_mark.line + 1, "the file's settings are expected as lines 'name: value'")
    lines = lines_of(text)
    starts = [key.start_mark.line for key, _ in root.value] + [len(lines)]
    spans = {}
    for (key, node), following in zip(root.value, starts[1:], strict=True):
        end = min(max(node.end_mark.line + (node.end_mark.column > 0), key.start_mark.line + 1), following)
        while end > key.start_mark.line + 1 and _is_blank(lines[end - 1]):
            end -= 1
        spans[key.value] = range(key.start_mark.line, end)
    return value, spans


def _is_blank(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _checked(text: str, read: Callable[[str], dict[str, Any]], wanted: Mapping[str, Any]) -> str:
    """The text, where it says what was wanted and nothing else has changed."""
    try:
        said: object = read(text)
    except BrokenError:
        said = None
    if said != wanted:
        raise BrokenError(1, "this file is written in a way that can't be edited safely; add the settings by hand")
    return text
