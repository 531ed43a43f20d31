"""The deployments report drawn: whole figures, what is withheld, and what keeps both honest."""

from typing import Any

import pytest

from proxy.cli.outcome_tables import definition, deployments
from proxy.outcomes.attribution import Method
from proxy.web.outcome_document import COST_COLUMNS, COUNT_COLUMNS, FIGURE_COLUMNS, MONEY_COLUMNS


def row(*, withheld: bool = False, **given: Any) -> dict[str, Any]:
    nothing = dict.fromkeys((*COUNT_COLUMNS, *FIGURE_COLUMNS), None) if withheld else {}
    counts = {**dict.fromkeys(COUNT_COLUMNS, 3), **dict.fromkeys(FIGURE_COLUMNS, "0.25")}
    money = {**dict.fromkeys(MONEY_COLUMNS, "1.50"), **dict.fromkeys(COST_COLUMNS, None)}
    plain = {"withheld": withheld, "attributed_share": "0.5", "cost_basis": "too few", "reasons": []}
    return {**counts, **money, **plain, "voided_because": "", "not_counted_because": "", **nothing, **given}


def document(*rows: dict[str, Any], **given: Any) -> dict[str, Any]:
    plain: dict[str, Any] = dict.fromkeys(("prices", "reconciliation", "definition"), "as said")
    plain |= {"since": "2026-03-01T00:00:00+00:00", "until": "2026-04-01T00:00:00+00:00", "data_until": None}
    plain |= {"baselines": [{"quarter": "2026-Q1", "version": "abc", "imported": 1}], "trust": {"pay": "signed"}}
    plain |= {"notes": ["A note."], "not_yet_known": ["This, from then on."], "association": None}
    return {"by": ["service"], "rows": list(rows), "total": row(voided_because="incident 2"), **plain, **given}


def drawn(capsys: pytest.CaptureFixture[str], told: dict[str, Any], width: int = 160) -> str:
    deployments(told, width)
    return capsys.readouterr().out


def test_a_row_has_money_what_was_delivered_and_the_range(capsys: pytest.CaptureFixture[str]) -> None:
    cost = {"cost_per_credited_usd": "2.5", "cost_low_usd": "1.25", "cost_high_usd": "5.005", "cost_basis": "chance"}
    text = drawn(capsys, document(row(service="pay", **cost), row(service="")))
    assert "2.50 (1.25 to 5.00)" in text
    assert "(none)" in text
    assert "too few" in text
    assert "Voided: incident 2." in text
    assert "Not yet known: This, from then on." in text
    assert "2026-Q1 abc (imported)" in text
    assert all(str(method) in text for method in Method)


def test_what_is_withheld_is_a_dot_and_no_zero(capsys: pytest.CaptureFixture[str]) -> None:
    text = drawn(capsys, document(row(service="shop", withheld=True, cost_basis="withheld")))
    [line] = [line for line in text.splitlines() if line.startswith("shop") and "1.50" in line]
    assert line.count("·") >= 5
    assert "0" not in line.replace("1.50", "").replace("50%", "")


def test_without_money_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    bare = {**dict.fromkeys(MONEY_COLUMNS), "attributed_share": None, "cost_basis": "withheld"}
    text = drawn(capsys, document(row(service="pay", **bare), total=row(**bare)))
    assert "USD" not in text
    assert "pay" in text


def test_a_report_of_nothing_but_the_total(capsys: pytest.CaptureFixture[str]) -> None:
    assert "total" in drawn(capsys, document(by=[]))


@pytest.mark.parametrize("width", [80, 100])
def test_lines_fit_a_narrow_terminal(capsys: pytest.CaptureFixture[str], width: int) -> None:
    text = drawn(capsys, document(row(service="payments-service-of-the-north")), width)
    assert max(map(len, text.splitlines())) <= width


def test_a_definition_stands_beside_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    counts = dict.fromkeys(("delivered", "delivered_other", "voided", "voided_other", "moved"), 3)
    row = {"service": "pay", **counts, "credits": "24.0", "credits_other": "22.5"}
    told = {"definition_version": "1", "other_version": "1 with retried=1/4", "notes": ["A note."], "rows": [row]}
    definition(told, 100)
    text = capsys.readouterr().out
    assert "Definition 1, and 1 with retried=1/4" in text
    assert "22.5" in text
    definition({**told, "rows": []}, 100)
    assert "Nothing was deployed" in capsys.readouterr().out
