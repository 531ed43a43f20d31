"""Substance: what is left of a diff once what is no work of a person's own is taken away, and the word for it.

Taken away are files by their paths (prose, lock files, vendored and generated ones), files that say that they were
generated, and of the others changes of comments and of white space. What is left is 'substantive', or 'config' where
it is settings and switches alone. All of it reads the same way forwards and turned round, so that a revert leaves what
the change left.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from proxy.model.service import Service
from proxy.outcomes.commits import ChangedFile
from proxy.outcomes.diff_files import DiffFile, Line
from proxy.outcomes.languages import Language, language_of
from proxy.outcomes.path_kinds import SUBMODULE, Ignoring, fits, is_config, path_kind

SUBSTANTIVE: Final = "substantive"
CONFIG: Final = "config"
EMPTY: Final = "empty"
TOO_LARGE: Final = "too_large"
"""Beside the words of DiffTold: a diff that nobody can have reviewed, and that is not read."""
RANK: Final = (
    SUBSTANTIVE, TOO_LARGE, CONFIG, "comments", "white_space", "generated", "lock_files", "vendored", "ignored", EMPTY,
)  # fmt: skip
"""The word for a diff is the first of those of its files."""
HEAD_LINES: Final = 20
"""A file says at its beginning that it was generated."""

_GENERATED: Final = re.compile(
    r"@generated\b|<auto-?generated|\bauto-?generated (by|from|file|code)|\bgenerated (by|from|code|file)\b.*"
    r"|\bdo not (edit|modify)\b|\bautomatically generated\b",
    re.I,
)
_SPACE: Final = re.compile(r"\s+")
_FORMATTED: Final = re.compile(r",(?=[)\]}])|[,;]$")
"""What formatters put at the end of lists and lines."""
_SWITCH: Final = re.compile(
    r"(?P<name>[\w.\[\]\"'-]+)(?P<is>:=|[:=]|=>)(?P<value>true|false|on|off|yes|no|enabled|disabled)", re.I
)


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that go and lines that come at one place, without white space."""

    removed: tuple[str, ...]
    added: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeftFile:
    """What is left of a file's changes."""

    before: str
    after: str
    word: str
    """'substantive' or 'config'."""
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Substance:
    word: str
    left: tuple[LeftFile, ...] = ()
    """Of substance, where there is any; of settings, where there is nothing else."""


def ignoring(services: Iterable[Service], repository: str) -> Ignoring:
    """A path that several services share is ignored where all of them ignore it."""
    those = [each for each in services if repository in each.repositories]

    def ignores(path: str) -> bool:
        concerned = [each for each in those if not each.paths or fits(path, each.paths)]
        return bool(concerned) and all(each.ignored and fits(path, each.ignored) for each in concerned)

    return ignores


def told_by_path(file: ChangedFile, ignores: Ignoring) -> str:
    """The word for a file whose content need not be read; '' where it must be."""
    if file.mode == SUBMODULE:
        return "lock_files"
    kinds = [_kind(path, ignores) for path in (file.before, file.after)]
    if all(kinds):
        return max(kinds, key=RANK.index)
    return EMPTY if file.same and file.status not in ("A", "D") else ""


def _kind(path: str, ignores: Ignoring) -> str:
    return path_kind(path) or ("ignored" if ignores(path) else "")


def substance(files: Iterable[DiffFile], words: Iterable[str] = ()) -> Substance:
    """`files`: those that must be read; `words`: of those that need not be."""
    found = set(words)
    left: list[LeftFile] = []
    for file in files:
        word, blocks = _read(file)
        found.add(word)
        if blocks:
            left.append(LeftFile(file.before, file.after, word, blocks))
    word = next((each for each in RANK if each in found), EMPTY)
    return Substance(word, tuple(each for each in left if each.word == word))


def _read(file: DiffFile) -> tuple[str, tuple[Block, ...]]:
    if file.binary:
        before, _, after = file.binary.partition("..")
        return SUBSTANTIVE, (Block((before,), (after,)),)
    if _is_generated(file):
        return "generated", ()
    language = language_of(file.path)
    words: set[str] = set()
    blocks: list[Block] = []
    sides = _Sides(language)
    for hunk in file.hunks:
        sides.skip()
        for removed, added, raw_removed, raw_added in sides.blocks(hunk):
            word, block = _judged(removed, added, raw_removed, raw_added)
            words.add(word)
            if block is not None:
                blocks.append(block)
    if is_config(file.path) and blocks:
        words = {CONFIG}
    word = next((each for each in RANK if each in words), EMPTY)
    return word, tuple(blocks) if word in (SUBSTANTIVE, CONFIG) else ()


def _is_generated(file: DiffFile) -> bool:
    """Where either side says so, in a comment at the top of the file, as far as the diff shows it."""
    top = file.hunks[0][:HEAD_LINES] if file.hunks else ()
    language = language_of(file.path)
    return any(_GENERATED.search(text) and _is_comment(text, language) for _, text in top)


def _is_comment(text: str, language: Language) -> bool:
    """A whole line, or one in the middle of a comment over lines."""
    return text.lstrip().startswith("*") or not language.code(text, "")[0].strip()


class _Sides:
    """Both versions of a file, read side by side, so that each knows whether it is within a comment."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._before = ""
        self._after = ""

    def skip(self) -> None:
        """Lines that the diff doesn't show."""
        self._before = self._after = ""

    def blocks(self, hunk: Sequence[Line]) -> Iterable[tuple[list[str], list[str], list[str], list[str]]]:
        """Code removed and added, and the lines as they stand."""
        for context, lines in groupby(hunk, key=lambda line: line[0] == " "):
            if context:
                for _, text in lines:
                    self._both(text)
                continue
            changed = list(lines)
            removed = [text for sign, text in changed if sign == "-"]
            added = [text for sign, text in changed if sign == "+"]
            yield [self._old(text) for text in removed], [self._new(text) for text in added], removed, added

    def _both(self, text: str) -> None:
        same = self._before == self._after
        self._old(text)
        if same:
            self._after = self._before
        else:
            self._new(text)

    def _old(self, text: str) -> str:
        code, self._before = self._language.code(text, self._before)
        return code

    def _new(self, text: str) -> str:
        code, self._after = self._language.code(text, self._after)
        return code


def _judged(
    removed: Sequence[str], added: Sequence[str], raw_removed: Sequence[str], raw_added: Sequence[str]
) -> tuple[str, Block | None]:
    before, after = _bare(removed), _bare(added)
    if _joined(before) == _joined(after):
        same = _joined(_bare(raw_removed)) == _joined(_bare(raw_added))
        return "white_space" if same else "comments", None
    before, after = _trimmed(before, after)
    return (CONFIG if _switched(before, after) else SUBSTANTIVE), Block(before, after)


def _trimmed(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Without the lines at both ends of which only comments or white space are others: nobody hides work in them."""
    shorter = min(len(before), len(after))
    first = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    left = shorter - first
    last = next((at for at in range(left) if before[-1 - at] != after[-1 - at]), left)
    return before[first : len(before) - last], after[first : len(after) - last]


def _bare(lines: Iterable[str]) -> tuple[str, ...]:
    """Lines without white space, those that hold nothing else left out."""
    return tuple(text for line in lines if (text := _SPACE.sub(" ", line).strip()))


def _joined(lines: Iterable[str]) -> str:
    """Where formatters break lines, and which quotes they like, makes no difference."""
    text = "".join(line.replace(" ", "").removesuffix(";") for line in lines)
    return _FORMATTED.sub("", text.replace("'", '"'))


def _switched(before: Sequence[str], after: Sequence[str]) -> bool:
    """Switches set the other way round, and nothing else."""
    return len(before) == len(after) and all(map(_is_switch, before, after))


def _is_switch(before: str, after: str) -> bool:
    first, second = (_SWITCH.fullmatch(text.replace(" ", "").rstrip(",;")) for text in (before, after))
    return bool(first and second and first["name"] == second["name"])


def normalised(left: Iterable[LeftFile]) -> bytes:
    """What is left, as a diff that `git patch-id` reads: without white space, comments, and what stands around it."""
    return b"".join(_normalised(each) for each in left)


def _normalised(file: LeftFile) -> bytes:
    before, after = (_quoted(path) for path in (file.before or file.after, file.after or file.before))
    head = [
        f"diff --git a/{before} b/{after}",
        f"--- a/{before}" if file.before else "--- /dev/null",
        f"+++ b/{after}" if file.after else "+++ /dev/null",
    ]
    body = []
    for block in file.blocks:
        body.append(f"@@ -1,{len(block.removed)} +1,{len(block.added)} @@")
        body += [f"-{text}" for text in block.removed]
        body += [f"+{text}" for text in block.added]
    return "".join(f"{line}\n" for line in (*head, *body)).encode("utf-8", "replace")


def _quoted(path: str) -> str:
    return "".join(each if each.isprintable() and each not in " %" else f"%{ord(each):x}" for each in path)


def turned(left: Iterable[LeftFile]) -> tuple[LeftFile, ...]:
    """The same the other way round: what takes it back leaves."""
    return tuple(
        LeftFile(each.after, each.before, each.word, tuple(Block(block.added, block.removed) for block in each.blocks))
        for each in left
    )
