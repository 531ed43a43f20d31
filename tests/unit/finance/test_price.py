"""A price, and the dearest that text may turn out to cost by it."""

from fractions import Fraction

from proxy.finance.price import Ceiling, priced
from proxy.model.usage import Usage


def test_the_dearest_price_takes_text_at_the_dearest_known_kind_of_its_side() -> None:
    rates = {"input_text": 3, "cache_write_1h": 6, "cache_read": 1, "output_text": 15, "reasoning": 20}
    known = {kind: Fraction(rate * 1_000_000) for kind, rate in rates.items()}
    dearest = priced("list", known, "", Ceiling()).dearest
    assert dearest.cost(Usage(input_text=10, output_text=10)).total_pico == 10 * 6 + 10 * 20
