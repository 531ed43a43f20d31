"""Lightened: what was done to a call so that it fits where it didn't as it came. It stays so however often it is
weighed again, also for another provider."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from proxy.model.squeeze import Squeeze


@dataclass(frozen=True, slots=True)
class Lightened:
    counted: Mapping[str, int] = field(default_factory=dict)
    """Tokens of its input, by the model whose tokenizer counted them; 0: it can't, so its bytes stand."""
    uncounted_bytes: int = 0
    """What such a count leaves out: held as bytes beside it."""
    downgraded_by: str = ""
    """The budget that has it go to `downgrade_to`; '' for none."""
    downgrade_to: str = ""
    tried: frozenset[str] = frozenset()
    """Models that a budget had it go to, whether it could or not: it goes to none of them twice."""
    output_tokens_max: int | None = None
    """What its output limit was lowered to; None: it wasn't."""
    squeezed: tuple[Squeeze, ...] = ()
    """What budgets had it change, for the record."""


AS_IT_CAME: Final = Lightened()
