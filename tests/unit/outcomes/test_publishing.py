"""P21: nothing is shown behind which fewer than so many persons stand, nor can it be had by subtraction."""

from collections.abc import Iterable, Sequence
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from proxy.outcomes.publishing import Figure, shown, together, withheld

DIMENSIONS = ("service", "team", "week")
TEAM = {"pay": "money", "shop": "money", "mail": "post", "web": "post"}


def figure(service: str, week: str, persons: Iterable[str], month: str = "2026-01") -> Figure:
    return Figure({"service": service, "team": TEAM[service], "week": week}, {month: frozenset(persons)})


@st.composite
def tables(draw: st.DrawFn) -> list[Figure]:
    """The finest: by service and week; some weeks are empty."""
    found = []
    for service in sorted(TEAM):
        for week in range(draw(st.integers(0, 4))):
            persons = draw(st.frozensets(st.sampled_from("abcdefghij"), max_size=8))
            found.append(figure(service, f"w{week}", persons, f"m{week // 2}"))
    return found


def summed(table: Sequence[Figure], by: Sequence[str], also: Sequence[str] = ()) -> list[Figure]:
    """A coarser table. `also`: what follows from `by`."""
    groups: dict[tuple[str, ...], list[Figure]] = {}
    for each in table:
        groups.setdefault(tuple(each.keys[name] for name in by), []).append(each)
    return [Figure({name: group[0].keys[name] for name in (*by, *also)}, together(group)) for group in groups.values()]


@given(tables(), st.integers(2, 5))
def test_every_row_shown_has_enough_persons_in_each_month(table: list[Figure], persons_min: int) -> None:
    hidden = withheld(table, DIMENSIONS, persons_min)
    for number, each in enumerate(table):
        assert number in hidden or shown(each.persons, persons_min)


@given(tables(), st.integers(2, 5))
def test_what_is_left_of_any_sum_after_the_rows_shown_has_enough_persons_or_is_all_of_it(
    table: list[Figure], persons_min: int
) -> None:
    hidden = withheld(table, DIMENSIONS, persons_min)
    for size in range(len(DIMENSIONS)):
        for by in combinations(DIMENSIONS, size):
            for value in {tuple(each.keys[name] for name in by) for each in table}:
                group = [n for n, each in enumerate(table) if tuple(each.keys[name] for name in by) == value]
                rest = together(table[n] for n in group if n in hidden)
                # Of a month with nothing visible the sum itself has too few, and is shown nowhere.
                visible = {month for n in group if n not in hidden for month in table[n].persons}
                assert all(len(persons) >= persons_min for month, persons in rest.items() if month in visible)


@given(tables(), st.integers(2, 5))
def test_a_team_less_its_services_shown_elsewhere_tells_of_enough(table: list[Figure], persons_min: int) -> None:
    """By team and by service are two reports: what follows from a dimension is guarded with it."""
    services = summed(table, ["service"], ["team"])
    hidden = withheld(services, ("service", "team"), persons_min)
    for team in summed(table, ["team"]):
        if not shown(team.persons, persons_min):
            continue
        own = [n for n, each in enumerate(services) if each.keys["team"] == team.keys["team"]]
        rest = together(services[n] for n in own if n in hidden)
        assert shown(rest, persons_min) or all(n in hidden for n in own if services[n].persons)


def test_a_small_row_takes_another_with_it() -> None:
    small, large, larger = frozenset("a"), frozenset("bcdef"), frozenset("ghijkl")
    table = [figure("pay", "w1", small), figure("shop", "w1", large), figure("mail", "w1", larger)]
    assert withheld(table, DIMENSIONS, 5) == {0, 1}


def test_what_two_periods_show_does_not_tell_of_the_month_between() -> None:
    """In January web is the smallest beside shop, over both months mail is: January settles for itself."""
    january = [("pay", "abcdefg"), ("shop", "a"), ("mail", "hijklm"), ("web", "nopqr")]
    february = [("pay", "abcde"), ("shop", "abcdef"), ("mail", "hijkl"), ("web", "nopqrstuvwxyz")]
    months = {"2026-01": dict(january), "2026-02": dict(february)}

    def hidden(*asked: str) -> set[str]:
        table = [Figure({"service": name}, {month: frozenset(months[month][name]) for month in asked}) for name in TEAM]
        return {table[number].keys["service"] for number in withheld(table, ("service",), 5)}

    assert hidden("2026-01") == {"shop", "web"}
    assert hidden("2026-02") == set()
    assert hidden("2026-01", "2026-02") == {"shop", "web"}


@given(tables(), st.integers(2, 5))
def test_a_period_withholds_what_any_of_its_months_does(table: list[Figure], persons_min: int) -> None:
    by_service = summed(table, ["service"])
    whole = withheld(by_service, ("service",), persons_min)
    of_months = set()
    for month in {month for each in by_service for month in each.persons}:
        numbers = [number for number, each in enumerate(by_service) if month in each.persons]
        alone = [Figure(by_service[number].keys, {month: by_service[number].persons[month]}) for number in numbers]
        of_months |= {numbers[at] for at in withheld(alone, ("service",), persons_min)}
    assert whole == of_months


def test_a_small_month_hides_the_row_that_spans_it() -> None:
    row = Figure({"service": "pay"}, {"2026-01": frozenset("abcde"), "2026-02": frozenset("a")})
    assert withheld([row], ("service",), 5) == {0}
    assert withheld([row], ("service",), 1) == frozenset()


def test_work_of_nobody_known_is_withheld_and_no_work_at_all_is_not() -> None:
    assert withheld([figure("pay", "w1", ()), Figure({"service": "shop", "team": "money", "week": "w1"})],
                    DIMENSIONS, 3) == {0}  # fmt: skip
