"""Section: typed reading of one table of a policy file.

A section knows its settings, each with an example, so every mistake can show a right line. Reading never stops at a
mistake: the reader gives the setting's default and goes on, and the set is refused at the end with all of them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Final, TypeVar

from proxy.policy import slips
from proxy.policy.document import Listing, Node, Table, Word
from proxy.policy.mistakes import Mistakes, nearest, shown, suggestion

Settings = Mapping[str, str]
"""Name of a setting -> an example of it, as it stands in a file."""

NAME_CHARS_MAX: Final = 100
TEXT_CHARS_MAX: Final = 500
FILE_ENDING: Final = ".yaml"
BARE_RULE: Final = "write what it is, or take it out"
USD_MAX: Final = Decimal(1_000_000)
DURATION_S_MAX: Final = 7 * 86400

_NAME: Final = re.compile(r"[^\W_][\w.@+/-]*")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DURATION: Final = re.compile(r"(\d{1,9})(ms|s|m|h|d)", re.ASCII)
_UNIT_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER: Final = re.compile(r"\d{1,12}(\.\d{1,12})?", re.ASCII)

_Choice = TypeVar("_Choice", bound=str)


class Section:
    """`what` names it in sentences: 'a provider', 'a person'; the table at the top of a file is called by the file.

    A setting with nothing behind it is a mistake: whoever wrote `project:` meant one, and a rule without it is for all
    calls. At the top of a file it is a list whose entries are all commented out.
    """

    def __init__(self, table: Table, settings: Settings, mistakes: Mistakes, what: str) -> None:
        self.table = table
        self.mistakes = mistakes
        self.what = what
        self._settings = settings
        self._values: dict[str, Node] = {}
        self._bare: set[str] = set()
        for key, value in table.pairs:
            if key.text not in settings:
                near = slips.meant(key.text, settings) or nearest(key.text, settings)
                example = settings.get(near, "")
                hint = f"did you mean '{near}'?" if near else suggestion(key.text, settings)
                mistakes.add(key, f"{shown(key.text)} is not a setting of {what}: {hint}", example)
            elif not (isinstance(value, Word) and value.absent):
                self._values[key.text] = value
            elif not what.endswith(FILE_ENDING):
                self._bare.add(key.text)
                mistakes.add(key, f"{key.text} has nothing behind it: {BARE_RULE}", settings[key.text])

    def node(self, name: str) -> Node | None:
        return self._values.get(name)

    def wrong(self, name: str, message: str, example: str = "") -> None:
        """A mistake of the setting's value; the sentence begins with the setting's name."""
        self.mistakes.add(self._values.get(name, self.table), f"{name} {message}", example or self._settings[name])

    def example(self, name: str) -> str:
        return self._settings[name]

    def require(self, *names: str) -> bool:
        """True where all are written. Each one that is missing is a mistake."""
        missing = [name for name in names if name not in self._values]
        for name in (each for each in missing if each not in self._bare):
            self.mistakes.add(self.table, f"{self.what} needs {name}", self._settings[name])
        return not missing

    def text(self, name: str, chars_max: int = TEXT_CHARS_MAX) -> str:
        """One word or line; '' where it isn't written."""
        value = self._values.get(name)
        if value is None:
            return ""
        if not isinstance(value, Word):
            self.wrong(name, "is one word, not a list or table")
            return ""
        if not value.text.strip() or len(value.text) > chars_max or not value.text.isprintable():
            self.wrong(name, f"must be one line of at most {chars_max} printable characters")
            return ""
        return value.text

    def name(self, name: str) -> str:
        """A name of a person, team or project."""
        text = self.text(name)
        if text and not is_name(text):
            self.wrong(name, f"{shown(text)} can't be a name: {NAME_RULE}")
        return text

    def choice(self, name: str, options: Sequence[_Choice], default: _Choice) -> _Choice:
        value = self._values.get(name)
        if value is None:
            return default
        for option in options:
            if isinstance(value, Word) and value.text == option:
                return option
        if isinstance(value, Word):
            self.wrong(name, f"can't be {shown(value.text)}: {suggestion(value.text, options)}")
        else:
            self.wrong(name, "is one word, not a list or table")
        return default

    def flag(self, name: str) -> bool:
        return self.choice(name, ("true", "false"), "false") == "true"

    def some(self, name: str) -> None:
        """A mistake where the list is written and empty, which would mean all of them or nothing: a guess."""
        value = self._values.get(name)
        if isinstance(value, Listing) and not value.items:
            self.wrong(name, "is an empty list: name some, or take it out")

    def words(self, name: str) -> list[Word]:
        """A list of words, [] where it isn't written."""
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, Listing):
            self.wrong(name, "is a list: put it in brackets")
            return []
        words: list[Word] = []
        for item in value.items:
            if not isinstance(item, Word) or item.absent or not item.text.strip() or not item.text.isprintable():
                self.mistakes.add(item, f"{name} is a list of words", self._settings[name])
            elif len(item.text) > TEXT_CHARS_MAX:
                self.mistakes.add(item, f"{name}: a word of more than {TEXT_CHARS_MAX} characters")
            elif any(item.text == each.text for each in words):
                self.mistakes.add(item, f"{name} has {shown(item.text)} twice")
            else:
                words.append(item)
        return words

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(word.text for word in self.words(name))

    def names(self, name: str) -> list[Word]:
        words = self.words(name)
        for word in words:
            if not is_name(word.text):
                self.mistakes.add(word, f"{name}: {shown(word.text)} can't be a name: {NAME_RULE}")
        return words

    def duration_s(self, name: str, default: float) -> float:
        """Seconds of '500ms', '30s', '10m', '2h', '1d'; more than nothing."""
        text = self.text(name)
        seconds = duration_s(text)
        if text and not 0 < seconds <= DURATION_S_MAX:
            self.wrong(name, f"can't be {shown(text)}: a time has its unit behind it (ms, s, m, h, d), at most 7d")
        return seconds or default

    def seconds(self, name: str, default: int, least: int = 1) -> int:
        """Whole seconds of such a time, at least `least`."""
        seconds = int(self.duration_s(name, default))
        if seconds < least and duration_s(self.text(name)):
            shortest = f"{least}s" if least % 3600 else f"{least // 3600}h"
            self.wrong(name, f"can't be {shown(self.text(name))}: it is at least {shortest}")
        return seconds

    def decimal(self, name: str, maximum: Decimal = USD_MAX) -> Decimal | None:
        """A number from 0 to `maximum`; None where it isn't written."""
        text = self.text(name)
        if not text:
            return None
        value = _decimal(text)
        if value is None or value > maximum:
            self.wrong(name, f"can't be {shown(text)}: it is a number from 0 to {maximum}, with a point for decimals")
            return None
        return value

    def moment(self, name: str) -> datetime | None:
        """A day (its first instant, UTC) or a date with time (UTC where it names no offset)."""
        text = self.text(name)
        if not text:
            return None
        try:
            return moment(text)
        except ValueError:
            self.wrong(name, f"can't be {shown(text)}: it is a day or a time as in ISO 8601")
            return None

    def section(self, name: str, settings: Settings, what: str) -> "Section | None":
        """The table under `name`, None where it isn't written."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, Table):
            self.wrong(name, "is a table of settings")
            return None
        return Section(value, settings, self.mistakes, what)

    def entries(self, name: str, settings: Settings, what: str) -> Iterator[tuple[Word, "Section"]]:
        """The named tables under `name`: {alice: {…}, bob: {…}}."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, Table):
            self.wrong(name, "is a table: each name with its settings")
            return
        for key, body in value.pairs if value else ():
            section = entry(key, body, settings, self.mistakes, what)
            if section is not None:
                yield key, section

    def sections(self, name: str, settings: Settings, what: str) -> Iterator["Section"]:
        """The tables of the list under `name`."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, Listing):
            self.wrong(name, f"is a list: each entry is {what}")
            return
        for item in value.items if value else ():
            section = entry(None, item, settings, self.mistakes, what)
            if section is not None:
                yield section


def entry(key: Word | None, body: Node, settings: Settings, mistakes: Mistakes, what: str) -> Section | None:
    """One entry of a table of names, or of a list (then without a key); None where it is a mistake.

    A name with nothing behind it is an entry without settings.
    """
    if key is not None and not is_name(key.text):
        mistakes.add(key, f"{shown(key.text)} can't be the name of {what}: {NAME_RULE}")
        return None
    if key is not None and isinstance(body, Word) and body.absent:
        body = Table(key.line, key.column, ())
    if not isinstance(body, Table):
        mistakes.add(body, f"{what} is a table of settings")
        return None
    return Section(body, settings, mistakes, what)


NAME_RULE: Final = f"letters, digits and . _ - @ + / only, a letter or digit first, at most {NAME_CHARS_MAX} characters"


def duration_s(text: str) -> float:
    """Seconds of '500ms', '30s', '10m', '2h', '1d'; 0 where it is no such time."""
    found = _DURATION.fullmatch(text)
    return int(found[1]) * _UNIT_S[found[2]] if found else 0.0


def moment(text: str) -> datetime:
    """The first instant of a day, or a time as in ISO 8601; UTC where it names no offset. Raises ValueError."""
    if _DAY.fullmatch(text):
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError(f"not a time: {text!r}") from None


def is_name(text: str) -> bool:
    return len(text) <= NAME_CHARS_MAX and _NAME.fullmatch(text) is not None


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text) if _NUMBER.fullmatch(text) else None
    except InvalidOperation:
        return None
