"""Why an example call gets another thing than its case expects, in words."""

import pytest

from proxy.model.call import Call, Hold
from proxy.policy.case_reason import reason
from proxy.policy.cases import judge
from proxy.policy.load import load
from proxy.policy.match import Matcher
from proxy.policy.types import PolicySet
from proxy.policy.verdict import Weight

NOW_US = 1_780_000_000_000_000
FILES = {
    "access.yaml": "projects: {checkout: {}, search: {}, shade: {}}",
    "budgets.yaml": """
budgets:
  - {name: month, applies_to: {project: checkout}, limit: 10 USD, window: month, on_cap: finish, reserve: 1 USD}
  - {name: shade, applies_to: {project: shade}, limit: 0 USD, window: day, mode: shadow}
""",
    "models.yaml": "models: [{name: no-pro, deny: ['*-pro']}]",
}


def why(call: str, expected: str, models: str = FILES["models.yaml"]) -> str:
    cases = f"cases: [{{name: c, call: {{{call}}}, {expected}}}]"
    policies = load({**FILES, "models.yaml": models, "cases.yaml": cases})
    assert isinstance(policies, PolicySet), policies
    (case,) = policies.rules.cases
    matcher = Matcher(policies.rules)

    def weigh(call: Call, model: str, input_tokens: int, output_tokens: int) -> Weight:
        return Weight(Hold(2 * 10**12, input_tokens, output_tokens), True)

    found = judge(policies, matcher, case, weigh, NOW_US)
    assert not found.meets(case)
    return reason(policies, matcher, case, found, NOW_US)


@pytest.mark.parametrize(
    ("call", "expected", "says"),
    [
        (
            "project: search",
            "expect: refuse, rule: month",
            "month (budgets.yaml:3) is not for this call: it is for project checkout, and the call's is 'search'",
        ),
        (
            "project: shade",
            "expect: refuse, rule: shade",
            "shade (budgets.yaml:4) is in shadow mode, which changes no call",
        ),
        (
            "project: checkout, model: m, spent: {month: 7 USD}",
            "expect: refuse, rule: month",
            "month (budgets.yaml:3) has room for it: 7.00 USD of 10.00 USD spent by what the case says (`spent`)",
        ),
        (
            "project: checkout, model: m, spent: {month: 7.5 USD}",
            "expect: allow",
            "month (budgets.yaml:3) has 7.50 USD of 10.00 USD spent, 1.00 USD kept for streams that have begun, and "
            "the call can come to 2.00 USD",
        ),
        (
            "project: shade, model: m",
            "expect: refuse",
            "the rules for this call are shade (budgets.yaml:4, in shadow mode), no-pro (models.yaml:1)",
        ),
    ],
)
def test_a_case_that_fails_is_told_why(call: str, expected: str, says: str) -> None:
    assert why(call, expected) == says


def test_a_call_that_no_rule_is_for_says_so() -> None:
    assert why("project: search", "expect: refuse", models="") == "no rule is for this call"


def test_a_refusal_by_a_model_rule_says_its_own_words() -> None:
    assert "no-pro" in why("project: search, model: o1-pro", "expect: allow")
