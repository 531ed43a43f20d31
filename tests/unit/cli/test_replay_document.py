"""What a replay prints: the difference first, exact, the same bytes for the same results."""

import json
from dataclasses import replace
from typing import Any

import pytest

from proxy.cli.replay_document import Side, as_json, changed, replay_document
from proxy.cli.replay_tables import draw
from proxy.policy.load import load
from proxy.policy.types import PolicySet
from proxy.replay.result import Count, Group, Result

USD = 10**12
SINCE, UNTIL = "2026-03-01T00:00:00+00:00", "2026-03-04T00:00:00+00:00"
BEFORE = "budgets: [{name: month, limit: 500 USD, window: month}]\n"
AFTER = "# tighter\nbudgets:\n  - {name: month, limit: 100 USD, window: month}\n  - {name: eye, limit: 1 USD, window: day, mode: shadow}\n"  # noqa: E501


def policies(text: str) -> PolicySet:
    loaded = load({"budgets.yaml": text})
    assert isinstance(loaded, PolicySet), loaded
    return loaded


def result(counts: dict[Group, Count], **given: Any) -> Result:
    plain = Result("v", 100, 50 * USD, 0, 0, 0, 0, dict(sorted(counts.items())))
    return replace(plain, **given)


NOW = Side(
    policies(BEFORE),
    result({Group("month", "search", "2026-03-01", "refuse"): Count(2, USD, USD, 2)}, refused=2, refused_pico=USD),
)
TRIED = Side(
    policies(AFTER),
    result(
        {
            Group("month", "checkout", "2026-03-01", "refuse"): Count(5, 3 * USD, 3 * USD, 0),
            Group("month", "checkout", "2026-03-03", "refuse"): Count(1, 1, 1, 0),
            Group("eye", "checkout", "2026-03-01", "shadow: refuse"): Count(7, 4 * USD, 4 * USD, 0),
        },
        refused=6,
        refused_pico=3 * USD + 1,
        passed_again=2,
        passed_again_pico=USD,
    ),
)


def document(candidate: Side = TRIED, in_force: Side = NOW) -> dict[str, Any]:
    return replay_document(candidate, in_force, SINCE, UNTIL)


def test_the_difference_stands_beside_both_exact_to_the_last_digit() -> None:
    refused, again, shadow = document()["totals"]
    assert refused["did"] == "refuse"
    assert refused["candidate"] == {
        "calls": 6,
        "cost_usd": "3.000000000001",
        "saved_usd": "3.000000000001",
        "estimated_calls": 0,
    }
    assert refused["change"] == {"calls": 4, "cost_usd": "2.000000000001", "saved_usd": "2.000000000001"}
    assert (again["did"], again["change"]["calls"], again["change"]["saved_usd"]) == ("passed again", 2, "-1.00")
    assert (shadow["did"], shadow["candidate"]["calls"]) == ("shadow: refuse", 7)


def test_rules_say_where_they_stand_and_projects_and_days_stand_in_order() -> None:
    found = document()
    assert [(row["rule"], row["where"], row["change"]["calls"]) for row in found["by_rule"]] == [
        ("eye", "budgets.yaml:4", 7),
        ("month", "budgets.yaml:3", 4),
    ]
    assert [(row["project"], row["change"]["calls"]) for row in found["by_project"]] == [
        ("checkout", 6),
        ("checkout", 7),
        ("search", -2),
    ]
    assert [row["day"] for row in found["by_day"]] == ["2026-03-01", "2026-03-01", "2026-03-03"]


def test_the_same_results_are_the_same_bytes_and_another_has_another_digest() -> None:
    assert as_json(document()) == as_json(document())
    other = Side(TRIED.policies, replace(TRIED.result, calls=101))
    assert document(other)["sha256"] != document()["sha256"]
    assert "2026-03-01" in json.loads(as_json(document()))["since"]


def test_a_candidate_that_is_in_force_and_one_that_changes_nothing_are_told_apart() -> None:
    same = document(NOW, NOW)
    nothing = document(Side(TRIED.policies, NOW.result), NOW)
    assert (same["same_policies"], changed(same)) == (True, False)
    assert (nothing["same_policies"], changed(nothing)) == (False, False)
    assert (document()["same_policies"], changed(document())) == (False, True)


@pytest.mark.parametrize("width", ["80", "200"])
def test_people_see_what_changes_a_picture_of_the_days_and_what_is_not_known(
    width: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    draw(document(), "candidate/")
    said = capsys.readouterr().out
    assert said.startswith("candidate/ on past calls, 2026-03-01 00:00 to 2026-03-04 00:00 UTC\n100 calls, 50.00 USD")
    assert said.index("What changes") < said.index("By rule") < said.index("By day") < said.index("Refused by day")
    assert "+4" in said
    assert "2026-03-02" in said, "a day without refusals has its place in the picture"
    assert "What a replay can't know" in said


def test_people_are_told_that_there_is_nothing_to_compare(capsys: pytest.CaptureFixture[str]) -> None:
    draw(document(NOW, NOW), "policies/")
    assert "These are the policies in force" in capsys.readouterr().out
    draw(document(Side(TRIED.policies, NOW.result), NOW), "policies/")
    assert "They decide each of these calls as the policies in force do." in capsys.readouterr().out
    empty = result({})
    draw(document(Side(TRIED.policies, empty), Side(NOW.policies, empty)), "policies/")
    assert "No rule of either did anything" in capsys.readouterr().out
