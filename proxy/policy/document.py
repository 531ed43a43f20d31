"""Document: YAML text as a small tree of words, lists and tables that know where they stand.

Only the structure is YAML's; what a word means is decided by the setting that reads it. So `no` stays a name and
`0042` keeps its zeros, and there is nothing in a file that could make objects, repeat itself without bound, or say one
setting twice.

The tree is built from the parser's events, and the long tables and lists (people, keys) are handed over entry by
entry and never stand in it: 10,000 of each load in a second, in hardly more memory than what is kept of them, and
without garbage collections that would stop calls in flight. (Composing PyYAML's own nodes first took 56 MiB.)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from proxy.policy.mistakes import Mistakes, shown

FILE_BYTES_MAX: Final = 16 * 1024 * 1024
NODES_MAX: Final = 1_000_000
"""Words, lists and tables of one file, aliases counted as often as they stand."""
DEPTH_MAX: Final = 20

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS: Final = frozenset(("", "~", "null", "Null", "NULL"))


@dataclass(frozen=True, slots=True)
class Word:
    """A scalar, as written."""

    text: str
    line: int
    """1-based."""
    column: int
    quoted: bool = False

    @property
    def absent(self) -> bool:
        """True for `name:` with nothing behind it, which counts as not written at all."""
        return not self.quoted and self.text in _NULLS


@dataclass(frozen=True, slots=True)
class Listing:
    line: int
    column: int
    items: Sequence["Node"]


@dataclass(frozen=True, slots=True)
class Table:
    line: int
    column: int
    pairs: Sequence[tuple[Word, "Node"]]
    """In the file's order; each key once."""


Node = Word | Listing | Table
Taker = Callable[[Word | None, Node], None]
"""Takes one entry of a long collection: its key (None in a list) and its value."""


def read_document(data: bytes | str, mistakes: Mistakes, long: Mapping[str, Taker] | None = None) -> Table | None:
    """The table at the top of a file; None where the file is empty or can't be read (then there are mistakes).

    `long`: settings at the top whose entries go to a taker as they are read; in the table they stand empty. (One that
    is an alias of something earlier stands there whole.)
    """
    if len(data) > FILE_BYTES_MAX:
        mistakes.add_at(0, 0, f"the file is larger than {FILE_BYTES_MAX // 1024 // 1024} MiB")
        return None
    text = _decoded(data, mistakes)
    if text is None:
        return None
    builder = _Builder(mistakes, long or {})
    try:
        parser = _LOADER(text)
        while not builder.ended:
            builder.take(parser.get_event())
    except yaml.YAMLError as error:
        _explain(error, text, mistakes)
        return None
    root = builder.root
    if root is None or isinstance(root, Table):
        return root
    if not (isinstance(root, Word) and root.absent):
        mistakes.add(root, "a policy file is a table of settings, each as 'name: value'")
    return None


def _decoded(data: bytes | str, mistakes: Mistakes) -> str | None:
    if isinstance(data, str):
        return data
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        mistakes.add_at(line, column, "the text is not UTF-8")
        return None


@dataclass(slots=True)
class _Open:
    """A list or table whose end is still to come."""

    event: Any
    counted: int
    """Nodes before it."""
    taker: Taker | None
    """Where its children go, if they are not kept."""
    children: list[Node] = field(default_factory=list)
    taken: dict[str, int] = field(default_factory=dict)
    """Keys that went to the taker, with their lines."""


class _Builder:
    """Events in, tree out. Mistakes of structure are collected; the tree goes on without what is wrong."""

    def __init__(self, mistakes: Mistakes, long: Mapping[str, Taker]) -> None:
        self.root: Node | None = None
        self.ended = False
        self._mistakes = mistakes
        self._long = long
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._counted = 0
        self._documents = 0

    def take(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._word(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._begin(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._finish()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._document(event)
        elif isinstance(event, yaml.StreamEndEvent):
            self.ended = True

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            self._stop(event, "a second document begins here ('---'): a policy file holds one")

    def _word(self, event: Any) -> None:
        start = event.start_mark
        node = Word(event.value, start.line + 1, start.column + 1, quoted=not event.implicit[0])
        self._tagged(event)
        self._place(node, event.anchor, 1)

    def _begin(self, event: Any) -> None:
        self._tagged(event)
        if len(self._open) >= DEPTH_MAX:
            self._stop(event, f"nested deeper than {DEPTH_MAX} levels")
            return
        self._open.append(_Open(event, self._counted, self._taker()))

    def _taker(self) -> Taker | None:
        """For the collection that begins now: it is the value of a long setting at the top."""
        if len(self._open) != 1 or not self._long:
            return None
        siblings = self._open[0].children
        key = siblings[-1] if len(siblings) % 2 else None
        return self._long.get(key.text) if isinstance(key, Word) else None

    def _finish(self) -> None:
        done = self._open.pop()
        start = done.event.start_mark
        line, column = start.line + 1, start.column + 1
        node: Node
        if isinstance(done.event, yaml.SequenceStartEvent):
            node = Listing(line, column, done.children)
        else:
            node = Table(line, column, self._pairs(done.children, {}))
        self._place(node, done.event.anchor, 1 + self._counted - done.counted)

    def _alias(self, event: Any) -> None:
        known = self._anchors.get(event.anchor)
        if known is None:
            self._stop(event, "nothing is defined under this '*' name; a word that itself begins with '*' needs quotes")
            return
        node, size = known
        self._counted += size - 1
        self._place(node, None, size)

    def _place(self, node: Node, anchor: str | None, size: int) -> None:
        self._counted += 1
        if self._counted > NODES_MAX:
            self.ended = True
            self._mistakes.add(node, f"the file has more than {NODES_MAX:,} entries, aliases counted where they stand")
        if anchor:
            self._anchors[anchor] = (node, size)
        if not self._open:
            self.root = self.root or node
            return
        parent = self._open[-1]
        parent.children.append(node)
        if parent.taker is not None:
            self._hand_over(parent, parent.taker)

    def _hand_over(self, parent: _Open, taker: Taker) -> None:
        if isinstance(parent.event, yaml.SequenceStartEvent):
            taker(None, parent.children.pop())
        elif len(parent.children) == 2:
            for key, value in self._pairs(parent.children, parent.taken):
                taker(key, value)
            parent.children.clear()

    def _pairs(self, children: list[Node], seen: dict[str, int]) -> list[tuple[Word, Node]]:
        """Keys with their values, without those that can't be; `seen` are the keys so far with their lines."""
        pairs: list[tuple[Word, Node]] = []
        for key, value in zip(children[::2], children[1::2], strict=True):
            if not isinstance(key, Word):
                self._mistakes.add(key, "the name of a setting is a word, not a list or table")
            elif key.text == "<<" and not key.quoted:
                self._mistakes.add(key, "merge keys ('<<') are not used here: write the settings out")
            elif key.text in seen:
                self._mistakes.add(key, f"{shown(key.text)} stands twice, first in line {seen[key.text]}")
            else:
                seen[key.text] = key.line
                pairs.append((key, value))
        return pairs

    def _tagged(self, event: Any) -> None:
        if event.tag not in (None, "!"):
            self._mistakes.add_at(
                event.start_mark.line + 1, event.start_mark.column + 1, "tags ('!…') are not used in policy files"
            )

    def _stop(self, event: Any, message: str) -> None:
        self._mistakes.add_at(event.start_mark.line + 1, event.start_mark.column + 1, message)
        self.ended = True


_CONTEXTS: Final = {
    "quoted scalar": "a quote opens here and never closes",
    "flow mapping": "a '{' without its '}', or a comma is missing",
    "flow sequence": "a '[' without its ']', or a comma is missing",
    "simple key": "a name without its ':'",
    "block mapping": "an indentation that doesn't fit the lines above",
    "block collection": "an indentation that doesn't fit the lines above",
}
"""What the parser was about -> what usually is wrong then."""


def _explain(error: yaml.YAMLError, text: str, mistakes: Mistakes) -> None:
    """The parser's own complaint, at the place where it helps most. It never quotes the text: it may be a secret."""
    if not isinstance(error, yaml.MarkedYAMLError):
        position = getattr(error, "position", 0)
        line = text.count("\n", 0, position) + 1
        column = position - text.rfind("\n", 0, position)
        mistakes.add_at(line, column, "the text holds a control character")
        return
    mark = error.problem_mark or error.context_mark
    if error.context_mark is not None and mark is not None and mark.index >= len(text.rstrip()):
        mark = error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
    mistakes.add_at(line, column, f"not YAML: {_problem(error, text, mark)}")


def _problem(error: yaml.MarkedYAMLError, text: str, mark: yaml.Mark | None) -> str:
    problem = error.problem or "it can't be read"
    if "alias" in (error.context or ""):
        return "a word that begins with '*' needs quotes"
    character = text[mark.index : mark.index + 1] if mark is not None else ""
    if "start any token" in problem and character == "\t":
        return "a tab can't indent here: use spaces"
    if "start any token" in problem and character and character in "@`%":
        return f"a word that begins with '{character}' needs quotes"
    if problem.startswith("mapping values"):
        return (
            "a second ': ' in one line, or an indentation that doesn't fit the line above; text with ': ' needs quotes"
        )
    known = next((message for context, message in _CONTEXTS.items() if context in (error.context or "")), "")
    return known or problem
