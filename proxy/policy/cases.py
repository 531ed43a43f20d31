"""Cases: what becomes of an example call under a policy set, with what its budgets are said to have spent.

As the gateway decides, for one call alone: rate limits let everything through save what their zeros refuse.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.model.call import Call, Hold
from proxy.model.identity import OwnerKind, Project
from proxy.model.waste import THRESHOLDS
from proxy.policy.amounts import words
from proxy.policy.cases_yaml import SPENT
from proxy.policy.charge import Charge
from proxy.policy.downgrades import by_turn
from proxy.policy.evaluate import evaluate
from proxy.policy.match import Matcher
from proxy.policy.providers import choose_provider
from proxy.policy.redundancy_outcome import Outcome, judged
from proxy.policy.redundancy_rules import Evidence
from proxy.policy.rule_yaml import TAG
from proxy.policy.rules import Case, Expectation, RateLimit
from proxy.policy.types import Key, PolicySet, Provider
from proxy.policy.verdict import Asked, Verdict, Weight

TOKENS_DEFAULT: Final = 1000
"""Input, and output, of a case that doesn't say: something, so that it costs something."""

Weigh = Callable[[Call, str, int, int], Weight]
"""What a call holds with this model, and so many input and output tokens."""


@dataclass(frozen=True, slots=True)
class Judgement:
    outcome: Expectation
    rules: tuple[str, ...]
    """Names of the rules that made it so; of an allowed call all that apply to it."""
    says: str = ""
    """The refusal's own words, or what a budget is short of."""

    def meets(self, case: Case) -> bool:
        return self.outcome == case.expect and (not case.rule or case.rule in self.rules)


def judge(policies: PolicySet, matcher: Matcher, case: Case, weigh: Weigh, at_us: int) -> Judgement:
    """`matcher` is of `policies.rules`; `at_us` decides which dated prices hold."""
    call = example_call(policies, case.call, at_us)
    reads = int(case.call.get("input_tokens", TOKENS_DEFAULT))
    writes = int(case.call.get("output_tokens", TOKENS_DEFAULT))

    def weighed(instead: str, output_limit: int | None) -> Weight:
        return weigh(call, instead or call.model, reads, min(writes, output_limit or writes))

    verdict = evaluate(policies, matcher, call, Asked(weighed, lambda: reads, writes))
    if verdict.refusal is not None:
        deciding = [rule.name for rule in policies.rules.models if rule.where == verdict.refusal.rule]
        return Judgement("refuse", tuple(deciding), verdict.refusal.message)
    redundant = _redundant(verdict, case.call)
    if redundant.action in ("refuse", "justify"):
        return _by_redundancy(redundant)
    closed = tuple(each.limit.name for each in verdict.throttles if _closed(each.limit))
    if closed:
        return Judgement("refuse", closed)

    def instead(model: str) -> Verdict:
        return evaluate(policies, matcher, call, Asked(weighed, lambda: reads, writes), model)

    if redundant.action in ("serve", "coalesce"):
        return _by_redundancy(redundant)
    return _both(_by_budgets(policies, case.call, verdict, instead), redundant)


def _redundant(verdict: Verdict, facts: Mapping[str, str]) -> Outcome:
    """By what the case says was found."""
    if "found" not in facts:
        return Outcome()
    score = int(facts["score"])
    evidence = Evidence(facts["found"], score, flagged=score >= THRESHOLDS.get(facts["found"], 0))
    return judged(verdict.redundancy, [evidence], justified=bool(facts["justified"]))


def _by_redundancy(outcome: Outcome) -> Judgement:
    """`throttle` whatever the rate: a case is one call alone."""
    doing = tuple(each.rule.name for each in outcome.fired if each.rule.action == outcome.action)
    return Judgement("allow" if outcome.action == "observe" else outcome.action, doing)


def _both(found: Judgement, redundant: Outcome) -> Judgement:
    """The severer of what budgets and redundancy rules make of a call."""
    if redundant.action == "throttle" and found.outcome != "refuse":
        return _by_redundancy(redundant)
    if redundant.action == "warn" and found.outcome in ("allow", "warn"):
        warned = found.rules if found.outcome == "warn" else ()
        return Judgement("warn", (*warned, *_by_redundancy(redundant).rules))
    return found


def example_call(policies: PolicySet, facts: Mapping[str, str], at_us: int) -> Call:
    """What the case leaves out is what the key, the project, the person and the model would make it."""
    key = next((each for each in policies.keys.values() if each.id == facts.get("key")), None)
    owner = policies.access.names.get(facts.get("user", ""), facts.get("user", "")) or (key.owner if key else "")
    project = _project(policies, facts.get("project") or (key.projects[0] if key else ""))
    provider = _provider(policies, facts, project.name)
    return Call(
        id=f"case_{at_us}",
        opened_us=at_us,
        dialect=facts.get("dialect") or (provider.dialect if provider else ""),
        operation=facts.get("operation", "chat"),
        provider=facts.get("provider") or (provider.name if provider else ""),
        account=provider.account if provider else "",
        model=facts.get("model", ""),
        stream=False,
        key_id=facts.get("key", ""),
        owner=owner,
        owner_kind=OwnerKind.SERVICE if owner in policies.access.service_accounts else OwnerKind.PERSON,
        team=facts.get("team") or project.team or _team(policies, owner, key),
        project=project.name,
        cost_center=facts.get("cost_center", project.cost_center),
        purpose=facts.get("purpose", project.purpose),
        policy=policies.version,
        client=facts.get("client", ""),
        tags={name.removeprefix(TAG): value for name, value in facts.items() if name.startswith(TAG)},
    )


def _project(policies: PolicySet, name: str) -> Project:
    return policies.access.projects.get(name) or Project(name, registered=False)


def _team(policies: PolicySet, owner: str, key: Key | None) -> str:
    known = policies.access.people.get(owner) or policies.access.service_accounts.get(owner)
    return (known.team if known else "") or (key.team if key else "")


def _provider(policies: PolicySet, facts: Mapping[str, str], project: str) -> Provider | None:
    """The one that is named, else the one that the model's calls go to: in the case's dialect, else in that of the
    first provider of the file that takes them."""
    named = policies.providers.get(facts.get("provider", ""))
    dialects = [facts["dialect"]] if "dialect" in facts else [each.dialect for each in policies.providers.values()]
    found = (choose_provider(policies, dialect, facts.get("model", ""), "", project) for dialect in dialects)
    return named or next((each for each in found if isinstance(each, Provider)), None)


def _closed(limit: RateLimit) -> bool:
    return limit.mode == "enforce" and 0 in (limit.requests_per_minute, limit.tokens_per_minute, limit.concurrent)


def _by_budgets(
    policies: PolicySet, facts: Mapping[str, str], verdict: Verdict, instead: Callable[[str], Verdict]
) -> Judgement:
    """`instead`: the verdict on the call where a budget has it go to another model."""
    charges = [charge for charge in verdict.charges if charge.budget.mode == "enforce"]
    short = _short(charges, facts, verdict.weight.hold)
    refusing = [charge for charge in short if charge.budget.action in ("refuse", "throttle")]
    if refusing:
        outcome: Expectation = "refuse" if any(each.budget.action == "refuse" for each in refusing) else "throttle"
        deciding = [each for each in refusing if each.budget.action == outcome]
        says = "; ".join(_short_of(each, facts, verdict.weight.hold) for each in deciding)
        return Judgement(outcome, tuple(each.budget.name for each in deciding), says)
    downgrading = tuple(charge.budget.name for charge in short if charge.budget.action == "downgrade")
    if downgrading:
        return _downgraded(charges, facts, downgrading, instead)
    if verdict.downgrade_to:
        sending = [rule.name for rule in policies.rules.models if rule.downgrade_to == verdict.downgrade_to]
        return Judgement("downgrade", tuple(name for name in sending if name in verdict.matched))
    warning = tuple(charge.budget.name for charge in charges if charge in short or _warned(charge, facts))
    return Judgement("warn", warning) if warning else Judgement("allow", verdict.matched)


def _downgraded(
    charges: Sequence[Charge],
    facts: Mapping[str, str],
    downgrading: tuple[str, ...],
    instead: Callable[[str], Verdict],
) -> Judgement:
    """Refused all the same where none of the smaller models fits, or rules are against those that do."""
    left = downgrading
    for budget in by_turn(charges, min(downgrading)):
        verdict = instead(budget.downgrade_to)
        short = [each for each in _short(charges, facts, verdict.weight.hold) if each.budget.action != "warn"]
        if not short and verdict.refusal is None:
            return Judgement("downgrade", tuple(dict.fromkeys((*downgrading, budget.name))))
        left = tuple(each.budget.name for each in short) or left
    return Judgement("refuse", left)


def _short(charges: Sequence[Charge], facts: Mapping[str, str], hold: Hold) -> list[Charge]:
    """The accounts that the hold doesn't fit, as counters see it: what costs nothing fits where anything may pass."""
    return [charge for charge in charges if not _fits(charge, _spent(charge, facts), charge.takes(hold))]


def _fits(charge: Charge, spent: int, needed: int) -> bool:
    budget = charge.budget
    return spent + needed <= budget.limit - budget.reserve if needed else budget.limit > 0


def _short_of(charge: Charge, facts: Mapping[str, str], hold: Hold) -> str:
    budget = charge.budget
    spent = f"{words(budget.unit, _spent(charge, facts))} of {words(budget.unit, budget.limit)} spent"
    kept = f", {words(budget.unit, budget.reserve)} kept for streams that have begun" if budget.reserve else ""
    needs = f"the call can come to {words(budget.unit, charge.takes(hold))}"
    return f"{budget.name} ({budget.where}) has {spent}{kept}, and {needs}"


def _spent(charge: Charge, facts: Mapping[str, str]) -> int:
    return int(facts.get(SPENT + charge.budget.name, 0))


def _warned(charge: Charge, facts: Mapping[str, str]) -> bool:
    """A level of `warn_at` is reached already."""
    budget = charge.budget
    levels = budget.warn_at if budget.limit else ()
    return any(_spent(charge, facts) * 100 >= level * budget.limit for level in levels)
