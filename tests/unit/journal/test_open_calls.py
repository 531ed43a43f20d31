from hypothesis import given
from hypothesis import strategies as st

from proxy.journal.lines import Carried
from proxy.journal.open_calls import OpenCalls
from proxy.model.entry import Extended
from tests.fakes.facts import a_call, a_hold, a_refused, a_settled, an_act, an_opened


def fed(*lines):
    calls = OpenCalls()
    for line in lines:
        calls.apply(line)
    return calls


def test_an_opened_call_is_open_until_it_is_settled():
    calls = fed(an_opened("a"), an_opened("b"))
    assert calls.calls() == [(a_call("a"), a_hold()), (a_call("b"), a_hold())]
    calls.apply(a_settled("a"))
    assert "a" not in calls
    assert "b" in calls
    assert len(calls) == 1


def test_the_last_extension_is_the_hold():
    assert fed(an_opened("a"), Extended("a", 1, a_hold(5)), Extended("a", 2, a_hold(9))).calls() == [
        (a_call("a"), a_hold(9))
    ]


def test_an_extension_of_a_call_that_is_not_open_opens_nothing():
    assert not fed(Extended("a", 1, a_hold()), a_settled("b"), Extended("b", 1, a_hold())).calls()


def test_other_lines_change_nothing():
    assert len(fed(an_opened("a"), a_refused("a"), an_act("a"))) == 1


lines = st.lists(
    st.builds(
        lambda make, name, cost: make(name, cost),
        st.sampled_from(
            [
                lambda name, cost: an_opened(name),
                lambda name, cost: Extended(name, 1, a_hold(cost)),
                lambda name, cost: a_settled(name),
            ]
        ),
        st.sampled_from("abcd"),
        st.integers(1, 9),
    )
)


@given(lines, lines)
def test_carrying_over_at_any_point_changes_nothing(before, after):
    """What a rotation does: a reader of the new segment alone knows all that is open."""
    carried = list(fed(*before).carried())
    assert all(isinstance(line, Carried) for line in carried)
    assert fed(*carried, *after).calls() == fed(*before, *after).calls()
