from hypothesis import given
from hypothesis import strategies as st

from proxy.gateway.recovery import crashed
from proxy.model.call import Hold
from proxy.model.entry import Outcome
from proxy.model.usage import KINDS
from tests.fakes.facts import OPENED_US, a_call

amounts = st.integers(0, 2**62)


@given(st.builds(Hold, amounts, amounts, amounts))
def test_a_crashed_call_costs_its_hold_to_the_pico_dollar(hold):
    settled = crashed(a_call(), hold, OPENED_US + 5)
    assert settled.cost.total_pico == hold.cost_pico == sum(settled.cost.by_kind.values())
    assert all(kind in KINDS and pico > 0 for kind, pico in settled.cost.by_kind.items())
    assert (settled.usage.input_tokens, settled.usage.output_tokens) == (hold.input_tokens, hold.output_tokens)


def test_a_crashed_call_says_that_it_is_an_estimate_without_a_price():
    settled = crashed(a_call("c"), Hold(300, 2, 1), OPENED_US + 5)
    assert settled.call == a_call("c")
    assert settled.outcome is Outcome.CRASHED
    assert settled.estimated
    assert settled.cost.price_id == ""
    assert settled.cost.by_kind == {"input_text": 200, "output_text": 100}
    assert settled.settled_us == OPENED_US + 5


def test_it_is_never_settled_before_it_was_opened():
    """The machine's clock may have been set back between two boots."""
    assert crashed(a_call(), Hold(1, 1, 1), 0).settled_us == OPENED_US
