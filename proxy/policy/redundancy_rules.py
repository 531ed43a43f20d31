"""Redundancy rules: what redundancy.yaml says, validated and frozen. What becomes of a finding, `judged` says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from proxy.model.waste import WASTE_CLASSES, WasteClass
from proxy.policy.rule import Rule

Action = Literal["observe", "warn", "serve", "coalesce", "throttle", "justify", "refuse"]
"""The mildest first. `observe`: found and recorded, as without any rule."""
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
ANSWERING: Final = frozenset({"serve", "coalesce"})
"""Actions that give a call another's answer. They depend on whether one is there, not on what is found."""
BEFORE: Final = frozenset({"throttle", "justify", "refuse"})
"""Actions for which a call's classes must be judged before it goes upstream."""

CLASSES_OF: Final[Mapping[Action, tuple[WasteClass, ...]]] = {
    **dict.fromkeys(ACTIONS, WASTE_CLASSES),
    "serve": ("exact_repeat",),
    "coalesce": ("in_flight_twin",),
}
"""What an action can be for: an answer is right for the same call only, and shared only while it is under way."""


@dataclass(frozen=True, slots=True)
class RedundancyRule(Rule):
    classes: tuple[str, ...]
    """At least one; `all` is written out."""
    action: Action
    thresholds: Mapping[str, int] = field(default_factory=dict)
    """Score in thousandths from which on a call of this class is waste to this rule; of classes that aren't here, the
    detector's own threshold counts. `serve` and `coalesce` have none: they wait for no score."""
    window_s: int | None = None
    """A finding counts while the newest call that it repeats is at most this old; None: however old."""
    per: tuple[str, ...] = ()
    """Of `throttle` and `justify`: one count for each combination of these values; empty: one for all."""
    requests_per_minute: int | None = None
    """Of `throttle`: so many calls that are waste to this rule pass a minute. Set where the action is that."""
    justifications_per_day: int | None = None
    """Of `justify`: so many such calls pass a day (the last 24 hours) with a justification. Set where the action is
    that: an exemption that every caller can bring about has an end."""

    @property
    def before_call(self) -> bool:
        """True: the classes must be judged before a call of this rule goes upstream."""
        return self.mode == "enforce" and self.action in BEFORE


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Callers that run the same prompts on purpose, for each new commit. What they say of themselves is believed only
    because an admin named them here, and only up to the cap."""

    name: str
    where: str
    service_accounts: tuple[str, ...]
    keys: tuple[str, ...]
    """Ids. The caller is one of these or of the service accounts."""
    projects: tuple[str, ...]
    """Globs; empty: any project of theirs."""
    purpose_header: str
    """Lower case; '': each of their calls that names a commit is an evaluation."""
    purpose: str
    """What `purpose_header` must say."""
    commit_header: str
    """Lower case. A call without it is judged as any other."""
    cost_max_pico: int | None
    """What repeats that this lets pass may cost within the window, all its callers together."""
    calls_max: int | None
    """How many there may be. One of the two is set."""
    window_s: int = 86400
    """Rolling."""


CacheScope = Literal["key", "user", "project", "team", "organisation"]
CACHE_SCOPES: Final[tuple[CacheScope, ...]] = get_args(CacheScope)


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """Of the answers that `serve` keeps, in the memory of each gateway process."""

    ttl_s: int = 3600
    bytes_max: int = 32_000_000
    """Of all answers together; the one that was not asked for longest leaves first."""
    answer_bytes_max: int = 1_000_000
    """A longer answer isn't kept."""
    scope: CacheScope = "key"
    """Who is served whose answers: never beyond."""
    where: str = ""
    """'file:line'; '' where the file says nothing."""


NO_CACHE_SETTINGS: Final = CacheSettings()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found about a call, as it stands on record too: enough to judge it by other rules."""

    waste_class: str
    score: int
    """Thousandths."""
    flagged: bool
    """By the detector's own threshold."""
    age_us: int = 0
    """How long before the call the newest one that it repeats began."""
