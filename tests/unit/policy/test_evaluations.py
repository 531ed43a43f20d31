"""Whose word is taken that a call is part of an evaluation, and how far."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model.call import Call
from proxy.policy.evaluations import COMMIT_CHARS_MAX, SLICES, Passed, Registered
from proxy.policy.redundancy_rules import Evaluation
from tests.unit.policy.test_evaluate import CALL

MINUTE_US = 60_000_000


def an_evaluation(**given: Any) -> Evaluation:
    least: dict[str, Any] = {
        **{"name": "e", "where": "redundancy.yaml:2", "service_accounts": ("bot",), "keys": (), "projects": ()},
        **{"purpose_header": "", "purpose": "", "commit_header": "x-commit"},
        **{"cost_max_pico": None, "calls_max": 3, "window_s": 3600},
    }
    return Evaluation(**{**least, **given})


def a_call(**given: Any) -> Call:
    said = {"owner": "bot", "owner_kind": "service", "key_id": "k_bot", "project": "checkout", **given}
    return Call(**{**{name: getattr(CALL, name) for name in Call.__slots__}, **said})


def claim(evaluation: Evaluation, headers: Mapping[str, str], **call: Any) -> str:
    """The commit that the call is taken to test; '' for none."""
    found = Registered([evaluation]).claim(a_call(**call), lambda name: headers.get(name, ""))
    return found.commit if found else ""


COMMIT = {"x-commit": " abc "}


def test_a_registered_caller_that_names_a_commit_is_believed() -> None:
    assert claim(an_evaluation(), COMMIT) == "abc"
    assert (
        claim(an_evaluation(service_accounts=(), keys=("k_bot",)), COMMIT, owner="alice", owner_kind="person") == "abc"
    )
    assert len(claim(an_evaluation(), {"x-commit": "a" * 1000})) == COMMIT_CHARS_MAX


@pytest.mark.parametrize("headers", [{}, {"x-commit": " "}, {"x-outlay-commit": "abc"}])
def test_without_a_commit_it_is_a_call_as_any_other(headers: Mapping[str, str]) -> None:
    assert claim(an_evaluation(), headers) == ""


@pytest.mark.parametrize("call", [{"owner": "other"}, {"owner_kind": "person"}, {"owner": "x", "key_id": "k_bo"}])
def test_nobody_else_is_believed(call: Mapping[str, Any]) -> None:
    assert claim(an_evaluation(), COMMIT, **call) == ""


def test_only_calls_of_its_projects_are_part_of_it() -> None:
    assert claim(an_evaluation(projects=("check*",)), COMMIT) == "abc"
    assert claim(an_evaluation(projects=("search",)), COMMIT) == ""


def test_the_header_of_the_purpose_must_say_what_was_registered() -> None:
    strict = an_evaluation(purpose_header="x-run-purpose", purpose="eval")
    assert claim(strict, {**COMMIT, "x-run-purpose": "eval"}) == "abc"
    assert claim(strict, {**COMMIT, "x-run-purpose": "evaluate"}) == claim(strict, COMMIT) == ""


def test_of_several_the_first_that_is_claimed_counts() -> None:
    many = Registered([an_evaluation(name="a", projects=("search",)), an_evaluation(name="b"), an_evaluation(name="c")])
    found = many.claim(a_call(), lambda name: COMMIT.get(name, ""))
    assert found is not None
    assert found.evaluation.name == "b"


def test_a_cap_in_calls_ends_what_passes_until_the_window_has_gone_by() -> None:
    evaluation, passed = an_evaluation(), Passed()
    for n in range(3):
        assert passed.room(evaluation, n * MINUTE_US)
        passed.count(evaluation, n * MINUTE_US, calls=1)
    assert not passed.room(evaluation, 60 * MINUTE_US)
    assert passed.room(evaluation, 61 * MINUTE_US)
    passed.count(evaluation, 61 * MINUTE_US, calls=1)
    assert not passed.room(evaluation, 61 * MINUTE_US)


def test_a_cap_in_money_counts_what_calls_cost() -> None:
    evaluation, passed = an_evaluation(calls_max=None, cost_max_pico=10), Passed()
    passed.count(evaluation, 0, calls=100, cost_pico=9)
    assert passed.room(evaluation, 0)
    passed.count(evaluation, 0, cost_pico=1)
    assert not passed.room(evaluation, 0)
    assert passed.room(an_evaluation(name="other", calls_max=None, cost_max_pico=10), 0)


@given(st.lists(st.integers(0, 7200), max_size=80).map(sorted), st.integers(60, 3600))
def test_never_more_than_the_cap_within_a_window(seconds: list[int], window_s: int) -> None:
    evaluation, passed = an_evaluation(window_s=window_s), Passed()
    let: list[int] = []
    for second in seconds:
        if passed.room(evaluation, second * 1_000_000):
            passed.count(evaluation, second * 1_000_000, calls=1)
            let.append(second)
    assert all(sum(at - window_s < each <= at for each in let) <= 3 for at in let)
    assert all(len(slices) <= SLICES + 1 for slices in passed._accounts.values())
