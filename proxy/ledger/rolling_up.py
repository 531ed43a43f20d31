"""Rolling up: old calls become sums, an hour of them at a time, in one transaction that changes no figure.

What the sums of calls and of rolled calls say together is compared before and after, kind by kind, to the last unit;
where anything differed, nothing would be dropped.
"""

from dataclasses import dataclass
from typing import Final

from proxy.ledger.marking import unmark
from proxy.ledger.periods import SLOT_US
from proxy.ledger.statements import statement
from proxy.ports.store import Parameters, RejectedRowsError, Row, Store, StoreError, Transaction

HOUR_US: Final = 3_600_000_000
_FIRST: Final = "SELECT min(opened_us) FROM calls WHERE opened_us < $before_us"
_LATER: Final = """
SELECT count(*) FROM calls WHERE opened_us >= $since_us AND opened_us < $until_us AND settled_us >= $backed_up_us
"""
_UNATTRIBUTED: Final = """
SELECT count(*) FROM calls
WHERE opened_us >= $since_us AND opened_us < $until_us AND load > (SELECT max(load) FROM outcome_state)
"""
"""Of which outcomes know nothing yet, where there are any: first what they cost is put on the work it went into."""
_DROP: Final = "DELETE FROM calls WHERE opened_us >= $since_us AND opened_us < $until_us"
_FORGET: Final = "DELETE FROM attributions WHERE at_us < $until_us"
_RECORD: Final = """
INSERT INTO retained SELECT $at_us, greatest($until_us, coalesce(max(raw_from_us), 0)), $calls, $cost FROM retained
"""
_COST_AT: Final = 17
"""Where cost_pico stands among the sums, behind two counts and the kinds of usage."""


@dataclass(frozen=True, slots=True)
class Rolled:
    """One step: the calls of an hour."""

    until_us: int
    calls: int
    cost_pico: int


def roll_up(store: Store, before_us: int, now_us: int, backed_up_us: int | None = None) -> Rolled | None:
    """Roll up the first hour that has calls admitted before `before_us`; None: there is none left, or one of its calls
    ended after `backed_up_us` and waits for a backup, or came after outcomes were made last. Raises StoreError;
    nothing is changed then."""
    before_us -= before_us % HOUR_US
    try:
        with store.transaction() as change:
            ((first_us,),) = change.execute(_FIRST, {"before_us": before_us})
            if first_us is None:
                return None
            since_us = first_us - first_us % HOUR_US
            span = {"since_us": since_us, "until_us": since_us + HOUR_US}
            if backed_up_us is not None and change.execute(_LATER, {**span, "backed_up_us": backed_up_us})[0][0]:
                return None
            if change.execute(_UNATTRIBUTED, span)[0][0]:
                return None
            return _step(change, span, now_us)
    except RejectedRowsError as error:
        raise StoreError(f"the calls of an hour can't be summed ({error})") from None


def _step(change: Transaction, span: Parameters, now_us: int) -> Rolled:
    calls, before = _sums(change, "calls", span), _sums(change, "calls_rolled", span)
    change.execute(statement("roll_up"), {**span, "slot_us": SLOT_US})
    after = _sums(change, "calls_rolled", span)
    if [one + two for one, two in zip(calls, before, strict=True)] != list(after):
        raise StoreError("the sums of calls are not those of the calls: nothing is dropped. This is a fault of outlay")
    change.execute(_DROP, span)
    until_us = int(str(span["until_us"]))
    change.execute(_FORGET, {"until_us": until_us})
    unmark(change, int(str(span["since_us"])), until_us)
    rolled = Rolled(until_us, int(calls[0]), int(calls[_COST_AT]))
    change.execute(_RECORD, {"at_us": now_us, "until_us": until_us, "calls": rolled.calls, "cost": rolled.cost_pico})
    return rolled


def _sums(change: Transaction, table: str, span: Parameters) -> Row:
    many = "1" if table == "calls" else "calls"
    (row,) = change.execute(statement("rolled_sums").replace("/*table*/", table).replace("/*calls*/", many), span)
    return row
