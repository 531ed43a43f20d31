"""Finding: one thing that `outlay doctor` looked at."""

from dataclasses import dataclass
from typing import Final, Literal

State = Literal["ok", "note", "wrong"]
MARKS: Final[dict[State, str]] = {"ok": "ok   ", "note": "note ", "wrong": "WRONG"}


@dataclass(frozen=True, slots=True)
class Finding:
    state: State
    what: str
    mend: str = ""
    """The command or edit that helps, where one is needed."""


def counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
