"""Waste and hints as people see them."""

from typing import Any

import pytest

from proxy.cli import waste_tables
from proxy.web.waste_document import WASTE_COLUMNS

EMPTY: dict[str, Any] = {name: "0.00" if name.endswith("_usd") else 0 for name in WASTE_COLUMNS}
EMPTY["share_of_spend"] = "0.000000"


def document(rows: list[dict[str, Any]], by: tuple[str, ...] = ("class",), **more: Any) -> dict[str, Any]:
    return {
        "by": list(by),
        "since": "2026-03-01T00:00:00+01:00",
        "until": "2026-04-01T00:00:00+02:00",
        "tz": "Europe/Berlin",
        "as_of": None,
        "data_until": None,
        "definition": "waste 1: as defined",
        "notes": ["A note."],
        "rows": [{**EMPTY, **row} for row in rows],
        "total": {**EMPTY, "calls": 10, "cost_usd": "8.00", "redundant_calls": 2, "redundant_cost_usd": "2.00"},
        **more,
    }


def cells(out: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.replace("┃", "│").split("│")] for line in out.splitlines()]


LOOP = {
    "calls": 2,
    "cost_usd": "2.00",
    "redundant_calls": 2,
    "redundant_cost_usd": "2.00",
    "share_of_spend": "0.250000",
}


def test_by_class_a_row_has_its_share_of_all_that_was_spent(capsys: pytest.CaptureFixture[str]) -> None:
    waste_tables.waste(document([{"class": "tool_loop", **LOOP}, {"class": "", "calls": 8, "cost_usd": "6.00"}]))
    out = capsys.readouterr().out
    assert "Waste by class, 2026-03-01 00:00 to 2026-04-01 00:00 (Europe/Berlin)" in out
    lines = cells(out)
    assert ["class", "calls", "spent USD", "redundant", "redundant USD", "of all spend"] in lines
    assert ["tool_loop", "2", "2.00", "2", "2.00", "25.00%"] in lines
    assert ["(none)", "8", "6.00", "0", "0.00", "0.00%"] in lines
    assert ["total", "10", "8.00", "2", "2.00", "25.00%"] in lines
    assert "- A note." in out


def test_by_project_a_row_has_the_share_of_its_own_spend(capsys: pytest.CaptureFixture[str]) -> None:
    row = {**LOOP, "cost_usd": "4.00", "exempted_cost_usd": "0.5", "avoided_usd": "1.25"}
    waste_tables.waste(document([{"project": "checkout", **row}], ("project",), as_of="2026-04-05T00:00:00+02:00"))
    out = capsys.readouterr().out
    assert "as known at 2026-04-05 00:00" in out
    assert ["checkout", "2", "4.00", "2", "2.00", "0.50", "1.25", "50.00%"] in cells(out)


def test_a_narrow_terminal_keeps_what_waste_cost_and_what_was_avoided(capsys: pytest.CaptureFixture[str]) -> None:
    row = {**LOOP, "avoided_usd": "1.25", "exempted_cost_usd": "0.5", "refused_calls": 3}
    waste_tables.waste(document([{"class": "tool_loop", **row}]), 50)
    out = capsys.readouterr().out
    assert "redundant USD" in out
    assert "avoided USD" in out
    assert "Left out, as the terminal is too narrow: " in out.replace("\n", " ")


RUN = {
    "campaign": "call_0",
    "class": "tool_loop",
    "runs": 1,
    "calls": 14,
    "cost_usd": "3.20",
    "first": "2026-03-02T10:00:00+01:00",
    "last": "2026-03-02T11:00:00+01:00",
    "project": "checkout",
    "model": "gpt-5",
    "session": "s",
    "agent": "",
}


def example(*repeats: str, hidden: int = 0) -> dict[str, Any]:
    return {"call": "call_9", "at": "", "cost_usd": "0.10", "repeats": list(repeats), "repeats_not_shown": hidden}


def test_runs_stand_below_with_what_their_calls_repeat(capsys: pytest.CaptureFixture[str]) -> None:
    runs = [{**RUN, "examples": [example("call_1", "call_2", hidden=2), example()]}]
    waste_tables.waste(document([], campaigns=runs))
    out = capsys.readouterr().out
    assert "No calls in this period." in out
    found = next(line for line in cells(out) if line[0] == "call_0")
    assert found[1:] == ["tool_loop", "14", "3.20", "2026-03-02 10:00", "2026-03-02 11:00", "checkout", "gpt-5"]
    assert "call_9 repeats call_1, call_2, 2 more that you may not see here" in out
    assert "call_9 repeats calls that are not on its record" in out


def test_no_more_runs_than_a_reader_takes_in(capsys: pytest.CaptureFixture[str]) -> None:
    runs = [{**RUN, "campaign": f"run-{number}", "examples": []} for number in range(60)]
    waste_tables.waste(document([], campaigns=runs))
    out = capsys.readouterr().out
    assert "run-59 " in out
    assert "run-9 " not in out
    assert "10 more: --format csv or json has all." in out


def test_a_hint_says_what_it_cost_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    row = {**RUN, "says": "It looped: $3.20.", "advice": "Have it stop.", "examples": [example("call_1")]}
    waste_tables.hints({**document([]), "rows": [row]})
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:4] == [
        "- It looped: $3.20.",
        "  Have it stop.",
        "  2026-03-02 10:00 to 2026-03-02 11:00: checkout, gpt-5, outlay policy explain call_9",
    ]
    waste_tables.hints(document([]))
    assert "Nothing that repeats itself was found." in capsys.readouterr().out
