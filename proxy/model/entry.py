"""Entries: the append-only facts of the data plane. Balances and reports are derived from them, never stored.

A call is *opened* before its first byte goes upstream, *extended* while a stream outgrows its hold, and *settled*
exactly once. A refused call is one *refused* entry. Every entry that closes a call carries the whole call, so that
one line is one row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from proxy.model.ask import Recorded
from proxy.model.call import Call, Hold
from proxy.model.fact import fact
from proxy.model.squeeze import Squeeze
from proxy.model.told import Told
from proxy.model.usage import Served, Usage


class Outcome(StrEnum):
    """How a settled call ended."""

    OK = "ok"
    PROVIDER_ERROR = "provider_error"
    """The provider answered with an error status, or a stream ended in an error event."""
    HANGUP = "hangup"
    """The client went away first."""
    CUT = "cut"
    """The provider's answer broke off."""
    UNREACHED = "unreached"
    """No connection was made: nothing was spent."""
    UNANSWERED = "unanswered"
    """Sent, and never answered: timeout or a connection closed before the first byte."""
    CAPPED = "capped"
    """Ended by outlay at a budget's cap."""
    CRASHED = "crashed"
    """The gateway stopped in the middle; settled at the last hold at its next start."""


@fact(frozen=True, slots=True)
class Timing:
    """Durations in microseconds from admission, monotonic. 0: never came to it."""

    upstream_us: int = 0
    """The last byte of the request had gone upstream, or the answer began."""
    first_byte_us: int = 0
    total_us: int = 0


@fact(frozen=True, slots=True)
class Cost:
    """What a usage costs. `by_kind` holds the kinds of `Usage` that cost anything, and sums to `total_pico`."""

    total_pico: int
    by_kind: Mapping[str, int]
    price_id: str
    """Which price made it; '' where none is known."""
    unpriced: bool = False
    """True: the model (or one kind of it) has no price, and the ceiling price stands in."""


@fact(frozen=True, slots=True)
class Opened:
    call: Call
    hold: Hold


@fact(frozen=True, slots=True)
class Extended:
    call_id: str
    at_us: int
    hold: Hold


@fact(frozen=True, slots=True)
class Settled:
    call: Call
    settled_us: int
    """Wall time, microseconds since the epoch, UTC."""
    outcome: Outcome
    status: int
    """HTTP status of the provider's answer; 0: there was none."""
    usage: Usage
    served: Served
    cost: Cost
    estimated: bool
    """True: the provider reported no usage, and it was counted from what passed or taken from the hold."""
    timing: Timing
    edits: tuple[str, ...] = ()
    """The named splices: what outlay changed in the bytes."""
    matched: tuple[str, ...] = ()
    """Names of the rules that applied."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What the answer said of the provider's ids (a batch submitted, a file uploaded, whose results a file holds), so
    that work which a provider reports later is known again."""
    shadow: tuple[str, ...] = ()
    """What rules in shadow mode would have done: 'RULE: refuse', 'RULE: downgrade', …"""
    ask: Recorded = field(default_factory=dict)
    """What was asked for, as rules weighed it (model.ask); empty of a call that a crash left open, and of lines older
    than this field."""
    found: Recorded = field(default_factory=dict)
    """What of it repeats earlier work (model.found); empty: nothing."""
    repeats: tuple[str, ...] = ()
    """Ids of the calls that it repeats."""
    squeezed: tuple[Squeeze, ...] = ()
    """What budgets did to it for want of room, in order."""


@dataclass(frozen=True, slots=True)
class Refused:
    call: Call
    status: int
    reason: str
    rule: str
    message: str
    matched: tuple[str, ...] = ()
    shadow: tuple[str, ...] = ()
    """As in Settled."""
    ask: Recorded = field(default_factory=dict)
    """As in Settled; empty of a call that was refused before it was weighed."""
    found: Recorded = field(default_factory=dict)
    """As in Settled, as `repeats`."""
    repeats: tuple[str, ...] = ()
    squeezed: tuple[Squeeze, ...] = ()
    """The budget that refused it; empty where none did."""


@dataclass(frozen=True, slots=True)
class Attributed:
    """Earlier calls that turned out to be part of a run of redundant ones, now that it is clear."""

    campaign: str
    waste_class: str
    at_us: int
    call_ids: tuple[str, ...]
    """At most a hundred; more calls take more lines."""


@dataclass(frozen=True, slots=True)
class Act:
    """An administrative act, in the ledger's own journal: a key made, another person's rows looked at."""

    id: str
    at_us: int
    actor: str
    kind: str
    """'rows_viewed', 'key_created', …"""
    subject: str
    """Whom or what it concerns: a person, a key id."""
    reason: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stated:
    """A part of the statement of a closed month (finance.statement), in the ledger's own journal.

    The act that closes the month comes behind the last part: parts of no act say nothing."""

    id: str
    """Of that act."""
    month: str
    part: int
    """From 0 on."""
    parts: int
    sha256: str
    """Of the whole text."""
    document: str
    """This part of the text."""


Entry = Opened | Extended | Settled | Refused | Attributed | Act | Told | Stated
