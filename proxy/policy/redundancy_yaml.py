"""redundancy.yaml: what is done about needless repetition, who repeats on purpose, and which answers are kept.

Without it waste is found and recorded, and no call is changed.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from proxy.model.waste import RECORDED_SHARE, THRESHOLDS, WASTE_CLASSES
from proxy.policy.cache_yaml import read_cache
from proxy.policy.document import Listing, Table, Word
from proxy.policy.evaluations_yaml import read_evaluations
from proxy.policy.limits_yaml import read_count
from proxy.policy.mistakes import Mistakes, shown, suggestion
from proxy.policy.redundancy_rules import ACTIONS, CLASSES_OF, CacheSettings, Evaluation, RedundancyRule
from proxy.policy.rule_yaml import PER, RULE, Known, RuleNames, limited, read_per, read_rule
from proxy.policy.section import Section

FILE: Final = "redundancy.yaml"

TOP: Final = {
    "redundancy": "redundancy: [{name: loops, classes: [tool_loop], action: warn}]",
    "evaluations": "evaluations: [{name: nightly, service_accounts: [eval-bot], cap: 5000 calls}]",
    "cache": "cache: {ttl: 1h, size_max: 64MB}",
}
REDUNDANCY: Final = {
    **RULE,
    **PER,
    "classes": "classes: [exact_repeat, tool_loop]",
    "action": "action: warn",
    "threshold": "threshold: {tool_loop: 6}",
    "window": "window: 1h",
    "requests_per_minute": "requests_per_minute: 2",
    "justifications_per_day": "justifications_per_day: 10",
}
THRESHOLD: Final[Mapping[str, str]] = {name: f"threshold: {{{name}: 6}}" for name in WASTE_CLASSES}
ALL: Final = "all"
CACHED: Final = "cache: {ttl: 1h}"
"""Whoever has answers kept says so twice: a rule alone keeps none."""
SCORE_MAX: Final = 1000
JUSTIFICATIONS_PER_DAY: Final = 20
"""Where a rule doesn't say."""
FITS: Final[Mapping[str, tuple[str, ...]]] = {
    "threshold": ("warn", "throttle", "justify", "refuse"),
    "window": ("warn", "throttle", "justify", "refuse"),
    "per": ("throttle", "justify"),
    "requests_per_minute": ("throttle",),
    "justifications_per_day": ("justify",),
}
"""Settings that mean something to some actions only."""
WHY: Final = {
    "serve": "an answer is right for the same call only",
    "coalesce": "only calls under way at the same moment share an answer",
}


def read_redundancy_file(
    document: Table | None, names: RuleNames, known: Known, mistakes: Mistakes
) -> tuple[tuple[RedundancyRule, ...], tuple[Evaluation, ...], CacheSettings]:
    if document is None:
        return (), (), CacheSettings()
    top = Section(document, TOP, mistakes, FILE)
    rules = tuple(_rules(top, names, known))
    return rules, read_evaluations(top, names, known), read_cache(top, serves=any(_serves(rule) for rule in rules))


def _serves(rule: RedundancyRule) -> bool:
    return rule.action == "serve"


def _rules(top: Section, names: RuleNames, known: Known) -> Iterator[RedundancyRule]:
    for section in limited(top.sections("redundancy", REDUNDANCY, "a redundancy rule"), top.mistakes, "redundancy"):
        rule = read_rule(section, names, known)
        action = section.choice("action", ACTIONS, ACTIONS[0])
        fit = CLASSES_OF[action]
        classes = _classes(section, fit, action)
        justifications = read_count(section, "justifications_per_day", 1)
        _idle(section, action)
        if action == "serve" and not isinstance(top.node("cache"), Table):
            section.wrong("action", "serve keeps answers in memory, so the file says how long: add a cache", CACHED)
        yield RedundancyRule(
            name=rule.name,
            where=rule.where,
            scope=rule.scope,
            mode=rule.mode,
            contact=rule.contact,
            classes=classes,
            action=action,
            thresholds=_thresholds(section, classes),
            window_s=section.seconds("window", 0) or None,
            per=read_per(section),
            requests_per_minute=_rate(section, action),
            justifications_per_day=(justifications or JUSTIFICATIONS_PER_DAY) if action == "justify" else None,
        )


def _classes(section: Section, fit: tuple[str, ...], action: str) -> tuple[str, ...]:
    """What the action can be for, where it is for one class only; else what is written."""
    node = section.node("classes")
    if node is None and len(fit) == 1:
        return fit
    if not section.require("classes"):
        return fit
    if isinstance(node, Word):
        words = [node]
    else:
        words = section.words("classes")
        if isinstance(node, Listing) and not node.items:
            section.wrong("classes", f"names none: leave the rule out, or write classes: {ALL}")
    for word in words:
        if word.text == ALL and len(words) > 1:
            section.mistakes.add(word, f"classes: {ALL} stands alone")
        elif word.text != ALL and word.text not in WASTE_CLASSES:
            hint = suggestion(word.text, (*WASTE_CLASSES, ALL))
            section.mistakes.add(word, f"classes can't have {shown(word.text)}: {hint}", REDUNDANCY["classes"])
        elif len(fit) == 1 and word.text not in fit:
            section.mistakes.add(word, f"{action} can't be for {word.text}: {WHY[action]}", f"classes: [{fit[0]}]")
    texts = [word.text for word in words]
    return fit if ALL in texts else tuple(name for name in WASTE_CLASSES if name in texts)


def _idle(section: Section, action: str) -> None:
    """Settings that mean nothing to the action: what is written here, somebody believes in."""
    for name, actions in FITS.items():
        if section.node(name) is not None and action not in actions:
            section.wrong(name, f"means nothing with action: {action}; it is for {', '.join(actions)}")


def _rate(section: Section, action: str) -> int | None:
    if action == "throttle" and section.node("requests_per_minute") is None:
        section.wrong("requests_per_minute", "is what throttle needs: so much of the waste passes a minute")
    return read_count(section, "requests_per_minute", 1)


def _thresholds(section: Section, classes: tuple[str, ...]) -> dict[str, int]:
    """One score for all classes of the rule, or one by class."""
    if not isinstance(section.node("threshold"), Table):
        score = _score(section, "threshold", classes)
        return {} if score is None else dict.fromkeys(classes, score)
    table = section.section("threshold", THRESHOLD, "threshold")
    thresholds: dict[str, int] = {}
    for name in WASTE_CLASSES if table else ():
        score = _score(table, name, (name,)) if table else None
        if score is not None:
            thresholds[name] = score
        if table and table.node(name) is not None and name not in classes:
            table.wrong(name, "has a threshold here, and is no class of this rule")
    return thresholds


def _score(section: Section, name: str, classes: tuple[str, ...]) -> int | None:
    """In thousandths; None where it isn't written or is a mistake."""
    found = section.decimal(name, Decimal(SCORE_MAX))
    if found is None:
        return None
    milli = int(found * 1000)
    least = max((int(THRESHOLDS[each] * RECORDED_SHARE) for each in classes), default=0)
    if milli != found * 1000:
        section.wrong(name, f"can't be {found}: a score has three decimals at most")
    elif milli < least:
        section.wrong(name, f"can't be {found}: lower scores than {least / 1000:g} aren't recorded")
    return milli
