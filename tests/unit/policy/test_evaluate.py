"""What the rules say about a call."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model.call import Call, Hold
from proxy.model.decision import Reason
from proxy.policy.charge import Account
from proxy.policy.evaluate import evaluate
from proxy.policy.match import Matcher
from proxy.policy.rules import Budget, ModelRule, RateLimit, RuleSet, Scope, Unit, Window
from proxy.policy.types import PolicySet, PricePolicy
from proxy.policy.verdict import Asked, Shadow, Verdict, Weight

CALL = Call(
    id="c",
    opened_us=1_772_366_400_000_000,  # 2026-03-01T12:00Z
    dialect="openai",
    operation="chat",
    provider="openai",
    account="openai",
    model="gpt-99",
    stream=False,
    key_id="k_1",
    owner="alice",
    owner_kind="person",
    team="payments",
    project="checkout",
    cost_center="",
    purpose="build",
    policy="v",
)
REFUSE = PolicySet("v", prices=PricePolicy(unpriced="refuse", where="prices.yaml:5"))
COST = {"": 100, "dear": 90, "mini": 10, "nano": 10}


def weigh(model: str, output_limit: int | None) -> Weight:
    return Weight(Hold(COST[model], 5000, output_limit or 4000), priced=True)


def unpriced(model: str, output_limit: int | None) -> Weight:
    return Weight(Hold(100, 50, 10), priced=False)


ASKED = Asked(weigh)


def rule(name: str = "r", **said: Any) -> ModelRule:
    base: dict[str, Any] = {
        "where": "models.yaml:3",
        "scope": Scope(),
        "mode": "enforce",
        "contact": "",
        "allow": (),
        "deny": (),
        "output_tokens_max": None,
        "context_tokens_max": None,
        "cost_max_pico": None,
        "downgrade_to": "",
        "fallback": (),
    }
    return ModelRule(name=name, **{**base, **said})


def budget(name: str = "b", window: Window | None = None, **said: Any) -> Budget:
    base: dict[str, Any] = {
        "where": "budgets.yaml:3",
        "scope": Scope(),
        "mode": "enforce",
        "contact": "",
        "per": (),
        "unit": Unit.USD,
        "limit": 0,
        "warn_at": (),
        "action": "refuse",
        "downgrade_to": "",
        "on_cap": "cut",
        "reserve": 0,
        "count_refused": False,
    }
    return Budget(name=name, window=window or Window("month"), **{**base, **said})


def judged(*models: ModelRule, asked: Asked = ASKED, call: Call = CALL, **rules: Any) -> Verdict:
    policies = PolicySet("v", rules=RuleSet(models=models, **rules))
    return evaluate(policies, Matcher(policies.rules), call, asked)


def against(*models: ModelRule, asked: Asked = ASKED, call: Call = CALL) -> str:
    """What the refusal says; '' for none."""
    refusal = judged(*models, asked=asked, call=call).refusal
    if refusal is None:
        return ""
    assert (refusal.status, refusal.reason, refusal.retryable) == (400, Reason.POLICY, False)
    assert refusal.rule == "models.yaml:3"
    return refusal.message


def test_a_model_without_a_price_passes_unless_the_admin_refuses_it() -> None:
    assert evaluate(PolicySet("v"), Matcher(RuleSet()), CALL, Asked(unpriced)).refusal is None
    assert evaluate(REFUSE, Matcher(RuleSet()), CALL, ASKED) == Verdict(weigh("", None))


def test_a_refused_model_is_told_what_refused_it_and_what_to_do() -> None:
    verdict = evaluate(REFUSE, Matcher(RuleSet()), CALL, Asked(unpriced))
    refusal = verdict.refusal
    assert refusal is not None
    assert verdict.matched == ("unpriced",)
    assert (refusal.status, refusal.reason, refusal.rule) == (400, Reason.UNPRICED, "prices.yaml:5")
    for words in ("'gpt-99'", "'openai'", "prices.yaml:5", "ask an admin"):
        assert words in refusal.message
    assert not refusal.retryable


@pytest.mark.parametrize("models", [(), (rule(deny=("sk-*",)),), (rule(allow=("mini",)),)])
def test_a_secret_in_the_place_of_a_model_is_not_repeated(models: tuple[ModelRule, ...]) -> None:
    secret = "sk-proj-0123456789abcdef"
    policies = replace(REFUSE, rules=RuleSet(models=models))
    refusal = evaluate(policies, Matcher(policies.rules), replace(CALL, model=secret), Asked(unpriced)).refusal
    assert refusal is not None
    assert secret not in refusal.message


def test_a_denied_model_is_refused_under_any_of_its_names_by_a_message_that_helps() -> None:
    message = against(rule(deny=("gpt-9*",), contact="platform@example.com"))
    for words in ("'r'", "models.yaml:3", "'gpt-99'", "Use another model", "platform@example.com"):
        assert words in message
    assert "an admin" in against(rule(deny=("gpt-99",)))
    assert "'prod-model'" in against(rule(deny=("prod-*",)), asked=replace(ASKED, known_as=("prod-model",)))
    assert against(rule(deny=("claude-*",))) == ""


def test_a_model_passes_if_any_rule_with_a_list_allows_it_and_no_rule_denies_it() -> None:
    some = rule("some", allow=("mini", "nano"))
    assert "Use one of: mini, nano" in against(some)
    assert against(some, rule("more", allow=("gpt-*",))) == ""
    assert against(some, asked=replace(ASKED, known_as=("nano",))) == ""
    assert "denies" in against(rule("more", allow=("gpt-*",)), rule("none", deny=("gpt-99",)))


def test_a_call_that_names_no_model_is_no_way_around_a_rule_on_models() -> None:
    unnamed = replace(CALL, model="")
    assert "Name the model" in against(rule(deny=("gpt-5",)), call=unnamed)
    assert "Name the model" in against(rule(allow=("gpt-5",)), call=unnamed)
    assert against(rule(allow=("gpt-5",)), call=unnamed, asked=replace(ASKED, free=True)) == ""


def test_a_call_that_may_cost_too_much_is_refused() -> None:
    assert "$0.0000000001" in against(rule(cost_max_pico=99))
    assert against(rule(cost_max_pico=100)) == ""
    assert judged(rule("a", cost_max_pico=200), rule("b", cost_max_pico=150)).cost_max_pico == 150


def test_context_is_counted_only_where_its_bound_is_above_the_limit() -> None:
    asked: list[int] = []

    def tokens() -> int:
        asked.append(1)
        return 1300

    counting = replace(ASKED, context_tokens=tokens)
    assert against(rule(context_tokens_max=5000), asked=counting) == ""
    assert not asked
    assert against(rule(context_tokens_max=1300), asked=counting) == ""
    assert "about 1300" in against(rule(context_tokens_max=1299), asked=counting)


@pytest.mark.parametrize(
    ("own", "limits", "given"),
    [
        (None, (1000,), 1000),
        (500, (1000,), None),
        (1000, (1000,), None),
        (1001, (1000,), 1000),
        (None, (1000, 700), 700),
        (800, (1000,), None),
    ],
)
def test_an_output_limit_is_given_to_calls_that_have_none_or_a_higher_one(
    own: int | None, limits: tuple[int, ...], given: int | None
) -> None:
    rules = [rule(f"r{limit}", output_tokens_max=limit) for limit in limits]
    verdict = judged(*rules, asked=replace(ASKED, output_tokens_max=own))
    assert verdict.output_tokens_max == given
    assert verdict.weight.hold.output_tokens == (given or 4000)
    assert judged(*rules, asked=replace(ASKED, output_limited=False)).output_tokens_max is None


def test_a_downgraded_call_weighs_what_it_costs_there() -> None:
    verdict = judged(rule(downgrade_to="mini", cost_max_pico=50))
    assert (verdict.downgrade_to, verdict.weight.hold.cost_pico, verdict.refusal) == ("mini", 10, None)


def test_of_two_models_to_go_to_the_cheaper_is_taken_then_the_first_name() -> None:
    assert judged(rule("a", downgrade_to="dear"), rule("b", downgrade_to="nano")).downgrade_to == "nano"
    assert judged(rule("a", downgrade_to="nano"), rule("b", downgrade_to="mini")).downgrade_to == "mini"


def test_a_call_for_the_model_to_go_to_stays_as_it_is() -> None:
    assert judged(rule(downgrade_to="mini"), call=replace(CALL, model="mini")).downgrade_to == ""


def test_a_downgrade_lifts_no_refusal_and_goes_to_no_refused_model() -> None:
    down = rule("a", downgrade_to="mini")
    assert "'gpt-99'" in against(down, rule("b", deny=("gpt-99",)))
    assert "served by 'mini'" in against(down, rule("b", deny=("mini",)))
    assert "'mini'" in against(down, rule("b", allow=("gpt-99",)))
    assert against(down, rule("b", allow=("gpt-99", "mini"))) == ""


def test_providers_to_fall_back_to_come_once_each() -> None:
    rules = [rule("b", fallback=("three", "one")), rule("a", fallback=("one", "two"))]
    assert judged(*rules).fallback == ("one", "two", "three")
    assert judged(*rules).fallback_on == (500, 502, 503, 504, 529)


def test_what_counts_as_a_failure_is_what_any_rule_with_a_fallback_says() -> None:
    rules = [rule("a", fallback=("one",), fallback_on=(429, 503)), rule("b", fallback=("two",), fallback_on=(500,))]
    assert judged(*rules).fallback_on == (429, 500, 503)
    assert judged(rule("c", fallback_on=(401,))).fallback_on == (500, 502, 503, 504, 529)


def test_a_rule_for_operations_that_denies_all_models_closes_them_where_none_is_named() -> None:
    closing = rule("a", deny=("*",), scope=Scope({"operation": ("batch_*",)}))
    submitting = replace(CALL, operation="batch_submit", model="")
    asked = Asked(weigh, free=True)
    found = judged(closing, call=submitting, asked=asked).refusal
    assert found is not None
    assert "denies the operation 'batch_submit'" in found.message
    assert judged(closing, call=replace(submitting, operation="batches_x"), asked=asked).refusal is None
    assert judged(rule("a", deny=("*",)), call=submitting, asked=asked).refusal is None


def test_a_rule_in_shadow_mode_changes_nothing_and_is_recorded() -> None:
    shadows = (
        rule("deny", deny=("gpt-*",), mode="shadow"),
        rule("down", downgrade_to="mini", mode="shadow"),
        rule("limit", output_tokens_max=9, mode="shadow"),
        rule("idle", deny=("claude-*",), mode="shadow"),
    )
    verdict = judged(*shadows)
    assert replace(verdict, shadow=(), matched=()) == Verdict(weigh("", None))
    assert verdict.shadow == (Shadow("deny", "refuse"), Shadow("down", "downgrade"), Shadow("limit", "limit output"))
    assert verdict.matched == ("deny", "down", "limit", "idle")


def test_a_call_is_charged_to_each_budget_in_its_own_instance_and_window() -> None:
    berlin = budget("month", Window("month", "Europe/Berlin"), per=("team", "tags.feature", "user"))
    rolling = budget("rolling", Window("rolling", length_s=3600))
    shadow = budget("shadow", Window("day"), mode="shadow")
    other = budget("other", scope=Scope({"team": ("search",)}))
    found = judged(budgets=(berlin, rolling, shadow, other), call=replace(CALL, tags={"feature": "cart"})).charges
    assert [charge.account for charge in found] == [
        Account("month", ("payments", "cart", "alice"), 1_772_319_600_000_000),  # 2026-02-28T23:00Z
        Account("rolling", (), 0),
        Account("shadow", (), 1_772_323_200_000_000),  # 2026-03-01T00:00Z
    ]
    assert found[0].budget is berlin


def test_a_call_counts_in_its_own_instance_of_each_rate_limit() -> None:
    limit = RateLimit("l", "budgets.yaml:9", Scope(), "enforce", "", ("project",), 10, None, None)
    other = replace(limit, name="o", scope=Scope({"project": ("search",)}))
    assert [(each.limit, each.instance) for each in judged(limits=(limit, other)).throttles] == [(limit, ("checkout",))]


MODELS = st.sampled_from(("gpt-99", "mini", "nano", "dear", "gpt-*", "*"))
RULES = st.lists(
    st.builds(
        rule,
        name=st.uuids().map(str),
        mode=st.sampled_from(("enforce", "shadow")),
        allow=st.lists(MODELS, max_size=2).map(tuple),
        deny=st.lists(MODELS, max_size=1).map(tuple),
        output_tokens_max=st.none() | st.integers(1, 9000),
        cost_max_pico=st.none() | st.integers(1, 200),
        downgrade_to=st.sampled_from(("", "", "mini", "nano", "dear")),
        fallback=st.lists(st.sampled_from(("one", "two", "three")), unique=True).map(tuple),
    ),
    max_size=6,
    unique_by=lambda each: each.name,
)


@given(RULES, st.randoms(use_true_random=False))
def test_the_order_of_rules_never_matters(rules: list[ModelRule], random: Any) -> None:
    shuffled = list(rules)
    random.shuffle(shuffled)

    def said(verdict: Verdict) -> Mapping[str, object]:
        sets = {"matched": frozenset(verdict.matched), "shadow": frozenset(verdict.shadow)}
        return {**{name: getattr(verdict, name) for name in Verdict.__slots__}, **sets}

    assert said(judged(*rules)) == said(judged(*shuffled))


@given(RULES, RULES)
def test_no_rule_that_denies_or_limits_is_lifted_by_more_rules(rules: list[ModelRule], more: list[ModelRule]) -> None:
    strict = [replace(each, allow=(), downgrade_to="") for each in rules]
    if judged(*strict).refusal:
        assert judged(*strict, *[replace(each, downgrade_to="") for each in more]).refusal
