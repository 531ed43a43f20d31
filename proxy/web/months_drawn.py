"""Months drawn for browsers: which are closed, what is in the way of the others, and what a check found."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from proxy.web.markup import Cell, Child, Html, joined, link, page, prose, table, tag

PLACE: Final = "/pages/months"
FILES: Final = {"json": "JSON", "csv": "CSV", "parquet": "Parquet", "xlsx": "Excel"}
NOT_COMPARED: Final = (
    "Amounts are what outlay recorded at the prices in force. Whether providers' bills say the same is not known here: "
    "nothing is compared with them."
)
NOT_STATED: Final = "not stated"
Document = Mapping[str, Any]


def months_page(document: Document, until: str) -> Html:
    """`until`: up to when all is on record."""
    rows: Sequence[Document] = document["rows"]
    names = ("Month", "State", "Calls", "Spent, USD", "In later statements", "In none yet", "Closed", "By")
    return drawn(
        "Months",
        tag("p", f"By time of admission, UTC. On record up to {until}.", class_="soft"),
        table(names, [_month(row) for row in reversed(rows)]),
        tag("h2", "In the way of closing"),
        *_ways(rows),
        tag("h2", "What stands for all statements"),
        _head(document["head"]),
        tag("h2", "What isn't known"),
        listed(
            "Of open months, calls that are still in flight are in no figure; what these hold stands above.",
            "Calls of a gateway that is away come later: for a closed month they are corrections, and change no "
            "statement.",
            "This list repeats what is on record. Verify works out whether statements still are what was closed.",
            NOT_COMPARED,
        ),
    )


def _month(row: Document) -> list[Cell]:
    closed = row["state"] != "open"
    month = row["state"].removeprefix("in ") if row["state"].startswith("in ") else row["month"]
    late = (money(row[name]) if closed else "" for name in ("corrections_usd", "unbooked_usd"))
    return [
        Cell(tag("span", link(f"{PLACE}/{month}", row["month"]) if closed else row["month"], class_="whole")),
        Cell(_state(row)),
        Cell(f"{row['calls']:,}", figure=True),
        Cell(money(row["cost_usd"]), figure=True),
        *(Cell(each, figure=True) for each in late),
        Cell(minute(row["closed_at"]) if closed else ""),
        Cell(_by(row["closed_by"], row["reason"])),
    ]


def _state(row: Document) -> Html:
    if row["state"] != "open":
        return tag("span", row["state"], class_="good")
    ways = row["in_the_way"]
    if not ways:
        return tag("span", "open, can be closed", class_="wait")
    only = all(each["waivable"] for each in ways)
    return tag("span", "open, can be closed for a reason" if only else "open, can't be closed yet", class_="wait")


def _by(actor: str, reason: str) -> Child:
    return joined(actor, tag("br"), tag("small", reason)) if reason else actor


def _ways(rows: Iterable[Document]) -> Iterable[Html]:
    waiting = [row for row in rows if row["state"] == "open"]
    for row in waiting:
        month, ways = row["month"], row["in_the_way"]
        if ways:
            told = (f"{each['says']}: {each['mend']}{_waivable(each)}." for each in ways)
            yield joined(tag("p", tag("strong", month)), listed(*told))
        else:
            yield tag(
                "p", tag("strong", month), ": nothing. ", tag("code", f"outlay months close {month}"), " closes it."
            )
    yield tag("p", "Pages change nothing: months are closed by the command, or over HTTP.", class_="soft")


def _waivable(way: Document) -> str:
    return ". With `--reason` it can be closed in spite of that" if way["waivable"] else ""


def _head(sha256: str | None) -> Html:
    if not sha256:
        return tag("p", "No month is closed yet, so there is no statement.")
    return joined(
        tag("p", "SHA-256 of the newest, which names the one before it, and so on to the first:"),
        tag("p", tag("code", sha256), class_="note"),
        tag("p", "Write it down where the data folder's holder can't: only that would show a chain made anew."),
    )


def verify_page(document: Document, at: str) -> Html:
    rows: Sequence[Document] = document["rows"]
    whole = ("All hold", "good") if document["holds"] else ("Something fails", "bad")
    verdict = tag("span", whole[0], class_=whole[1]) if rows else "No month is closed, so there is nothing to verify"
    cells = [[Cell(row["month"]), Cell(_held(row)), Cell(tag("code", row["sha256"]))] for row in rows]
    left = [f"{row['month']}: {each}." for row in rows for each in row["unverified"]]
    return drawn(
        "Verify",
        tag("p", verdict, f". Worked out {at}."),
        table(("Month", "Found", "SHA-256 on record"), cells) if rows else "",
        tag("h2", "What was done"),
        listed(
            "Each statement's hash, sums and place in the chain were worked out again.",
            "The single calls up to its cut were counted again, with what they cost.",
        ),
        tag("h2", "What was not verified"),
        listed(
            *left,
            "What was delivered is stated as it was known when the month was closed, and is not worked out again.",
            NOT_COMPARED,
        ),
    )


def _held(row: Document) -> Html:
    if row["holds"]:
        return tag("span", "holds", class_="good")
    return joined(tag("span", "FAILS", class_="bad"), listed(*row["faults"]))


def money(usd: str) -> Html:
    """Every digit, those below the cent small."""
    whole, _, fraction = usd.removeprefix("-").partition(".")
    digits = fraction.ljust(12, "0")
    sign = "−" if usd.startswith("-") else ""
    return joined(f"{sign}{int(whole):,}.{digits[:2]}", tag("small", digits[2:]))


def minute(iso: str) -> str:
    return f"{iso[:16].replace('T', ' ')} UTC" if iso else NOT_STATED


def listed(*said: str) -> Html:
    return tag("ul", *(tag("li", prose(each)) for each in said))


def drawn(title: str, *content: Child) -> Html:
    places = {"": "Months", "/corrections": "Corrections", "/verify": "Verify"}
    return page(title, tag("nav", *(link(f"{PLACE}{rest}", name) for rest, name in places.items())), *content)
