"""Which rules are for a call."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model.call import Call
from proxy.policy import match
from proxy.policy.match import Matcher, Matches, facts_of, instance
from proxy.policy.redundancy_rules import RedundancyRule
from proxy.policy.rules import DIMENSIONS, RateLimit, Rule, RuleSet, Scope
from tests.unit.policy.test_evaluate import CALL, budget, rule


def naive(rules: RuleSet, facts: Mapping[str, str]) -> Matches:
    """What a look at every rule finds."""

    def fits(each: Rule) -> bool:
        return all(
            any(fnmatchcase(facts.get(name, ""), glob) for glob in globs)
            for name, globs in each.scope.conditions.items()
        )

    kinds = (rules.budgets, rules.limits, rules.models, rules.redundancy)
    return Matches(*[tuple(filter(fits, kind)) for kind in kinds])


NAMES = st.sampled_from(("team", "model", "tags.feature"))
GLOBS = st.sampled_from(("a", "b", "ab", "a*", "*", "?", "[ab]", "", "A", "a\n"))
SCOPES = st.dictionaries(NAMES, st.lists(GLOBS, min_size=1, max_size=3).map(tuple), max_size=3).map(Scope)
RULES = st.builds(
    lambda budgets, limits, models, redundancy: RuleSet(
        tuple(budget(f"b{n}", scope=scope) for n, scope in enumerate(budgets)),
        tuple(RateLimit(f"l{n}", "", scope, "enforce", "", (), 1, None, None) for n, scope in enumerate(limits)),
        tuple(rule(f"m{n}", scope=scope) for n, scope in enumerate(models)),
        redundancy=tuple(
            RedundancyRule(f"r{n}", "", scope, "enforce", "", ("exact_repeat",), "warn")
            for n, scope in enumerate(redundancy)
        ),
    ),
    *[st.lists(SCOPES, max_size=8)] * 4,
)
FACTS = st.dictionaries(NAMES, st.sampled_from(("a", "b", "ab", "c", "", "A", "a\n")), max_size=3)


@given(RULES, st.lists(FACTS, max_size=8))
def test_the_rules_found_are_those_that_a_look_at_every_rule_finds(
    rules: RuleSet, calls: list[Mapping[str, str]]
) -> None:
    matcher = Matcher(rules)
    for facts in calls:
        assert matcher.matching(facts) == naive(rules, facts)


def test_what_is_kept_of_made_up_values_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = RuleSet(models=tuple(rule(f"m{n}", scope=Scope({"tags.x": (f"v{n}*",)})) for n in range(9)))
    monkeypatch.setattr(match, "VALUES_MAX", 5)
    matcher = Matcher(rules)
    for n in range(40):
        facts = {"tags.x": f"v{n}"}
        assert matcher.matching(facts) == naive(rules, facts)
    assert all(len(dimension._known) <= 5 for _, dimension in matcher._dimensions)
    assert len(matcher._known) <= 5


def test_what_is_kept_of_accounts_is_bounded_for_all_calls_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each combination of rules has accounts of its own, and callers make up both tags."""
    scoped = [budget(f"b{n}", scope=Scope({"tags.x": (f"v{n}",)}), per=("tags.y",)) for n in range(9)]
    matcher = Matcher(RuleSet(budgets=(budget("all", per=("tags.y",)), *scoped)))
    monkeypatch.setattr(match, "VALUES_MAX", 20)
    for x in range(9):
        for y in range(9):
            facts = facts_of(CALL) | {"tags.x": f"v{x}", "tags.y": f"w{y}"}
            found = matcher.matching(facts)
            charges = found.counting(facts, CALL.opened_us, matcher.windows).charges
            assert [each.account[:2] for each in charges] == [("all", (f"w{y}",)), (f"b{x}", (f"w{y}",))]
    assert len({id(each) for known in matcher._known.values() for each in known.counted.values()}) <= 20


def test_facts_are_every_dimension_and_each_tag() -> None:
    call = Call(
        **{
            **{name: getattr(CALL, name) for name in Call.__slots__},
            "client": "claude-cli",
            "tags": {"feature": "cart", "user": "bob"},
        }
    )
    facts = facts_of(call)
    assert set(facts) == {*DIMENSIONS, "tags.feature", "tags.user"}
    assert (facts["user"], facts["key"], facts["client"], facts["tags.user"]) == ("alice", "k_1", "claude-cli", "bob")


def test_what_a_call_lacks_is_empty_and_only_wildcards_fit_it() -> None:
    rules = RuleSet(models=(rule("any", scope=Scope({"tags.x": ("*",)})), rule("one", scope=Scope({"tags.x": ("v",)}))))
    assert Matcher(rules).matching(facts_of(CALL)).names == ("any",)
    assert instance(("team", "tags.x"), facts_of(CALL)) == ("payments", "")
