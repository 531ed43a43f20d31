"""cases.yaml: example calls with what must become of each, run by `policy check` after every edit."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final, get_args

from proxy.model.waste import THRESHOLDS, WASTE_CLASSES
from proxy.policy.amounts import RULE, amount, word_of
from proxy.policy.document import Table, Word
from proxy.policy.globs import is_plain
from proxy.policy.limits_yaml import read_count
from proxy.policy.mistakes import Mistakes, shown, suggestion
from proxy.policy.redundancy_yaml import SCORE_MAX
from proxy.policy.rule_yaml import RULES_MAX, TAG, Known, check_known, limited
from proxy.policy.rules import DIMENSIONS, Budget, Case, Expectation
from proxy.policy.section import Section

FILE: Final = "cases.yaml"
SPENT: Final = "spent."
"""Before the name of a budget, in a case's call."""

TOP: Final = {"cases": "cases: [{name: big, call: {project: checkout, model: gpt-5}, expect: allow}]"}
CASE: Final = {
    "name": "name: the-month-is-spent",
    "call": "call: {user: alice, project: checkout, model: gpt-5, spent: {payments-month: 500 USD}}",
    "expect": "expect: refuse",
    "rule": "rule: payments-month",
}
CALL: Final = {
    "user": "user: alice",
    "team": "team: payments",
    "project": "project: checkout",
    "key": "key: k_1f3a09bc",
    "provider": "provider: openai",
    "model": "model: gpt-5",
    "dialect": "dialect: openai",
    "cost_center": "cost_center: CC-42",
    "purpose": "purpose: run",
    "operation": "operation: chat",
    "client": "client: claude-cli",
    "tags": "tags: {env: prod}",
    "input_tokens": "input_tokens: 20k",
    "output_tokens": "output_tokens: 1000",
    "spent": "spent: {payments-month: 480 USD}",
    "found": "found: exact_repeat",
    "score": "score: 4.5",
    "justified": "justified: true",
}
FOUND: Final = ("found", "score", "justified")
"""What redundancy rules see of a case's call."""
EXPECTATIONS: Final[tuple[Expectation, ...]] = get_args(Expectation)


def read_cases_file(
    document: Table | None,
    budgets: Mapping[str, Budget],
    rules: Mapping[str, object] | None,
    known: Known,
    mistakes: Mistakes,
) -> tuple[Case, ...]:
    """`rules`: every rule by its name, budgets among them; None where they aren't known (their files have mistakes)."""
    if document is None:
        return ()
    return tuple(_cases(Section(document, TOP, mistakes, FILE), budgets, rules, known))


def _cases(
    top: Section, budgets: Mapping[str, Budget], rules: Mapping[str, object] | None, known: Known
) -> Iterator[Case]:
    lines: dict[str, int] = {}
    for section in limited(top.sections("cases", CASE, "a case"), top.mistakes, "cases"):
        section.require("name", "call", "expect")
        name = section.text("name", 200)
        if name in lines:
            section.wrong("name", f"{shown(name)} stands twice, first in line {lines[name]}")
        lines.setdefault(name, section.table.line)
        rule = section.name("rule")
        if rule and rules is not None and rule not in rules:
            section.wrong("rule", f"can't be {shown(rule)}, which is no rule of this folder: {suggestion(rule, rules)}")
        yield Case(
            name=name,
            where=f"{section.mistakes.where(section.table)}:{section.table.column}",
            call=_call(section, budgets, rules is not None, known, f"case {shown(name)}: "),
            expect=section.choice("expect", EXPECTATIONS, EXPECTATIONS[0]),
            rule=rule,
        )


def _call(section: Section, budgets: Mapping[str, Budget], all_read: bool, known: Known, about: str) -> dict[str, str]:
    table = section.section("call", CALL, "the call of a case")
    if table is None:
        return {}
    facts = _dimensions(table, known, about)
    for key, text in _words(table, "tags"):
        facts[TAG + key.text] = text.text
    for name in ("input_tokens", "output_tokens"):
        found = read_count(table, name)
        if found is not None:
            facts[name] = str(found)
    for key, text in _words(table, "spent"):
        facts[SPENT + key.text] = _spent(table.mistakes, key, text, budgets, known=all_read)
    return {**facts, **_found(table)}


def _dimensions(call: Section, known: Known, about: str) -> dict[str, str]:
    """Each one word: an example is one call, and a pattern would stand for a name that nobody has."""
    facts = {}
    for name in DIMENSIONS:
        node, text = call.node(name), call.text(name)
        if node is None or not text:
            continue
        facts[name] = text
        if is_plain(text):
            check_known(call.mistakes, name, node, known, about)
        else:
            call.wrong(name, f"can't be {shown(text)}: an example is one call, so it has no pattern")
    return facts


def _found(table: Section) -> dict[str, str]:
    """The class, the score in thousandths (the one from which on a call is flagged, where none is written), and whether
    the caller justified it."""
    if table.node("found") is None:
        for name in ("score", "justified"):
            if table.node(name) is not None:
                table.wrong(name, "needs found, the class that the call was found to be", CALL["found"])
        return {}
    found = table.choice("found", WASTE_CLASSES, WASTE_CLASSES[0])
    score = table.decimal("score", Decimal(SCORE_MAX))
    return {
        "found": found,
        "score": str(THRESHOLDS[found] if score is None else int(score * 1000)),
        "justified": "true" if table.flag("justified") else "",
    }


def _words(table: Section, name: str) -> Iterator[tuple[Word, Word]]:
    value = table.node(name)
    if value is None:
        return
    if not isinstance(value, Table):
        table.wrong(name, "is a table: each name with its value")
        return
    for key, text in value.pairs[:RULES_MAX]:
        if isinstance(text, Word) and not text.absent:
            yield key, text
        else:
            table.mistakes.add(key, f"{name} has a word for each name", CALL[name])


def _spent(mistakes: Mistakes, key: Word, text: Word, budgets: Mapping[str, Budget], *, known: bool) -> str:
    """In the budget's unit, as a whole number."""
    found = amount(text.text)
    budget = budgets.get(key.text)
    if found is None:
        mistakes.add(text, f"spent can't be {shown(text.text)}: {RULE}", CALL["spent"])
    elif known and budget is None:
        mistakes.add(key, f"spent names {shown(key.text)}, which is no budget: {suggestion(key.text, budgets)}")
    elif budget is not None and budget.unit is not found.unit:
        mistakes.add(text, f"spent is in {word_of(found.unit)}, and {shown(key.text)} in {word_of(budget.unit)}")
    return str(found.quantity) if found else "0"
