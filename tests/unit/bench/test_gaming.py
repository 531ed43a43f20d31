"""The bench of gaming: the same seed, the same figures; it sees a gain where there is one, and none elsewhere."""

import pytest

from bench.gaming import NOTHING, STRATEGIES, gain, tried
from bench.gaming_forging import SECRET, forged
from bench.gaming_world import Outcome, founded, outcome, played

SEED, WEEKS = 7, 8
QUICK = ("1", "2", "3", "9", "11", "22", "24", "+")


@pytest.fixture(scope="module")
def honest() -> Outcome:
    return outcome(played(founded(SEED, WEEKS)))


def test_the_same_seed_tells_the_same(honest: Outcome) -> None:
    again = outcome(played(founded(SEED, WEEKS)))
    assert (again.whole, again.team, again.price) == (honest.whole, honest.team, honest.price)
    assert outcome(played(founded(SEED + 1, WEEKS))).whole != honest.whole


def test_honest_work_is_about_normal(honest: Outcome) -> None:
    assert 0.8 < honest.whole.index < 1.1
    assert honest.whole.credited < honest.whole.earned.credits


@pytest.mark.parametrize("at", [at for at, each in enumerate(STRATEGIES) if each.number in QUICK])
def test_nothing_that_is_stopped_gains(at: int, honest: Outcome) -> None:
    assert not tried(at, 3, honest, SEED, WEEKS).fails, STRATEGIES[at].says


def test_more_distinct_reviewed_changes_gain_at_most_as_many(honest: Outcome) -> None:
    at = next(at for at, each in enumerate(STRATEGIES) if each.number == "5")
    result = tried(at, 3, honest, SEED, WEEKS)
    assert result.whole.credited > 0
    assert 0 < result.held <= 3
    assert not result.fails


def test_whoever_had_the_secret_would_gain_by_forging(honest: Outcome) -> None:
    """So the bench would see it, were a forged delivery believed."""
    plan = founded(SEED, WEEKS)
    forged(plan, 3, SECRET)
    world = played(plan)
    assert not world.refused
    assert gain(honest.whole, outcome(world).whole).credited > NOTHING
