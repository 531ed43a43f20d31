"""The rules of a call, in words."""

import pytest

from proxy.ledger.matched_rules import MatchedRule
from proxy.policy.load import RULES, load
from proxy.policy.types import PolicySet
from proxy.web.rules_document import rules_document


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("classes: [tool_loop, ping_pong], action: warn", "warn: tool_loop, ping_pong"),
        ("action: serve", "serve: exact_repeat"),
        (
            "classes: [near_repeat], action: throttle, threshold: 4.5, window: 1h, requests_per_minute: 2, per: user",
            "throttle: near_repeat; from a score of 4.5 (near_repeat) on; what is at most 3,600 seconds old; "
            "above 2 requests a minute, for each user",
        ),
        (
            "classes: [tool_loop], action: justify, justifications_per_day: 7",
            "justify: tool_loop; 7 justified a day",
        ),
    ],
)
def test_a_redundancy_rule_in_words(rule: str, says: str) -> None:
    loaded = load({"redundancy.yaml": f"redundancy: [{{name: r, {rule}}}]\ncache: {{}}"}, enforced=frozenset(RULES))
    assert isinstance(loaded, PolicySet), loaded
    only = loaded.rules.redundancy[0]
    matched = MatchedRule("r", only.where, "redundancy rule", only.mode, "", "", decided=False, rule=only)
    assert [each["says"] for each in rules_document([matched])] == [says]
