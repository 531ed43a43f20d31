"""P21: nothing is shown behind which fewer than so many persons stand, nor does it follow from all that is shown."""

from collections.abc import Iterator, Mapping
from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.outcomes.publishing import Published, published
from proxy.outcomes.settling import Field, Kin
from tests.fakes.spanning import fewest_behind
from tests.fakes.telling import DAY_US, START

FIELDS_MAX = 9
"""Of which each sum there could be is tried."""
NAMES = ("mail", "pay", "shop", "web")
Table = Mapping[Field, frozenset[str]]
ALONE: Kin = {name: {"team": name, "project": name, "tier": ""} for name in NAMES}
TIERED: Kin = {
    "mail": {"team": "A", "project": "", "tier": "gold"},
    "pay": {"team": "B", "project": "", "tier": "silver"},
    "shop": {"team": "C", "project": "", "tier": "gold"},
    "web": {"team": "C", "project": "", "tier": "silver"},
}

CROSSED: Kin = {
    name: {"team": team, "project": project, "tier": tier}
    for name, team, project, tier in (
        ("app", "A", "p", "gold"), ("mail", "B", "q", "silver"), ("pay", "A", "p", "silver"),
        ("shop", "B", "p", "gold"), ("web", "A", "q", "silver"), ("zoo", "A", "p", "silver"),
    )
}  # fmt: skip
"""Projects and tiers that tell of few persons only together."""


def week(number: int) -> int:
    """START is the Monday of 4 August: five weeks later it is September."""
    return START + number * 7 * DAY_US


def table(**persons: str) -> Table:
    """Of each service: its weeks' persons, a letter each, weeks parted by blanks."""
    return {
        (name, week(at)): frozenset(each)
        for name, weeks in persons.items()
        for at, each in enumerate(weeks.split(" "))
        if each
    }


@st.composite
def tables(draw: st.DrawFn) -> Table:
    weeks = draw(st.sampled_from([(0,), (0, 1), (0, 1, 2), (0, 1, 2, 3), (0, 5)]))
    fields = [*product(NAMES[: draw(st.integers(1, 4))], map(week, weeks))]
    few = st.frozensets(st.sampled_from("abcdefg"), max_size=6)
    of = dict(zip(fields, draw(st.lists(few, min_size=len(fields), max_size=len(fields))), strict=True))
    some = [field for field in fields if draw(st.integers(0, 4))]
    return {field: of[field] for field in some[:FIELDS_MAX]}


@st.composite
def kins(draw: st.DrawFn) -> Kin:
    value = st.sampled_from(["", "one", "two"])
    return {name: {each: draw(value) for each in ("team", "project", "tier")} for name in NAMES}


def sums_shown(found: Published, fields: list[Field]) -> Iterator[int]:
    """Of all there could be, whatever is asked for: fields as bits."""
    for asked in range(1, 1 << len(fields)):
        if found.shows(field for at, field in enumerate(fields) if asked >> at & 1):
            yield asked


@given(tables(), kins(), st.integers(2, 5))
@example(table(pay="a", shop="bcdefg bcdefg", web="hijkl mnopqr"), ALONE, 5)
@example(table(mail="abc", pay="defghi", shop="jklmn", web="opqrstu"), TIERED, 5)
@example(table(app="c d", mail="ac", pay="bcd", shop="ace b", web="b", zoo="bc b"), CROSSED, 3)
def test_whatever_follows_from_all_sums_that_are_shown_is_of_enough_persons(
    told: Table, kin: Kin, persons_min: int
) -> None:
    fields = sorted(told)
    shown = [*sums_shown(published(told, kin, persons_min), fields)]
    assert fewest_behind(shown, [told[field] for field in fields], persons_min) is None


@settings(max_examples=40)
@given(tables(), kins(), st.integers(2, 5))
def test_it_does_not_depend_on_the_order_in_which_it_is_told(told: Table, kin: Kin, persons_min: int) -> None:
    fields = sorted(told)
    other = published(dict(reversed(told.items())), dict(reversed(kin.items())), persons_min)
    assert [*sums_shown(published(told, kin, persons_min), fields)] == [*sums_shown(other, fields)]


@settings(max_examples=40)
@given(tables(), kins(), st.integers(2, 5))
def test_a_month_is_the_same_whatever_other_months_are_asked_for(told: Table, kin: Kin, persons_min: int) -> None:
    fields = [field for field in sorted(told) if field[1] < week(4)]
    alone = published({field: told[field] for field in fields}, kin, persons_min)
    assert [*sums_shown(alone, fields)] == [*sums_shown(published(told, kin, persons_min), fields)]


@settings(max_examples=40)
@given(tables(), kins())
def test_where_each_field_has_enough_everything_is_told(told: Table, kin: Kin) -> None:
    found = published({field: persons | frozenset("hijkl") for field, persons in told.items()}, kin, 5)
    for asked in range(1, 1 << len(told)):
        assert found.shows(field for at, field in enumerate(told) if asked >> at & 1)


def shown(found: Published, told: Table, *names: str, weeks: tuple[int, ...] = ()) -> bool:
    return found.shows(
        (name, at) for name, at in told if name in (names or NAMES) and (not weeks or at in map(week, weeks))
    )


def test_a_small_service_takes_another_of_its_team_with_it() -> None:
    told = table(pay="a", shop="bcdefg", mail="hijkl", web="mnopq")
    kin = ALONE | {name: ALONE[name] | {"team": "money"} for name in ("pay", "shop")}
    found = published(told, kin, 5)
    assert [name for name in NAMES if shown(found, told, name)] == ["mail", "web"]
    assert shown(found, told, "pay", "shop")
    assert shown(found, told)


def test_weeks_of_a_service_are_told_where_enough_worked_in_each() -> None:
    told = table(pay="abcde bcdef", shop="ghijk ghijk", mail="lmnop lmno")
    found = published(told, ALONE, 4)
    assert all(shown(found, told, name, weeks=(at,)) for name in ("pay", "shop", "mail") for at in (0, 1))
    found = published(told, ALONE, 5)
    assert [shown(found, told, name, weeks=(0,)) for name in ("mail", "pay", "shop")] == [False, True, False]
    # Mail's weeks follow from those of everything and of all others: so shop's are not told of.
    assert shown(found, told, weeks=(0,))
    assert all(shown(found, told, name) for name in ("pay", "shop", "mail"))


def test_weeks_of_everything_are_told_rather_than_those_of_its_parts() -> None:
    """Shop's weeks follow from those of everything and of pay: so pay's are not told of."""
    told = table(pay="abcde abcde", shop="fghij ghij")
    kin = {name: ALONE[name] | {"tier": name} for name in NAMES}
    found = published(told, kin, 4)
    assert shown(found, told, "pay", weeks=(1,))
    found = published(told, kin, 5)
    assert [shown(found, told, weeks=(at,)) for at in (0, 1)] == [True, True]
    assert not shown(found, told, "pay", weeks=(1,))
    assert shown(found, told, "pay")
    assert shown(found, told, "shop")


def test_tiers_that_blocks_cut_across_are_told_where_enough_work_in_several() -> None:
    """Each team is a block of two services, one of each tier, and its people work on both."""
    told = table(mail="abc", pay="abd", shop="efg", web="efh")
    kin: Kin = {
        name: {"team": "one" if name in ("mail", "pay") else "two", "project": "", "tier": tier}
        for name, tier in zip(NAMES, ("gold", "silver", "gold", "silver"), strict=True)
    }
    found = published(told, kin, 4)
    assert not shown(found, told, "mail")
    assert shown(found, told, "mail", "pay")
    assert shown(found, told, "mail", "shop")
    # Here gold less silver would be of few: of the first team's, and they are the same.
    told = table(mail="a", pay="abcd", shop="e", web="efgh")
    found = published(told, kin, 4)
    assert shown(found, told, "mail", "pay")
    assert not shown(found, told, "mail", "shop")


@pytest.mark.parametrize("persons", ["", "abcd"])
def test_too_few_of_all_are_told_of_nowhere_and_no_work_at_all_is(persons: str) -> None:
    told = {("pay", week(0)): frozenset(persons)}
    found = published(told, ALONE, 5)
    assert not shown(found, told)
    assert found.shows([])
    assert found.shows([("shop", week(0))])


def test_a_small_month_hides_the_sum_that_spans_it() -> None:
    told = {("pay", week(0)): frozenset("abcde"), ("pay", week(5)): frozenset("a")}
    found = published(told, ALONE, 5)
    assert shown(found, told, weeks=(0,))
    assert not shown(found, told)
