"""Policy cases: those of cases.yaml, judged at the prices of now."""

from collections.abc import Iterator

from proxy.adapters.clock import SystemClock
from proxy.adapters.prices_litellm import price_book
from proxy.gateway.holding import held_at
from proxy.gateway.rules import Rules
from proxy.model.call import Call, Request
from proxy.policy.case_reason import reason
from proxy.policy.cases import Judgement, judge
from proxy.policy.rules import Case
from proxy.policy.types import PolicySet
from proxy.policy.verdict import Weight


def failing(policies: PolicySet) -> Iterator[tuple[Case, Judgement, str]]:
    """Each case that another thing becomes of than it says, with what becomes of it, and why."""
    rules = Rules(policies, price_book(policies))
    now_us = SystemClock().now_us()

    def weigh(call: Call, model: str, input_tokens: int, output_tokens: int) -> Weight:
        return Weight(*held_at(rules, call, model, Request(model), input_tokens, output_tokens))

    for case in policies.rules.cases:
        found = judge(policies, rules.matcher, case, weigh, now_us)
        if not found.meets(case):
            yield case, found, reason(policies, rules.matcher, case, found, now_us)
