"""What calls cost at list price."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars per million tokens."""

    input: float
    output: float
    cache_read: float
    cache_write: float
    """0: the provider doesn't charge for writing (and the tokens count as input)."""


LIST: Final = {
    "claude-opus-4-6": Rates(5.0, 25.0, 0.5, 6.25),
    "claude-sonnet-4-6": Rates(3.0, 15.0, 0.3, 3.75),
    "claude-haiku-4-5": Rates(1.0, 5.0, 0.1, 1.25),
    "gpt-5.1": Rates(1.25, 10.0, 0.125, 0.0),
    "gpt-5-mini": Rates(0.25, 2.0, 0.025, 0.0),
    "gpt-4o": Rates(2.5, 10.0, 1.25, 0.0),
    "text-embedding-3-small": Rates(0.02, 0.0, 0.0, 0.0),
}
"""From https://platform.claude.com/docs/en/about-claude/pricing and https://developers.openai.com/api/docs/pricing,
as litellm's list of 2026 has them."""
CHARS_PER_TOKEN: Final = 3.7
"""Between prose (about 4.2) and code (about 3.2): plausible, not exact."""


def tokens(chars: int) -> int:
    return max(1, round(chars / CHARS_PER_TOKEN))


def dialect(model: str) -> str:
    return "anthropic" if model.startswith("claude") else "openai"


def cost_usd(model: str, fresh: int, read: int, written: int, output: int) -> float:
    rates = LIST[model]
    usd = fresh * rates.input + read * rates.cache_read + written * rates.cache_write + output * rates.output
    return round(usd / 1_000_000, 9)
