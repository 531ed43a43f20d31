"""A request body as one JSON object: top-level values unparsed, refused where two readers could disagree on them.

A body in which `model` stands twice names one model to the reader that takes the first and another to the one that
takes the last; servers that ignore case take 'Model' for it too. So a governed key may stand once only, in
its own spelling: in another it would be a key that outlay doesn't see, and some server does. Inside values the bytes
are checked as JSON and UTF-8, but not built into objects.
"""

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Raw

MEMBERS_MAX: Final = 1000
"""Top-level keys of a body. Real calls have at most about forty."""
SCANNED_TOKENS_MAX: Final = 100_000
"""Strings and brackets scanned in values whose length isn't known: about 20 ms of work."""
VALUES_MAX: Final = 500_000
"""Elements and members of a body, nested ones included: what is built of them may take a hundred times their bytes.
The largest honest bodies are lists of tokens to embed; OpenAI takes 300,000 of them."""
LISTED_BYTES_MAX: Final = 256 * 1024
"""Of larger bodies only governed values are listed: a body full of tiny keys would take 40 times its size."""

GOOD_MAX: Final = 256
GOOD_KEYS_MAX: Final = 40
GOOD_CHARS: Final = 40
"""Bodies whose keys are known again: so many sets of so many keys, each shorter than that."""

NO_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for text that can't be read as the JSON expected of it."""

_STEP_BYTES: Final = 256 * 1024
_SPACE: Final = re.compile(rb"[ \t\n\r]*")
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"')
_SCALAR: Final = re.compile(rb"[-+.0-9A-Za-z]+")
_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]')
_LONE_SURROGATE: Final = re.compile(
    rb"\\u(?<!\\\\u)[dD](?:[89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD])[c-fC-F])"
)
"""Made for a sentence, not for a proof; begins with a literal, so that a search in a large body is quick."""
_list: Final = msgspec.json.Decoder(dict[str, Raw]).decode
_text: Final = msgspec.json.Decoder(str).decode


class UnreadableError(Exception):
    """The request can't be read for its facts: broken JSON, a governed key twice. Its message is for the caller."""


@dataclass(frozen=True, slots=True)
class Member:
    """One key, and where its value stands in the body."""

    key: str
    start: int
    end: int


class ObjectReader:
    """Reads bodies in which the keys `governed` may stand once only."""

    def __init__(
        self, governed: Iterable[str], spelled: Callable[[str], str] = str.casefold, *, exact: bool = True
    ) -> None:
        """`spelled`: the same text for all spellings that a server could take for one key. `exact`: of those a body may
        have only the one that is governed."""
        ordered = tuple(governed)
        self._governed = frozenset(ordered)
        self._spelled = spelled
        self._exact = exact
        self._names_by_spelling = {spelled(name): name for name in reversed(ordered)}
        names = {f"f{index}": name for index, name in enumerate(sorted(self._governed))}
        fields = [(field, Raw, msgspec.field(name=name, default=Raw())) for field, name in names.items()]
        self._some = msgspec.json.Decoder(msgspec.defstruct("Governed", fields)).decode
        self._names = names
        self._good: set[tuple[str, ...]] = set()
        """Keys that bodies had and may have: a client sends the same ones each time."""

    def read(self, body: bytes) -> dict[str, Raw]:
        """The raw values by key (of a large body only the governed ones; of a key that stands twice the last one).

        Raises UnreadableError, with a sentence that says what is wrong and where.
        """
        _check_utf8(body)
        values = self._values(body)
        _check_size(body)
        if not _compact(body, values):
            self._check([member.key for member in members(body, values)])
        elif (keys := tuple(values)) not in self._good:
            self._check(keys)
            if (
                len(keys) <= GOOD_KEYS_MAX
                and len(self._good) < GOOD_MAX
                and max(map(len, keys), default=0) < GOOD_CHARS
            ):
                self._good.add(keys)
        return values

    def same(self, key: str, name: str) -> bool:
        """True where a server could take the key for the governed `name`."""
        return self._spelled(key) == self._spelled(name)

    def _values(self, body: bytes) -> dict[str, Raw]:
        try:
            if len(body) <= LISTED_BYTES_MAX:
                return _list(body)
            some = self._some(body)
        except msgspec.ValidationError:
            raise UnreadableError("The request body must be a JSON object.") from None
        except msgspec.DecodeError as error:
            raise UnreadableError(_sentence(body, error)) from None
        except RecursionError:
            raise UnreadableError("The request body is JSON that nests too deeply to be read.") from None
        listed = {name: getattr(some, field) for field, name in self._names.items()}
        return {name: raw for name, raw in listed.items() if memoryview(raw)}

    def _check(self, keys: Iterable[str]) -> None:
        seen: set[str] = set()
        otherwise = ""
        for key in keys:
            name = self._names_by_spelling.get(self._spelled(key))
            if name is not None:
                if name in seen:
                    raise UnreadableError(f"The key '{name}' stands twice in the request body. Send it once.")
                seen.add(name)
                if key not in self._governed:
                    otherwise = name
        if otherwise and self._exact:
            raise UnreadableError(
                f"The key '{otherwise}' is spelled otherwise in the request body. Write it like this."
            )


def members(body: bytes, values: Mapping[str, Raw]) -> Iterator[Member]:
    """Every top-level key in order, those that stand twice included.

    `body` is valid JSON, `values` what was read of it: known values are stepped over by their length, only others are
    scanned. Raises UnreadableError where there is more to scan than the named limits allow.
    """
    position = _after_space(body, body.index(b"{") + 1)
    left = SCANNED_TOKENS_MAX
    for count in range(MEMBERS_MAX + 1):
        if body[position] == _CLOSE:
            return
        if count == MEMBERS_MAX:
            break
        key_end = _end(_STRING, body, position)
        key = _text(body[position:key_end])
        start = _after_space(body, _after_space(body, key_end) + 1)
        end = _known_end(body, start, values.get(key))
        if end is None:
            end, left = _scanned_end(body, start, left)
        yield Member(key, start, end)
        position = _after_space(body, end)
        if body[position] == _COMMA:
            position = _after_space(body, position + 1)
    raise UnreadableError(f"The request body has more than {MEMBERS_MAX} keys.")


_CLOSE: Final = ord("}")
_COMMA: Final = ord(",")
_AFTER_VALUE: Final = b" \t\n\r,}"


def _compact(body: bytes, values: Mapping[str, Raw]) -> bool:
    """True where every byte is accounted for by `values` written without a space: then no key can stand twice."""
    size = 1
    for key, raw in values.items():
        size += (len(key) if key.isascii() else len(key.encode())) + memoryview(raw).nbytes + 4
    return size == len(body)


def _known_end(body: bytes, start: int, raw: Raw | None) -> int | None:
    """Where the value ends, if it is `raw`: another value of the same key may stand here."""
    view = memoryview(raw or b"")
    end = start + len(view)
    if not view or end >= len(body) or body[end] not in _AFTER_VALUE:
        return None
    steps = range(0, len(view), _STEP_BYTES)
    same = all(body.startswith(bytes(view[step : step + _STEP_BYTES]), start + step) for step in steps)
    return end if same else None


def _scanned_end(body: bytes, start: int, tokens_left: int) -> tuple[int, int]:
    """Where the value ends, by its brackets; with what is left of the limit."""
    if body[start] == ord('"'):
        return _end(_STRING, body, start), tokens_left - 1
    if body[start] not in b"{[":
        return _end(_SCALAR, body, start), tokens_left - 1
    depth = 0
    for token in _TOKEN.finditer(body, start):
        tokens_left -= 1
        if tokens_left < 0:
            raise UnreadableError(
                "The request body has values that are too large to be checked for keys standing twice."
            )
        depth += _DEPTH.get(token[0], 0)
        if depth == 0:
            return token.end(), tokens_left
    raise AssertionError("the body was valid JSON")


_DEPTH: Final = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}


def _end(pattern: re.Pattern[bytes], body: bytes, start: int) -> int:
    match = pattern.match(body, start)
    assert match is not None
    return match.end()


def _after_space(body: bytes, position: int) -> int:
    return _end(_SPACE, body, position)


def _check_utf8(body: bytes) -> None:
    """JSON is UTF-8 (RFC 8259). Step by step: the text of a body can be four times its size."""
    if body.isascii():
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    for step in range(0, len(body), _STEP_BYTES):
        try:
            decoder.decode(body[step : step + _STEP_BYTES], final=step + _STEP_BYTES >= len(body))
        except UnicodeDecodeError as error:
            # The decoder may have carried up to three bytes over from the step before.
            place = step + error.start - (len(error.object) - len(body[step : step + _STEP_BYTES]))
            raise UnreadableError(f"The request body is not UTF-8 (byte {place}).") from None


def _check_size(body: bytes) -> None:
    """Raises UnreadableError above VALUES_MAX. `body` is valid JSON; nothing is built of it."""
    if len(body) <= VALUES_MAX:
        return
    left = _marks(body, 0, len(body)) - VALUES_MAX
    if left <= 0:
        return
    for count, string in enumerate(_STRING.finditer(body)):
        left -= _marks(body, *string.span())
        if left <= 0:
            return
        if count == VALUES_MAX:
            break
    raise UnreadableError(f"The request body has more than {VALUES_MAX} values.")


def _marks(body: bytes, start: int, end: int) -> int:
    """At least as many as there are values, save the first; those within strings are no marks at all."""
    return sum(body.count(mark, start, end) for mark in (b",", b"[", b"{"))


def _sentence(body: bytes, error: msgspec.DecodeError) -> str:
    surrogate = _LONE_SURROGATE.search(body)
    if surrogate is not None:
        return f"The request body has half of a surrogate pair as an escape (byte {surrogate.start()})."
    if "truncated" in str(error):
        return f"The request body is JSON that breaks off (byte {len(body)})."
    return f"The request body can't be read: {error}."
