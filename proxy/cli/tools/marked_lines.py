"""Marked lines: blocks put into a text of lines, and lines of it put out of force, so that both can be undone from the
text alone, to the byte, whatever else was edited in between.

For formats with comments that begin with '#': TOML, YAML, shell.
"""

import re
from collections.abc import Collection, Sequence
from typing import Final

BEGIN: Final = "# >>> outlay setup (`--undo` takes out this block, edits in it too)"
BEGIN_UNENDED: Final = "# >>> outlay setup (`--undo` takes out this block, edits in it too; the line before had no end)"
END: Final = "# <<< outlay setup"
OFF: Final = "# outlay-off: "

Block = tuple[int, Sequence[str]]
"""Before which line, from 0, and the lines, without their ends."""


def marked(text: str, blocks: Sequence[Block], off: Collection[int] = ()) -> str:
    """The text with the blocks in it, and the lines of the numbers `off` turned into comments."""
    lines = lines_of(text)
    newline = "\r\n" if "\r\n" in text else "\n"
    unended = bool(lines) and not lines[-1].endswith("\n")
    out: list[str] = []
    for index in range(len(lines) + 1):
        for place, block in blocks:
            if place == index:
                glued = unended and index == len(lines)
                indent = _indent(block)
                begin = f"{indent}{BEGIN_UNENDED if glued else BEGIN}{newline}"
                out += [newline] if glued else []
                out += [begin, *(f"{line}{newline}" for line in block), f"{indent}{END}{newline}"]
        if index < len(lines):
            out.append(f"{OFF}{lines[index]}" if index in off else lines[index])
    return "".join(out)


def unmarked(text: str) -> str:
    """The text as it was before `marked`. A block whose end is gone is left alone, save its mark."""
    out: list[str] = []
    lines = lines_of(text)
    index = 0
    while index < len(lines):
        line = lines[index]
        if _said(line) in (BEGIN, BEGIN_UNENDED):
            end = next((at for at in range(index, len(lines)) if _said(lines[at]) == END), index)
            if _said(line) == BEGIN_UNENDED and end == len(lines) - 1 and out:
                out[-1] = out[-1].removesuffix("\r\n" if line.endswith("\r\n") else "\n")
            index = end + 1
            continue
        out.append(line.removeprefix(OFF))
        index += 1
    return "".join(out)


def lines_of(text: str) -> list[str]:
    """The lines with their ends; only a line feed ends one, as in the formats themselves."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _said(line: str) -> str:
    return line.strip()


def _indent(block: Sequence[str]) -> str:
    first = block[0] if block else ""
    return first[: len(first) - len(first.lstrip(" "))]
