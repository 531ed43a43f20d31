"""Statement: what a closed month cost, by project, team, cost centre, provider, model, price and meter.

A closed month is a text that is written once, and known by its SHA-256. It names the hash of the month closed before
it, so that none can be changed, left out or put in between unseen. What comes later for a closed month changes no
statement: the next one to be closed has it as rows of the month that it concerns. So for every key

    the rows of all statements + what no statement has yet = what is on record

holds by how statements are made, to the pico-dollar. No person is in one.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from proxy.model.money import pico_of, usd_exact

FORM: Final = 1
"""Version of the text. A statement stays in the form that it was closed in."""
DIMENSIONS: Final = ("month", "project", "team", "cost_center", "purpose", "provider", "model", "price", "meter")
COLUMNS: Final = (*DIMENSIONS, "quantity", "cost_usd")
CALLS: Final = "calls"
"""The meter that counts calls. It costs nothing: what a call costs is on its other meters."""
OTHER: Final = "other"
"""What of a call's cost is on no meter: nothing, in lines of every program so far."""
PART_CHARS: Final = 60_000

Key = tuple[str, ...]
"""Values of DIMENSIONS; the month is the one that the calls were admitted in, UTC."""
Amount = tuple[int, int]
"""Quantity, and pico-dollars."""
Rows = Mapping[Key, Amount]


class StatementError(ValueError):
    """The text is no statement; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Statement:
    month: str
    """'2026-10'."""
    previous: str
    """SHA-256 of the one before; '' of the first."""
    rows: Rows
    """Its own, and those of earlier months that no statement before had."""
    head: Mapping[str, Any]
    """All else that it says."""
    text: str

    @property
    def sha256(self) -> str:
        return fingerprint(self.text)

    @property
    def months(self) -> frozenset[str]:
        """That it has rows of."""
        return frozenset(key[0] for key in self.rows)


@dataclass(frozen=True, slots=True)
class Closing:
    """A month as it was put on record."""

    month: str
    act: str
    at_us: int
    actor: str
    reason: str
    """Why it was closed in spite of what was in the way; '' where nothing was."""
    sha256: str
    text: str
    """Of its statement; '' where parts of it are missing."""


@dataclass(frozen=True, slots=True)
class Total:
    calls: int = 0
    cost_pico: int = 0

    def __add__(self, other: "Total") -> "Total":
        return Total(self.calls + other.calls, self.cost_pico + other.cost_pico)


def fingerprint(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def stated(month: str, previous: str, rows: Rows, head: Mapping[str, Any]) -> Statement:
    """The statement with its text: one JSON object in ASCII, names in order, no blanks; amounts with 12 decimals."""
    own, earlier = total(rows, month), Total()
    for each in {key[0] for key in rows} - {month}:
        earlier += total(rows, each)
    document = {
        **head,
        "statement": FORM,
        "month": month,
        "previous": previous,
        "total": _said(own),
        "corrections": _said(earlier),
        "columns": COLUMNS,
        "rows": [[*key, quantity, usd_exact(pico)] for key, (quantity, pico) in sorted(rows.items())],
    }
    # DEL is the one control character that JSON leaves as it is, and the journal doesn't.
    text = json.dumps(document, sort_keys=True, separators=(",", ":")).replace("\x7f", "\\u007f")
    return read(text)


def read(text: str) -> Statement:
    """Raises StatementError."""
    try:
        head = json.loads(text)
        form, month, previous, columns = (head[name] for name in ("statement", "month", "previous", "columns"))
        if form != FORM:
            raise StatementError(f"it is of form {form!r}, which this program doesn't know")
        if tuple(columns) != COLUMNS:
            raise StatementError("its columns are not those of its form")
        rows = {tuple(key): (int(quantity), pico_of(usd)) for *key, quantity, usd in head.pop("rows")}
    except (KeyError, TypeError, AttributeError) as error:
        raise StatementError(f"it lacks something: {error}") from None
    except json.JSONDecodeError:
        raise StatementError("it is no JSON") from None
    return Statement(month, previous, rows, head, text)


def parts(text: str) -> list[str]:
    return [text[at : at + PART_CHARS] for at in range(0, len(text), PART_CHARS)]


def booked(statements: Iterable[Statement]) -> dict[Key, Amount]:
    """What statements say together."""
    found: dict[Key, Amount] = {}
    for each in statements:
        for key, (quantity, pico) in each.rows.items():
            before = found.get(key, (0, 0))
            found[key] = (before[0] + quantity, before[1] + pico)
    return found


def unbooked(live: Rows, statements: Iterable[Statement]) -> dict[Key, Amount]:
    """What is on record and in no statement yet, signed: late calls, and what has moved or gone since."""
    known = booked(statements)
    found = {}
    for key in live.keys() | known.keys():
        now, then = live.get(key, (0, 0)), known.get(key, (0, 0))
        if now != then:
            found[key] = (now[0] - then[0], now[1] - then[1])
    return found


def total(rows: Rows, month: str) -> Total:
    """Of the rows that concern one month."""
    calls = pico = 0
    for key, (quantity, cost) in rows.items():
        if key[0] == month:
            calls += quantity if key[-1] == CALLS else 0
            pico += cost
    return Total(calls, pico)


def faults(chain: Sequence[Closing]) -> list[list[str]]:
    """Of each closed month, in order: what is wrong with it or with its place in the chain."""
    found: list[list[str]] = []
    previous, before = "", ""
    for each in chain:
        found.append(_faults(each, before, previous))
        previous, before = each.sha256, each.month
    return found


def _faults(closing: Closing, before: str, previous: str) -> list[str]:
    if not closing.text:
        return ["parts of its statement are missing"]
    if fingerprint(closing.text) != closing.sha256:
        return [f"its statement has the hash {fingerprint(closing.text)}, not the one on record, {closing.sha256}"]
    try:
        statement = read(closing.text)
    except StatementError as error:
        return [f"its statement can't be read: {error}"]
    wrong = []
    if statement.month != closing.month:
        wrong.append(f"its statement is that of {statement.month}")
    if statement.previous != previous:
        wrong.append(
            f"it follows a statement {statement.previous or '(none)'}, and {previous or '(none)'} is before it"
        )
    if before and closing.month != following(before):
        wrong.append(f"the month before it is {before}")
    if statement.head.get("total") != _said(total(statement.rows, statement.month)):
        wrong.append("its rows don't sum to its total")
    return wrong


def following(month: str) -> str:
    """'2026-12' -> '2027-01'."""
    count = int(month[:4]) * 12 + int(month[5:])
    return f"{count // 12:04d}-{count % 12 + 1:02d}"


def _said(found: Total) -> dict[str, int | str]:
    return {"calls": found.calls, "cost_usd": usd_exact(found.cost_pico)}
