"""What people write for what the files call otherwise, and what they meant."""

import pytest

from proxy.policy import slips
from proxy.policy.amounts import amount


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("$5,000", "5000 USD"),
        ("US$ 5,000.50", "5000.50 USD"),
        ("5k dollars", "5k USD"),
        ("2m usd", "2M USD"),
        ("1 000 USD", "1000 USD"),
        ("5k", ""),
        ("5000 EUR", ""),
        ("20 calls", ""),
    ],
)
def test_money(written: str, right: str) -> None:
    assert slips.amount(written) == right
    assert not right or amount(right) is not None


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("30 days", "30d"),
        ("last 24 hours", "24h"),
        ("2 weeks", "14d"),
        ("1-day", "1d"),
        ("30 minutes", ""),
        ("month", ""),
    ],
)
def test_rolling_windows(written: str, right: str) -> None:
    assert slips.rolling(written) == right


def test_words_are_meant_only_where_they_can_stand() -> None:
    assert slips.meant("person", ("user", "team")) == "user"
    assert slips.meant("Person", ("team",)) == ""
    assert slips.meant("user", ("user",)) == ""


def test_zones_of_a_season_are_places() -> None:
    assert (slips.zone("cest"), slips.zone("PDT"), slips.zone("Europe/Berlin")) == (
        "Europe/Berlin",
        "America/Los_Angeles",
        "",
    )
