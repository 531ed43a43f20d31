"""Rules: what the files of rules say, validated and frozen. Which of them fits a call is `match`'s to say."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from proxy.policy.redundancy_rules import NO_CACHE_SETTINGS, CacheSettings, Evaluation, RedundancyRule
from proxy.policy.rule import DIMENSIONS, Mode, Rule, Scope

__all__ = [
    "DIMENSIONS",
    "FAILED_STATUSES",
    "NO_RULES",
    "Budget",
    "Case",
    "Expectation",
    "Mode",
    "ModelRule",
    "RateLimit",
    "Rule",
    "RuleSet",
    "Scope",
    "Unit",
    "Window",
]


class Unit(StrEnum):
    USD = "usd"
    """Limits in pico-dollars."""
    TOKENS = "tokens"
    """All that the model reads and writes, cached input included."""
    CALLS = "calls"


@dataclass(frozen=True, slots=True)
class Window:
    """The time that a budget is for. Calls count by their admission."""

    kind: Literal["hour", "day", "week", "month", "quarter", "year", "total", "rolling"]
    zone: str = "UTC"
    """IANA name; of calendar windows."""
    length_s: int = 0
    """Of a rolling window."""


@dataclass(frozen=True, slots=True)
class Budget(Rule):
    per: tuple[str, ...]
    """One instance for each combination of these values; empty: one for all."""
    unit: Unit
    limit: int
    """Pico-dollars, tokens or calls; 0: nothing passes."""
    window: Window
    warn_at: tuple[int, ...]
    """Per cent of the limit, ascending."""
    action: Literal["refuse", "warn", "downgrade", "throttle"]
    """What happens where a call doesn't fit."""
    downgrade_to: str
    """Model; of `downgrade`."""
    on_cap: Literal["cut", "finish"]
    """What becomes of a stream that outgrows what is left: ended by an error event, or finished from `reserve`."""
    reserve: int
    """Part of the limit, in its unit, that only streams which have begun may use."""
    count_refused: bool
    """Of a budget in calls: refused ones count too."""


@dataclass(frozen=True, slots=True)
class RateLimit(Rule):
    per: tuple[str, ...]
    requests_per_minute: int | None
    tokens_per_minute: int | None
    concurrent: int | None


FAILED_STATUSES: Final = (500, 502, 503, 504, 529)
"""529 is Anthropic's 'overloaded'. 429 is none: it speaks of the credential's own limit, and clients know to wait."""


@dataclass(frozen=True, slots=True)
class ModelRule(Rule):
    allow: tuple[str, ...]
    """Globs; empty: any. What is allowed by no rule that has an `allow` and applies is refused."""
    deny: tuple[str, ...]
    output_tokens_max: int | None
    context_tokens_max: int | None
    cost_max_pico: int | None
    """Of one call, by its hold."""
    downgrade_to: str
    """Calls of this rule's scope go to this model of the same dialect; '' for none."""
    fallback: tuple[str, ...]
    """Providers of the same dialect that are tried in this order where one fails before its first byte."""
    fallback_on: tuple[int, ...] = FAILED_STATUSES
    """Statuses with which a provider has failed, beside a connection that was not made."""


Expectation = Literal["allow", "refuse", "downgrade", "warn", "throttle", "justify", "serve", "coalesce"]


@dataclass(frozen=True, slots=True)
class Case:
    """An example call and what must become of it: cases.yaml."""

    name: str
    where: str
    """'file:line:column'."""
    call: Mapping[str, str]
    """Dimensions, and 'input_tokens', 'output_tokens', 'spent.RULE', 'found', 'score' (thousandths), 'justified' as the
    case sets them."""
    expect: Expectation
    rule: str
    """Name of the rule that must decide; '' for any."""


@dataclass(frozen=True, slots=True)
class RuleSet:
    budgets: tuple[Budget, ...] = ()
    limits: tuple[RateLimit, ...] = ()
    models: tuple[ModelRule, ...] = ()
    cases: tuple[Case, ...] = ()
    redundancy: tuple[RedundancyRule, ...] = ()
    """Empty: waste is found and recorded, and nothing is done about it."""
    evaluations: tuple[Evaluation, ...] = ()
    cache: CacheSettings = NO_CACHE_SETTINGS


NO_RULES: Final = RuleSet()
