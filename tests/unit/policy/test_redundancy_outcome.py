"""What redundancy rules make of what was found."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model.waste import WASTE_CLASSES
from proxy.policy.rates import Rates
from proxy.policy.redundancy_outcome import Outcome, judged
from proxy.policy.redundancy_rules import ACTIONS, Evidence, RedundancyRule
from proxy.policy.rules import Scope
from proxy.policy.verdict import Shadow

EXACT = Evidence("exact_repeat", 4000, flagged=True, age_us=60_000_000)
HINT = Evidence("near_repeat", 2000, flagged=False)


def rule(name: str, action: Any, classes: tuple[str, ...] = WASTE_CLASSES, **settings: Any) -> RedundancyRule:
    said = {"mode": "enforce", "contact": "", "where": f"redundancy.yaml:{name}", "scope": Scope(), **settings}
    return RedundancyRule(name=name, action=action, classes=classes, **said)


def names(outcome: Outcome) -> list[str]:
    return [each.rule.name for each in outcome.fired]


def test_without_a_rule_or_a_finding_nothing_becomes_of_a_call() -> None:
    assert judged([], [EXACT]) == judged([rule("a", "refuse")], []) == Outcome()
    assert Outcome().action == "observe"


def test_a_rule_is_for_its_classes_only() -> None:
    loops = rule("a", "refuse", ("tool_loop",))
    assert judged([loops], [EXACT]).action == "observe"
    assert judged([rule("a", "refuse", ("tool_loop", "exact_repeat"))], [EXACT]).action == "refuse"


def test_what_the_detector_did_not_flag_calls_up_no_rule_without_a_threshold_of_its_own() -> None:
    assert judged([rule("a", "warn")], [HINT]).action == "observe"
    assert judged([rule("a", "warn", thresholds={"near_repeat": 2000})], [HINT]).action == "warn"
    assert judged([rule("a", "warn", thresholds={"near_repeat": 2001})], [HINT]).action == "observe"


def test_a_threshold_of_the_rule_counts_in_place_of_the_detectors() -> None:
    assert judged([rule("a", "warn", thresholds={"exact_repeat": 4001})], [EXACT]).action == "observe"
    assert judged([rule("a", "warn", thresholds={"near_repeat": 1})], [EXACT]).action == "warn"


def test_a_finding_counts_within_the_window() -> None:
    assert judged([rule("a", "warn", window_s=60)], [EXACT]).action == "warn"
    assert judged([rule("a", "warn", window_s=59)], [EXACT]).action == "observe"


def test_serving_and_sharing_wait_for_no_score() -> None:
    again = Evidence("exact_repeat", 0, flagged=False)
    twin = Evidence("in_flight_twin", 0, flagged=False)
    assert judged([rule("a", "serve", ("exact_repeat",))], [again]).action == "serve"
    assert judged([rule("a", "coalesce", ("in_flight_twin",))], [twin]).action == "coalesce"


def test_the_strictest_rule_counts_whatever_the_order() -> None:
    rules = [rule(action, action) for action in ACTIONS]
    for some in permutations(rules, 3):
        outcome = judged(some, [EXACT])
        assert outcome.action == max((each.action for each in some), key=ACTIONS.index)
    assert names(judged(rules, [EXACT])) == ["refuse", "justify", "throttle", "coalesce", "serve", "warn"]


def test_a_justification_is_taken_and_lifts_no_other_rule() -> None:
    why, refuses = rule("why", "justify", justifications_per_day=5), rule("no", "refuse")
    assert (judged([why], [EXACT]).action, judged([why], [EXACT]).excused) == ("justify", ())
    assert (judged([why], [EXACT], justified=True).action, judged([why], [EXACT], justified=True).excused) == (
        "observe",
        (why,),
    )
    assert judged([why, refuses], [EXACT], justified=True).action == "refuse"


def test_a_rule_that_nothing_calls_up_takes_no_justification() -> None:
    assert judged([rule("why", "justify", ("tool_loop",))], [EXACT], justified=True).excused == ()


def test_a_rule_in_shadow_mode_only_says_what_it_would_do() -> None:
    rules = [rule("a", "refuse", mode="shadow"), rule("b", "justify", mode="shadow"), rule("c", "observe")]
    outcome = judged(rules, [EXACT])
    assert (outcome.action, outcome.shadow) == ("observe", (Shadow("a", "refuse"), Shadow("b", "justify")))
    assert judged(rules, [EXACT], justified=True).shadow == (Shadow("a", "refuse"),)
    assert judged(rules, [EXACT], justified=True).excused == ()
    assert judged(rules, [HINT]).shadow == ()


def test_a_throttle_counts_what_is_waste_to_it_by_instance() -> None:
    slow = rule("slow", "throttle", per=("user",), requests_per_minute=2)
    outcome, rates = judged([slow], [EXACT]), Rates()

    def passes(call_id: str, user: str) -> bool:
        return rates.take(call_id, outcome.throttles({"user": user}), 0, 0).excess is None

    assert [passes("1", "alice"), passes("2", "alice"), passes("3", "alice"), passes("4", "bob")] == [
        *(True, True, False, True),
    ]
    assert judged([rule("a", "warn")], [EXACT]).throttles({}) == ()


@pytest.mark.parametrize("action", ACTIONS)
def test_the_evidence_named_is_what_called_the_rule_up(action: Any) -> None:
    fired = judged([rule("a", action, ("exact_repeat",))], [HINT, EXACT]).fired
    assert [each.evidence for each in fired] == ([] if action == "observe" else [EXACT])


EVIDENCE = st.builds(
    Evidence, st.sampled_from(WASTE_CLASSES), st.integers(0, 9000), st.booleans(), st.integers(0, 10**9)
)
RULES = st.builds(
    rule,
    st.sampled_from("abc"),
    st.sampled_from(ACTIONS),
    st.lists(st.sampled_from(WASTE_CLASSES), min_size=1).map(tuple),
    mode=st.sampled_from(("enforce", "shadow")),
    thresholds=st.dictionaries(st.sampled_from(WASTE_CLASSES), st.integers(0, 9000), max_size=3),
    window_s=st.none() | st.integers(1, 1000),
)


@given(st.lists(RULES, max_size=5), st.lists(EVIDENCE, max_size=4), RULES)
def test_one_more_rule_never_makes_it_milder(rules: list[RedundancyRule], found: list[Evidence], more: Any) -> None:
    before, after = judged(rules, found), judged([*rules, more], found)
    assert ACTIONS.index(after.action) >= ACTIONS.index(before.action)
    if more.mode == "shadow":
        assert after.fired == before.fired
