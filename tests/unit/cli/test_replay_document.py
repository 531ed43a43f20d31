"""What a replay prints: the difference first, exact, the same bytes for the same results."""

import json
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    """Without rules the calls would come to 60 USD, and to 50 USD for what is on record."""
    saved = sum(count.saved_pico for group, count in counts.items() if not group.did.startswith("shadow: "))
    plain = Result("v", 100, 50 * USD, 0, 0, 0, 0, dict(sorted(counts.items())), 2, 60 * USD, 60 * USD - saved)
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
    refused, shadow = document()["totals"]
    assert refused["did"] == "refuse"
    assert refused["candidate"] == {
        "calls": 6,
        "cost_usd": "3.000000000001",
        "saved_usd": "3.000000000001",
        "estimated_calls": 0,
    }
    assert refused["change"] == {"calls": 4, "cost_usd": "2.000000000001", "saved_usd": "2.000000000001"}
    assert (document()["candidate"]["passed_again"], document()["candidate"]["passed_again_usd"]) == (2, "1.00")
    assert (shadow["did"], shadow["candidate"]["calls"]) == ("shadow: refuse", 7)


groups = st.builds(
    Group,
    st.sampled_from(["month", "eye"]),
    st.sampled_from(["checkout", "search"]),
    st.sampled_from(["2026-03-01", "2026-03-02"]),
    st.sampled_from(["refuse", "downgrade", "throttle", "cut", "shadow: refuse"]),
)
results = st.dictionaries(groups, st.builds(Count, st.integers(1, 9), *[st.integers(0, 10**13)] * 2, st.just(0)))


@given(candidate=results, in_force=results)
def test_rules_projects_and_days_each_add_up_to_the_change_in_spend(
    candidate: dict[Group, Count], in_force: dict[Group, Count]
) -> None:
    found = document(Side(TRIED.policies, result(candidate)), Side(NOW.policies, result(in_force)))
    account = found["account"]
    for side in ("candidate", "in_force", "change"):
        whole = {name: Decimal(amount) for name, amount in account[side].items()}
        assert whole["without_rules_usd"] - whole["kept_usd"] - whole["put_off_usd"] == whole["spend_usd"]
        for part in ("totals", "by_rule", "by_project", "by_day"):
            rows = [row for row in found[part] if not row["did"].startswith("shadow: ")]
            saved = sum(Decimal(row[side]["saved_usd"]) for row in rows)
            assert saved == whole["kept_usd"] + whole["put_off_usd"]
    assert Decimal(account["candidate"]["spend_usd"]) == Decimal(account["in_force"]["spend_usd"]) + Decimal(
        account["change"]["spend_usd"]
    )


def test_at_80_columns_no_figure_of_any_table_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    draw(document(), "candidate/", width=80)
    said = capsys.readouterr().out
    assert re.search("month .*budgets.yaml:3 .*refused .* 2 → 6 .*-2.000000\n", said)
    assert re.search("eye .*in shadow: .* 0 → 7 ", said)
    assert max(map(len, said.splitlines())) <= 80


def test_the_account_of_one_set_begins_with_what_is_on_record() -> None:
    account = document()["account"]
    assert account["recorded"] == {
        "without_rules_usd": "60.00",
        "kept_usd": "10.00",
        "put_off_usd": "0.00",
        "spend_usd": "50.00",
    }


def test_money_that_is_put_off_is_not_counted_as_kept() -> None:
    later = result({Group("burst", "checkout", "2026-03-01", "throttle"): Count(3, 2 * USD, 2 * USD, 0)})
    account = document(Side(TRIED.policies, later))["account"]["candidate"]
    assert (account["kept_usd"], account["put_off_usd"], account["spend_usd"]) == ("0.00", "2.00", "58.00")


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


@pytest.mark.parametrize("width", [80, 200])
def test_people_see_what_changes_a_picture_of_the_days_and_what_is_not_known(
    width: int, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(document(), "candidate/", width=width)
    said = capsys.readouterr().out
    assert said.startswith("candidate/ on past calls, 2026-03-01 00:00 to 2026-03-04 00:00 UTC\nOn record: 98 calls")
    assert said.index("What changes") < said.index("By rule") < said.index("By day") < said.index("Refused by day")
    assert "2 → 6" in said
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
