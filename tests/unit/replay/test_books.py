"""The accounts of a replay say what the gateway's counters say, to the last unit and in the right window."""

from types import SimpleNamespace

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.adapters.counters_memory import MemoryCounters
from proxy.model.call import Hold
from proxy.policy.charge import Account, Charge, Shortfall
from proxy.policy.rules import Budget, Scope, Unit, Window
from proxy.policy.windows import Windows
from proxy.ports.counters import Spent
from proxy.replay import books
from proxy.replay.accounts import Courses
from proxy.replay.turn import Turn

STEP_US = 600_000_000
_WINDOWS = st.sampled_from([Window("hour"), Window("day"), Window("total"), Window("rolling", length_s=3600)])


@st.composite
def budgets(draw):
    reserve = draw(st.integers(0, 3))
    said = draw(
        st.sampled_from([("enforce", "refuse"), ("enforce", "throttle"), ("enforce", "warn"), ("shadow", "refuse")])
    )
    unit, limit, cap = (
        draw(st.sampled_from(Unit)),
        draw(st.integers(reserve, 20)),
        draw(st.sampled_from(["cut", "finish"])),
    )
    mode, action = said
    return mode, unit, limit, draw(_WINDOWS), action, cap, reserve


def made(number, mode, unit, limit, window, action, cap, reserve):
    return Budget(
        f"b{number}", "b:1", Scope({}), mode, "", (), unit, limit, window, (), action, "", cap, reserve, False
    )


# Steps until the call is admitted, its hold, what it comes to, how many other calls come before its end.
_CALLS = st.tuples(st.integers(0, 5), st.integers(0, 6), st.integers(0, 9), st.integers(0, 4))


@settings(max_examples=100)
@given(st.lists(budgets(), min_size=1, max_size=3), st.lists(_CALLS, max_size=20))
def test_the_accounts_of_a_replay_say_what_the_counters_of_the_gateway_say(drawn, calls):
    rules = [made(number, *each) for number, each in enumerate(drawn)]
    windows, counters = Windows(), MemoryCounters(100)
    courses = [Courses(windows).of(rule, ()) for rule in rules]
    at_us, running = 0, []
    for number, (steps, held, spent, others) in enumerate(calls):
        at_us += steps * STEP_US
        for each in [each for each in running if each[0] <= number]:
            running.remove(each)
            assert _ended(each[1], each[2], counters, at_us)
        row = (1, at_us, at_us, spent, spent, held, held, 0, held, -1, 0, "")
        turn = Turn(number, row, SimpleNamespace(asking=[course.at(at_us) for course in courses]))
        charges = [Charge(Account(rule.name, (), windows.bounds(rule.window, at_us)[0]), rule) for rule in rules]
        call = SimpleNamespace(id=turn.id, opened_us=at_us)
        found, expected = books.reserve(turn), counters.reserve(call, turn.hold, charges)
        if isinstance(found, Shortfall):
            assert _said(found) == _said(expected)
        else:
            assert [rule.name for rule in found] == [short.charge.budget.name for short in expected.missed]
            running.append((number + 1 + others, turn, charges))
        for sums, charge in zip(turn.sums, charges, strict=True):
            sums.move_to(at_us)
            balance = counters.balance(charge, at_us)
            assert (sums.spent, sums.held) == (balance.spent, balance.held)


def _ended(turn, charges, counters, now_us):
    """It grows to what it comes to, where there is room; then it is settled. Whether both said the same."""
    turn.row = (*turn.row[:2], now_us, *turn.row[3:])
    for charge in charges:
        counters.balance(charge, now_us)
    hold = Hold(turn.spent.cost_pico + turn.hold.cost_pico, turn.spent.tokens + turn.hold.input_tokens, 0)
    found, expected = books.extend(turn, hold), counters.extend(turn.id, hold)
    books.settle(turn)
    counters.settle(turn.id, Spent(turn.spent.cost_pico, turn.spent.tokens))
    return _said(found) == _said(expected)


def _said(short):
    if short is None:
        return None
    return (short.charge, short.balance.spent, short.balance.held, short.needed, short.waiting_helps)
