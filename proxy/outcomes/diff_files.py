"""Diff files: the files of a unified diff as git prints it, with the lines of both sides, in whatever chunks it comes.

The lengths in a hunk's head say where it ends, so that no line of a file is ever taken for a head of the diff.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

LINE_BYTES_MAX: Final = 100_000
"""Of a longer line the rest is left out: no person wrote it."""

_HUNK: Final = re.compile(rb"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_ESCAPES: Final = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
_ESCAPED: Final = re.compile(rb"\\([0-7]{3}|.)", re.S)

Line = tuple[str, str]
"""' ', '-' or '+', and the text without its end."""


@dataclass(slots=True)
class DiffFile:
    before: str = ""
    """Path; '' where there was no such file."""
    after: str = ""
    """Path; '' where there is no such file any more."""
    binary: str = ""
    """Names of both contents, where they are no text; '' where they are."""
    hunks: list[list[Line]] = field(default_factory=list)

    @property
    def path(self) -> str:
        return self.after or self.before


def diff_files(chunks: Iterable[bytes]) -> Iterator[DiffFile]:
    """One file at a time is kept, whatever the length of the diff."""
    file: DiffFile | None = None
    index = b""
    lines = lines_of(chunks)
    for line in lines:
        if line.startswith(b"diff --git "):
            if file is not None:
                yield file
            file, index = _begun(line), b""
        elif file is None:
            continue
        elif found := _HUNK.match(line):
            file.hunks.append(list(_hunk(lines, *(int(each) if each is not None else 1 for each in found.groups()))))
        elif line.startswith(b"index "):
            index = line[len(b"index ") :].split(b" ")[0]
        elif line.startswith((b"Binary files ", b"GIT binary patch")):
            file.binary = index.decode("utf-8", "replace")
        else:
            _head(file, line)
    if file is not None:
        yield file


def _begun(line: bytes) -> DiffFile:
    """Names that are not told again below are the same on both sides."""
    names = line[len(b"diff --git ") :]
    name = _name(names[: len(names) // 2].rstrip(b" "))
    return DiffFile(name, name)


def _head(file: DiffFile, line: bytes) -> None:
    for start, side in ((b"--- ", "before"), (b"+++ ", "after")):
        if line.startswith(start):
            setattr(file, side, _name(line[len(start) :]))
    for start, side in ((b"rename from ", "before"), (b"rename to ", "after")):
        if line.startswith(start):
            setattr(file, side, _unquoted(line[len(start) :]).decode("utf-8", "replace"))
    if line.startswith(b"new file mode"):
        file.before = ""
    elif line.startswith(b"deleted file mode"):
        file.after = ""


def _name(told: bytes) -> str:
    """Without the 'a/' or 'b/' in front; '' of /dev/null."""
    name = _unquoted(told.rstrip(b"\t"))
    return "" if name == b"/dev/null" else name[2:].decode("utf-8", "replace")


def _unquoted(name: bytes) -> bytes:
    if not (len(name) > 1 and name.startswith(b'"') and name.endswith(b'"')):
        return name
    return _ESCAPED.sub(_escaped, name[1:-1])


def _escaped(found: re.Match[bytes]) -> bytes:
    code = found[1]
    return bytes([int(code, 8) & 0xFF]) if len(code) == 3 else _ESCAPES.get(code, code)


def _hunk(lines: Iterator[bytes], before: int, after: int) -> Iterator[Line]:
    while before > 0 or after > 0:
        line = next(lines, None)
        if line is None:
            return
        sign = line[:1].decode("ascii", "replace") or " "
        if sign == "\\":
            continue  # "No newline at end of file"
        before -= sign != "+"
        after -= sign != "-"
        yield sign, line[1:].decode("utf-8", "replace")


def lines_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Without their ends; of a very long one the beginning."""
    rest = bytearray()
    cut = False
    for chunk in chunks:
        parts = chunk.split(b"\n")
        for part in parts[:-1]:
            yield bytes(rest + part[: LINE_BYTES_MAX - len(rest)])
            rest.clear()
        cut = len(rest) >= LINE_BYTES_MAX
        if not cut:
            rest += parts[-1][: LINE_BYTES_MAX - len(rest)]
    if rest:
        yield bytes(rest)
