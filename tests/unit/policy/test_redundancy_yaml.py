"""What redundancy.yaml says, as rules, registered evaluations and settings of the cache."""

from pathlib import Path

import pytest

from proxy.model.money import PICO_PER_USD
from proxy.model.waste import RECORDED_SHARE, THRESHOLDS, WASTE_CLASSES
from proxy.policy.load import RULES, load
from proxy.policy.redundancy_rules import CacheSettings, Evaluation, RedundancyRule
from proxy.policy.rules import RuleSet, Scope
from proxy.policy.types import PolicySet
from proxy.redundancy.thresholds import DEFAULTS, SUSPICIOUS_SHARE

ROOT = Path(__file__).parents[3]


def loaded(**files: str) -> PolicySet:
    found = load({f"{name}.yaml": text for name, text in files.items()}, enforced=frozenset(RULES))
    assert isinstance(found, PolicySet), [str(mistake) for mistake in found]
    return found


def rule(settings: str) -> RedundancyRule:
    return loaded(redundancy=f"redundancy:\n  - {{name: r, {settings}}}\ncache: {{}}").rules.redundancy[0]


def cache(settings: str) -> CacheSettings:
    return loaded(redundancy=f"redundancy: [{{name: r, action: serve}}]\ncache: {{{settings}}}").rules.cache


def test_without_the_file_nothing_is_done_about_waste() -> None:
    rules = loaded().rules
    assert (rules.redundancy, rules.evaluations, rules.cache) == ((), (), CacheSettings())
    assert loaded(redundancy="redundancy:\nevaluations: []\ncache: ~").rules == RuleSet()


def test_every_setting_of_a_rule() -> None:
    text = """
redundancy:
  - name: why
    applies_to: {project: [check*], tags: {env: prod}}
    mode: shadow
    contact: alice
    classes: [near_repeat, exact_repeat]
    action: justify
    threshold: {near_repeat: 4.25}
    window: 12h
    per: [user, tags.env]
    justifications_per_day: 7
"""
    assert loaded(redundancy=text).rules.redundancy == (
        RedundancyRule(
            name="why",
            where="redundancy.yaml:3",
            scope=Scope({"project": ("check*",), "tags.env": ("prod",)}),
            mode="shadow",
            contact="alice",
            classes=("exact_repeat", "near_repeat"),
            action="justify",
            thresholds={"near_repeat": 4250},
            window_s=43_200,
            per=("user", "tags.env"),
            requests_per_minute=None,
            justifications_per_day=7,
        ),
    )


def test_what_a_rule_leaves_out() -> None:
    plain = rule("classes: all")
    assert (plain.classes, plain.action, plain.mode, plain.thresholds) == (WASTE_CLASSES, "observe", "enforce", {})
    assert (plain.window_s, plain.per, plain.requests_per_minute, plain.justifications_per_day) == (
        None,
        (),
        None,
        None,
    )
    assert rule("action: serve").classes == ("exact_repeat",)
    assert rule("action: coalesce, classes: [in_flight_twin]").classes == ("in_flight_twin",)
    assert rule("action: justify, classes: all").justifications_per_day == 20
    assert rule("action: throttle, classes: all, requests_per_minute: 2k").requests_per_minute == 2000


def test_one_threshold_is_for_all_classes_of_a_rule() -> None:
    found = rule("classes: [ping_pong, tool_loop], action: warn, threshold: 4.5").thresholds
    assert found == {"tool_loop": 4500, "ping_pong": 4500}


@pytest.mark.parametrize("name", WASTE_CLASSES)
def test_a_threshold_may_be_as_low_as_scores_are_recorded(name: str) -> None:
    least = int(THRESHOLDS[name] * RECORDED_SHARE)
    text = "redundancy: [{{name: r, classes: [{}], action: warn, threshold: {}}}]"
    assert loaded(redundancy=text.format(name, least / 1000)).rules.redundancy[0].thresholds == {name: least}
    assert isinstance(load({"redundancy.yaml": text.format(name, (least - 1) / 1000)}, enforced=frozenset(RULES)), list)


def test_the_thresholds_are_those_of_the_detector() -> None:
    assert {name: round(score * 1000) for name, score in DEFAULTS.items()} == dict(THRESHOLDS)
    assert list(DEFAULTS) == list(WASTE_CLASSES)
    assert RECORDED_SHARE == SUSPICIOUS_SHARE


@pytest.mark.parametrize(
    ("action", "mode", "before"),
    [
        *[(action, "enforce", True) for action in ("throttle, requests_per_minute: 1", "justify", "refuse")],
        *[(action, "shadow", False) for action in ("throttle, requests_per_minute: 1", "justify", "refuse")],
        *[(action, "enforce", False) for action in ("observe", "warn")],
    ],
)
def test_only_what_a_rule_would_hold_up_is_judged_before_the_call(action: str, mode: str, before: bool) -> None:
    assert rule(f"classes: all, action: {action}, mode: {mode}").before_call is before


def test_every_setting_of_an_evaluation() -> None:
    text = """
evaluations:
  - name: nightly
    service_accounts: [eval-bot]
    keys: [k_1]
    projects: [checkout, search-*]
    purpose_header: X-Run-Purpose
    purpose: Eval
    commit_header: X-Commit
    cap: 0.5 USD
    window: 6h
  - {name: by-key, keys: [k_2], cap: 5k calls}
"""
    access = "service_accounts: {eval-bot: {team: core}}"
    every, least = loaded(redundancy=text, access=access).rules.evaluations
    assert every == Evaluation(
        name="nightly",
        where="redundancy.yaml:3",
        service_accounts=("eval-bot",),
        keys=("k_1",),
        projects=("checkout", "search-*"),
        purpose_header="x-run-purpose",
        purpose="Eval",
        commit_header="x-commit",
        cost_max_pico=PICO_PER_USD // 2,
        calls_max=None,
        window_s=21_600,
    )
    assert (least.calls_max, least.cost_max_pico, least.window_s) == (5000, None, 86_400)
    assert (least.commit_header, least.purpose_header, least.purpose) == ("x-outlay-commit", "", "")


def test_service_accounts_that_only_keys_know_are_known() -> None:
    keys = f"keys: [{{id: k_1, hash: 'sha256:{'0a' * 32}', service_account: bot, projects: [x]}}]"
    text = "evaluations: [{name: e, service_accounts: [bot], keys: [k_1], projects: x, cap: 1 calls}]"
    assert not loaded(redundancy=text, keys=keys).warnings


def test_settings_of_the_cache() -> None:
    found = cache("ttl: 90s, size_max: 2MiB, answer_size_max: 512kB, scope: team")
    assert found == CacheSettings(90, 2 * 2**20, 512_000, "team", "redundancy.yaml:2")
    assert cache("ttl: 1d").ttl_s == 86_400
    assert cache("size_max: 200kB").answer_bytes_max == 200_000


def test_the_commented_examples_of_the_starter_are_valid() -> None:
    text = (ROOT / "proxy" / "starter" / "redundancy.yaml").read_text().replace("\n#  ", "\n  ")
    rules = loaded(redundancy=text).rules
    assert [(each.name, each.action, each.mode) for each in rules.redundancy] == [
        ("tell-of-loops", "warn", "enforce"),
        ("no-replays", "justify", "shadow"),
        ("same-answer-again", "serve", "enforce"),
        ("twins-share", "coalesce", "enforce"),
    ]
    assert (rules.cache.ttl_s, rules.cache.bytes_max, rules.cache.scope) == (3600, 64_000_000, "key")
    assert [each.name for each in rules.evaluations] == ["nightly"]
