"""Another definition: how it is named, and what it would change of the past."""

from fractions import Fraction

import pytest

from proxy.outcomes.definition import CURRENT, DAY_US
from proxy.outcomes.redefining import DefinitionError, definition_of, differences
from proxy.outcomes.verdicts import Standing
from tests.fakes.telling import Organisation


def test_a_version_is_what_it_is_and_numbers_make_another() -> None:
    assert definition_of("2") is CURRENT
    assert definition_of("1").version == "1"
    other = definition_of("clawback=14d, alike_bits=2,retried=1/4")
    assert (other.clawback_us, other.alike_bits, other.retried) == (14 * DAY_US, 2, (1, 4))
    assert (other.version, other.review_us) == ("2 with clawback=14d, alike_bits=2,retried=1/4", CURRENT.review_us)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("7", "no definition"), ("", "no definition"), ("soak=3d", "no number"), ("clawback=soon", "length of time"),
        ("alike_bits=9", "0 to 3"), ("retried=2", "from 0 to 1"), ("retried=1/0", "part of a credit"),
        ("retried=-1/2", "from 0 to 1"),
    ],
)  # fmt: skip
def test_what_it_cannot_be_is_said(text: str, says: str) -> None:
    with pytest.raises(DefinitionError, match=says):
        definition_of(text)


def test_a_shorter_clawback_gives_back_what_a_late_revert_took() -> None:
    org = Organisation()
    org.change("1", day=0)
    org.deploy("d1", day=1)
    org.change("2", day=20, reverts="1", inverse="p-pay-1")
    org.deploy("d2", day=21)
    other = definition_of("clawback=14d")
    found = differences(org.verdicts(60), org.verdicts(60, definition=other))["pay"]
    assert (found.before.standings[Standing.DELIVERED], found.after.standings[Standing.DELIVERED]) == (0, 1)
    assert (found.before.credits, found.after.credits, found.moved) == (Fraction(0), Fraction(1), 1)


def test_the_same_definition_changes_nothing() -> None:
    org = Organisation()
    org.change("1", day=0)
    org.deploy("d1", day=1)
    found = differences(org.verdicts(60), org.verdicts(60))["pay"]
    assert (found.moved, found.before) == (0, found.after)
