"""Which rules were for a call, by which of its values, and what each of them did."""

from typing import Any

import pytest

from proxy.ledger.matched_rules import Charged, Fit, MatchedRule, matched_rules
from proxy.model.usage import KINDS
from proxy.policy.load import RULES, load
from proxy.policy.types import PolicySet
from tests.fakes import facts

BUDGETS = """\
budgets:
  - name: payments-month
    applies_to: {project: [checkout, search], model: "claude-*"}
    per: user
    limit: 500 USD
    window: month
    timezone: Europe/Berlin
    contact: "#platform"
  - {name: tokens, limit: 2M tokens, window: total, mode: shadow}
  - {name: calls, limit: 10 calls, window: 7d, count_refused: true}
limits:
  - {name: burst, per: key, requests_per_minute: 600}
"""
MODELS = """\
models:
  - {name: cheaper, downgrade: {to: claude-haiku-4-5}}
  - {name: short, output_tokens_max: 100}
  - {name: longer, output_tokens_max: 200}
  - {name: no-opus, deny: ["*opus*"], mode: shadow}
"""
ALL = ("payments-month", "tokens", "calls", "burst", "cheaper", "short", "longer", "no-opus")


@pytest.fixture(scope="module")
def policies() -> PolicySet:
    loaded = load({"budgets.yaml": BUDGETS, "models.yaml": MODELS, "prices.yaml": "unpriced: refuse\n"})
    assert isinstance(loaded, PolicySet), loaded
    return loaded


def a_row(**given: Any) -> dict[str, Any]:
    """A row of `calls`, as the store gives it."""
    call = facts.a_call(model="claude-opus-4-5")
    row = {name: getattr(call, name) for name in call.__dataclass_fields__ if name != "commit"}
    settled = {
        "refused": False,
        "reason": "",
        "rule": "",
        "outcome": "ok",
        "served_model": "claude-opus-4-5",
        "cost_pico": 12_300_000_000,
        **dict.fromkeys(KINDS, 0),
        "input_text": 1000,
        "cache_read": 200,
        "output_text": 30,
        "edits": [],
        "matched": list(ALL),
        "shadow": [],
    }
    return {**row, "commit_id": "", **settled, **given}


def found(policies: PolicySet | None, **row: Any) -> dict[str, MatchedRule]:
    return {each.name: each for each in matched_rules(policies, a_row(**row))}


def test_each_rule_says_where_it_stands_and_by_which_values_it_was_for_the_call(policies: PolicySet) -> None:
    rules = found(policies)
    assert tuple(rules) == ALL
    month = rules["payments-month"]
    assert (month.where, month.kind, month.mode, month.contact) == ("budgets.yaml:2", "budget", "enforce", "#platform")
    assert set(month.fits) == {Fit("project", "checkout", "checkout"), Fit("model", "claude-opus-4-5", "claude-*")}
    assert (rules["burst"].kind, rules["burst"].fits, rules["cheaper"].kind) == ("rate limit", (), "model rule")


def test_a_budget_that_had_no_room_tells_what_it_did_and_its_numbers_then(policies: PolicySet) -> None:
    lowered = {"did": "limit output", "budget": "payments-month", "before": "4096", "after": "300"}
    cut = {"did": "cut", "budget": "payments-month", "limit": "500.00"}
    rules = found(policies, outcome="capped", edits=["max_tokens"], squeezed=[lowered, cut])
    assert rules["payments-month"].did == "cut"
    assert rules["payments-month"].squeezed == (lowered, cut)
    assert rules["calls"].squeezed == ()


def test_a_budget_names_its_account_and_what_the_call_took_from_it(policies: PolicySet) -> None:
    rules = found(policies)
    # January 2027 in Berlin begins an hour earlier than in UTC.
    assert rules["payments-month"].charged == Charged(
        (("user", "alice"),), 1_798_758_000_000_000, 1_801_436_400_000_000, 12_300_000_000
    )
    assert rules["tokens"].charged == Charged((), 0, 0, 1230)
    assert rules["calls"].charged == Charged((), 0, 0, 1)


def test_the_rule_that_refused_comes_first_and_nothing_else_did_anything(policies: PolicySet) -> None:
    refused = {"refused": True, "reason": "refused_by_policy", "rule": "budgets.yaml:10", "outcome": "refused"}
    first, *rest = found(policies, **refused).values()
    assert (first.name, first.did, first.decided) == ("calls", "refuse", True)
    assert [(each.did, each.decided) for each in rest] == [("", False)] * 7
    amounts = {each.name: each.charged.amount for each in (first, *rest) if each.charged}
    assert amounts == {"payments-month": 0, "tokens": 0, "calls": 1}


def test_a_call_above_a_rate_limit_was_throttled(policies: PolicySet) -> None:
    first, *_ = matched_rules(policies, a_row(refused=True, reason="rate_limited", rule="budgets.yaml:12"))
    assert (first.name, first.did, first.decided) == ("burst", "throttle", True)


def test_a_refusal_that_no_rule_made_is_no_rules_doing(policies: PolicySet) -> None:
    rules = found(policies, refused=True, reason="overloaded", rule="", matched=["burst"])
    assert (rules["burst"].did, rules["burst"].decided) == ("", False)


def test_a_model_without_a_price_is_refused_by_the_price_policy(policies: PolicySet) -> None:
    row = {"refused": True, "reason": "model_without_price", "rule": "prices.yaml:1", "matched": ["burst", "unpriced"]}
    first, burst = matched_rules(policies, a_row(**row))
    assert (first.name, first.where, first.kind) == ("unpriced", "prices.yaml:1", "price policy")
    assert (first.did, first.decided, burst.name) == ("refuse", True, "burst")


def test_the_rule_whose_model_served_it_downgraded_it(policies: PolicySet) -> None:
    rules = found(policies, edits=["model", "max_tokens"], served_model="claude-haiku-4-5-20251001")
    did = {name: each.did for name, each in rules.items()}
    assert (did["cheaper"], did["short"], did["longer"]) == ("downgrade", "limit output", "")
    assert found(policies)["cheaper"].did == ""


def test_a_rule_in_shadow_mode_would_have_done_what_is_on_record(policies: PolicySet) -> None:
    rules = found(policies, shadow=["no-opus: refuse"])
    assert (rules["no-opus"].did, rules["tokens"].did) == ("shadow: refuse", "")


def test_an_answer_is_said_to_be_cut_by_a_budget_only_where_it_can_be_no_other(policies: PolicySet) -> None:
    assert found(policies, outcome="capped")["payments-month"].did == "cut"
    assert found(policies)["payments-month"].did == "count"


def test_a_call_in_flight_has_the_rules_that_are_for_it_and_what_it_holds(policies: PolicySet) -> None:
    row = a_row(hold_pico=7, hold_input_tokens=100, hold_output_tokens=11)
    for name in ("refused", "reason", "rule", "outcome", "matched", "shadow", "edits", "tags", "served_model"):
        del row[name]
    rules = {each.name: each for each in matched_rules(policies, row)}
    assert set(rules) == set(ALL)
    charged = {name: each.charged.amount for name, each in rules.items() if each.charged}
    assert charged == {"payments-month": 7, "tokens": 111, "calls": 1}


def test_without_the_files_only_names_are_known() -> None:
    rules = found(None, shadow=["no-opus: refuse"])
    assert tuple(rules) == ALL
    assert (rules["no-opus"].did, rules["no-opus"].where, rules["burst"].kind) == ("shadow: refuse", "", "")


REDUNDANCY = """\
redundancy:
  - {name: tell, classes: [tool_loop, near_repeat], action: warn, threshold: {near_repeat: 5}, window: 1h}
  - {name: tell-loops, classes: [tool_loop], action: warn}
  - {name: again, action: serve}
  - {name: why, classes: all, action: justify}
  - {name: dim, classes: all, action: refuse, mode: shadow}
cache: {ttl: 1h}
"""


def redundant(name: str, action: str, **row: Any) -> dict[str, str]:
    """What each rule did about a call that was found to be of this class."""
    loaded = load({"redundancy.yaml": REDUNDANCY}, enforced=frozenset(RULES))
    assert isinstance(loaded, PolicySet), loaded
    said = {"class": name, "score": 4000, "flagged": 1, "action": action, "age_us": None, **row.pop("found", {})}
    rules = found(loaded, matched=["tell", "tell-loops", "again", "why", "dim"], **{"found": said, **row})
    assert {each.kind for each in rules.values()} == {"redundancy rule"}
    return {rule: each.did for rule, each in rules.items()}


def test_a_redundancy_rule_says_what_it_did_about_the_call() -> None:
    shadow = {"shadow": ["dim: refuse"]}
    assert redundant("tool_loop", "warned", **shadow) == {
        **{"tell": "warn", "tell-loops": "warn", "again": "", "why": "", "dim": "shadow: refuse"},
    }
    assert set(redundant("near_repeat", "warned").values()) == {""}
    assert redundant("near_repeat", "warned", found={"score": 5000})["tell"] == "warn"
    assert redundant("tool_loop", "warned", found={"age_us": 3_600_000_001})["tell"] == ""
    assert redundant("exact_repeat", "served")["again"] == "serve"
    assert redundant("", "served", found={"score": None})["again"] == "serve"
    assert set(redundant("tool_loop", "").values()) == {""}
    assert redundant("tool_loop", "justify", refused=True, reason="refused_by_policy", rule="redundancy.yaml:5") == {
        **{"why": "refuse", "tell": "", "tell-loops": "", "again": "", "dim": ""},
    }
