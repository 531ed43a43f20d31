"""Replay drawn for people: what changes first, then by rule, project and day, and a picture of the days."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from proxy.cli import charts
from proxy.cli.columns import Column
from proxy.cli.replay_document import REFUSE, SHADOW, changed
from proxy.cli.tables import console, money, money_decimals, show
from proxy.ledger.charts import Chart, Series
from proxy.model.money import PICO_PER_USD

ROWS_MAX: Final = 40
"""Of one table; --json has all."""
DAYS_MAX: Final = 62
SIDES: Final = (("in_force", "in force"), ("candidate", "candidate"), ("change", "change"))
_ACCOUNTS: Final = (("recorded", "on record"), *SIDES)
_LINES: Final = {
    "without_rules_usd": "without any rule",
    "kept_usd": "refused or made cheaper",
    "put_off_usd": "put off (429)",
    "spend_usd": "spent",
}
_DID: Final = {
    "refuse": "refused",
    "justify": "asked to justify",
    "downgrade": "downgraded",
    "limit output": "output limited",
    "throttle": "put off (429)",
    "wait": "made to wait",
    "cut": "cut at the cap",
    "warn": "warned",
}


def draw(document: Mapping[str, Any], folder: str, width: int | None = None) -> None:
    """`width` in characters; None: the terminal's."""
    out = console(width)
    out.print(Text(f"{folder} on past calls, {_time(document['since'])} to {_time(document['until'])} UTC", "bold"))
    calls = f"{document['calls']:,} calls and {document['refused']:,} refused by rules"
    out.print(Text(f"On record: {calls}, {_usd(document['cost_usd'])} USD."))
    out.print(Text(f"Policies in force: {document['in_force']['version']}."))
    if document["same_policies"]:
        out.print(Text("These are the policies in force: there is nothing to compare. This is what they do:", "bold"))
    elif not changed(document):
        out.print(Text("They decide each of these calls as the policies in force do.", "bold"))
    _account(out, document)
    same = document["same_policies"]
    if document["totals"]:
        _table(
            out, document["totals"], (), "What is done" if same else "What changes (calls: in force → candidate)", same
        )
    else:
        out.print("No rule of either did anything to any of these calls.")
    for part, names, title in (
        ("by_rule", ("rule", "where"), "By rule"),
        ("by_project", ("project",), "By project"),
        ("by_day", ("day",), "By day"),
    ):
        if document[part]:
            _table(out, document[part], names, title, same)
    _picture(out, document)
    out.print()
    out.print(Text("What a replay can't know", "bold"))
    for note in document["not_known"]:
        out.print(Text(f"- {note}"))
    versions = f"Candidate {document['candidate']['version']}"
    out.print(Text(f"{versions}. Result {document['sha256']}: the same for the same policies and calls.", "dim"))


def _account(out: Console, document: Mapping[str, Any]) -> None:
    """The money, from what the calls come to without rules to what is spent."""
    account, sides = document["account"], _ACCOUNTS[:2] if document["same_policies"] else _ACCOUNTS
    out.print()
    out.print(Text("US dollars", "bold"))
    names = [name for name in _LINES if name != "put_off_usd" or any(Decimal(account[side][name]) for side, _ in sides)]
    decimals = money_decimals([account[side][name] for name in names for side, _ in sides])
    columns = [Column("", [_LINES[name] for name in names], figure=False)]
    for side, label in sides:
        amounts = [_less(name, account[side][name], decimals, side == "change") for name in names]
        columns.append(Column(label, amounts))
    show(out, columns)
    again = document["candidate"]["passed_again"]
    if again:
        about = f"{again:,} calls that were refused then pass now, at {_usd(document['candidate']['passed_again_usd'])}"
        out.print(Text(f"- {about} USD as was to be expected of them."))


def _less(name: str, amount: str, decimals: int, signed: bool) -> str:
    """What is taken off stands with a minus: the lines of a column add up to its last one."""
    off = name in ("kept_usd", "put_off_usd")
    return _money(str(-Decimal(amount)) if off else amount, decimals, signed)


def _table(out: Console, rows: Sequence[Mapping[str, Any]], names: Sequence[str], title: str, same: bool) -> None:
    """Calls under each set, and how much more or less is spent by that: the rows add up to the change in spend. Of one
    set alone, what is spent less than without it."""
    out.print()
    out.print(Text(title, "bold"))
    shown = rows[:ROWS_MAX]
    decimals = money_decimals([row[side]["saved_usd"] for row in shown for side, _ in SIDES])
    columns = [Column(name, [row[name] or "(none)" for row in shown], figure=False) for name in names]
    columns.append(Column("what", [_did(row["did"]) for row in shown], figure=False))
    columns.append(Column("calls", _calls(shown, same)))
    of = "in_force" if same else "change"
    spent = ["" if _in_shadow(row) else _money(_negative(row[of]["saved_usd"]), decimals, True) for row in shown]
    columns.append(Column("spent USD", spent))
    show(out, columns)
    if len(rows) > ROWS_MAX:
        out.print(Text(f"- {len(rows) - ROWS_MAX} more rows: --json has all."))


def _picture(out: Console, document: Mapping[str, Any]) -> None:
    """Dollars refused by day, both sets beside one another."""
    refused = [row for row in document["by_day"] if row["did"] == REFUSE]
    days = _days([row["day"] for row in refused])
    if not 1 < len(days) <= DAYS_MAX:
        return
    by_day = {row["day"]: row for row in refused}
    series = [
        Series(label, tuple(_pico(by_day[day][side]["cost_usd"]) if day in by_day else 0 for day in days))
        for side, label in SIDES[1::-1]
    ]
    series = [each for each in series if any(each.values)][: 1 if document["same_policies"] else None]
    if series:
        out.print()
        about = "US dollars that these calls came to, or were expected to come to"
        charts.draw(Chart("Refused by day", about, days, tuple(series), over_time=False), out)


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


def _calls(rows: Sequence[Mapping[str, Any]], same: bool) -> list[str]:
    """In force and under the candidate, one below the other."""
    now, then = ([f"{row[side]['calls']:,}" for row in rows] for side, _ in SIDES[:2])
    widest = max(map(len, then))
    return now if same else [f"{before} → {after:>{widest}}" for before, after in zip(now, then, strict=True)]


def _negative(amount: str) -> str:
    return str(-Decimal(amount) or 0)


def _money(amount: str, decimals: int, signed: bool) -> str:
    text = money(amount, decimals)
    return f"+{text}" if signed and Decimal(amount) > 0 else text


def _usd(amount: str) -> str:
    return money(amount, money_decimals([amount]))


def _pico(amount: str) -> int:
    return int(Decimal(amount) * PICO_PER_USD)


def _time(text: str) -> str:
    return text[:16].replace("T", " ")
