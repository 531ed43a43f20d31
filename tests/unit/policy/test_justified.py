"""How many justifications a rule takes within a day."""

from dataclasses import replace

from proxy.policy.justified import DAY_US, INSTANCES_MAX, Justified
from proxy.policy.load import load
from proxy.policy.redundancy_rules import RedundancyRule
from proxy.policy.types import PolicySet
from tests.flow.world import POLICIES

TEXT = """redundancy:
  - {name: why, classes: [exact_repeat], action: justify, justifications_per_day: 2, per: user}
"""


def a_rule() -> RedundancyRule:
    loaded = load({**POLICIES, "keys.yaml": "keys: []\n", "redundancy.yaml": TEXT})
    assert isinstance(loaded, PolicySet), loaded
    return loaded.rules.redundancy[0]


ALICE, BOB = {"user": "alice"}, {"user": "bob"}


def test_so_many_within_any_24_hours_and_for_each_instance() -> None:
    taken, rules = Justified(), [a_rule()]
    assert [taken.take(rules, ALICE, at) for at in (0, DAY_US - 2, DAY_US - 1)] == [True, True, False]
    assert taken.take(rules, BOB, DAY_US - 1)
    assert [taken.take(rules, ALICE, DAY_US + at) for at in (0, 1)] == [True, False]


def test_where_one_rule_takes_no_more_none_is_counted() -> None:
    rule = a_rule()
    other = replace(rule, name="other", justifications_per_day=1)
    taken = Justified()
    assert taken.take([rule, other], ALICE, 1)
    assert not taken.take([rule, other], ALICE, 2)
    assert taken.take([rule], ALICE, 3)


def test_what_is_counted_is_bounded() -> None:
    taken, rules = Justified(), [a_rule()]
    for number in range(INSTANCES_MAX + 10):
        assert taken.take(rules, {"user": f"u{number}"}, number)
    assert len(taken._taken) == INSTANCES_MAX
