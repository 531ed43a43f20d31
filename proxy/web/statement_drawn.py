"""A statement drawn for browsers, by what its rows sum to; and what came late for statements."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from proxy.finance.statement import CALLS, Amount, Key, Rows, Statement
from proxy.model.money import pico_to_usd
from proxy.web.markup import Cell, Child, Html, joined, link, table, tag
from proxy.web.months_drawn import FILES, NOT_COMPARED, NOT_STATED, PLACE, drawn, listed, minute, money

ROWS_SHOWN: Final = 200
"""Of a table, the dearest first; files have all."""
Document = Mapping[str, Any]


def statement_page(found: Statement, row: Document) -> Html:
    """`row`: of the list of months."""
    month = found.month
    own = {key: amount for key, amount in found.rows.items() if key[0] == month}
    earlier = {key: amount for key, amount in found.rows.items() if key[0] != month}
    head = found.head
    sections = (
        ("By cost centre and project", _by_names(own, ("Cost centre", "Project", "Team", "Purpose"), (3, 1, 2, 4))),
        ("By model", _by_names(own, ("Provider", "Model"), (5, 6))),
        ("By meter", _by_meter(own)),
        ("Corrections of earlier months in it", _by_names(earlier, ("Month",), (0,))),
        ("What was delivered", _outcomes(head.get("outcomes"))),
        ("Earlier months whose outcomes changed", _restated(head.get("restated") or ())),
        ("Closed in spite of", _waived(head.get("waived") or (), row["reason"])),
    )
    closed = f"Closed {minute(row['closed_at'])} by {row['closed_by']}."
    before = tag("code", found.previous) if found.previous else "none, this is the first"
    return drawn(
        f"Statement of {month}",
        tag("p", f"{closed} It never changes; what comes late stands in later ones."),
        table(("Amount", "USD"), _bridge(found, row)),
        tag("h2", "Files"),
        _files(month),
        tag("p", "The JSON file is the statement itself, so this is its hash:", class_="soft"),
        tag("p", tag("code", found.sha256), class_="note"),
        _on_record(found.sha256, row["sha256"]),
        tag("p", "SHA-256 of the statement before: ", before),
        *(each for title, content in sections for each in (tag("h2", title), content)),
        tag("h2", "Made of"),
        listed(
            f"Calls admitted from {minute(head.get('since', ''))} to {minute(head.get('until', ''))}, "
            f"as on record up to {minute(head.get('data_until', ''))}",
            f"Price lists: {', '.join(head.get('price_lists') or ()) or 'none'}",
            _counted(head.get("cut") or {}),
        ),
        tag("h2", "What isn't known"),
        listed(NOT_COMPARED, "No person is in a statement: whose calls these were, it can't tell."),
    )


def corrections_page(document: Document, rows: Rows) -> Html:
    names = ("Month", "Project", "Cost centre", "Provider", "Model")
    return drawn(
        "Corrections",
        tag("p", "What is on record of closed months and in no statement yet: the next one has it."),
        _by_names(rows, names, (0, 1, 3, 5, 6)),
        tag("p", "Together ", money(document["total"]["cost_usd"]), " USD."),
        tag("h2", "Files"),
        _files("corrections"),
        tag("h2", "Closed months whose outcomes are others now"),
        _restated(document["outcomes"]),
    )


def _files(name: str) -> Html:
    return tag("p", *(link(f"{PLACE}/{name}?format={form}", said) for form, said in FILES.items()), class_="files")


def _bridge(found: Statement, row: Document) -> list[list[Cell]]:
    """What was stated, in its own words, and what came since."""
    total, earlier = (found.head.get(name) or {} for name in ("total", "corrections"))
    lines = (
        (f"As stated, for {_calls(total.get('calls', 0))}", total.get("cost_usd")),
        ("Of this month, in later statements", row["corrections_usd"]),
        ("Of this month, in no statement yet", row["unbooked_usd"]),
        ("Of earlier months, in this statement", earlier.get("cost_usd")),
    )
    return [[Cell(name), Cell(money(usd) if usd else NOT_STATED, figure=True)] for name, usd in lines]


def _calls(count: int) -> str:
    return f"{count:,} call{'' if count == 1 else 's'}"


def _on_record(sha256: str, on_record: str) -> Html:
    if sha256 == on_record:
        said = tag("span", "It is the hash that was put on record when it was closed.", class_="good")
        return tag("p", said, " Its chain, and the calls that it was made of, are worked out by Verify.")
    return tag("p", tag("span", f"It is not the hash on record: that is {on_record}", class_="bad"))


def _by_names(rows: Rows, names: tuple[str, ...], places: tuple[int, ...]) -> Html:
    if not rows:
        return tag("p", "Nothing.")
    sums = _summed(rows, lambda key: tuple(key[place] for place in places))
    told = sorted(sums.items(), key=lambda each: (-each[1][1], each[0]))
    cells = [
        [*(Cell(name or "(none)") for name in key), Cell(f"{calls:,}", figure=True), _usd(pico)]
        for key, (calls, pico) in told[:ROWS_SHOWN]
    ]
    return joined(table((*names, "Calls", "USD"), cells), _more(len(told)))


def _by_meter(rows: Rows) -> Html:
    found: dict[str, Amount] = {}
    for key, (quantity, pico) in rows.items():
        before = found.get(key[-1], (0, 0))
        found[key[-1]] = (before[0] + quantity, before[1] + pico)
    cells = [
        [Cell(meter), Cell(f"{quantity:,}", figure=True), _usd(pico)]
        for meter, (quantity, pico) in sorted(found.items())
    ]
    return table(("Meter", "Quantity", "USD"), cells) if cells else tag("p", "Nothing.")


def _summed(rows: Rows, named: Callable[[Key], tuple[str, ...]]) -> dict[tuple[str, ...], Amount]:
    """Calls and pico-dollars."""
    found: dict[tuple[str, ...], Amount] = {}
    for key, (quantity, pico) in rows.items():
        calls, cost = found.get(named(key), (0, 0))
        found[named(key)] = (calls + (quantity if key[-1] == CALLS else 0), cost + pico)
    return found


def _outcomes(said: Document | None) -> Html:
    if not said:
        return tag("p", "The statement says nothing about it.")
    version = f"Definition {said.get('definition', NOT_STATED)}, of the weeks that begin in the month."
    if said.get("withheld"):
        return tag("p", f"Withheld: too few persons stand behind it for it to be shown. {version}")
    figures = {name: value for name, value in said.items() if name not in ("withheld", "definition", "baselines")}
    cells = [[Cell(name.replace("_", " ")), Cell(_figure(name, value), figure=True)] for name, value in figures.items()]
    baselines = ", ".join(f"{each['quarter']} ({each['version']})" for each in said.get("baselines") or ())
    rest = f"{version} Baselines: {baselines or 'none yet, so there is no index'}."
    return joined(table(("Figure", "Stated"), cells), tag("p", rest, class_="soft"))


def _figure(name: str, value: object) -> Child:
    if value is None:
        return "not known"
    if name.endswith("_usd"):
        return money(str(value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _restated(said: Sequence[Document]) -> Html:
    if not said:
        return tag("p", "None.")
    return listed(*(f"{each['month']}: {_delivered(each['outcomes'])}" for each in said))


def _delivered(outcomes: Document) -> str:
    if outcomes.get("withheld"):
        return "withheld"
    told = f"{outcomes['delivered']} delivered, {outcomes['credited']} credited"
    return f"{told}, ${outcomes['spend_usd']} spent on building in its weeks"


def _waived(said: Sequence[Document], reason: str) -> Html:
    if not said:
        return tag("p", "Nothing was in the way.")
    return joined(listed(*(each["says"] for each in said)), tag("p", f"Reason: {reason}"))


def _counted(cut: Document) -> str:
    if "calls" not in cut:
        return "Not all of its single calls were kept when it was made, so no check can count them"
    return f"{_calls(cut['calls'])} kept one by one, up to a place in each journal that stands in it"


def _usd(pico: int) -> Cell:
    return Cell(money(pico_to_usd(pico)), figure=True)


def _more(count: int) -> Child:
    return tag("p", f"{count - ROWS_SHOWN:,} more are in the files.") if count > ROWS_SHOWN else ""
