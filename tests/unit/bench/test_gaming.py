"""The bench of gaming: the same seed, the same figures; it sees a gain where there is one, and none elsewhere."""

from dataclasses import replace

import pytest

from bench.gaming import trial
from bench.gaming.__main__ import lines
from bench.gaming.diffs import hollow, pretended, read
from bench.gaming.door import SECRET, forged
from bench.gaming.forging import approved_by_a_pipeline
from bench.gaming.organisation import founded
from bench.gaming.outcome import Honest, outcome
from bench.gaming.part import part
from bench.gaming.plan import Plan
from bench.gaming.strategies import STRATEGIES
from bench.gaming.strategy import Bound, Residual, Strategy, distinct
from bench.gaming.trial import Trial, tried

SEED, WEEKS = 7, 8
TIERS = (("core", 1, 2.0), ("standard", 2, 3.0), ("edge", 1, 1.2))
QUICK = ("2", "3", "4", "9", "11", "13", "15a", "22a", "24a", "25", "9a", "10a", "26a")


def fresh() -> Plan:
    plan = founded(SEED, WEEKS, TIERS)
    plan.team = "t02"
    return plan


@pytest.fixture(scope="module")
def honest() -> Honest:
    return Honest.of(fresh())


def played(strategy: Strategy, honest: Honest, strength: int = 3) -> Trial:
    return tried(strategy, 0, strength, honest, fresh)


def named(number: str) -> Strategy:
    return next(each for each in STRATEGIES if each.number == number)


def test_the_same_seed_tells_the_same(honest: Honest) -> None:
    again = Honest.of(fresh()).outcome
    assert (again.whole, again.team, again.price) == (
        honest.outcome.whole,
        honest.outcome.team,
        honest.outcome.price,
    )
    assert Honest.of(replace(founded(SEED + 1, WEEKS, TIERS), team="t02")).outcome.whole != honest.outcome.whole


def test_honest_work_is_about_normal(honest: Honest) -> None:
    assert 0.7 < honest.outcome.whole.index < 1.2
    assert honest.outcome.whole.credited < honest.outcome.whole.earned.credits


@pytest.mark.parametrize("number", ["5", "13", "24e"])
def test_what_is_played_apart_is_what_is_played_together(number: str, honest: Honest) -> None:
    """Services that nobody touched are not judged again: it makes no difference."""
    plan, whole = fresh(), fresh()
    named(number).play(plan, 3)
    named(number).play(whole, 3)
    beside = honest.beside(plan)
    together = outcome(whole, [part(whole, frozenset(whole.services.services))])
    assert (beside.whole, beside.team, beside.row) == (together.whole, together.team, together.row)
    assert beside.price == together.price


@pytest.mark.parametrize("strategy", [each for each in STRATEGIES if each.number in QUICK], ids=lambda each: each.says)
def test_nothing_gains_more_than_it_may(strategy: Strategy, honest: Honest) -> None:
    assert played(strategy, honest).passed == ()


def test_more_distinct_reviewed_changes_gain_at_most_as_many(honest: Honest) -> None:
    result = played(named("5"), honest)
    assert result.gains
    assert 0 < result.held <= 3
    assert result.passed == ()


def test_whoever_had_the_secret_would_gain_by_forging(honest: Honest) -> None:
    """So the bench would see it, were a forged delivery believed."""
    believed = Strategy("9", "", "", lambda plan, count: forged(plan, count, SECRET))
    result = played(believed, honest)
    assert result.refused == 0
    assert {"C", "C held", "index", "cost", "team's C", "team's index", "team's cost"} <= set(result.passed)


def test_whoever_holds_a_pipelines_key_would_gain_were_its_word_on_reviews_believed(honest: Honest) -> None:
    def believed(plan: Plan, count: int) -> None:
        pager = replace(plan.services.sources["pager"], changes=True)
        plan.services = replace(plan.services, sources={**plan.services.sources, "pager": pager})
        approved_by_a_pipeline(plan, count)

    result = played(Strategy("9a", "", "", believed), honest)
    assert {"C held", "index", "cost", "team's C"} <= set(result.passed)


@pytest.mark.parametrize("figure", ["C held", "index"])
def test_a_residual_that_passes_its_bound_is_seen(figure: str, honest: Honest) -> None:
    """As many changes more, and a bound of half of one."""
    tight = Residual("", lambda before, plan, count: Bound(0.5))
    assert figure in played(replace(named("5"), residual=tight), honest).passed
    assert played(replace(named("5"), residual=distinct()), honest).passed == ()


def test_spend_that_is_not_seen_is_bounded_by_what_it_was(honest: Honest) -> None:
    result = played(named("25"), honest)
    assert result.whole.saved > 0
    assert result.bound is not None
    less = replace(result.bound, dollars=result.bound.dollars * 0.9)
    tight = replace(named("25"), residual=Residual("", lambda before, plan, count: less))
    assert played(tight, honest).passed == ("cost", "team's cost", "row's cost")


def test_every_residual_has_a_bound_and_every_number_of_the_specification_is_played() -> None:
    assert {each.number for each in STRATEGIES} >= {str(number) for number in range(1, 27)}
    assert all(each.residual is not None for each in STRATEGIES if "2b" in each.stopped)


def test_hollow_edits_are_read_as_such_and_pretended_ones_are_work() -> None:
    assert {read(edits)["substance"] for edits in hollow(1)} == {
        "white_space", "comments", "lock_files", "vendored", "generated", "ignored", "config",
    }  # fmt: skip
    found = [read(edits) for number in range(2) for edits in pretended(number)]
    assert {each["substance"] for each in found} == {"substantive"}
    assert len({each["patch"] for each in found}) == len(found)


def test_a_table_tells_the_most_over_the_seeds(honest: Honest) -> None:
    at = STRATEGIES.index(named("5"))
    first = replace(played(named("5"), honest), at=at)
    worse = replace(first, whole=trial.Gain(-1, -1, -1))
    table, failed = lines([first, worse])
    assert len(table) == 1
    assert f"{first.whole.credited:+.2%}" in table[0]
    assert failed == 0
    assert lines([replace(first, passed=("C",))])[1] == 1
