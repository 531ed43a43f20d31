"""Policy files as one set: whole and valid, or all of their mistakes."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model.identity import OwnerKind, Project, Purpose, Role
from proxy.policy.keys import digest
from proxy.policy.load import ENFORCED, FILES, RULES, load, version
from proxy.policy.schema import editor_line
from proxy.policy.types import Mistake, Person, PolicySet, Provider, Secret, ServiceAccount

PROVIDERS = """
providers:
  openai: {dialect: openai, base_url: "https://api.openai.com/", api_key: {env: OPENAI_API_KEY}}
  local:
    dialect: openai
    base_url: http://[::1]:8000/llm
    api_key: {file: secrets/local}
    account: rack-3
    prices: together_ai
    default_for: [llama-*, "qwen*"]
    projects: [checkout]
    paths: {/v1/: /api/v4/}
    passes: ["GET /v1/files/*"]
    connect_timeout: 2s
    read_timeout: 500ms
    total_timeout: 10m
  open: {dialect: anthropic, base_url: "http://127.0.0.1:4140", api_key: none}
"""
ACCESS = """
people:
  alice: {team: payments, aliases: [alice@example.com], roles: [developer, finance]}
  bob:
service_accounts: {checkout-api: {team: payments}}
projects:
  checkout:
    team: payments
    cost_center: CC 42
    purpose: run
    members: [alice, alice@example.com, checkout-api]
    repositories: ["https://github.com/Acme/Checkout.git", github.com/acme/checkout]
"""
HASH = digest(b"one")
KEYS = f"""
keys:
  - {{id: k_1, hash: "{HASH}", user: alice, projects: [checkout, search], role: finance, team: t, expires: 2027-01-01}}
  - {{id: k_2, hash: "{digest(b"two")}", service_account: checkout-api, projects: [checkout], revoked: true}}
"""
PRICES = """
unpriced: refuse
ceiling: {output: 90.5}
prices:
  - name: deal
    provider: openai
    model: gpt-*
    multiplier: 0.85
    valid_from: 2026-01-01
    valid_to: 2026-07-01
  - model: llama-*
    usd_per_million: {input: 0.2, cache_read: 0, cache_write: 0.3, cache_write_1h: 0.4, output: 0.6, reasoning: 0.6}
    web_search_usd_per_thousand: 10
"""


def loaded(**files: str) -> PolicySet:
    found = load({f"{name}.yaml": text for name, text in files.items()})
    assert isinstance(found, PolicySet), [str(mistake) for mistake in found]
    return found


def mistakes(**files: str) -> list[str]:
    found = load({f"{name}.yaml": text for name, text in files.items()})
    assert isinstance(found, list)
    return [str(mistake).partition("\n")[0] for mistake in found]


def test_nothing_is_a_valid_set() -> None:
    policies = loaded()
    assert not policies.providers
    assert not policies.keys
    assert policies.prices.unpriced == "hold_ceiling"
    assert policies.prices.ceiling_usd_per_million == {"input": Decimal(30), "output": Decimal(180)}


def test_every_setting_of_a_provider() -> None:
    providers = loaded(providers=PROVIDERS, access=ACCESS).providers
    assert list(providers) == ["openai", "local", "open"]
    assert providers["openai"] == Provider(
        name="openai",
        dialect="openai",
        base_url="https://api.openai.com",
        api_key=Secret("env", "OPENAI_API_KEY"),
        account="openai",
        prices="openai",
        where="providers.yaml:3",
    )
    assert providers["local"] == Provider(
        name="local",
        dialect="openai",
        base_url="http://[::1]:8000/llm",
        api_key=Secret("file", "secrets/local"),
        account="rack-3",
        prices="together_ai",
        default_for=("llama-*", "qwen*"),
        projects=("checkout",),
        paths=(("/v1/", "/api/v4/"),),
        passes=(("GET", "/v1/files/*"),),
        connect_timeout_s=2.0,
        read_timeout_s=0.5,
        total_timeout_s=600.0,
        where="providers.yaml:4",
    )
    assert providers["open"].api_key == Secret("none")


def test_every_setting_of_access() -> None:
    access = loaded(access=ACCESS).access
    assert access.people == {
        "alice": Person("alice", "payments", ("alice@example.com",), (Role.DEVELOPER, Role.FINANCE)),
        "bob": Person("bob"),
    }
    assert access.service_accounts == {"checkout-api": ServiceAccount("checkout-api", "payments")}
    assert access.projects == {
        "checkout": Project(
            name="checkout",
            team="payments",
            cost_center="CC 42",
            purpose=Purpose.RUN,
            repositories=("github.com/acme/checkout",),
            members=("alice", "alice@example.com", "checkout-api"),
        )
    }
    assert access.names == {"alice@example.com": "alice"}


def test_every_setting_of_a_key() -> None:
    keys = loaded(access=ACCESS, keys=KEYS).keys
    key = keys[HASH]
    assert (key.id, key.owner, key.owner_kind, key.role, key.team) == (
        "k_1",
        "alice",
        OwnerKind.PERSON,
        Role.FINANCE,
        "t",
    )
    assert key.projects == ("checkout", "search")
    assert key.expires == datetime(2027, 1, 1, tzinfo=UTC)
    assert key.where == "keys.yaml:3"
    assert not key.revoked
    other = keys[digest(b"two")]
    assert (other.owner_kind, other.revoked, other.role) == (OwnerKind.SERVICE, True, Role.DEVELOPER)


def test_every_setting_of_prices() -> None:
    prices = loaded(providers=PROVIDERS, prices=PRICES).prices
    deal, own = prices.rules
    assert (deal.name, deal.provider, deal.model, deal.multiplier) == ("deal", "openai", "gpt-*", Decimal("0.85"))
    assert deal.rates_usd_per_million == {}
    assert (deal.valid_from, deal.valid_to) == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
    assert (own.name, own.provider, own.multiplier, own.where) == ("price-2", "*", Decimal(1), "prices.yaml:11")
    assert own.rates_usd_per_million == {
        "input_text": Decimal("0.2"),
        "cache_read": Decimal(0),
        "cache_write_5m": Decimal("0.3"),
        "cache_write_1h": Decimal("0.4"),
        "output_text": Decimal("0.6"),
        "reasoning": Decimal("0.6"),
        "web_search": Decimal(10_000),
    }
    assert prices.unpriced == "refuse"
    assert prices.ceiling_usd_per_million == {"input": Decimal(30), "output": Decimal("90.5")}
    assert prices.where == "prices.yaml:2"


def test_price_kinds_are_kinds_of_usage() -> None:
    from proxy.model.usage import KINDS
    from proxy.policy.prices_yaml import KIND_NAMES, PIECES

    assert sorted([*KIND_NAMES.values(), *(kind for kind, _, _ in PIECES.values())]) == sorted(KINDS)


def test_what_is_no_token_has_a_price_by_its_own_unit() -> None:
    prices = loaded(
        prices="ceiling: {image_usd_each: 0.5}\n"
        "prices: [{audio_usd_per_minute: 0.006, characters_usd_per_million: 15, image_usd_each: 0.04}]"
    ).prices
    assert prices.rules[0].rates_usd_per_million == {
        "input_audio_ms": Fraction("0.1"),  # 0.006 for 60,000 ms: 0.1 for a million
        "input_characters": 15,
        "output_images": 40_000,
    }
    assert prices.ceiling_usd_per_million == {"input": 30, "output": 180, "output_images": 500_000}


def test_mistakes_of_all_files_are_told_at_once() -> None:
    found = mistakes(
        providers="providers: {a: {dialect: x}}",
        access="people: 1",
        keys="keys: 1",
        prices="prices: 1",
        budgets="b: 1",
        models="models: 1",
        cases="cases: 1",
        notify="targets: 1",
        redundancy="redundancy: 1",
        services="services: 1",
    )
    assert {line.partition(":")[0] for line in found} == set(FILES)
    assert [line.partition(":")[0] for line in found] == sorted(line.partition(":")[0] for line in found)


def test_one_mistake_is_enough_for_no_set() -> None:
    assert isinstance(load({"access.yaml": ACCESS, "keys.yaml": KEYS, "prices.yaml": "unpriced: no"}), list)


RULE_EXAMPLES = {
    "budgets": ("budgets.yaml", "[{name: m, limit: 5 USD, window: month}]"),
    "limits": ("budgets.yaml", "[{name: m, concurrent: 5}]"),
    "models": ("models.yaml", "[{name: m, deny: [gpt-5]}]"),
    "cases": ("cases.yaml", "[{name: c, call: {model: gpt-5}, expect: allow}]"),
    "redundancy": ("redundancy.yaml", "[{name: m, classes: all}]"),
    "evaluations": ("redundancy.yaml", "[{name: m, service_accounts: [bot], cap: 5 calls}]"),
    "cache": ("redundancy.yaml", "{ttl: 1h}"),
}


@pytest.mark.parametrize("name", RULE_EXAMPLES)
def test_rules_that_no_call_is_held_to_are_a_mistake(name: str) -> None:
    file, example = RULE_EXAMPLES[name]
    others = frozenset(RULES) - {name}
    refused = load({file: f"{name}: {example}"}, enforced=others)
    assert isinstance(refused, list)
    assert [str(mistake) for mistake in refused] == [
        f"{file}:1:1: this version of outlay doesn't know {RULES[name]}: nothing here would be in force, so take it out"
    ]
    for empty in ("", " []", " ~") if name != "cache" else ("", " ~"):
        assert isinstance(load({file: f"{name}:{empty}"}, enforced=others), PolicySet)
    assert isinstance(load({file: f"{name}: {example}"}, enforced=frozenset((name,))), PolicySet)


SETTING_EXAMPLES = {
    "budgets.downgrade": "budgets: [{name: m, limit: 5 USD, window: month, downgrade: {to: gpt-5-mini}}]",
    "models.downgrade": "models: [{name: m, downgrade: {to: gpt-5-mini}}]",
    "models.output_tokens_max": "models: [{name: m, output_tokens_max: 5}]",
    "models.fallback": "models: [{name: m, fallback: [openai]}]",
    "redundancy.action.warn": "redundancy: [{name: m, classes: all, action: warn}]",
    "redundancy.action.serve": "redundancy: [{name: m, action: serve, mode: shadow}]\ncache: {ttl: 1h}",
    "redundancy.action.coalesce": "redundancy: [{name: m, action: coalesce}]",
    "redundancy.action.throttle": "redundancy: [{name: m, classes: all, action: throttle, requests_per_minute: 5}]",
    "redundancy.action.justify": "redundancy: [{name: m, classes: all, action: justify}]",
    "redundancy.action.refuse": "redundancy: [{name: m, classes: all, action: refuse}]",
}


@pytest.mark.parametrize("name", SETTING_EXAMPLES)
def test_settings_that_no_call_is_held_to_are_a_mistake(name: str) -> None:
    files = {f"{name.partition('.')[0]}.yaml": SETTING_EXAMPLES[name], "providers.yaml": PROVIDERS}
    refused = load(files, enforced=frozenset(RULES) - {name})
    assert isinstance(refused, list)
    assert [mistake.message.partition(":")[0] for mistake in refused] == [
        f"this version of outlay doesn't know {RULES[name]}"
    ]
    assert isinstance(load(files, enforced=frozenset(RULES)), PolicySet)


def test_everything_that_may_be_gated_is_tried() -> None:
    assert {*RULE_EXAMPLES, *SETTING_EXAMPLES} == set(RULES)


@pytest.mark.parametrize("name", sorted(ENFORCED & SETTING_EXAMPLES.keys()))
def test_a_server_takes_every_setting_that_it_enforces_unasked(name: str) -> None:
    assert set(RULES) >= ENFORCED
    file = f"{name.partition('.')[0]}.yaml"
    assert isinstance(load({file: SETTING_EXAMPLES[name], "providers.yaml": PROVIDERS}), PolicySet)


def test_an_alias_names_the_person_in_keys_too() -> None:
    keys = f"keys: [{{id: k_1, hash: '{HASH}', user: alice@example.com, projects: [checkout]}}]"
    assert loaded(access=ACCESS, keys=keys).keys[HASH].owner == "alice"


def test_a_key_cannot_say_more_than_its_person_may() -> None:
    keys = KEYS.replace("role: finance", "role: admin")
    policies = loaded(access=ACCESS, keys=keys)
    assert policies.keys[HASH].role is Role.DEVELOPER
    column = keys.splitlines()[2].index("admin") + 1
    assert [str(warning) for warning in policies.warnings] == [
        f"keys.yaml:3:{column}: k_1 counts as developer: access.yaml doesn't give alice the role admin"
    ]


def test_without_roles_in_access_a_keys_own_word_counts() -> None:
    keys = KEYS.replace("role: finance", "role: admin").replace("user: alice", "user: bob")
    assert loaded(access=ACCESS, keys=keys).keys[HASH].role is Role.ADMIN


def test_a_person_and_a_service_account_never_share_a_name_across_files() -> None:
    keys = f"keys: [{{id: k_1, hash: '{HASH}', user: checkout-api, projects: [checkout]}}]"
    column = keys.index("checkout-api") + 1
    assert mistakes(access=ACCESS, keys=keys) == [
        f"keys.yaml:1:{column}: user can't be 'checkout-api', which is a service_account already"
    ]


def test_unknown_members_and_projects_are_warnings() -> None:
    policies = loaded(
        providers=PROVIDERS.replace("projects: [checkout]", "projects: [chekout]"),
        access=ACCESS.replace("members: [alice,", "members: [alcie,"),
    )
    assert [warning.message for warning in policies.warnings] == [
        "access.yaml knows no project 'chekout': did you mean 'checkout'?",
        "'alcie' is no person or service account of this file: did you mean 'alice'?",
    ]


def test_a_price_for_a_provider_is_not_blamed_while_the_providers_are_unreadable() -> None:
    found = mistakes(providers="providers: 1", prices="prices: [{provider: openai, multiplier: 0.9}]")
    assert [line.partition(":")[0] for line in found] == ["providers.yaml"]


def test_prices_of_one_model_may_follow_each_other_without_a_gap() -> None:
    text = """
prices:
  - {model: gpt-5, multiplier: 0.9, valid_to: 2026-01-01}
  - {model: gpt-5, multiplier: 0.8, valid_from: 2026-01-01, valid_to: 2027-01-01}
  - {model: gpt-*, multiplier: 0.7}
"""
    assert len(loaded(prices=text).prices.rules) == 3


def test_the_version_names_the_rules_and_not_the_keys() -> None:
    one = loaded(access=ACCESS, keys=KEYS)
    other_key = loaded(access=ACCESS, keys=KEYS.replace("k_1", "k_3"))
    other_rule = loaded(access=ACCESS + "# a comment\n", keys=KEYS)
    assert one.version == other_key.version != other_rule.version
    assert one.keys_version == other_rule.keys_version != other_key.keys_version
    assert len(one.version) == 32


def test_a_version_is_the_same_for_text_and_bytes_in_any_order() -> None:
    assert version({"a": "é", "b": ""}) == version({"b": b"", "a": "é".encode()})


@given(st.dictionaries(st.text(max_size=3), st.binary(max_size=3), max_size=3), st.data())
def test_other_files_have_another_version(files: dict[str, bytes], data: st.DataObject) -> None:
    other = data.draw(st.dictionaries(st.text(max_size=3), st.binary(max_size=3), max_size=3))
    assert (version(files) == version(other)) is (files == other)


def test_a_mistake_prints_its_place_its_words_and_an_example() -> None:
    mistake = Mistake("access.yaml", 3, 11, "'teem' is wrong", "team: payments")
    assert str(mistake) == "access.yaml:3:11: 'teem' is wrong\n    for example: team: payments"
    assert str(Mistake("acces.yaml", 0, 0, "unknown")) == "acces.yaml: unknown"


def test_the_starter_files_are_valid_and_the_same_in_both_places() -> None:
    root = Path(__file__).parents[3]
    shipped = {path.name: path.read_text() for path in (root / "proxy" / "starter").glob("*.yaml")}
    assert shipped == {path.name: path.read_text() for path in (root / "policies").glob("*.yaml")}
    assert set(shipped) == set(FILES)
    for name, text in shipped.items():
        modeline, title = text.splitlines()[:2]
        assert modeline == editor_line(name)
        assert title.startswith(f"# {name}: ")
        assert "docs/policies.md" in title
    policies = load(shipped)
    assert isinstance(policies, PolicySet)
    assert not policies.warnings


def _uncommented(text: str) -> str:
    return text.replace("\n#  - ", "\n  - ").replace("\n#    ", "\n    ")


def test_the_starters_commented_examples_are_valid_too() -> None:
    root = Path(__file__).parents[3] / "proxy" / "starter"
    access = "\n".join(
        line.replace("  # ", "  ", 1) if line.startswith("  # ") else line
        for line in (root / "access.yaml").read_text().splitlines()
    )
    prices = (root / "prices.yaml").read_text()
    examples = prices.replace("  # - name", "  - name").replace("  #   ", "    ")
    providers = (root / "providers.yaml").read_text().replace("  #   ", "    ")
    for name in ("local", "bedrock"):
        providers = providers.replace(f"  # {name}:", f"  {name}:")
    notify = _uncommented((root / "notify.yaml").read_text())
    rules = {name: _uncommented((root / f"{name}.yaml").read_text()) for name in ("budgets", "models", "cases")}
    policies = loaded(access=access, prices=examples, providers=providers, notify=notify, **rules)
    assert [rule.name for rule in policies.rules.budgets + policies.rules.limits] == ["checkout-month", "per-key-burst"]
    assert [rule.name for rule in policies.rules.models] == ["no-runaways", "checkout-models"]
    assert [case.expect for case in policies.rules.cases] == ["refuse", "allow"]
    assert [target.url for target in policies.targets] == [Secret("env", "NOTIFY_URL")]
    assert set(policies.access.people) == {"alice", "bob"}
    assert set(policies.access.projects) == {"checkout"}
    assert [rule.name for rule in policies.prices.rules] == ["stand-in-small", "stand-in-large", "contract-2026"]
    assert "local" in policies.providers
    assert policies.providers["bedrock"].region == "us-east-1"
    assert not policies.warnings


@pytest.mark.parametrize(
    ("host", "more", "region"),
    [
        ("bedrock-runtime.us-east-1.amazonaws.com", "", "us-east-1"),
        ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "", "us-gov-west-1"),
        ("bedrock-runtime.cn-north-1.amazonaws.com.cn", "", "cn-north-1"),
        ("vpce-0a1b-2c.bedrock-runtime.eu-west-1.vpce.amazonaws.com", "", "eu-west-1"),
        ("bedrock-runtime.eu-west-1.api.aws:443", "", "eu-west-1"),
        ("bedrock-runtime.us-east-1.amazonaws.com", "region: eu-west-1,", "eu-west-1"),
        ("proxy.example", "region: ap-southeast-2,", "ap-southeast-2"),
        ("bedrock-runtime.us-east-1.amazonaws.com.example", "region: eu-west-1,", "eu-west-1"),
    ],
)
def test_the_region_to_sign_for(host: str, more: str, region: str) -> None:
    text = f'providers: {{b: {{dialect: bedrock, base_url: "https://{host}", {more} api_key: {{aws: prod.eu}}}}}}'
    provider = loaded(providers=text).providers["b"]
    assert (provider.region, provider.api_key.source, provider.api_key.name) == (region, "aws", "prod.eu")


def test_the_owners_of_a_project_are_persons_by_whatever_name() -> None:
    people = "people: {alice: {aliases: [alice@acme.example]}, bob: {}}"
    found = load({"access.yaml": f"{people}\nprojects: {{a: {{owners: [bob, alice@acme.example, alice]}}, b: {{}}}}"})
    assert isinstance(found, PolicySet)
    assert {name: each.owners for name, each in found.access.projects.items()} == {"a": ("bob", "alice"), "b": ()}
