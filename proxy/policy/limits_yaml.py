"""budgets.yaml, `limits`: requests and tokens per minute, and calls in flight; and the file as a whole."""

from collections.abc import Iterator
from typing import Final

from proxy.policy.amounts import COUNT_MAX, count
from proxy.policy.budgets_yaml import read_budgets
from proxy.policy.document import Table
from proxy.policy.mistakes import Mistakes, shown
from proxy.policy.rule_yaml import PER, RULE, Known, RuleNames, limited, read_per, read_rule
from proxy.policy.rules import Budget, RateLimit
from proxy.policy.section import Section

FILE: Final = "budgets.yaml"

TOP: Final = {
    "timezone": "timezone: Europe/Berlin",
    "budgets": "budgets: [{name: payments-month, limit: 500 USD, window: month}]",
    "limits": "limits: [{name: per-key-burst, per: key, requests_per_minute: 600}]",
}
RATES: Final = {
    "requests_per_minute": "requests_per_minute: 600",
    "tokens_per_minute": "tokens_per_minute: 2M",
    "concurrent": "concurrent: 50",
}
LIMIT: Final = {**RULE, **PER, **RATES}


def read_budgets_file(
    document: Table | None, names: RuleNames, known: Known, mistakes: Mistakes
) -> tuple[tuple[Budget, ...], tuple[RateLimit, ...]]:
    if document is None:
        return (), ()
    top = Section(document, TOP, mistakes, FILE)
    return read_budgets(top, names, known), tuple(_limits(top, names, known))


def _limits(top: Section, names: RuleNames, known: Known) -> Iterator[RateLimit]:
    for section in limited(top.sections("limits", LIMIT, "a rate limit"), top.mistakes, "limits"):
        rule = read_rule(section, names, known)
        if all(section.node(name) is None for name in RATES):
            section.mistakes.add(section.table, f"a rate limit has one of {', '.join(RATES)}", RATES[next(iter(RATES))])
        yield RateLimit(
            name=rule.name,
            where=rule.where,
            scope=rule.scope,
            mode=rule.mode,
            contact=rule.contact,
            per=read_per(section),
            requests_per_minute=read_count(section, "requests_per_minute"),
            tokens_per_minute=read_count(section, "tokens_per_minute"),
            concurrent=read_count(section, "concurrent"),
        )


def read_count(section: Section, name: str, minimum: int = 0) -> int | None:
    """A whole number, as 600, 600k or 2M; None where it isn't written or is a mistake."""
    text = section.text(name)
    found = count(text)
    if not text or (found is not None and found >= minimum):
        return found
    section.wrong(
        name, f"can't be {shown(text)}: it is a whole number from {minimum} to {COUNT_MAX:,}, as 600, 600k or 2M"
    )
    return None
