"""P21, through the report itself: however it is asked, and with all its answers taken together."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from random import Random

import pytest

from proxy.adapters.store_duckdb import DuckStore
from proxy.ledger.outcome_asked import OUTCOME_DIMENSIONS, outcomes_asked
from proxy.ledger.outcome_report import outcome_report
from proxy.ledger.people import OPERATOR
from proxy.model.service import Service, Services
from tests.fakes.spanning import fewest_behind
from tests.fakes.telling import DAY_US, START, a_service, at, services_of
from tests.flow.ledger_world import a_store

NOW_US = at(90)
MONTHS = ("2025-08", "2025-09", "2025-10")
Table = Mapping[tuple[str, int], str]
"""By service and week (of START): a letter for each person."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckStore]:
    with a_store(tmp_path_factory.mktemp("together")) as store:
        yield store


def fill(store: DuckStore, table: Table) -> None:
    """Each cell has a count of deployments that no sum of others has: a figure says of which cells it is."""
    with store.transaction() as change:
        change.execute("DELETE FROM outcome_weeks")
        for place, ((service, week), persons) in enumerate(sorted(table.items())):
            values = {
                "service": service,
                "week": START + week * 7 * DAY_US,
                "deployments": 1 << place,
                "persons": list(persons),
            }
            change.execute(
                "INSERT INTO outcome_weeks VALUES ($service, $week, $deployments, MAP {}, [], '0', '0', "
                "0, 0, 0, 0, 0, [], 0, 0, 0, 0, $persons, 0)",
                values,
            )


def figures(store: DuckStore, services: Services, questions: Iterable[list[tuple[str, str]]]) -> set[int]:
    """Cells, as bits, of each figure that anybody is shown."""
    found = set()
    for question in questions:
        asked = outcomes_asked(question, NOW_US)
        report = outcome_report(store, asked, services, OPERATOR, NOW_US, 60.0)
        found |= {row.delivered.deployments for row in (*report.rows, report.total) if row.delivered}
    return found - {0}


def questions(services: Iterable[Service], chance: Random | None = None) -> Iterator[list[tuple[str, str]]]:
    """By all dimensions, in each period; some of them narrowed to something."""
    names = sorted(each.name for each in services)
    values = {"service": names, "team": ["A", "B"], "tier": ["gold", "silver"], "project": ["p", "q"]}
    periods = [(MONTHS[0], MONTHS[1]), (MONTHS[1], MONTHS[2]), (MONTHS[0], MONTHS[2])]
    for size in range(3):
        for by in combinations(OUTCOME_DIMENSIONS, size):
            for since, until in periods if chance is None else [chance.choice(periods)]:
                question = [("by", ",".join(by)), ("since", since), ("until", until)]
                yield question
                if chance is not None:
                    name = chance.choice(sorted(values))
                    few = chance.sample(values[name], chance.randint(1, len(values[name]) - 1))
                    yield [*question, *((name, each) for each in few)]


def together(store: DuckStore, table: Table, services: Services, chance: Random | None = None) -> set[int]:
    fill(store, table)
    found = figures(store, services, questions(services.services.values(), chance))
    persons = [frozenset(table[cell]) for cell in sorted(table)]
    assert fewest_behind(found, persons, services.persons_min) is None
    return found


def cells(table: Table, *services: str) -> int:
    return sum(1 << place for place, (service, _) in enumerate(sorted(table)) if service in services)


def test_a_service_by_week_and_in_whole_tells_of_no_small_week(store: DuckStore) -> None:
    """By service alone all would be shown; by service and week s1 and the others' first would be withheld."""
    services = services_of(*(a_service(name, f"github.com/acme/{name}") for name in ("s1", "s2", "s3")))
    table = {("s1", 0): "a", ("s2", 0): "bcdefg", ("s2", 1): "bcdefg", ("s3", 0): "hijkl", ("s3", 1): "mnopqr"}
    shown = together(store, table, services)
    assert cells(table, "s1", "s2", "s3") in shown
    assert cells(table, "s1") not in shown


def test_services_teams_and_tiers_tell_of_no_small_service(store: DuckStore) -> None:
    of = {"s1": ("A", "gold"), "s2": ("B", "silver"), "s3": ("C", "gold"), "s4": ("C", "silver")}
    services = services_of(
        *(a_service(name, f"github.com/acme/{name}", owner=team, tier=tier) for name, (team, tier) in of.items())
    )
    table = {("s1", 0): "abc", ("s2", 0): "defghi", ("s3", 0): "jklmn", ("s4", 0): "opqrstu"}
    shown = together(store, table, services)
    # s1 goes with s3: their tier is told of, and so is the other, with its two services.
    assert {cells(table, "s1", "s3"), cells(table, "s2"), cells(table, "s4")} <= shown
    assert cells(table, "s3", "s4") not in shown


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_asked_all_answers_together_tell_of_nobody(store: DuckStore, seed: int) -> None:
    chance = Random(seed)
    many = [
        a_service(
            f"s{number}",
            f"github.com/acme/s{number}",
            owner=chance.choice(["A", "B"]),
            tier=chance.choice(["gold", "silver"]),
            projects=chance.choice([("p",), ("q",), ("p", "q")]),
        )
        for number in range(4)
    ]
    services = services_of(*many)
    part = chance.uniform(0.2, 0.7)
    table = {
        (each.name, week): "".join(letter for letter in "abcdefgh" if chance.random() < part)
        for each in many
        for week in (0, 1, 5)
    }
    shown = together(store, table, Services(services.services, services.sources, persons_min=3), chance)
    assert shown
