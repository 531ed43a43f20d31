"""Mixes: the sets of rules that a replay's speed is measured with. Amounts grow with the calls, so that a mix stays the
same mix however many calls are replayed: of a million calls, some 30,000 USD in 30 days."""

from collections.abc import Callable, Mapping
from typing import Final

from proxy.policy.load import load
from proxy.policy.types import PolicySet

USUAL: Final = """
  - {name: company-month, limit: 60000 USD, window: month, warn_at: [80%]}
  - {name: team-month, per: team, limit: 6000 USD, window: month}
  - {name: project-day, per: project, limit: 150 USD, window: day}
  - {name: user-day, per: user, limit: 20 USD, window: day}
  - {name: user-week, per: user, limit: 120 USD, window: 7d, mode: shadow}
  - {name: big-models, applies_to: {model: gpt-5.1}, limit: 3000 USD, window: month, per: project}
  - {name: team-1-tokens, applies_to: {team: team-1}, limit: 9000M tokens, window: month}
  - {name: team-2-calls, applies_to: {team: team-2}, limit: 300000 calls, window: month}
  - {name: checkout, applies_to: {project: project-7}, limit: 1200 USD, window: week}
  - {name: evaluations, applies_to: {tags: {env: test}}, limit: 25 USD, window: hour}
"""
"""Budgets that nobody comes near."""
CROSSED: Final = """
  - {name: company-month, limit: 60000 USD, window: month, warn_at: [80%]}
  - {name: team-month, per: team, limit: 2200 USD, window: month}
  - {name: project-day, per: project, limit: 45 USD, window: day}
  - {name: user-day, per: user, limit: 4 USD, window: day}
  - {name: user-week, per: user, limit: 25 USD, window: 7d, mode: shadow}
  - {name: big-models, applies_to: {model: gpt-5.1}, limit: 500 USD, window: month, per: project}
"""
"""Budgets that everyone crosses: each call is near a limit of several."""
A_TENTH: Final = """
  - {name: team-1-calls, applies_to: {team: team-1}, per: user, limit: 40 calls, window: day}
"""
"""And one that is crossed every day, by the tenth of the calls that it is for."""
CHANGING: Final = """
  - {name: team-2-down, applies_to: {team: team-2}, limit: 60 USD, window: day, downgrade: {to: gpt-5-mini}}
  - {name: team-4-slow, applies_to: {team: team-4}, per: user, limit: 4 USD, window: day, action: throttle}
  - {name: user-month, per: user, applies_to: {team: team-7}, limit: 100 USD, window: month, mode: shadow}
"""
RATES: Final = """
limits:
  - {name: per-key, per: key, requests_per_minute: 60, tokens_per_minute: 6M}
  - {name: team-3-rate, applies_to: {team: team-3}, per: user, requests_per_minute: 30}
  - {name: project-9-rate, applies_to: {project: project-9}, tokens_per_minute: 6M}
  - {name: at-once, applies_to: {team: team-4}, per: user, concurrent: 12}
"""
LOW_RATES: Final = """
  - {name: team-8-rate, applies_to: {team: team-8}, per: user, requests_per_minute: 1}
  - {name: team-9-rate, applies_to: {team: team-9}, requests_per_minute: 2, mode: shadow}
"""
MODELS: Final = """
models:
  - {name: no-opus, deny: [claude-opus-*]}
  - {name: team-5-small, applies_to: {team: team-5}, deny: [gpt-5.1]}
  - {name: context, context_tokens_max: 400k}
  - {name: dear, cost_max: 20 USD}
  - {name: team-6-down, applies_to: {team: team-6, model: gpt-5.1}, downgrade: {to: gpt-5-mini}}
"""
SHORT: Final = """  - {name: short, output_tokens_max: 32k}
"""
"""One call in ten names no output limit of its own and is given this one."""
PROVIDERS: Final = "openai: {dialect: openai, base_url: 'https://api.openai.test', api_key: {env: OPENAI_API_KEY}}"


def _many() -> str:
    """Budgets for each of 200 people and four models, and for 180 keys: with the usual ones, a thousand rules."""
    names = ("gpt-5.1", "gpt-5-mini", "gpt-4o", "o3")
    day, month = "limit: 20 USD, window: day", "limit: 600 USD, window: month"
    people = [
        f"  - {{name: p{person}-{n}, applies_to: {{user: person-{person}, model: {model}}}, {day}}}"
        for person in range(200)
        for n, model in enumerate(names)
    ]
    keys = [
        f"  - {{name: k{key}, applies_to: {{key: k_{key}, project: project-{key % 20}}}, {month}}}"
        for key in range(1000 - 800 - 20)
    ]
    return "\n".join(people + keys) + "\n"


MIXES: Final[Mapping[str, Callable[[], tuple[str, str]]]] = {
    "usual": lambda: (USUAL + RATES, MODELS),
    "short": lambda: (USUAL + RATES, MODELS + SHORT),
    "many": lambda: (USUAL + _many() + RATES, MODELS),
    "tenth": lambda: (USUAL + A_TENTH + RATES, MODELS),
    "changing": lambda: (USUAL + CHANGING + RATES + LOW_RATES, MODELS + SHORT),
    "crossed": lambda: (CROSSED + A_TENTH + RATES + LOW_RATES, MODELS),
}
"""budgets.yaml and models.yaml of each, by its name."""


def policies(mix: str, calls: int) -> PolicySet:
    """`calls`: how many are replayed; a money limit of 30 USD is that for a million of them."""
    budgets, models = MIXES[mix]()
    loaded = load(
        {
            "providers.yaml": f"providers:\n  {PROVIDERS}\n",
            "budgets.yaml": f"timezone: Europe/Berlin\nbudgets:\n{_scaled(budgets, calls)}",
            "models.yaml": models,
        }
    )
    assert isinstance(loaded, PolicySet), loaded
    return loaded


def _scaled(budgets: str, calls: int) -> str:
    """Limits of budgets are; those of rates are not."""
    words, scaled = budgets.split("limit: "), []
    for word in words[1:]:
        amount, rest = word.split(" ", 1)
        number, unit = amount.rstrip("M"), amount[len(amount.rstrip("M")) :]
        share = max(1, int(number) * 1000 * calls // 1_000_000)
        scaled.append(f"{max(1, share // 1000) if rest.startswith('calls') else share / 1000}{unit} {rest}")
    return "limit: ".join([words[0], *scaled])
