"""The waste report on a real database: each call counts once, money is conserved, and nobody is singled out unseen."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.adapters.store_duckdb import DuckStore
from proxy.ledger.dimensions import WASTE_DIMENSIONS
from proxy.ledger.people import OPERATOR, OTHER_PEOPLE, Directory, ReasonNeededError, Viewer
from proxy.ledger.selection import ParameterError, selection
from proxy.ledger.spend import spend
from proxy.ledger.waste import WASTE_FIGURES, WasteFigures, WasteReport, waste
from proxy.ledger.waste_asked import waste_asked
from proxy.model.calendar import microseconds
from proxy.model.entry import Attributed, Refused, Settled
from proxy.model.identity import OwnerKind, Role
from proxy.model.usage import Usage
from proxy.model.waste import WASTE_CLASSES
from tests.fakes import facts
from tests.flow.ledger_world import a_store, load, spent

PERSON, SERVICE = OwnerKind.PERSON, OwnerKind.SERVICE
FINANCE = Viewer("alice", PERSON, Role.FINANCE)
BOB = Viewer("bob", PERSON, Role.DEVELOPER)
DIRECTORY = Directory(persons=frozenset({"alice", "bob"}), key_persons={"k_alice": "alice", "k_bob": "bob"})
START_US = microseconds(datetime(2026, 3, 27, tzinfo=UTC))
NOW_US = microseconds(datetime(2026, 4, 2, tzinfo=UTC))
DAY_US = 86_400_000_000
WHOLE = {"since": "2026-03-20", "until": "2026-04-10"}
Call = Settled | Refused


def found(dice: random.Random) -> dict[str, Any]:
    """What may stand on a line, odd pairs included."""
    told = {
        "class": dice.choice([*WASTE_CLASSES, ""]),
        "score": dice.randrange(9000),
        "flagged": dice.choice([0, 1]),
        "campaign": dice.choice(["", "c-1", "c-2", "c-3"]),
        "exempted": dice.choice(["", "", "", "retry", "polling", "justified", "evaluation"]),
        "action": dice.choice(["", "", "warned", "served", "coalesced"]),
        "saved_pico": dice.choice([0, dice.randrange(10**9)]),
        "age_us": dice.randrange(10**6),
    }
    return {name: value for name, value in told.items() if value}


def made_up() -> tuple[list[Call], list[Attributed]]:
    dice = random.Random(11)
    calls: list[Call] = []
    for number in range(300):
        owner, kind = dice.choice([("alice", "person"), ("bob", "person"), ("robot", "service")])
        call = facts.a_call(
            f"call_{number}",
            opened_us=START_US + number * 1_000_000_000 + dice.randrange(10**9),
            owner=owner,
            owner_kind=kind,
            key_id=f"k_{owner}",
            session=f"s-{owner}",
            agent=dice.choice(["", f"a-{owner}"]),
            model=dice.choice(["m-1", "m-2"]),
            project=dice.choice(["checkout", "search"]),
            team=dice.choice(["payments", ""]),
            tags=dice.choice([{}, {"env": "prod"}]),
        )
        repeats = tuple(f"call_{dice.randrange(max(1, number))}" for _ in range(dice.randrange(4)))
        told = {"found": found(dice), "repeats": repeats} if dice.random() < 0.5 else {}
        if dice.random() < 0.15:
            if told:
                told["found"]["action"] = dice.choice(["refused", "justify", "throttled"])
            calls.append(replace(facts.a_refused(), call=call, **told))
        else:
            paid = spent(call.id, Usage(input_text=dice.randrange(10**6)), opened_us=call.opened_us)
            calls.append(replace(paid, call=call, **told))
    later = [
        Attributed(
            f"c-{dice.randrange(1, 6)}",
            dice.choice(WASTE_CLASSES),
            calls[-1].call.opened_us + at,
            tuple({dice.choice(calls).call.id for _ in range(12)}),
        )
        for at in range(8)
    ]
    return calls, later


CALLS, LATER = made_up()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckStore]:
    with a_store(Path(tmp_path_factory.mktemp("waste"))) as store:
        load(store, [*CALLS, *LATER])
        yield store


def report(store: DuckStore, by: str = "", viewer: Viewer = FINANCE, **parameters: Any) -> WasteReport:
    pairs = [("by", by)] if by else []
    for name, value in {**WHOLE, **parameters}.items():
        pairs += [(name, each) for each in (value if isinstance(value, list) else [value])]
    return waste(store, waste_asked(pairs, {}, NOW_US), viewer, DIRECTORY, 60)


def fate(entry: Call, later: Sequence[Attributed] = LATER) -> str:
    told = entry.found
    if isinstance(entry, Refused):
        return "refused" if told.get("action") in ("refused", "justify", "throttled") else ""
    if told.get("action") in ("served", "coalesced"):
        return str(told["action"])
    if told.get("exempted") == "justified":
        return "exempted"
    if told.get("flagged"):
        return "redundant"
    if any(entry.call.id in each.call_ids for each in later):
        return "attributed"
    return "exempted" if told.get("exempted") else ""


COST = {entry.call.id: entry.cost.total_pico for entry in CALLS if isinstance(entry, Settled)}


def saved(entry: Call) -> int:
    """As recorded, else the cost of the newest answered call that it repeats."""
    if entry.found.get("action") == "throttled":
        return 0
    said = int(entry.found.get("saved_pico", 0))
    if said or isinstance(entry, Settled):
        return said
    return next((COST[id_] for id_ in reversed(entry.repeats) if COST.get(id_)), 0)


def expected(calls: Sequence[Call]) -> WasteFigures:
    figures = dict.fromkeys(WASTE_FIGURES, 0)
    for entry in calls:
        which = fate(entry)
        cost = COST.get(entry.call.id, 0)
        figures["calls"] += isinstance(entry, Settled)
        figures["cost_pico"] += cost
        for name in (which, *(("redundant",) if which == "attributed" else ())):
            if name:
                figures[f"{name}_calls"] += 1
                money = "cost_pico" if name in ("redundant", "attributed", "exempted") else "saved_pico"
                figures[f"{name}_{money}"] += cost if money == "cost_pico" else saved(entry)
    return WasteFigures(**figures)


TOTAL = expected(CALLS)


def test_the_total_is_what_the_lines_say_call_by_call(store: DuckStore) -> None:
    assert all(getattr(TOTAL, name) for name in WASTE_FIGURES)
    assert report(store).total == TOTAL


NAMES = st.sampled_from([*WASTE_DIMENSIONS, "tags.env"])
VIEWERS = st.sampled_from([FINANCE, OPERATOR, Viewer("robot", SERVICE, Role.ADMIN)])


@settings(max_examples=80)
@given(
    st.lists(NAMES, max_size=4, unique=True),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"]),
    st.sampled_from([{}, {"reason": "a look"}]),
    VIEWERS,
)
def test_rows_sum_to_the_total_by_any_partition(
    store: DuckStore, by: list[str], zone: str, reason: dict[str, str], viewer: Viewer
) -> None:
    made = report(store, ",".join(by), viewer, tz=zone, **reason)
    sums = WasteFigures(*(sum(getattr(row.figures, name) for row in made.rows) for name in WASTE_FIGURES))
    assert made.total == sums == TOTAL
    assert len({row.values for row in made.rows}) == len(made.rows)


FILTERS = {
    "class": ["", "exact_repeat", "tool_loop"],
    "project": ["checkout", "none"],
    "exemption": ["", "retry"],
    "action": ["", "warned"],
    "owner_kind": ["person", "service"],
    "tags.env": ["", "prod"],
}


@settings(max_examples=60)
@given(
    st.sampled_from(sorted(FILTERS)),
    st.lists(st.sampled_from([name for name in WASTE_DIMENSIONS if name not in FILTERS]), max_size=2, unique=True),
    st.data(),
)
def test_redundant_and_not_sum_to_the_spend_of_the_same_calls(
    store: DuckStore, name: str, by: list[str], data: st.DataObject
) -> None:
    values = data.draw(st.lists(st.sampled_from(FILTERS[name]), min_size=1, unique=True))
    made = report(store, ",".join(by), OPERATOR, **{name: values})
    for row in (made.total, *(row.figures for row in made.rows)):
        assert row.redundant_cost_pico + row.other_cost_pico == row.cost_pico
        assert row.redundant_cost_pico + row.exempted_cost_pico <= row.cost_pico
    if name in ("project", "owner_kind", "tags.env"):
        pairs = [*WHOLE.items(), *((name, value) for value in values)]
        spending = spend(store, selection(pairs, {}, NOW_US), OPERATOR, DIRECTORY, 60)
        assert (made.total.cost_pico, made.total.calls) == (spending.total.cost_pico, spending.total.calls)


def test_filters_by_every_value_of_a_dimension_cover_each_call_once(store: DuckStore) -> None:
    for name in ("class", "action", "exemption", "campaign"):
        values = [row.values[0] for row in report(store, name, OPERATOR, reason="x").rows]
        parts = [report(store, "", OPERATOR, reason="x", **{name: value}).total for value in values]
        assert WasteFigures(*(sum(getattr(each, figure) for each in parts) for figure in WASTE_FIGURES)) == TOTAL


def waste_class(entry: Call) -> str:
    """What stands on its line; else the most certain kind that it was named for."""
    if fate(entry) != "attributed":
        return str(entry.found.get("class", "")) if fate(entry) else ""
    named = {each.waste_class for each in LATER if entry.call.id in each.call_ids}
    return next(kind for kind in WASTE_CLASSES if kind in named)


def test_a_class_is_what_was_found_then_or_the_most_certain_word_later(store: DuckStore) -> None:
    for kind in ("", *WASTE_CLASSES):
        assert report(store, **{"class": kind}).total == expected([each for each in CALLS if waste_class(each) == kind])


# --- what became known later


def one_run(later_us: int) -> list[Any]:
    """Six calls of one run: the last two were flagged, the others named when it was clear."""
    ids = [f"call_{number}" for number in range(6)]
    run = [spent(id_, opened_us=START_US + at, session="s") for at, id_ in enumerate(ids)]
    for at in (4, 5):
        told = {"class": "exact_repeat", "score": 4000, "flagged": 1, "campaign": ids[0]}
        run[at] = replace(run[at], found=told, repeats=tuple(ids[:at]))
    return [*run, Attributed(ids[0], "exact_repeat", later_us, tuple(ids[1:4]))]


def test_calls_named_backwards_count_from_then_on_and_the_spend_never_changes(tmp_path: Path) -> None:
    *run, named = one_run(START_US + DAY_US)
    with a_store(tmp_path) as store:
        load(store, run)
        before = report(store, "class,day")
        load(store, [named], "m")
        after = report(store, "class,day")
        assert (before.total.redundant_calls, after.total.redundant_calls) == (2, 5)
        assert (after.total.attributed_calls, after.total.cost_pico) == (3, before.total.cost_pico)
        # Figures as they were known at a time are the same whenever they are asked for.
        assert report(store, "class,day", as_of="2026-03-27T12:00").rows == before.rows
        assert report(store, "class,day", as_of="2026-03-28T00:01").rows == after.rows


def test_what_ended_later_was_not_known_either(tmp_path: Path) -> None:
    late = replace(spent("call_9", opened_us=START_US), settled_us=START_US + 3 * DAY_US)
    with a_store(tmp_path) as store:
        load(store, [*one_run(START_US), late])
        assert report(store, as_of="2026-03-28").total.calls == 6
        assert report(store).total.calls == 7


def test_a_call_named_twice_counts_once(tmp_path: Path) -> None:
    entries = one_run(START_US)
    with a_store(tmp_path) as store:
        load(store, entries)
        once = report(store).total
        again = [
            replace(entries[-1], campaign="c-7", at_us=START_US + 7),
            replace(entries[-1], campaign="c-9", waste_class="tool_loop", at_us=START_US + 9),
        ]
        load(store, again, "m")
        twice = report(store, "class,campaign", reason="x")
        assert twice.total == once
        # The more certain kind, and of that the later word; what stood on a line stays.
        assert {row.values: row.figures.redundant_calls for row in twice.rows} == {
            ("exact_repeat", "call_0"): 2,
            ("exact_repeat", "c-7"): 3,
            ("", ""): 0,
        }


# --- campaigns


def test_a_run_has_its_calls_its_money_and_its_time(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        load(store, one_run(START_US + DAY_US))
        [run] = report(store, examples="2").campaigns
        assert (run.campaign, run.waste_class, run.runs, run.calls) == ("call_0", "exact_repeat", 1, 5)
        assert (run.first_us, run.last_us) == (START_US + 1, START_US + 5)
        assert (run.cost_pico, run.project, run.session) == (5 * 110 * 1_000_003, "checkout", "s")
        assert [(each.id, len(each.repeats), each.not_shown) for each in run.examples] == [
            ("call_5", 5, 0),
            ("call_4", 4, 0),
        ]
        assert report(store, campaigns="true").campaigns[0].examples == ()
        assert report(store).campaigns == ()


@pytest.mark.parametrize("reason", [{}, {"reason": "a look"}])
def test_runs_hold_all_money_that_is_redundant_in_order_of_time(store: DuckStore, reason: dict[str, str]) -> None:
    made = report(store, campaigns="true", **reason)
    assert sum(run.cost_pico for run in made.campaigns) == TOTAL.redundant_cost_pico
    assert sum(run.calls for run in made.campaigns) == TOTAL.redundant_calls
    assert [run.first_us for run in made.campaigns] == sorted(run.first_us for run in made.campaigns)


def test_other_peoples_runs_stand_together_until_a_reason_is_given(store: DuckStore) -> None:
    folded = report(store, "class", examples="3")
    others = [run for run in folded.campaigns if run.campaign == OTHER_PEOPLE]
    assert others
    assert (folded.folded, folded.persons) == (True, ())
    assert not any(run.session or run.agent or run.examples for run in others)
    owner = {entry.call.id: entry.call.owner for entry in CALLS}
    named = [example for run in folded.campaigns for example in run.examples]
    assert named
    assert "bob" not in {owner[id_] for each in named for id_ in (each.id, *each.repeats)}
    looked = report(store, "class", examples="3", reason="invoice 17")
    assert (looked.persons, looked.folded) == (("bob",), False)
    named = [example for run in looked.campaigns for example in run.examples]
    assert "bob" in {owner[id_] for each in named for id_ in (each.id, *each.repeats)}


def test_a_developer_sees_own_runs_and_no_call_of_anybody_else(store: DuckStore) -> None:
    made = report(store, "class,campaign", BOB, examples="20", reason="x")
    owner = {entry.call.id: entry.call.owner for entry in CALLS}
    named = [example for run in made.campaigns for example in run.examples]
    assert {owner[id_] for each in named for id_ in (each.id, *each.repeats)} == {"bob"}
    assert any(each.not_shown for each in named)
    assert (made.own_only, made.persons) == (True, ())
    assert made.total == expected([entry for entry in CALLS if entry.call.owner == "bob"])


def test_a_run_that_is_another_persons_is_not_looked_for_without_a_reason(tmp_path: Path) -> None:
    run = [
        replace(entry, call=replace(entry.call, owner="bob")) if isinstance(entry, Settled) else entry
        for entry in one_run(START_US)
    ]
    with a_store(tmp_path) as store:
        load(store, run)
        with pytest.raises(ReasonNeededError):
            report(store, campaign="call_0")
        assert report(store, campaign="call_0", reason="x").persons == ("bob",)


def test_persons_are_never_ranked(store: DuckStore) -> None:
    for by in ("user", "class,user", "campaign", "user,day"):
        rows = [row.values for row in report(store, by, OPERATOR, reason="a look").rows]
        assert rows == sorted(rows, key=lambda values: (values[-1], values) if by == "user,day" else values)


@pytest.mark.parametrize(
    ("parameters", "parameter"),
    [
        ({"compare": "previous"}, "compare"),
        ({"examples": "21"}, "examples"),
        ({"examples": "-1"}, "examples"),
        ({"campaigns": "yes"}, "campaigns"),
        ({"as_of": "soon"}, "as_of"),
        ({"examples": ["1", "2"]}, "examples"),
        ({"clas": "x"}, "clas"),
    ],
    ids=str,
)
def test_a_wrong_parameter_is_named(store: DuckStore, parameters: dict[str, Any], parameter: str) -> None:
    with pytest.raises(ParameterError) as raised:
        report(store, **parameters)
    assert raised.value.parameter == parameter
