"""What a count of tokens is worth."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.metering.calibration import CALLS_MIN, FACTOR_MIN, FACTOR_UNKNOWN, Calibration


def test_of_a_model_nobody_heard_of_the_widest_is_taken() -> None:
    assert Calibration().factor("m") == FACTOR_UNKNOWN


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=60))
def test_no_recent_call_would_have_come_to_more(reported: list[int]) -> None:
    calibration = Calibration()
    for each in reported:
        calibration.heard("m", 1000, each)
    assert 1000 * calibration.factor("m") >= max(reported)
    assert calibration.factor("m") >= (FACTOR_MIN if len(reported) >= CALLS_MIN else FACTOR_UNKNOWN)


def test_models_that_are_known_well_have_a_narrow_one_each_by_itself_and_no_more_than_so_many() -> None:
    calibration = Calibration(2)
    for model in ("a", "b", "c"):
        for _ in range(CALLS_MIN):
            calibration.heard(model, 1000, 1200)
    assert calibration.factor("a") == FACTOR_UNKNOWN
    assert 1.2 < calibration.factor("b") == calibration.factor("c") < 1.4
