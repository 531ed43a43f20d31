"""Facts: the calls of a replay as it goes through them, and what was spent before them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

BURST_US: Final = 60_500_000
"""Time that a rate limit looks back at most: a minute, and the slice that is under way."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What many calls have in common: all that decides which rules are for them."""

    dimensions: Mapping[str, str]
    """Of rules.DIMENSIONS and tags, those that some rule asks about; project, provider, model and dialect always."""
    stream: bool
    refused: bool
    """By a rule, then."""
    job: bool
    """Work that a provider did in the background and reported later: it is counted, and never asks for room."""
    free: bool
    unpriced: bool
    unlimitable: bool
    """Its operation has no output limit that one could lower."""
    moved: bool
    """A rule had put another model in the place of its own."""
    redundant: bool = False
    """Something was found of what it repeats."""


class Fact(NamedTuple):
    """One call."""

    kind: int
    opened_us: int
    settled_us: int
    cost_pico: int
    tokens: int
    hold_pico: int
    hold_input: int
    hold_output: int
    expected_tokens: int
    output_max: int
    """The output limit in the call; -1: it had none."""
    context_tokens: int
    details: str
    """As details.read takes it."""


Row = tuple[int, int, int, int, int, int, int, int, int, int, int, str]
"""The fields of a Fact, as a plain tuple since there are millions."""


class Before(NamedTuple):
    """What calls of one kind had spent in one bucket of time before the replay."""

    kind: int
    at_us: int
    """When the bucket begins."""
    cost_pico: int
    tokens: int
    calls: int
    refused_calls: int


class Sum(NamedTuple):
    """What the calls of one kind that were admitted in one slice of time came to."""

    kind: int
    slice: int
    """Its place among those asked for."""
    cost_pico: int
    tokens: int
    calls: int


class Surplus(NamedTuple):
    """How much more calls of one instance held than they came to; all at once, at most."""

    instance: tuple[str, ...]
    cost_pico: int
    tokens: int


class Burst(NamedTuple):
    """At most what calls of one instance do within BURST_US, wherever that begins."""

    instance: tuple[str, ...]
    requests: int
    tokens: int
    at_once: int
    """Calls that are in flight in it."""


class Facts(Protocol):
    @property
    def calls(self) -> int: ...

    def kinds(self) -> Mapping[int, Kind]: ...

    def before(self) -> Iterator[Before]:
        """In order of time, then of kinds."""
        ...

    def each(self) -> Iterator[Row]:
        """In order of admission."""
        ...

    def span(self) -> tuple[int, int]:
        """When the first and the last call were admitted; (0, 0) of none."""
        ...

    def sums(self, starts: Sequence[int]) -> Iterator[Sum]:
        """By slices that begin there (at quarters of an hour, ascending, the first one before all calls), in order."""
        ...

    def surplus(self, per: tuple[str, ...]) -> Iterator[Surplus]:
        """By the values of these dimensions: never less than what it is."""
        ...

    def bursts(self, per: tuple[str, ...]) -> Iterator[Burst]:
        """By the values of these dimensions: never less than what it is."""
        ...
