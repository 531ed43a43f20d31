"""Erasing a person's name from what is written: every place gets a pseudonym that is as long, so that nothing moves.

Positions, marks and offsets stay true because no line changes its length. The pseudonym is random: once nobody has
written down whose it was, nothing tells. It is a name that policy files could hold, and ends in '-'.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import msgspec

ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
END: Final = "-"
NAME_BYTES_MIN: Final = 2
"""Of a shorter name there is no pseudonym."""
KEY_ID: Final = "k_"
TRIES_MAX: Final = 10_000
EXACT: Final = frozenset({"owner", "actor", "subject"})
"""Fields that hold a name and nothing else, or the name of something else that only looks like it."""
WITHIN: Final = frozenset(
    {"key_id", "branch", "work_item", "repository", "message", "reason", "tags", "details", "facts", "justification"}
)
"""Fields in which the name stands among other words, such as a branch named after its author."""
OWN: Final = ("session", "agent", "justification", "trace")
"""Of the person's own calls, what says more about the person than about the money: emptied."""


class NoPseudonymError(ValueError):
    """The name is too short, or all pseudonyms of its length are taken."""


class Names:
    """What is erased: names with their pseudonyms. `person` is the name that calls are on record under."""

    def __init__(self, person: str, pseudonyms: Mapping[str, str]) -> None:
        self.person = person
        self.pseudonyms = dict(pseudonyms)
        self._lower = {name.lower(): pseudonym for name, pseudonym in pseudonyms.items()}
        longest_first = sorted(pseudonyms, key=len, reverse=True)
        self._word = re.compile(rf"(?<![^\W_])(?:{'|'.join(map(re.escape, longest_first))})(?![^\W_])", re.IGNORECASE)

    def within(self, text: str) -> str:
        """The text with every name in it replaced, as a word and whatever its case."""
        return self._word.sub(lambda found: self._lower.get(found[0].lower(), found[0]), text)

    def stands_in(self, text: str) -> bool:
        lower = text.lower()
        # First a plain search, which is ten times as fast: most lines name somebody else.
        return any(name in lower for name in self._lower) and self._word.search(text) is not None

    def exact(self, text: str) -> str:
        """The pseudonym, where the text is one of the names and nothing else, or the id of a key called after one."""
        return self.within(text) if text.startswith(KEY_ID) else self.pseudonyms.get(text, text)


def pseudonym(name: str, taken: Collection[str], choice: Callable[[str], str]) -> str:
    """As many bytes as the name. `choice`: one random character of a text. Raises NoPseudonymError."""
    size = len(name.encode())
    if size < NAME_BYTES_MIN:
        raise NoPseudonymError(f"{name!r} is too short for a pseudonym of its length")
    for _ in range(TRIES_MAX):
        made = "".join(choice(ALPHABET) for _ in range(size - 1)) + END
        if made not in taken:
            return made
    raise NoPseudonymError(f"every pseudonym as long as {name!r} is taken")


def erased(line: bytes, names: Names) -> bytes:
    """A line of the journal without its newline, as long as it was; the same where it names nobody.

    What is no JSON (torn, rotten) has the names replaced wherever they stand.
    """
    text = line.decode(errors="surrogateescape")
    if not names.stands_in(text):
        return line
    try:
        document = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return names.within(text).encode(errors="surrogateescape")
    if not isinstance(document, dict):
        return line
    done = msgspec.json.encode(_members(document, names))
    # Blanks behind an object are no part of it.
    return done.ljust(len(line)) if len(done) <= len(line) else line


def _members(document: dict[str, Any], names: Names) -> dict[str, Any]:
    done = {key: _member(key, value, names) for key, value in document.items()}
    if document.get("owner") in names.pseudonyms and document.get("owner_kind", "person") == "person":
        done |= {key: "" for key in OWN if key in done}
    return done


def _member(key: str, value: Any, names: Names) -> Any:
    if key in WITHIN:
        return _deep(value, names.within)
    if key in EXACT:
        return _deep(value, names.exact)
    if isinstance(value, dict):
        return _members(value, names)
    if isinstance(value, list):
        return [_members(each, names) if isinstance(each, dict) else each for each in value]
    return value


def _deep(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _deep(each, change) for key, each in value.items()}
    return [_deep(each, change) for each in value] if isinstance(value, list) else value
