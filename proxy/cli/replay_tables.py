"""Replay drawn for people: what changes first, then by rule, project and day, and a picture of the days."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from rich.text import Text

from proxy.cli import charts
from proxy.cli.columns import Column
from proxy.cli.replay_document import REFUSE, changed
from proxy.cli.tables import console, money, money_decimals, show
from proxy.ledger.charts import Chart, Series
from proxy.model.money import PICO_PER_USD

ROWS_MAX: Final = 40
"""Of one table; --json has all."""
DAYS_MAX: Final = 62
SIDES: Final = (("change", "change"), ("candidate", "candidate"), ("in_force", "in force"))
_SPARE: Final = (0, 2, 4)
"""What a narrow terminal goes without, the last first."""
SHADOW: Final = "shadow: "
_DID: Final = {
    "refuse": "refused",
    "passed again": "passed again",
    "downgrade": "downgraded",
    "limit output": "output limited",
    "throttle": "throttled",
    "wait": "made to wait",
    "cut": "cut at the cap",
    "warn": "warned",
}


def draw(document: Mapping[str, Any], folder: str) -> None:
    out = console()
    out.print(Text(f"{folder} on past calls, {_time(document['since'])} to {_time(document['until'])} UTC", "bold"))
    calls = f"{document['calls']:,} calls, {_usd(document['cost_usd'])} USD as they are on record."
    out.print(Text(f"{calls} Policies in force: {document['in_force']['version']}."))
    if document["same_policies"]:
        out.print(Text("These are the policies in force: there is nothing to compare. This is what they do:", "bold"))
    elif not changed(document):
        out.print(Text("They decide each of these calls as the policies in force do.", "bold"))
    if document["totals"]:
        _table(document["totals"], (), "What changes" if not document["same_policies"] else "What is done")
    else:
        out.print("No rule of either did anything to any of these calls.")
    for part, names, title in (
        ("by_rule", ("rule", "where"), "By rule"),
        ("by_project", ("project",), "By project"),
        ("by_day", ("day",), "By day"),
    ):
        if document[part]:
            _table(document[part], names, title)
    _picture(document)
    out.print()
    out.print(Text("What a replay can't know", "bold"))
    for note in document["not_known"]:
        out.print(Text(f"- {note}"))
    versions = f"Candidate {document['candidate']['version']}"
    out.print(Text(f"{versions}. Result {document['sha256']}: the same for the same policies and calls.", "dim"))


def _table(rows: Sequence[Mapping[str, Any]], names: Sequence[str], title: str) -> None:
    out = console()
    out.print()
    out.print(Text(title, "bold"))
    shown = rows[:ROWS_MAX]
    decimals = money_decimals([row[side]["cost_usd"] for row in shown for side, _ in SIDES])
    columns = [Column(name, [row[name] or "(none)" for row in shown], figure=False) for name in names]
    columns.append(Column("what", [_did(row["did"]) for row in shown], figure=False))
    for number, (side, label) in enumerate(SIDES):
        signed, spare = side == "change", _SPARE[number]
        columns.append(Column(f"{label} calls", [_count(row[side]["calls"], signed) for row in shown], spare=spare))
        amounts = [_money(row[side]["cost_usd"], decimals, signed) for row in shown]
        columns.append(Column(f"{label} USD", amounts, spare=spare and spare + 1))
        if signed:
            saved = ["" if _in_shadow(row) else _money(row[side]["saved_usd"], decimals, True) for row in shown]
            columns.append(Column("less spent USD", saved, spare=1))
    left_out = show(out, columns)
    if left_out:
        out.print(Text(f"- Left out, as the terminal is too narrow: {', '.join(left_out)}. --json has all."))
    if len(rows) > ROWS_MAX:
        out.print(Text(f"- {len(rows) - ROWS_MAX} more rows: --json has all."))


def _picture(document: Mapping[str, Any]) -> None:
    """Dollars refused by day, both sets beside one another."""
    refused = [row for row in document["by_day"] if row["did"] == REFUSE]
    days = _days([row["day"] for row in refused])
    if not 1 < len(days) <= DAYS_MAX:
        return
    by_day = {row["day"]: row for row in refused}
    series = [
        Series(label, tuple(_pico(by_day[day][side]["cost_usd"]) if day in by_day else 0 for day in days))
        for side, label in SIDES[1:]
        if side == "candidate" or not document["same_policies"]
    ]
    if any(value for each in series for value in each.values):
        console().print()
        about = "US dollars that these calls came to, or were expected to come to"
        charts.draw(Chart("Refused by day", about, days, tuple(series), over_time=False))


def _days(named: Sequence[str]) -> tuple[str, ...]:
    """From the first of these days to the last, without gaps."""
    if not named:
        return ()
    first, last = date.fromisoformat(min(named)), date.fromisoformat(max(named))
    return tuple((first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1))


def _did(did: str) -> str:
    would = did.removeprefix(SHADOW)
    return _DID.get(did, did) if would == did else f"in shadow: {_DID.get(would, would)}"


def _in_shadow(row: Mapping[str, Any]) -> bool:
    return str(row["did"]).startswith(SHADOW)


def _count(count: int, signed: bool) -> str:
    return f"{count:+,}" if signed and count else f"{count:,}"


def _money(amount: str, decimals: int, signed: bool) -> str:
    text = money(amount, decimals)
    return f"+{text}" if signed and Decimal(amount) > 0 else text


def _usd(amount: str) -> str:
    return money(amount, money_decimals([amount]))


def _pico(amount: str) -> int:
    return int(Decimal(amount) * PICO_PER_USD)


def _time(text: str) -> str:
    return text[:16].replace("T", " ")
