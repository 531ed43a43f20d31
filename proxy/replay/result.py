"""Result: what a replay found, by rule, project and day. The same policies over the same facts give the same result."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Group:
    """Which calls one count is of."""

    rule: str
    project: str
    day: str
    """UTC, 'YYYY-MM-DD', by admission."""
    did: str
    """'refuse', 'justify' (asked to), 'downgrade', 'limit output', 'throttle', 'wait', 'cut', 'warn'; in shadow mode
    'shadow: refuse' and the like."""


@dataclass(frozen=True, slots=True)
class Count:
    calls: int
    cost_pico: int
    """What these calls cost as they are on record; of calls that were refused then, what they were expected to cost."""
    saved_pico: int
    """How much less is spent on them than without any rule: all of a refused call, the difference of a downgraded one.
    What several rules do to one call adds up to the whole; of a call that isn't let in, what keeps it out has all."""
    estimated_calls: int
    """Of these, calls of which no usage is on record, because they were refused then."""


@dataclass(frozen=True, slots=True)
class Result:
    version: str
    """Of the policies."""
    calls: int
    """Replayed: on record in the time asked for, those that were refused then among them."""
    cost_pico: int
    """What these calls cost as they are on record."""
    refused: int
    """Calls that these policies refuse, each once however many rules are against it."""
    refused_pico: int
    passed_again: int
    """Calls that were refused by a rule then, and that these policies let pass."""
    passed_again_pico: int
    """Expected cost of those."""
    counts: dict[Group, Count]
    """In order of the groups."""
    refused_then: int = 0
    """Of `calls`, those that a rule refused then."""
    unruled_pico: int = 0
    """What they would come to without any rule: as recorded, at the model asked for; as expected if refused then."""
    spent_pico: int = 0
    """What they come to under these policies: `unruled_pico` less what is saved on those that rules change or keep out
    (shadow mode changes nothing), to the pico-dollar."""
