"""Budgets as people see them."""

from typing import Any

import pytest

from proxy.cli.budget_tables import budgets

ROW: dict[str, Any] = {
    **{"budget": "payments-month", "instance": {}, "window": "month", "unit": "USD", "action": "refuse"},
    **{"from": "2026-11-01T00:00:00+00:00", "to": "2026-12-01T00:00:00+00:00", "resets": "2026-12-01T00:00:00+00:00"},
    **{"limit": "500.00", "granted": "0.00", "spent": "412.345", "held": "0.00", "left": "87.655", "share": "0.824690"},
    **{"mode": "enforce", "refused": 12, "shadow_refused": 0, "shadow_cost_usd": "0.00"},
}


def document(*rows: dict[str, Any]) -> dict[str, Any]:
    return {
        **{"since": None, "until": None, "as_of": "2026-11-21T15:00:00+00:00", "tz": "UTC", "data_until": None},
        **{"definition": "budgets 1: as defined", "notes": ["A note."], "rows": [{**ROW, **row} for row in rows]},
    }


def cells(out: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.replace("┃", "│").split("│")] for line in out.splitlines()]


def test_budgets_in_money_fit_80_columns_whole(capsys: pytest.CaptureFixture[str]) -> None:
    budgets(document({}), 80)
    out = capsys.readouterr().out
    assert "Budgets in USD, as of 2026-11-21 15:00 (UTC)" in out
    assert ["budget", "limit", "spent", "left", "used", "resets", "refused", "action"] in cells(out)
    assert ["payments-month", "500.00", "412.34", "87.65", "82.4%", "2026-12-01", "12", "refuse"] in cells(out)
    assert "- Amounts are rounded down here" in out
    assert "- A note." in out


def test_tokens_stand_beside_money_and_trial_rules_are_named_so(capsys: pytest.CaptureFixture[str]) -> None:
    tokens = {"unit": "tokens", "limit": "20000000", "granted": "0", "spent": "19999999", "left": "1", "share": None}
    budgets(document({}, {"budget": "agents", "mode": "shadow", "instance": {"user": ""}, **tokens, "held": "0"}), 120)
    lines = cells(capsys.readouterr().out)
    assert ["agents (shadow)", "(none)", "month", "20.000M", "19.999M", "1", "tokens", ""] in [
        line[:8] for line in lines
    ]


def test_a_share_that_is_nearly_all_is_not_shown_as_all(capsys: pytest.CaptureFixture[str]) -> None:
    budgets(document({"limit": "0.50", "spent": "0.499999999999", "left": "0.000000000001", "share": "0.999999"}), 200)
    out = capsys.readouterr().out
    assert "99.9%" in out
    assert "0.499999 " in out


def test_windows_that_follow_one_another_have_their_begin(capsys: pytest.CaptureFixture[str]) -> None:
    told = document({"from": "2026-10-01T00:00:00+00:00", "resets": None}, {})
    budgets({**told, "since": "2026-10-01T00:00:00+00:00", "until": "2026-11-21T15:00:00+00:00"}, 80)
    out = capsys.readouterr().out
    assert "2026-10-01 to 2026-11-21 15:00" in out
    assert [line[1] for line in cells(out) if line[0] == "payments-month"] == ["2026-10-01", "2026-11-01"]


def test_no_budgets_are_said_to_be_none(capsys: pytest.CaptureFixture[str]) -> None:
    budgets(document())
    assert "No budgets." in capsys.readouterr().out
