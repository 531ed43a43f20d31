"""Names: what access.yaml says today holds for all times, what it said once for what happened then."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model.service import NO_SERVICES
from proxy.model.told import ReviewTold
from proxy.outcomes.attribution import Attribution, Method, Spend
from proxy.outcomes.people import EVER_US, Aliases, People, aliases_of
from proxy.outcomes.proofs import Merged, Proofs
from tests.fakes.telling import ALIASES, PAY, Organisation, at, total

THEN, LEFT, NOW = 10, 20, 30


def people(now: Mapping[str, str], *earlier: tuple[int, Mapping[str, str]], taken: tuple[str, ...] = ()) -> People:
    return People(aliases_of(now, earlier, taken))


BOB = {"bob": "bob", "Bob@acme.example": "bob"}


@pytest.mark.parametrize(("at_us", "is_"), [(THEN, "bob"), (LEFT - 1, "bob"), (LEFT, "?bob@acme.example")])
def test_who_left_is_known_of_the_time_before(at_us: int, is_: str) -> None:
    known = people({"alice": "alice"}, (LEFT, BOB))
    assert known.person("BOB@acme.example", at_us) == is_
    assert known.person("alice", at_us) == "alice"
    assert known.person("", at_us) == ""


def test_what_is_said_today_holds_for_all_times() -> None:
    """A slip that is put right is put right of the past too."""
    known = people({"carol": "carol", "bob@acme.example": "carol"}, (LEFT, BOB))
    assert known.person("bob@acme.example", THEN) == "carol"


def test_the_newest_set_that_has_a_name_says_whose_it_was() -> None:
    earlier = (LEFT, {"dave": "dave", "ops": "dave"}), (THEN, {"erin": "erin", "ops": "erin"})
    assert people({}, *earlier).person("ops", 5) == people({}, *earlier).person("dave", 5)
    assert people({}, *earlier).person("ops", THEN) == "dave"


def test_nobody_becomes_two_by_being_renamed() -> None:
    """Else the old name would approve what the new one wrote."""
    known = people(
        {"alice.a": "alice.a", "alice@acme.example": "alice.a"},
        (LEFT, {"alice": "alice", "alice@acme.example": "alice"}),
    )
    assert known.person("alice", THEN) == known.person("alice@acme.example", THEN) == "alice.a"
    twice = people({}, (LEFT, {"b": "b", "x": "b"}), (THEN, {"a": "a", "x": "a"}))
    assert twice.person("a", 5) == twice.person("b", 5) == twice.person("x", 5)


def test_a_name_that_is_a_service_accounts_today_is_no_persons() -> None:
    assert (
        people({}, (LEFT, {"deploys": "deploys", "d": "deploys"}), taken=("Deploys",)).person("deploys", THEN)
        == "?deploys"
    )


NAMES = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("abc"), max_size=5)


@given(now=NAMES, earlier=st.lists(NAMES, max_size=4), name=st.sampled_from("abcdef"), at_us=st.integers(0, 50))
def test_earlier_sets_only_add(now: dict[str, str], earlier: list[dict[str, str]], name: str, at_us: int) -> None:
    before = People(now).person(name, at_us)
    spells = [(40 - 10 * number, names) for number, names in enumerate(earlier)]
    after = people(now, *spells).person(name, at_us)
    assert after == before or before == f"?{name}"
    assert people(now, *spells, *spells).person(name, at_us) == after


def left(day: float) -> Aliases:
    """Bob, on that day."""
    now = {name: person for name, person in ALIASES.items() if person != "bob"}
    return aliases_of(now, [(at(day), ALIASES)], ())


@pytest.mark.parametrize(("day", "counts"), [(-1, 0), (-0.005, 0), (0, 0), (0.001, 1), (20, 1)])
def test_an_approval_of_somebody_who_left_counts_where_he_was_known_when_it_was_merged(day: float, counts: int) -> None:
    org = Organisation()
    org.change("1", 0)
    org.deploy("d1", 0.5)
    org.aliases = left(day)  # type: ignore[assignment]
    assert total(org.verdicts(30)) == counts
    assert org.history().changes[f"{PAY}#1"].author == "alice"


def test_who_approves_under_two_names_of_different_times_is_one() -> None:
    """His own work, under a name that left with an earlier set."""
    org = Organisation()
    org.change("1", 0, author="alice-old", approvers=("alice",))
    org.deploy("d1", 0.5)
    org.tell(ReviewTold(PAY, "1", "alice-work", "approved", "h-pay-1", "r2"), -0.1)
    now = dict(ALIASES)
    org.aliases = aliases_of(now, [(at(9), {**ALIASES, "alice-old": "alice"})], ())  # type: ignore[assignment]
    assert total(org.verdicts(30)) == 0


def test_spend_is_whose_the_name_was_when_it_was_spent() -> None:
    found = Proofs((Merged(PAY, "topic", NOW, ("bob",), ("m",), (), "pay", "g"),))
    attribution = Attribution(found, {}, NO_SERVICES, aliases_of({}, [(LEFT, {"bob": "bob"})], ()))
    methods = [
        attribution.work(Spend(at_us, "bob", "person", "t", "", PAY, "topic", "", "", 1, 1))[0]
        for at_us in (THEN, LEFT, THEN)
    ]
    assert methods == [Method.HEADER, Method.CLAIMED, Method.HEADER]


def test_without_earlier_sets_a_table_of_names_will_do() -> None:
    assert People({"a": "alice"}).spell("ALICE") == (EVER_US, "alice")
    assert People({}).spell("x") == (EVER_US, "?x")
