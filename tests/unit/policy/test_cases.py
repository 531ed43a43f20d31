"""What becomes of example calls, as cases.yaml states them."""

import pytest

from proxy.model.call import Call, Hold
from proxy.policy.cases import Judgement, example_call, judge
from proxy.policy.load import RULES, load
from proxy.policy.match import Matcher
from proxy.policy.types import PolicySet
from proxy.policy.verdict import Weight

NOW_US = 1_780_000_000_000_000
FILES = {
    "access.yaml": """
people: {alice: {team: core, aliases: [alice@example.com]}}
service_accounts: {bot: {team: shop}}
projects: {checkout: {team: payments, cost_center: CC-42, purpose: run}, free: {}}
""",
    "providers.yaml": """
providers:
  openai: {dialect: openai, base_url: "https://a.example", api_key: none, default_for: [gpt-*], account: main}
  claude: {dialect: anthropic, base_url: "https://b.example", api_key: none}
""",
    "keys.yaml": f"keys: [{{id: k_1, hash: 'sha256:{'0a' * 32}', service_account: bot, projects: [checkout]}}]",
    "budgets.yaml": """
budgets:
  - {name: month, applies_to: {project: checkout}, limit: 10 USD, window: month, warn_at: [80%], on_cap: finish,
     reserve: 1 USD}
  - {name: soft, applies_to: {project: soft}, limit: 10 USD, window: month, action: warn}
  - {name: slow, applies_to: {project: slow}, limit: 5k tokens, window: hour, action: throttle}
  - {name: smaller, applies_to: {project: smaller}, limit: 10 USD, window: day, downgrade: {to: gpt-mini}}
  - {name: first, applies_to: {project: two}, limit: 10 USD, window: day, downgrade: {to: gpt-mini}}
  - {name: then, applies_to: {project: two}, limit: 10 USD, window: day, downgrade: {to: gpt-nano}}
  - {name: to-denied, applies_to: {project: denied}, limit: 10 USD, window: day, downgrade: {to: gpt-pro}}
  - {name: shade, applies_to: {project: shade}, limit: 0 USD, window: day, mode: shadow}
  - {name: none, applies_to: {project: none}, limit: 0 USD, window: day}
limits:
  - {name: shut, applies_to: {project: shut}, requests_per_minute: 0}
  - {name: open, applies_to: {project: shut}, requests_per_minute: 5}
""",
    "redundancy.yaml": """
redundancy:
  - {name: tell, applies_to: {project: [free, checkout, slow]}, classes: [tool_loop], action: warn, threshold: 2.5}
  - {name: refuses, applies_to: {project: free}, classes: [exact_repeat, near_repeat], action: refuse,
     threshold: {near_repeat: 5}}
  - {name: why, applies_to: {project: [free, none]}, classes: [ping_pong], action: justify}
  - {name: slowly, applies_to: {project: [free, none, smaller]}, classes: [ping_pong], action: throttle,
     requests_per_minute: 9}
  - {name: again, applies_to: {project: [none, free]}, action: serve}
  - {name: shared, applies_to: {project: none}, action: coalesce}
  - {name: dim, classes: all, action: refuse, mode: shadow}
cache: {ttl: 1h}
""",
    "models.yaml": """
models:
  - {name: no-pro, deny: ["*-pro"]}
  - {name: send, applies_to: {model: gpt-old}, downgrade: {to: gpt-mini}}
""",
}


def weigh(call: Call, model: str, input_tokens: int, output_tokens: int) -> Weight:
    """A dollar for a thousand tokens; a tenth for a mini, a hundredth for a nano, nothing for a free model."""
    pico = {"gpt-mini": 10**8, "gpt-nano": 10**7, "gpt-free": 0}.get(model, 10**9)
    return Weight(Hold((input_tokens + output_tokens) * pico, input_tokens, output_tokens), priced=True)


def policies_with(case: str) -> PolicySet:
    cases = f"cases: [{{name: c, {case}}}]"
    loaded = load({**FILES, "cases.yaml": cases}, enforced=frozenset(RULES))
    assert isinstance(loaded, PolicySet), [str(mistake) for mistake in loaded]
    return loaded


def judged(case: str) -> tuple[Judgement, bool]:
    policies = policies_with(case)
    found = judge(policies, Matcher(policies.rules), policies.rules.cases[0], weigh, NOW_US)
    return found, found.meets(policies.rules.cases[0])


@pytest.mark.parametrize(
    ("call", "outcome", "rule"),
    [
        ("project: checkout, model: gpt-5, spent: {month: 7 USD}", "allow", "month"),  # 2 of 2 below the reserve
        ("project: checkout, model: gpt-5, spent: {month: 7.000000000001 USD}", "refuse", "month"),
        ("project: checkout, model: gpt-5, input_tokens: 0, output_tokens: 1k, spent: {month: 7.5 USD}", "allow", ""),
        ("project: checkout, model: gpt-mini, spent: {month: 8 USD}", "warn", "month"),
        ("project: checkout, model: gpt-free, spent: {month: 7 USD}", "allow", ""),
        ("project: checkout, model: gpt-free, spent: {month: 10 USD}", "warn", "month"),
        ("project: soft, model: gpt-5, spent: {soft: 9 USD}", "warn", "soft"),
        ("project: slow, model: gpt-5, spent: {slow: 3k tokens}", "allow", "slow"),
        ("project: slow, model: gpt-5, spent: {slow: 3001 tokens}", "throttle", "slow"),
        ("project: smaller, model: gpt-5, spent: {smaller: 9 USD}", "downgrade", "smaller"),
        ("project: smaller, model: gpt-5, spent: {smaller: 9.9 USD}", "refuse", "smaller"),
        ("project: two, model: gpt-5, spent: {first: 9 USD}", "downgrade", "first"),
        ("project: two, model: gpt-5, spent: {first: 9.9 USD}", "downgrade", "then"),
        ("project: two, model: gpt-5, spent: {then: 9.9 USD}", "downgrade", "then"),
        ("project: two, model: gpt-5, spent: {first: 9.99 USD, then: 9 USD}", "refuse", "first"),
        ("project: denied, model: gpt-5, spent: {to-denied: 10 USD}", "refuse", "to-denied"),
        ("project: denied, model: gpt-free, spent: {to-denied: 9.99 USD}", "allow", ""),
        ("project: shade, model: gpt-5", "allow", "shade"),
        ("project: none, model: gpt-free", "refuse", "none"),
        ("project: shut, model: gpt-5", "refuse", "shut"),
        ("project: free, model: gpt-old", "downgrade", "send"),
        ("project: free, model: gpt-5-pro", "refuse", "no-pro"),
        ("project: free, model: gpt-5", "allow", "no-pro"),
        ("project: free, model: gpt-5, found: tool_loop", "warn", "tell"),
        ("project: free, model: gpt-5, found: tool_loop, score: 2.5", "warn", "tell"),
        ("project: free, model: gpt-5, found: tool_loop, score: 2.499", "allow", "dim"),
        ("project: shade, model: gpt-5, found: tool_loop", "allow", "dim"),
        ("project: free, model: gpt-5, found: exact_repeat", "refuse", "refuses"),
        ("project: free, model: gpt-5, found: exact_repeat, score: 1", "serve", "again"),
        ("project: free, model: gpt-5, found: near_repeat", "allow", "refuses"),
        ("project: free, model: gpt-5, found: near_repeat, score: 5", "refuse", "refuses"),
        ("project: free, model: gpt-5-pro, found: tool_loop", "refuse", "no-pro"),
        ("project: free, model: gpt-5, found: ping_pong", "justify", "why"),
        ("project: free, model: gpt-5, found: ping_pong, justified: true", "throttle", "slowly"),
        ("project: free, model: gpt-old, found: tool_loop", "downgrade", "send"),
        ("project: none, model: gpt-5, found: exact_repeat", "serve", "again"),
        ("project: none, model: gpt-5, found: in_flight_twin", "coalesce", "shared"),
        ("project: none, model: gpt-5, found: ping_pong, justified: true", "refuse", "none"),
        ("project: smaller, model: gpt-5, found: ping_pong, spent: {smaller: 9 USD}", "throttle", "slowly"),
        ("project: checkout, model: gpt-mini, found: tool_loop, spent: {month: 8 USD}", "warn", "tell"),
        ("project: checkout, model: gpt-mini, found: tool_loop, spent: {month: 8 USD}", "warn", "month"),
        ("project: slow, model: gpt-5, found: tool_loop, spent: {slow: 3001 tokens}", "throttle", "slow"),
    ],
)
def test_what_becomes_of_a_call(call: str, outcome: str, rule: str) -> None:
    found, met = judged(f"call: {{{call}}}, expect: {outcome}" + (f", rule: {rule}" if rule else ""))
    assert met, found


def test_another_outcome_or_another_rule_fails_the_case() -> None:
    assert not judged("call: {project: none, model: gpt-5}, expect: allow")[1]
    assert not judged("call: {project: none, model: gpt-5}, expect: refuse, rule: month")[1]
    found, met = judged("call: {model: gpt-5-pro}, expect: allow")
    assert not met
    assert "no-pro" in found.says


def facts(call: str) -> Call:
    policies = policies_with(f"call: {{{call}}}, expect: allow")
    return example_call(policies, policies.rules.cases[0].call, NOW_US)


def test_what_a_case_leaves_out_comes_from_its_project_its_person_and_its_key() -> None:
    call = facts("project: checkout, user: alice@example.com, model: gpt-5, tags: {env: prod}")
    assert (call.owner, call.owner_kind, call.team, call.cost_center) == ("alice", "person", "payments", "CC-42")
    assert (call.purpose, call.tags, call.operation) == ("run", {"env": "prod"}, "chat")
    by_key = facts("key: k_1, model: gpt-5")
    assert (by_key.owner, by_key.owner_kind, by_key.project, by_key.key_id) == ("bot", "service", "checkout", "k_1")
    assert facts("user: alice, project: free").team == "core"
    assert facts("user: alice, project: checkout, team: x, cost_center: y, purpose: build").team == "x"


def test_a_model_leads_to_its_provider() -> None:
    call = facts("model: gpt-5")
    assert (call.provider, call.dialect, call.account) == ("openai", "openai", "main")
    other = facts("model: claude-x")
    assert (other.provider, other.dialect) == ("claude", "anthropic")
    named = facts("model: gpt-5, provider: claude")
    assert (named.provider, named.dialect) == ("claude", "anthropic")
    assert facts("model: gpt-5, dialect: gemini").provider == ""
