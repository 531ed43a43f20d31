"""The spend report on a real database: exact, by any partition, and nobody singled out unseen."""

import random
from collections import defaultdict
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.ledger.dimensions import DIMENSIONS
from proxy.ledger.people import OPERATOR, OTHER_PEOPLE, Directory, ForbiddenError, ReasonNeededError, Viewer
from proxy.ledger.selection import selection
from proxy.ledger.spend import spend
from proxy.ledger.spend_query import FIGURES, Figures
from proxy.model.calendar import microseconds
from proxy.model.identity import OwnerKind, Role
from proxy.model.usage import KINDS, Usage
from tests.fakes import facts
from tests.flow.ledger_world import a_store, load, spent

PERSON, SERVICE = OwnerKind.PERSON, OwnerKind.SERVICE
FINANCE = Viewer("alice", PERSON, Role.FINANCE)
DIRECTORY = Directory(
    persons=frozenset({"alice", "bob"}), aliases={"bob@example.com": "bob"}, key_persons={"k_a": "alice", "k_b": "bob"}
)
START = datetime(2026, 3, 27, tzinfo=UTC)
NOW_US = microseconds(datetime(2026, 4, 2, tzinfo=UTC))
CALLS = 400
OWNERS = [("alice", "person", "k_a"), ("bob", "person", "k_b"), ("robot", "service", "k_r")]


def made_up():
    """Calls of two persons and a service over five days around a change of the clock."""
    dice = random.Random(3)
    entries = []
    for number in range(CALLS):
        owner, kind, key = dice.choice(
            [("alice", "person", "k_a"), ("bob", "person", "k_b"), ("robot", "service", "k_r")]
        )
        call = {
            "opened_us": microseconds(START) + dice.randrange(5 * 86_400_000_000),
            "owner": owner,
            "owner_kind": kind,
            "key_id": key,
            "session": f"s-{owner}-{dice.randrange(2)}",
            "agent": dice.choice(["", f"a-{owner}"]),
            "model": dice.choice(["m-1", "m-2", "m-3"]),
            "project": dice.choice(["checkout", "search"]),
            "team": dice.choice(["payments", ""]),
            "client": dice.choice(["OpenAI/Python", "claude-cli"]),
            "tags": dice.choice([{}, {"env": "prod"}, {"env": "test", "tier": "x"}]),
        }
        if dice.random() < 0.1:
            refused = facts.a_refused(f"call_{number}")
            entries.append(type(refused)(facts.a_call(f"call_{number}", **call), 400, "refused_by_policy", "r", "m"))
            continue
        usage = Usage(**{kind: dice.choice([0, dice.randrange(10**6)]) for kind in KINDS})
        flags = {"estimated": dice.random() < 0.2, "unpriced": dice.random() < 0.1}
        entries.append(spent(f"call_{number}", usage, **flags, **call))
    return entries


ENTRIES = made_up()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with a_store(Path(tmp_path_factory.mktemp("spend"))) as store:
        load(store, ENTRIES)
        yield store


def report(store, by="", viewer=FINANCE, **parameters):
    given_ = {"since": "2026-03-01", "until": "2026-04-01", **parameters}
    pairs = [
        (name, value) for name, values in given_.items() for value in ([values] if isinstance(values, str) else values)
    ]
    return spend(store, selection([("by", by), *pairs], DIRECTORY.aliases, NOW_US), viewer, DIRECTORY, 30)


def expected(entries):
    """The figures of some entries, added up in plain Python."""
    total = Figures()
    for entry in entries:
        usage = getattr(entry, "usage", None)
        if usage is None:
            total += Figures(refused=1)
            continue
        total += Figures(
            calls=1,
            input_tokens=usage.input_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            output_tokens=usage.output_tokens,
            reasoning_tokens=usage.reasoning,
            estimated_calls=int(entry.estimated),
            unpriced_calls=int(entry.cost.unpriced),
            cost_pico=entry.cost.total_pico,
        )
    return total


TOTAL = expected(ENTRIES)


def test_without_a_breakdown_there_is_one_row_the_total(store):
    found = report(store)
    assert [row.values for row in found.rows] == [()]
    assert found.rows[0].figures == found.total == TOTAL


@pytest.mark.parametrize("by", ["project", "model", "team", "client", "purpose"])
def test_each_row_is_the_sum_of_its_calls(store, by):
    groups = defaultdict(list)
    for entry in ENTRIES:
        groups[getattr(entry.call, by)].append(entry)
    assert {row.values[0]: row.figures for row in report(store, by).rows} == {
        name: expected(entries) for name, entries in groups.items()
    }


DIMENSION_NAMES = st.sampled_from([*DIMENSIONS, "tags.env", "tags.none"])


@settings(max_examples=60)
@given(
    st.lists(DIMENSION_NAMES, max_size=4, unique=True),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York"]),
    st.sampled_from([{}, {"reason": "a look"}]),
    st.sampled_from([FINANCE, OPERATOR, Viewer("robot", SERVICE, Role.ADMIN)]),
)
def test_rows_sum_to_the_total_and_the_total_is_the_same_by_any_partition(store, by, zone, reason, viewer):
    found = report(store, ",".join(by), viewer, tz=zone, since="2026-03-20", until="2026-04-10", **reason)
    assert found.total == sum((row.figures for row in found.rows), Figures()) == TOTAL
    assert len({row.values for row in found.rows}) == len(found.rows)


@settings(max_examples=40)
@given(st.lists(st.integers(0, 5 * 24 * 60), max_size=5, unique=True))
def test_periods_that_meet_count_each_call_once(store, minutes):
    borders = ["2026-03-27T00:00", *(_minute(minute) for minute in sorted(minutes)), "2026-04-01T00:00"]
    parts = [
        report(store, "day", since=since, until=until).total for since, until in pairwise(borders) if since < until
    ]
    assert sum(parts, Figures()) == TOTAL


def _minute(minute):
    return datetime.fromtimestamp(START.timestamp() + minute * 60, UTC).strftime("%Y-%m-%dT%H:%M")


def test_a_period_has_its_start_and_not_its_end(store):
    first = min(entry.call.opened_us for entry in ENTRIES)
    at = START
    for since_us, until_us, count in ((first, first + 1, 1), (first - 1, first, 0), (first + 1, first + 2, 0)):
        since, until = (
            at.fromtimestamp(us // 10**6, UTC).replace(microsecond=us % 10**6).isoformat()
            for us in (since_us, until_us)
        )
        total = report(store, since=since, until=until).total
        assert total.calls + total.refused == count


def test_days_are_those_of_the_zone(store):
    found = report(store, "day", tz="Europe/Berlin", since="2026-03-29", until="2026-03-30")
    since = microseconds(datetime(2026, 3, 28, 23, tzinfo=UTC))
    until = microseconds(datetime(2026, 3, 29, 22, tzinfo=UTC))  # a day of 23 hours
    assert [row.values for row in found.rows] == [("2026-03-29",)]
    assert found.total == expected([entry for entry in ENTRIES if since <= entry.call.opened_us < until])


def test_filters_of_one_name_are_any_and_of_several_names_all(store):
    found = report(store, "model", model=["m-1", "m-2"], project="search", **{"tags.env": "prod"})
    assert found.total == expected(
        entry
        for entry in ENTRIES
        if entry.call.model in ("m-1", "m-2")
        and entry.call.project == "search"
        and entry.call.tags.get("env") == "prod"
    )
    assert {row.values[0] for row in found.rows} == {"m-1", "m-2"}


def test_a_missing_value_is_an_empty_one_and_can_be_asked_for(store):
    assert "" in {row.values[0] for row in report(store, "team").rows}
    assert report(store, team="").total == expected(entry for entry in ENTRIES if not entry.call.team)


def test_the_served_model_is_the_model_and_the_one_asked_for_stands_apart(tmp_path):
    with a_store(tmp_path) as store:
        load(store, [facts.a_settled()])
        found = report(store, "model,asked_model", since="2027-01-01", until="2027-02-01")
        assert [row.values for row in found.rows] == [("gpt-5.1-2026-03-01", "gpt-5.1")]


def test_rows_come_by_time_and_then_the_dearest_first(store):
    found = report(store, "model,day")
    order = [(row.values[1], -row.figures.cost_pico) for row in found.rows]
    assert order == sorted(order)


def test_persons_are_never_ranked(store):
    for by in ("user", "user,model", "model,key", "session", "day,agent"):
        found = report(store, by, OPERATOR, reason="a look")
        names = [tuple(sorted(row.values, key=lambda value: not value.startswith("2026"))) for row in found.rows]
        assert names == sorted(names)


# --- who may see whom


def test_a_developer_sees_own_calls_whatever_is_asked_for(store):
    bob = Viewer("bob", PERSON, Role.DEVELOPER)
    own = expected(entry for entry in ENTRIES if entry.call.owner == "bob")
    for by, parameters in (
        ("", {}),
        ("user", {}),
        ("session", {}),
        ("", {"user": "bob@example.com"}),
        ("", {"reason": "x"}),
    ):
        found = report(store, by, bob, **parameters)
        assert (found.total, found.own_only, found.persons) == (own, True, ())
    for name, value in (("key", "k_a"), ("session", "s-alice-0")):
        assert report(store, "", bob, **{name: value}).total == Figures()


@pytest.mark.parametrize("users", ["alice", ["bob", "alice"], "robot", "nobody"])
def test_a_developer_who_asks_for_another_is_told_no(store, users):
    with pytest.raises(ForbiddenError, match="somebody else"):
        report(store, "", Viewer("bob", PERSON, Role.DEVELOPER), user=users)


def test_a_service_of_the_same_name_as_a_person_does_not_see_the_person(store):
    assert report(store, "", Viewer("bob", SERVICE, Role.DEVELOPER)).total == Figures()


def test_without_a_reason_other_people_are_one_row_and_services_stay(store):
    found = report(store, "user")
    assert [row.values[0] for row in found.rows] == [OTHER_PEOPLE, "alice", "robot"]
    assert (found.total, found.folded, found.persons) == (TOTAL, True, ())
    assert found.rows[0].figures == expected(entry for entry in ENTRIES if entry.call.owner == "bob")


@pytest.mark.parametrize("by", ["key", "session", "agent", "user,session", "session,day"])
def test_nothing_of_other_people_shows_through_any_dimension(store, by):
    values = {value for row in report(store, by, OPERATOR).rows for value in row.values}
    assert not [value for value in values if "alice" in value or "bob" in value or value in ("k_a", "k_b")]
    assert report(store, by, OPERATOR).total == TOTAL


def test_a_report_without_persons_folds_nothing(store):
    found = report(store, "project", OPERATOR)
    assert (found.folded, found.persons, found.total) == (False, (), TOTAL)


@pytest.mark.parametrize(
    "narrowed",
    [
        {"user": "bob"},
        {"user": "bob@example.com"},
        {"user": ["alice", "bob"]},
        {"key": "k_b"},
        {"session": "s-bob-0"},
        {"agent": "a-bob"},
        {"agent": ""},
        {"session": "s-bob-0", "user": "alice"},
        {"user": "bob", "since": "2020-01-01", "until": "2020-01-02"},
        {"session": "s-bob-0", "since": "2020-01-01", "until": "2020-01-02"},
    ],
    ids=str,
)
def test_a_filter_that_singles_out_another_person_needs_a_reason(store, narrowed):
    with pytest.raises(ReasonNeededError, match="reason"):
        report(store, "", FINANCE, **narrowed)


def test_to_ask_for_somebody_who_never_made_a_call_needs_a_reason_too(tmp_path):
    with a_store(tmp_path) as store:
        load(store, [spent("call_1", owner="alice", key_id="k_a")])
        for narrowed in ({"user": "bob"}, {"key": "k_b"}):
            with pytest.raises(ReasonNeededError):
                report(store, "", FINANCE, **narrowed)
        assert report(store, "", FINANCE, user="nobody", since="2027-01-01", until="2027-12-01").total == Figures()


@pytest.mark.parametrize("narrowed", [{"user": "alice"}, {"user": "robot"}, {"key": "k_r"}, {"session": "s-alice-1"}])
def test_a_filter_for_oneself_or_a_service_needs_none(store, narrowed):
    assert report(store, "", FINANCE, **narrowed).total.calls > 0


def test_with_a_reason_the_persons_shown_are_named_for_the_record(store):
    found = report(store, "user", FINANCE, reason="invoice 17")
    assert [row.values[0] for row in found.rows] == ["alice", "bob", "robot"]
    assert (found.persons, found.folded) == (("bob",), False)
    assert report(store, "user", OPERATOR, reason="x").persons == ("alice", "bob")
    assert report(store, "user", OPERATOR, reason="x", project="search", user="alice").persons == ("alice",)


def test_to_see_that_somebody_spent_nothing_is_a_look_too(store):
    for narrowed in ({"user": "bob"}, {"key": "k_b"}):
        found = report(store, "", FINANCE, reason="x", since="2020-01-01", until="2020-02-01", **narrowed)
        assert (found.total, found.persons) == (Figures(), ("bob",))


def test_a_reason_that_nobody_needs_records_nobody(store):
    assert report(store, "project", FINANCE, reason="just because").persons == ()


def test_figures_add_up_by_name():
    one = Figures(*range(1, len(FIGURES) + 1))
    assert (one + one) == Figures(*range(2, 2 * len(FIGURES) + 1, 2))
