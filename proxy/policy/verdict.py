"""Verdict: everything that the rules say about one call, before any budget is asked for room."""

from dataclasses import dataclass

from proxy.model.decision import Refusal
from proxy.policy.charge import Charge
from proxy.policy.rules import RateLimit


@dataclass(frozen=True, slots=True)
class Throttle:
    """One instance of a rate limit that a call counts in."""

    limit: RateLimit
    instance: tuple[str, ...]
    """Values of the rule's `per`, in its order."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """What a rule in shadow mode would have done. It changes nothing; it is recorded with the call."""

    rule: str
    would: str
    """'refuse', 'downgrade', 'limit output', 'throttle'."""


@dataclass(frozen=True, slots=True)
class Verdict:
    refusal: Refusal | None = None
    matched: tuple[str, ...] = ()
    """Names of every rule that applied, refusing or not, shadow ones too."""
    charges: tuple[Charge, ...] = ()
    """The accounts of the budgets that apply, enforced and shadow ones."""
    throttles: tuple[Throttle, ...] = ()
    output_tokens_max: int | None = None
    """The lowest output limit of the model rules that apply; None: none."""
    downgrade_to: str = ""
    """Model of the same dialect that the call must go to instead; '' for none."""
    fallback: tuple[str, ...] = ()
    """Providers to try, in this order, where the chosen one fails before its first byte."""
    shadow: tuple[Shadow, ...] = ()
