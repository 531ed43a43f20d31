"""Erasing a person's name from what is written: every place gets a pseudonym that is as long, so that nothing moves.

Positions, marks and offsets stay true because no line changes its length. The pseudonym is random: once nobody has
written down whose it was, nothing tells. It is a name that policy files could hold, and ends in '-'.

Hashes of texts that had the name in them go too, since who guesses the name could work them out: versions of policy
sets become random ones, the states of the person's keys and the keys of notices about persons become zeros.
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
LOCALLY: Final = "operator ("
"""How an actor begins behind which stands a user of the machine."""
TRIES_MAX: Final = 10_000
EXACT: Final = frozenset({"owner", "actor", "subject"})
"""Fields that hold a name and nothing else, or the name of something else that only looks like it."""
WITHIN: Final = frozenset(
    {"key_id", "branch", "work_item", "repository", "message", "reason", "tags", "details", "facts", "justification"}
)
"""Fields in which the name stands among other words, such as a branch named after its author."""
POLICY: Final = "policy"
"""The field with the version of a call's policy set."""
STATE: Final = "state"
"""Of an act's details: a hash of what an entry of keys.yaml said, its owner among it."""
OF_NOTICES: Final = ("budget_level:", "policy_mistakes:")
"""How the subjects of acts begin that are hashes of what can have a person's name in it."""
OWN: Final = ("session", "agent", "justification", "trace")
"""Of the person's own calls, what says more about the person than about the money: emptied."""


_ACT: Final = '{"v":1,"t":"act",'
_VERSION: Final = re.compile(rf'"{POLICY}":"([0-9a-f]+)"')


class NoPseudonymError(ValueError):
    """The name is too short, or all pseudonyms of its length are taken."""


class Names:
    """What is erased: names with their pseudonyms. `person` is the name that calls are on record under."""

    def __init__(self, person: str, pseudonyms: Mapping[str, str], versions: Mapping[str, str] | None = None) -> None:
        """`versions`: of policy sets that named the person, with the random ones that take their place."""
        self.person = person
        self.pseudonyms = dict(pseudonyms)
        self.versions = dict(versions or {})
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

    def concerned(self, line: str) -> bool:
        """Whether a line may name the person, or be of a policy set that did, or have a hash to be erased."""
        policy = _VERSION.search(line)
        of_set = policy is not None and policy[1] in self.versions
        return of_set or line.startswith(_ACT) or self.stands_in(line)

    def version(self, text: str) -> str:
        """The random one, where it is the version of a set that named the person."""
        return self.versions.get(text, text)

    def exact(self, text: str) -> str:
        """The pseudonym, where the text is one of the names and nothing else, or the id of a key called after one, or a
        user of the machine who goes by it."""
        return self.within(text) if text.startswith((KEY_ID, LOCALLY)) else self.pseudonyms.get(text, text)


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
    if not names.concerned(text):
        return line
    try:
        document = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return names.within(text).encode(errors="surrogateescape")
    if not isinstance(document, dict):
        return line
    members = _members(_without_hashes(document, names), names)
    if members == document:
        return line
    done = msgspec.json.encode(members)
    # Blanks behind an object are no part of it.
    return done.ljust(len(line)) if len(done) <= len(line) else line


def _without_hashes(document: dict[str, Any], names: Names) -> dict[str, Any]:
    """Of an act; any other line as it is."""
    subject, details = document.get("subject"), document.get("details")
    if document.get("t") != "act" or not isinstance(subject, str) or not isinstance(details, dict):
        return document
    done = {key: names.version(value) if isinstance(value, str) else value for key, value in details.items()}
    if details.get("owner") in names.pseudonyms and isinstance(details.get(STATE), str):
        done[STATE] = "0" * len(details[STATE])
    begin = next((each for each in OF_NOTICES if subject.startswith(each)), "")
    subject = begin + "0" * len(subject[len(begin) :]) if begin else names.version(subject)
    return {**document, "subject": subject, "details": done}


def _members(document: dict[str, Any], names: Names) -> dict[str, Any]:
    done = {key: _member(key, value, names) for key, value in document.items()}
    if document.get("owner") in names.pseudonyms and document.get("owner_kind", "person") == "person":
        done |= {key: "" for key in OWN if key in done}
    return done


def _member(key: str, value: Any, names: Names) -> Any:
    if key == POLICY and isinstance(value, str):
        return names.version(value)
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
