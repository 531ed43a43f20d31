"""Laws of what counts, over wild histories: named after the properties P1 to P17 of docs/outcomes.md."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.outcomes.index import cells, credited_in, gain
from tests.fakes.telling import DAY_US, Organisation, a_service, score, services_of, total
from tests.fakes.telling_wildly import (
    END,
    SERVICES,
    Changed,
    Deployed,
    Step,
    Troubled,
    changes,
    deployments,
    honest_plans,
    length,
    nothings,
    plans,
    played,
    trouble,
    two_services,
)

laws = settings(max_examples=50)
baselines = st.floats(0.5, 20)


def worth(org: Organisation, baseline: float = 1.0) -> float:
    """C of all weeks."""
    return score(org.verdicts(END), baseline).credited


@laws
@given(plans, st.randoms(use_true_random=False))
def test_p1_p2_neither_order_nor_repetition_changes_any_verdict(plan: list[Step], random) -> None:  # type: ignore[no-untyped-def]
    org = played(plan)
    before = org.verdicts(END)
    lines = [*org.lines, *random.sample(org.lines, k=len(org.lines) // 2)]
    random.shuffle(lines)
    assert org.verdicts(END, lines) == before


@laws
@given(plans, st.integers(0, 22), st.integers(0, 21))
def test_p3_an_artefact_that_ran_before_never_raises_anything(plan: list[Step], at: int, which: int) -> None:
    before = played(plan[:at])
    ran = [each for each in before.history().deployments if each.succeeded and each.trusted]
    more = played(plan)
    if ran:
        again = ran[which % len(ran)]
        day = length(plan[:at]) + 0.001
        more.deploy("x", day, sha=again.sha, service=again.service, environment=again.environment)
    assert worth(more) <= worth(played(plan)) + 1e-9


@laws
@given(plans, st.integers(0, 22), trouble)
def test_p4_trouble_never_raises_anything(plan: list[Step], at: int, step: Troubled) -> None:
    assert worth(played(plan, at, step)) <= worth(played(plan)) + 1e-9


@laws
@given(plans, st.integers(0, 22), nothings)
def test_p5_what_can_never_count_adds_nothing(plan: list[Step], at: int, step: Deployed) -> None:
    assert worth(played(plan, at, step)) <= worth(played(plan)) + 1e-9


@laws
@given(st.integers(1, 6), st.lists(st.sampled_from(SERVICES), min_size=1, max_size=6), st.booleans(), baselines)
def test_p6_a_work_item_in_pieces_is_worth_no_more_than_whole(k: int, where: list[str], apart: bool, b: float) -> None:
    org = Organisation(services=two_services())
    for number in range(k):
        service = where[number % len(where)]
        org.change(str(number), number * 0.1, touches=[service], work_items=("PAY-1",))
        if apart:
            org.deploy(f"d{number}", number * 0.1 + 0.05, service=service)
    for service in SERVICES:
        org.deploy(f"last-{service}", 3, service=service)
    assert worth(org, b) <= credited_in(1, b) + 1e-9


@laws
@given(st.integers(0, 8), baselines, st.booleans())
def test_p7_pieces_that_are_truly_apart_earn_no_more_than_their_number_and_twice_a_normal_week(
    k: int, baseline: float, together: bool
) -> None:
    org = Organisation()
    for number in range(k):
        org.change(str(number), number * 0.1)
        if not together:
            org.deploy(f"d{number}", number * 0.1 + 0.05)
    org.deploy("last", 1)
    assert worth(org, baseline) <= min(k, 2 * baseline) + 1e-9


@laws
@given(st.lists(st.tuples(st.sampled_from([0.01, 0.5, 4.0]), st.booleans()), max_size=8))
def test_p8_flapping_is_worth_no_more_than_deploying_once(flaps: list[tuple[float, bool]]) -> None:
    plan: list[Step] = [Changed(0), Deployed(0.1), Changed(5), Deployed(0.1)]
    flapping = plan + [Deployed(after, back=back) for after, back in flaps]
    assert worth(played(flapping)) <= worth(played(plan))


@laws
@given(honest_plans, st.sampled_from(["alice", "alice-work", "ALICE", "alice@acme.example", "unknown-alice"]))
def test_p9_reviews_of_ones_own_under_any_name_add_nothing(plan: list[Step], name: str) -> None:
    own = [replace(each, author="alice", approvers=(name,)) if isinstance(each, Changed) else each for each in plan]
    assert total(played(own).verdicts(END)) == 0


@laws
@given(plans, st.integers(0, 100), st.integers(0, 200))
def test_p10_a_longer_soak_never_raises_anything(plan: list[Step], hours: int, more: int) -> None:
    short, long = played(plan), played(plan)
    short.services = two_services(soak_us=hours * DAY_US // 24)
    long.services = two_services(soak_us=(hours + more) * DAY_US // 24)
    assert worth(long) <= worth(short) + 1e-9


@laws
@given(plans, st.sampled_from(SERVICES))
def test_p11_new_honest_work_never_lowers_anything(plan: list[Step], service: str) -> None:
    honest = [*plan, Changed(0.5, touches=(service,)), Deployed(0.5, service)]
    assert worth(played(honest)) >= worth(played(plan)) - 1e-9


@laws
@given(plans, baselines, st.floats(0, 60))
def test_p12_what_is_credited_lies_between_nothing_and_what_was_done_and_twice_a_normal_week(
    plan: list[Step], baseline: float, day: float
) -> None:
    said = played(plan).verdicts(day)
    for x in cells(said.landings).values():
        assert 0 <= credited_in(float(x), baseline) <= min(float(x), 2 * baseline) + 1e-9
    assert all(0 <= each.credit <= 1 for each in said.landings)
    assert len({each.group for each in said.landings}) == len(said.landings)


@given(st.fractions(0, 100), baselines, st.floats(1, 10))
def test_p13_a_higher_baseline_raises_what_is_credited_and_lowers_the_index(x: Fraction, low: float, by: float) -> None:
    high = low * by
    assert credited_in(float(x), low) <= credited_in(float(x), high) + 1e-9
    assert gain(float(x) / low) >= gain(float(x) / high) - 1e-9


@laws
@given(plans, st.sampled_from(["older", "rolled_back", "failure", "incident"]), st.floats(0.0, 2.9))
def test_p15_what_is_undone_within_its_soak_is_worth_nothing(plan: list[Step], how: str, after: float) -> None:
    start: list[Step] = [Changed(0), Deployed(0.1)]
    new = [Changed(9), Deployed(0.1)]
    undone = Deployed(after, back=1) if how == "older" else Troubled(after, kind=how)
    assert worth(played([*start, *new, undone])) == worth(played(start))


@laws
@given(st.lists(st.sampled_from(["rolled_back", "failure", "incident"]), min_size=1, max_size=3), st.booleans())
def test_p16_failing_first_is_worth_no_more_than_succeeding(failures: list[str], later_week: bool) -> None:
    work = [Changed(0), Deployed(0.1), Changed(8), Deployed(0.1)]
    failing: list[Step] = list(work)
    for how in failures:
        failing += [Troubled(0.3, kind=how), Changed(7 if later_week else 0.1, substance="comments"), Deployed(0.1)]
    assert worth(played(failing)) <= worth(played(work))
    assert worth(played(failing)) == worth(played(work[:2])) + 0.5


@laws
@given(plans, plans)
def test_verdicts_on_the_past_do_not_depend_on_the_services_beside(plan: list[Step], other: list[Step]) -> None:
    org = played(plan)
    before = org.verdicts(END)
    org.services = services_of(a_service("pay"), a_service("web"), a_service("new", "github.com/acme/new"))
    assert org.verdicts(END) == before


@laws
@given(st.lists(st.one_of(changes, deployments, trouble), max_size=14), st.floats(0, 40), st.floats(0, 40))
def test_once_all_has_soaked_time_alone_changes_nothing(plan: list[Step], first: float, later: float) -> None:
    org = played(plan)
    end = length(plan) + 3.1
    assert org.verdicts(end + first) == org.verdicts(end + first + later)
