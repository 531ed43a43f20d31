"""Squeeze: what a budget did to a call for want of room, with its numbers at that moment.

They stand on the call's line, because no later look can tell them: what was held then is given back by now.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Squeeze:
    """Amounts are decimal numbers in `unit`, exact: a limit may be wider than a journal's integers."""

    did: str
    """'downgrade', 'limit output', 'cut', 'refuse', 'throttle'."""
    budget: str
    """Name of the rule that had no room."""
    unit: str
    """As it stands in files: 'USD', 'tokens', 'calls'."""
    limit: str
    """With what was granted on top of it."""
    spent: str
    held: str
    """By all calls in flight; of a cut answer, its own hold too."""
    left: str
    """Neither spent nor held."""
    reserve: str
    """The part of the limit that is kept for answers that have begun."""
    needed: str
    """What the call would have had to hold there; of a cut answer, in all."""
    before: str = ""
    """What was asked for, of 'downgrade' the model, of 'limit output' the output limit in tokens; else ''."""
    after: str = ""
    """What it was made to; of 'cut' '': the call's usage tells where."""
