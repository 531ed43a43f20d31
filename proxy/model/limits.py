"""ModelLimits: what is known of a model beside its prices."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """What the price list knows about a model beside prices; it bounds holds. None: not known."""

    output_tokens_max: int | None = None
    hidden_reasoning: bool = False
    """True: the model may reason out of sight, so a stream doesn't show what it costs while it runs."""
