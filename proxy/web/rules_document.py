"""The rules of a call as its explanation tells them: where each stands, why it applied, what it says and did."""

from collections.abc import Iterator
from typing import Any

from proxy.ledger.matched_rules import Charged, MatchedRule
from proxy.model.money import pico_to_usd
from proxy.policy.amounts import word_of
from proxy.policy.redundancy_rules import RedundancyRule
from proxy.policy.rules import Budget, ModelRule, RateLimit, Rule, Unit, Window
from proxy.web.reports import iso


def rules_document(found: list[MatchedRule]) -> list[dict[str, Any]]:
    return [_document(each) for each in found]


def _document(each: MatchedRule) -> dict[str, Any]:
    budget = each.rule if isinstance(each.rule, Budget) else None
    return {
        "name": each.name,
        "where": each.where,
        "kind": each.kind,
        "mode": each.mode,
        "did": each.did,
        "decided": each.decided,
        "because": [{"dimension": fit.dimension, "value": fit.value, "fits": fit.glob} for fit in each.fits],
        "says": _says(each.rule) if each.rule else "",
        "contact": each.contact,
        "account": _account(budget, each.charged) if budget and each.charged else None,
        "squeezed": [dict(squeeze) for squeeze in each.squeezed],
    }


def _account(budget: Budget, charged: Charged) -> dict[str, Any]:
    return {
        "instance": dict(charged.instance),
        "since": iso(charged.since_us),
        "until": iso(charged.until_us),
        "charged": _amount(budget.unit, charged.amount),
    }


def _says(rule: Rule) -> str:
    """The rule in words."""
    parts: list[str] = []
    if isinstance(rule, Budget):
        parts = [*_budget(rule)]
    elif isinstance(rule, RateLimit):
        parts = [*_limit(rule)]
    elif isinstance(rule, ModelRule):
        parts = [*_model(rule)]
    elif isinstance(rule, RedundancyRule):
        parts = [*_redundancy(rule)]
    return "; ".join(parts)


def _budget(budget: Budget) -> Iterator[str]:
    yield f"{_amount(budget.unit, budget.limit)} {_window(budget.window)}{_per(budget.per)}"
    if budget.action == "downgrade":
        yield f"beyond it calls go to {budget.downgrade_to}"
    elif budget.action != "refuse":
        yield {"warn": "beyond it calls pass with a warning", "throttle": "beyond it calls are told to wait"}[
            budget.action
        ]


def _limit(limit: RateLimit) -> Iterator[str]:
    if limit.requests_per_minute is not None:
        yield f"{limit.requests_per_minute:,} requests a minute{_per(limit.per)}"
    if limit.tokens_per_minute is not None:
        yield f"{limit.tokens_per_minute:,} tokens a minute{_per(limit.per)}"
    if limit.concurrent is not None:
        yield f"{limit.concurrent:,} calls at once{_per(limit.per)}"


def _model(rule: ModelRule) -> Iterator[str]:
    if rule.allow:
        yield f"allows {', '.join(rule.allow)}"
    if rule.deny:
        yield f"denies {', '.join(rule.deny)}"
    if rule.output_tokens_max is not None:
        yield f"at most {rule.output_tokens_max:,} tokens of output"
    if rule.context_tokens_max is not None:
        yield f"at most {rule.context_tokens_max:,} tokens of input"
    if rule.cost_max_pico is not None:
        yield f"at most {pico_to_usd(rule.cost_max_pico)} USD a call"
    if rule.downgrade_to:
        yield f"calls go to {rule.downgrade_to}"
    if rule.fallback:
        yield f"where the provider fails: {', '.join(rule.fallback)}"


def _redundancy(rule: RedundancyRule) -> Iterator[str]:
    yield f"{rule.action}: {', '.join(rule.classes)}"
    if rule.thresholds:
        yield f"from a score of {', '.join(f'{milli / 1000:g} ({name})' for name, milli in rule.thresholds.items())} on"
    if rule.window_s is not None:
        yield f"what is at most {rule.window_s:,} seconds old"
    if rule.requests_per_minute is not None:
        yield f"above {rule.requests_per_minute:,} requests a minute{_per(rule.per)}"
    if rule.justifications_per_day is not None:
        yield f"{rule.justifications_per_day:,} justified a day{_per(rule.per)}"


def _window(window: Window) -> str:
    if window.kind == "total":
        return "in total"
    if window.kind != "rolling":
        return f"a {window.kind} ({window.zone})"
    size, name = next(
        (size, name) for size, name in ((86_400, "days"), (3600, "hours"), (1, "seconds")) if not window.length_s % size
    )
    return f"in any {window.length_s // size} {name}"


def _per(per: tuple[str, ...]) -> str:
    return f", for each {' and '.join(per)}" if per else ""


def _amount(unit: Unit, amount: int) -> str:
    return f"{pico_to_usd(amount) if unit is Unit.USD else f'{amount:,}'} {word_of(unit)}"
