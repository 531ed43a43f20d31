"""Verdict: everything that the rules say about one call, before any budget is asked for room."""

from collections.abc import Callable

from proxy.model.call import Hold
from proxy.model.decision import Refusal
from proxy.model.fact import fact
from proxy.policy.charge import Charge
from proxy.policy.redundancy_rules import RedundancyRule
from proxy.policy.rules import FAILED_STATUSES, RateLimit


@fact(frozen=True, slots=True)
class Weight:
    """What a call is held at when it is admitted."""

    hold: Hold
    priced: bool
    """False: its model has no price, and the ceiling price stands in."""
    expected_tokens: int = 0
    """What it will read and write, estimated: for rate limits."""


@fact(frozen=True, slots=True)
class Asked:
    """What the rules weigh of a call beside its dimensions. What takes time to know is asked for where a rule needs
    it."""

    weigh: Callable[[str, int | None], Weight]
    """By the model that serves the call instead of its own ('': its own) and a new output limit (None: its own)."""
    context_tokens: Callable[[], int] = lambda: 0
    """How long its input is, estimated."""
    output_tokens_max: int | None = None
    """The output limit in the call; None: it has none."""
    known_as: tuple[str, ...] = ()
    """Other names of its model: what a deployment runs, what a translation asks for."""
    free: bool = False
    """True: the operation costs nothing (a list of models, counting tokens)."""
    output_limited: bool = True
    """False: its operation has no output limit that one could lower."""


@fact(frozen=True, slots=True)
class Throttle:
    """One instance of a rate limit that a call counts in."""

    limit: RateLimit
    instance: tuple[str, ...]
    """Values of the rule's `per`, in its order."""


@fact(frozen=True, slots=True)
class Shadow:
    """What a rule in shadow mode would have done. It changes nothing; it is recorded with the call."""

    rule: str
    would: str
    """'refuse', 'downgrade', 'limit output', 'throttle'; of a redundancy rule, its action."""

    def __str__(self) -> str:
        """As it stands on record."""
        return f"{self.rule}: {self.would}"


@fact(frozen=True, slots=True)
class Verdict:
    weight: Weight
    """Of the call as it goes on: by `downgrade_to` and `output_tokens_max`."""
    refusal: Refusal | None = None
    matched: tuple[str, ...] = ()
    """Names of every rule that applied, refusing or not, shadow ones too."""
    charges: tuple[Charge, ...] = ()
    """The accounts of the budgets that apply, enforced and shadow ones."""
    throttles: tuple[Throttle, ...] = ()
    output_tokens_max: int | None = None
    """The output limit that the call must be given, because it has none or a higher one; None: it keeps its own."""
    cost_max_pico: int | None = None
    """The lowest cost ceiling of the model rules that apply: a stream's hold may not outgrow it; None: none."""
    downgrade_to: str = ""
    """Model of the same dialect that the call must go to instead; '' for none."""
    downgraded_by: str = ""
    """Name of the budget that has it go there, because it didn't fit as it was; '' where a model rule does."""
    fallback: tuple[str, ...] = ()
    """Providers to try, in this order, where the chosen one fails before its first byte."""
    fallback_on: tuple[int, ...] = FAILED_STATUSES
    """Statuses with which a provider has failed."""
    shadow: tuple[Shadow, ...] = ()
    redundancy: tuple[RedundancyRule, ...] = ()
    """The redundancy rules that apply, enforced and shadow ones: what `judged` weighs findings by."""
