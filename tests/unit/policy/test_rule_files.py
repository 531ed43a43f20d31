"""What budgets.yaml, models.yaml and cases.yaml say, as rules."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import proxy
from proxy.dialects import anthropic_batches, openai_files
from proxy.model.money import PICO_PER_USD
from proxy.policy.amounts import Amount, amount, count, percent
from proxy.policy.load import RULES, load
from proxy.policy.operations import OPERATIONS
from proxy.policy.rules import Budget, Case, ModelRule, RateLimit, RuleSet, Scope, Unit, Window
from proxy.policy.types import PolicySet

ACCESS = """
people: {alice: {team: payments, aliases: [alice@example.com]}, bob: {}}
service_accounts: {checkout-api: {team: shop}}
projects: {checkout: {team: payments, cost_center: CC-42}}
"""
PROVIDERS = """
providers:
  openai: {dialect: openai, base_url: "https://a.example", api_key: none}
  local: {dialect: openai, base_url: "https://b.example", api_key: none}
  claude: {dialect: anthropic, base_url: "https://c.example", api_key: none}
"""


def loaded(**files: str) -> PolicySet:
    found = load({f"{name}.yaml": text for name, text in files.items()}, enforced=frozenset(RULES))
    assert isinstance(found, PolicySet), [str(mistake) for mistake in found]
    return found


def budget(settings: str, top: str = "") -> Budget:
    return loaded(budgets=f"{top}\nbudgets:\n  - {{name: m, {settings}}}").rules.budgets[0]


def messages(**files: str) -> list[str]:
    found = load({f"{name}.yaml": text for name, text in files.items()}, enforced=frozenset(RULES))
    assert isinstance(found, list)
    return [str(mistake).partition("\n")[0] for mistake in found]


def test_no_file_is_no_rule() -> None:
    assert loaded().rules == RuleSet()


def test_every_setting_of_a_budget() -> None:
    text = """
timezone: Europe/Berlin
budgets:
  - name: month
    applies_to: {project: checkout, user: [alice@example.com, bob, alice], model: [gpt-*], tags: {env: prod}}
    mode: shadow
    contact: the shop's channel
    per: [project, tags.env]
    limit: 500.50 USD
    window: month
    warn_at: [80%, 50%]
    on_cap: finish
    reserve: 5%
  - {name: calls, limit: 10k calls, window: 36h, count_refused: true, per: user}
  - {name: tokens, limit: 20M tokens, window: week, timezone: Asia/Tokyo, downgrade: {to: gpt-5-mini}}
"""
    rules = loaded(budgets=text, access=ACCESS).rules
    month, calls, tokens = rules.budgets
    assert month == Budget(
        name="month",
        where="budgets.yaml:4",
        scope=Scope(
            {"project": ("checkout",), "user": ("alice", "bob"), "model": ("gpt-*",), "tags.env": ("prod",)},
        ),
        mode="shadow",
        contact="the shop's channel",
        per=("project", "tags.env"),
        unit=Unit.USD,
        limit=500_500_000_000_000,
        window=Window("month", zone="Europe/Berlin"),
        warn_at=(50, 80),
        action="refuse",
        downgrade_to="",
        on_cap="finish",
        reserve=25_025_000_000_000,
        count_refused=False,
    )
    assert (calls.unit, calls.limit, calls.window) == (Unit.CALLS, 10_000, Window("rolling", length_s=36 * 3600))
    assert (calls.count_refused, calls.per, calls.mode, calls.on_cap) == (True, ("user",), "enforce", "cut")
    assert (tokens.unit, tokens.limit, tokens.window) == (Unit.TOKENS, 20_000_000, Window("week", zone="Asia/Tokyo"))
    assert (tokens.action, tokens.downgrade_to) == ("downgrade", "gpt-5-mini")


def test_every_setting_of_a_rate_limit() -> None:
    text = "limits: [{name: burst, per: key, requests_per_minute: 600, tokens_per_minute: 1.5M, concurrent: 0}, "
    text += "{name: few, concurrent: 50, applies_to: {client: claude-cli}, mode: shadow, contact: bob}]"
    assert loaded(budgets=text).rules.limits == (
        RateLimit("burst", "budgets.yaml:1", Scope(), "enforce", "", ("key",), 600, 1_500_000, 0),
        RateLimit("few", "budgets.yaml:1", Scope({"client": ("claude-cli",)}), "shadow", "bob", (), None, None, 50),
    )


def test_every_setting_of_a_model_rule() -> None:
    text = """
models:
  - name: search
    applies_to: {team: payments, provider: openai}
    allow: [gpt-5*]
    deny: [gpt-5-pro]
    output_tokens_max: 8k
    context_tokens_max: 200k
    cost_max: 0.25 USD
    downgrade: {to: gpt-5-mini}
    fallback: [local, openai]
"""
    assert loaded(models=text, access=ACCESS, providers=PROVIDERS).rules.models == (
        ModelRule(
            name="search",
            where="models.yaml:3",
            scope=Scope({"team": ("payments",), "provider": ("openai",)}),
            mode="enforce",
            contact="",
            allow=("gpt-5*",),
            deny=("gpt-5-pro",),
            output_tokens_max=8000,
            context_tokens_max=200_000,
            cost_max_pico=PICO_PER_USD // 4,
            downgrade_to="gpt-5-mini",
            fallback=("local", "openai"),
        ),
    )


def test_every_setting_of_a_case() -> None:
    text = """
cases:
  - name: it is spent
    call: {user: alice, model: gpt-5, tags: {env: prod}, input_tokens: 20k, output_tokens: 10, spent: {m: 1.5 USD}}
    expect: refuse
    rule: m
"""
    cases = loaded(cases=text, budgets="budgets: [{name: m, limit: 2 USD, window: day}]").rules.cases
    call = {
        **{"user": "alice", "model": "gpt-5", "tags.env": "prod"},
        **{"input_tokens": "20000", "output_tokens": "10", "spent.m": "1500000000000"},
    }
    assert cases == (Case("it is spent", "cases.yaml:3:5", call, "refuse", "m"),)


@pytest.mark.parametrize("limit", ["0 USD", "0 tokens", "0 calls"])
def test_a_limit_of_nothing_is_one(limit: str) -> None:
    assert budget(f"limit: {limit}, window: total").limit == 0


def test_a_zone_counts_where_a_window_has_a_midnight() -> None:
    top = "timezone: Europe/Berlin"
    assert budget("limit: 1 USD, window: day", top).window.zone == "Europe/Berlin"
    assert budget("limit: 1 USD, window: day").window.zone == "UTC"
    for window in ("total", "30d"):
        assert budget(f"limit: 1 USD, window: {window}", top).window.zone == "UTC"
    idle = loaded(budgets="budgets: [{name: m, limit: 1 USD, window: 24h, timezone: Asia/Tokyo}]").warnings
    assert [warning.message for warning in idle] == ["timezone changes nothing here: this window knows no midnight"]


def test_a_budget_may_throttle_for_a_day_at_most() -> None:
    for window in ("hour", "day", "24h", "1d"):
        assert budget(f"limit: 1 USD, window: {window}, action: throttle").action == "throttle"
    for window in ("week", "25h", "2d", "total"):
        assert messages(budgets=f"budgets: [{{name: m, limit: 1 USD, window: {window}, action: throttle}}]")


def test_a_name_is_of_one_rule_over_all_files() -> None:
    found = messages(
        budgets="budgets: [{name: m, limit: 1 USD, window: day}]\nlimits: [{name: m, concurrent: 1}]",
        models="models: [{name: m, deny: [gpt-5]}]",
    )
    assert found == [
        "budgets.yaml:2:17: name 'm' is the name of another rule already, in budgets.yaml:1",
        "models.yaml:1:17: name 'm' is the name of another rule already, in budgets.yaml:1",
    ]


@pytest.mark.parametrize(
    ("dimension", "word", "near"),
    [
        ("user", "alcie", "did you mean 'alice'?"),
        ("team", "payment", "did you mean 'payments'?"),
        ("project", "chekout", "did you mean 'checkout'?"),
        ("provider", "opnai", "did you mean 'openai'?"),
        ("cost_center", "CC-99", "known: CC-42"),
        ("key", "k_9", "none is known"),
    ],
)
def test_a_name_that_nobody_knows_is_a_warning(dimension: str, word: str, near: str) -> None:
    text = f"limits: [{{name: a, concurrent: 1, applies_to: {{{dimension}: [{word}]}}}}]"
    warnings = loaded(budgets=text, access=ACCESS, providers=PROVIDERS).warnings
    assert [warning.message for warning in warnings] == [
        f"rule 'a': no file of the folder knows the {dimension} '{word}': {near}"
    ]


@pytest.mark.parametrize(
    ("dimension", "word", "near"),
    [("dialect", "antropic", "anthropic"), ("purpose", "built", "build"), ("operation", "chatt", "chat")],
)
def test_what_outlay_itself_names_can_be_misspelt_for_sure(dimension: str, word: str, near: str) -> None:
    text = f"limits: [{{name: a, concurrent: 1, applies_to: {{{dimension}: [{word}]}}}}]"
    (found,) = messages(budgets=text)
    assert found.endswith(f"{dimension} can't be '{word}': did you mean '{near}'?")


def test_every_operation_of_a_dialect_or_a_path_can_stand_in_a_rule() -> None:
    """And no other: each `Operation("…")` of the source, and names that stand as constants."""
    sources = [path.read_text() for path in Path(proxy.__path__[0]).rglob("*.py") if "standin" not in path.parts]
    made = {name for text in sources for name in re.findall(r'Operation\(\s*"([a-z_]+)"', text)}
    constants = {openai_files.CONTENT, anthropic_batches.RESULTS}
    assert {*made, *constants} == {*OPERATIONS}


def test_models_are_known_by_price_lists_prices_deployments_and_globs_of_providers() -> None:
    files = {
        "models": "models: [{name: m, deny: [gpt-5, gpt-5-mini, mine, eu-gpt, llama-9, llama-*, '*-mini', '*', else]}]",
        "prices": "prices: [{name: p, model: mine, multiplier: 0.9}, {name: all, model: '*', multiplier: 0.9}]",
        "providers": """
providers:
  azure: {dialect: azure, base_url: "https://a.example", api_key: none, deployments: {eu-gpt: gpt-5}}
  own: {dialect: openai, base_url: "https://b.example", api_key: none, default_for: [llama-*]}
""",
    }
    by_file = {f"{name}.yaml": text for name, text in files.items()}
    known = load(by_file, models={"azure/gpt-5": "azure", "gpt-5-mini": "openai"})
    assert isinstance(known, PolicySet)
    assert [str(warning)[:65] for warning in known.warnings] == [
        "models.yaml:1:93: rule 'm': no price list knows the model 'else',"
    ]
    unasked = load(by_file)
    assert isinstance(unasked, PolicySet)
    assert not unasked.warnings


@pytest.mark.parametrize(
    "scope",
    [
        "user: [alice, alice@example.com, checkout-api, 'al*']",
        "team: shop",
        "provider: 'open*'",
        "model: any",
        "client: x",
    ],
)
def test_known_names_and_patterns_are_no_warning(scope: str) -> None:
    text = f"limits: [{{name: a, concurrent: 1, applies_to: {{{scope}}}}}]"
    assert not loaded(budgets=text, access=ACCESS, providers=PROVIDERS).warnings


def test_a_key_makes_its_owner_and_projects_known() -> None:
    keys = f"keys: [{{id: k_1, hash: 'sha256:{'0a' * 32}', user: eve, team: core, projects: [search]}}]"
    text = "limits: [{name: a, concurrent: 1, applies_to: {user: eve, project: search, team: core, key: k_1}}]"
    assert not loaded(budgets=text, keys=keys).warnings


def test_calls_fall_back_within_their_dialect() -> None:
    text = "models: [{name: m, applies_to: {provider: openai}, fallback: [claude]}]"
    assert messages(models=text, providers=PROVIDERS) == [
        "models.yaml:1:63: fallback can't have 'claude', which speaks anthropic, "
        "for calls to 'openai', which speaks openai"
    ]
    assert loaded(models=text.replace("provider: openai", "provider: claude"), providers=PROVIDERS)


def test_names_are_not_blamed_while_the_file_that_has_them_is_unreadable() -> None:
    models, broken = "models: [{name: m, fallback: [local]}]", "providers: 1"
    assert [line.partition(":")[0] for line in messages(models=models, providers=broken)] == ["providers.yaml"]
    cases = "cases: [{name: c, call: {spent: {m: 1 USD}}, expect: allow, rule: m}]"
    assert [line.partition(":")[0] for line in messages(cases=cases, budgets="budgets: 1")] == ["budgets.yaml"]


def test_a_case_counts_in_the_unit_of_its_budget() -> None:
    cases = "cases: [{name: c, call: {spent: {m: 5 calls}}, expect: allow}]"
    found = messages(cases=cases, budgets="budgets: [{name: m, limit: 1 USD, window: day}]")
    assert found == ["cases.yaml:1:37: spent is in calls, and 'm' in USD"]


@given(st.decimals(0, 10**9, places=12, allow_nan=False))
def test_dollars_are_exact_to_the_pico_dollar(usd: Decimal) -> None:
    assert amount(f"{usd:f} USD") == Amount(Unit.USD, int(usd * PICO_PER_USD))


@given(st.integers(0, 10**6), st.sampled_from(["", "k", "M", "B"]))
def test_counts_are_exact(number: int, scale: str) -> None:
    times = {"": 1, "k": 1000, "M": 10**6, "B": 10**9}[scale]
    assert count(f"{number}{scale}") == number * times
    assert amount(f"{number}{scale} tokens") == Amount(Unit.TOKENS, number * times)


@pytest.mark.parametrize(
    "text", ["", "5", "5 Calls", "5  calls", "1.0000000000001 USD", "1.5 calls", "1e3 USD", "٥ USD"]
)
def test_what_is_no_amount(text: str) -> None:
    assert amount(text) is None


@pytest.mark.parametrize("text", ["", "-1", "1.5", "2000000B", "k", "1 k", "٥"])
def test_what_is_no_count(text: str) -> None:
    assert count(text) is None


def test_per_cent() -> None:
    assert [percent(text) for text in ("1%", "100%", "0%", "101%", "50", "5.5%")] == [1, 100, None, None, None, None]


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        ("tags: {env: ''}", "tag 'env' is empty: name a word or a pattern ('?*' fits any word)"),
        ("tags: {env: [prod, '']}", "tag 'env' is empty: name a word or a pattern ('?*' fits any word)"),
        ("tags: {'': prod}", "a tag needs a name"),
    ],
)
def test_a_tag_without_a_name_or_a_value_is_said_to_lack_it(scope: str, said: str) -> None:
    (found,) = messages(budgets=f"limits: [{{name: a, concurrent: 1, applies_to: {{{scope}}}}}]")
    assert found.endswith(f": {said}")
