"""Marking: calls that repeat earlier work stand once more beside all calls, in the transactions that say so of them.

Reports of waste read these rows and sums, and not every call. Marked is what could count as anything; what it counts
as is for the report to say, by what was known at its time.
"""

from typing import Final

from proxy.ledger.calls import OPENED_WITHIN_US
from proxy.ledger.statements import statement
from proxy.ports.store import Parameters, Transaction

_EVER_US: Final = 2**62
_EARLY: Final = "SELECT id FROM named_early"
_FOUND: Final = """
calls.load = $load AND (
    found.action <> '' OR found.exempted <> '' OR found.flagged = 1 OR id IN (SELECT id FROM named_early)
)
"""
_NAMED: Final = """
word.call_id IS NOT NULL AND opened_us >= $first_us AND opened_us <= $last_us
AND id NOT IN (SELECT id FROM marked WHERE opened_us >= $first_us AND opened_us <= $last_us)
"""
_COME: Final = "DELETE FROM named_early WHERE id IN (SELECT id FROM marked WHERE load = $load)"
_DROP: Final = "DELETE FROM marked WHERE opened_us >= $since_us AND opened_us < $until_us"
_FORGET: Final = "DELETE FROM named_apart WHERE at_us < $until_us"
_GONE: Final = "DELETE FROM named_early WHERE id NOT IN (SELECT call_id FROM named_apart)"


def mark_brought(change: Transaction, load: int, *, found: bool) -> None:
    """Of the calls that this load has brought. `found`: something may have been found of one."""
    early = change.execute(_EARLY)
    if found or early:
        _mark(change, _FOUND, {"load": load})
    if early:
        change.execute(_COME, {"load": load})


def mark_named(change: Transaction, load: int) -> None:
    """The calls that this load has named. Those that aren't on record yet are marked when they come. What is said of a
    call stands with it from its first word on, and is never changed: a report that began before must not see more."""
    known = {"ever_us": _EVER_US, "within_us": OPENED_WITHIN_US}
    ((first_us, last_us),) = change.execute(statement("named_span"), {**known, "load": load})
    span = {"load": load, "first_us": first_us, "last_us": last_us}
    _mark(change, _NAMED, span)
    change.execute(statement("name_apart"), span)
    change.execute(statement("name_early"), span)


def unmark(change: Transaction, since_us: int, until_us: int) -> None:
    """The calls admitted in this time are dropped, and what was said of any before its end."""
    change.execute(_DROP, {"since_us": since_us, "until_us": until_us})
    change.execute(_FORGET, {"until_us": until_us})
    change.execute(_GONE)


def _mark(change: Transaction, which: str, values: Parameters) -> None:
    change.execute(statement("mark").replace("/*which*/", which), values)
