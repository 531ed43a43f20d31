"""What rules cost a call: does it depend on the rules that are for it, or on all there are?

`python -m bench.policy`. 1,000 rules of which 20 are for the call, beside a set of those 20 alone; each run is long
enough for a stable ratio, and both alternate so that a busy machine slows both.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import Final

from proxy.model.call import Call, Hold
from proxy.policy.evaluate import evaluate
from proxy.policy.match import Matcher, facts_of
from proxy.policy.rules import Budget, RuleSet, Scope, Unit, Window
from proxy.policy.types import PolicySet
from proxy.policy.verdict import Asked, Weight

RULES: Final = 1000
MATCHING: Final = 20
ROUNDS: Final = 15
CALLS: Final = 2000

CALL: Final = Call(
    id="c",
    opened_us=1_772_366_400_000_000,
    dialect="openai",
    operation="chat",
    provider="openai",
    account="openai",
    model="gpt-5-mini",
    stream=True,
    key_id="k_1",
    owner="alice",
    owner_kind="person",
    team="team-0",
    project="checkout",
    cost_center="CC-1",
    purpose="build",
    policy="v",
    tags={"feature": "cart"},
)
ASKED: Final = Asked(lambda model, limit: Weight(Hold(1, 1, 1), priced=True))


def budget(number: int, scope: Scope) -> Budget:
    return Budget(
        name=f"budget-{number}",
        where=f"budgets.yaml:{number}",
        scope=scope,
        mode="enforce",
        contact="",
        per=("user",),
        unit=Unit.USD,
        limit=10**12,
        window=Window("month", "Europe/Berlin"),
        warn_at=(),
        action="refuse",
        downgrade_to="",
        on_cap="cut",
        reserve=0,
        count_refused=False,
    )


def matching_rules() -> tuple[Budget, ...]:
    return tuple(budget(number, Scope({"team": ("team-0",), "model": ("gpt-5*",)})) for number in range(MATCHING))


def other_rules() -> tuple[Budget, ...]:
    """Of other teams, half of them by a pattern."""
    return tuple(
        budget(number, Scope({"team": (f"team-{number}" if number % 2 else f"team-{number}-*",)}))
        for number in range(MATCHING, RULES)
    )


def seconds(work: Callable[[int], object], many: int) -> float:
    start = time.perf_counter()
    for number in range(many):
        work(number)
    return (time.perf_counter() - start) / many


def evaluating(rules: RuleSet, *, new_users: bool) -> Callable[[int], object]:
    policies, matcher = PolicySet("v", rules=rules), Matcher(rules)
    calls = [replace(CALL, owner=f"user-{number}") if new_users else CALL for number in range(CALLS)]
    return lambda number: evaluate(policies, matcher, calls[number], ASKED)


def matching(rules: RuleSet) -> Callable[[int], object]:
    matcher, facts = Matcher(rules), facts_of(CALL)
    return lambda _: matcher.matching(facts)


def compared(name: str, work: Callable[[int], object], few: Callable[[int], object], rounds: int, many: int) -> None:
    """`few`: the same work with the rules that are for the call alone."""
    times = [(seconds(work, many), seconds(few, many)) for _ in range(rounds)]
    one, other = median(each[0] for each in times), median(each[1] for each in times)
    ratio = median(each[0] / each[1] for each in times)
    print(f"{name:58} {one * 1e6:8.2f} us   {ratio:6.2f} x the {MATCHING} rules alone ({other * 1e6:.2f} us)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--calls", type=int, default=CALLS, help=f"of each round, at most {CALLS}")
    asked = parser.parse_args()
    few, many = RuleSet(budgets=matching_rules()), RuleSet(budgets=(*matching_rules(), *other_rules()))
    how = (asked.rounds, min(asked.calls, CALLS))
    compared("match 20 of 1,000 rules", matching(many), matching(few), *how)
    for name, new in (("evaluate, 20 of 1,000 rules", False), ("evaluate, each call another user", True)):
        compared(name, evaluating(many, new_users=new), evaluating(few, new_users=new), *how)
    start = time.perf_counter()
    Matcher(many)
    print(f"{'index 1,000 rules, once per policy set':58} {(time.perf_counter() - start) * 1e3:8.2f} ms")


if __name__ == "__main__":
    main()
