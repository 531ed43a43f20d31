"""What grants add to a budget, and when."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.grants import NO_GRANTS, Grant, Grants
from proxy.policy.rules import Budget, Scope, Unit, Window

BUDGET = Budget(
    name="month",
    where="budgets.yaml:2",
    scope=Scope(),
    mode="enforce",
    contact="",
    per=("user",),
    unit=Unit.USD,
    limit=100,
    window=Window("month"),
    warn_at=(),
    action="refuse",
    downgrade_to="",
    on_cap="cut",
    reserve=0,
    count_refused=False,
)
GRANT = Grant("gr_1", "month", ("alice",), Unit.USD, 50, 10, 20)


def test_a_grant_counts_from_its_begin_until_its_end() -> None:
    grants = Grants([GRANT])
    assert [grants.granted(BUDGET, ("alice",), at_us) for at_us in (9, 10, 19, 20)] == [0, 50, 50, 0]


def test_it_is_for_its_budget_and_its_instance() -> None:
    grants = Grants([GRANT])
    assert grants.granted(BUDGET, ("bob",), 15) == 0
    assert grants.granted(replace(BUDGET, name="year"), ("alice",), 15) == 0


def test_a_budget_whose_unit_has_changed_gets_nothing() -> None:
    assert Grants([GRANT]).granted(replace(BUDGET, unit=Unit.TOKENS), ("alice",), 15) == 0


def test_a_limit_of_zero_stays_zero() -> None:
    assert Grants([GRANT]).granted(replace(BUDGET, limit=0), ("alice",), 15) == 0


def test_nothing_granted_adds_nothing() -> None:
    assert NO_GRANTS.granted(BUDGET, ("alice",), 15) == 0
    assert len(NO_GRANTS) == 0


@given(st.lists(st.tuples(st.integers(1, 100), st.integers(0, 30), st.integers(0, 30)), max_size=8), st.integers(0, 30))
def test_grants_that_run_at_once_add_up(spans: list[tuple[int, int, int]], at_us: int) -> None:
    grants = [replace(GRANT, id=f"gr_{n}", amount=a, since_us=s, until_us=u) for n, (a, s, u) in enumerate(spans)]
    expected = sum(amount for amount, since, until in spans if since <= at_us < until)
    assert Grants(grants).granted(BUDGET, ("alice",), at_us) == expected
