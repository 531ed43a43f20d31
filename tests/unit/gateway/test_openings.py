"""Sums of lines, and what is a fault and what is news."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.gateway import counters_snapshot
from proxy.gateway.counters_snapshot import Snapshot, SnapshotError
from proxy.gateway.openings import Correction, corrections, difference_pico, meaning, opened, spent_by
from proxy.model.entry import Cost
from proxy.policy.charge import Account
from proxy.policy.match import Matcher
from proxy.policy.rules import RuleSet, Scope, Unit, Window
from proxy.ports.balances import Known, Place, Standing, asked
from tests.fakes import facts
from tests.fakes.counters import a_budget

HOUR_US = 3_600_000_000
AT_US = facts.OPENED_US
ALL = Account("all", (), 0)


def settled(at_us, cost=7):
    return replace(facts.a_settled(opened_us=at_us), cost=Cost(cost, {"input_text": cost}, "x"))


def spent(lines, *budgets, at_us=AT_US):
    return spent_by(lines, Matcher(RuleSet(budgets=budgets)), [asked(each, at_us) for each in budgets])


def test_lines_of_windows_before_the_questions_do_not_count_and_those_of_later_ones_do():
    budget = a_budget("all", 1, window=Window("hour"))
    start = AT_US // HOUR_US * HOUR_US
    lines = [settled(start - 1), settled(start), settled(start + HOUR_US - 1, 9), settled(start + HOUR_US, 20)]
    assert spent(lines, budget) == {Account("all", (), start): 16, Account("all", (), start + HOUR_US): 20}


def test_a_rolling_window_opens_bucket_by_bucket():
    budget = a_budget("all", 1, window=Window("rolling", length_s=60))
    second = 1_000_000
    lines = [settled(AT_US - 61 * second), settled(AT_US - 59 * second), settled(AT_US, 3), settled(AT_US + 1, 4)]
    found = spent(lines, budget)
    assert found == {Account("all", (), AT_US - 59 * second): 7, Account("all", (), AT_US): 7}
    assert asked(budget, AT_US).since_us == AT_US - 60 * second


def test_a_refused_call_counts_where_refused_ones_do_and_rules_had_been_asked():
    counting = a_budget("all", 1, unit=Unit.CALLS, count_refused=True, window=Window("total"))
    asked_rules = replace(facts.a_refused(), matched=("all",))
    assert spent([asked_rules, facts.a_refused()], counting) == {ALL: 1}
    assert spent([asked_rules], replace(counting, count_refused=False)) == {}


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"limit": 5}, True),
        ({"mode": "shadow", "warn_at": (50,), "action": "warn", "contact": "x", "where": "y", "reserve": 3}, True),
        ({"scope": Scope({"team": ("payments",)})}, False),
        ({"per": ("user",)}, False),
        ({"unit": Unit.TOKENS}, False),
        ({"window": Window("month", "Europe/Berlin")}, False),
        ({"count_refused": True}, False),
        ({"name": "other"}, False),
    ],
)
def test_a_budget_counts_the_same_as_long_as_its_facts_do(change, same):
    budget = a_budget("all", 1)
    assert (meaning(replace(budget, **change)) == meaning(budget)) is same


amounts = st.dictionaries(st.integers(0, 5).map(lambda n: Account("all", (), n)), st.integers(0, 2**70))


@given(own=amounts, others=amounts, later_others=amounts, uncounted=amounts, wrong=amounts)
def test_news_of_others_is_no_fault_and_every_fault_is_found(own, others, later_others, uncounted, wrong):
    """Counters that hold all that is theirs, what others had spent, and a fault."""

    def of(sums, account):
        return sums.get(account, 0)

    accounts = {*own, *others, *later_others, *uncounted, *wrong}
    known = Known(
        {each: Standing(of(own, each) + of(later_others, each), of(own, each)) for each in accounts}, loaded={}
    )
    counted = {each: of(own, each) + of(uncounted, each) + of(others, each) + of(wrong, each) for each in accounts}
    found = {each.account: each for each in corrections(known, uncounted, counted, others)}
    right = opened(known, uncounted)
    for account in accounts:
        correction = found.get(account, Correction(account, 0, 0))
        assert of(counted, account) + correction.delta == right[account]
        assert correction.fault == -of(wrong, account)
    assert difference_pico(found.values(), [a_budget("all", 1)]) == sum(wrong.values())
    assert difference_pico(found.values(), [a_budget("all", 1, unit=Unit.TOKENS)]) == 0


@given(
    place=st.tuples(st.integers(0, 2**40), st.integers(0, 2**40), st.integers(0, 2**60)),
    accounts=st.dictionaries(
        st.builds(Account, st.text(), st.lists(st.text(), max_size=3).map(tuple), st.integers(0, 2**60)),
        st.builds(Standing, st.integers(0, 2**80), st.integers(-(2**80), 2**80)),
        max_size=5,
    ),
)
def test_a_snapshot_is_read_as_it_was_written(place, accounts):
    budgets = (a_budget("all", 1), a_budget("Ünï", 1, scope=Scope({"tags.x": ("a*",), "team": ("b",)}), per=("user",)))
    snapshot = Snapshot(Place(*place), frozenset(map(meaning, budgets)), accounts)
    assert counters_snapshot.decode(counters_snapshot.encode(snapshot)) == snapshot


@given(st.binary(max_size=60))
def test_what_is_no_snapshot_is_said_to_be_none(data):
    with pytest.raises(SnapshotError):
        counters_snapshot.decode(data)
