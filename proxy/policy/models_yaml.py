"""models.yaml: which models may be used, how far each call may go, and where calls go instead."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from proxy.policy.amounts import word_of
from proxy.policy.budgets_yaml import DOWNGRADE, read_amount, read_downgrade
from proxy.policy.document import Listing, Table, Word
from proxy.policy.globs import can_meet, is_plain
from proxy.policy.limits_yaml import read_count
from proxy.policy.mistakes import Mistakes, shown, suggestion
from proxy.policy.rule_yaml import GLOB_CHARS_MAX, RULE, Known, RuleNames, check_known, limited, of_rule, read_rule
from proxy.policy.rules import FAILED_STATUSES, ModelRule, Rule, Scope, Unit
from proxy.policy.section import Section

FILE: Final = "models.yaml"

TOP: Final = {"models": "models: [{name: small-only, applies_to: {team: search}, allow: [gpt-5-mini]}]"}
EFFECTS: Final = {
    "allow": "allow: [gpt-*, claude-haiku-*]",
    "deny": "deny: [o1-pro*]",
    "output_tokens_max": "output_tokens_max: 8k",
    "context_tokens_max": "context_tokens_max: 200k",
    "cost_max": "cost_max: 2 USD",
    "downgrade": DOWNGRADE["to"],
    "fallback": "fallback: [openai, local]",
}
SHOWN_MAX: Final = 3
"""Models of a sentence."""
FALLBACK_ON: Final = "fallback_on"
MODEL: Final = {**RULE, **EFFECTS, FALLBACK_ON: "fallback_on: [429, 500, 502, 503, 504, 529]"}
STATUS: Final = re.compile("[45][0-9]{2}")


def read_models_file(
    document: Table | None, names: RuleNames, known: Known, mistakes: Mistakes
) -> tuple[ModelRule, ...]:
    if document is None:
        return ()
    return tuple(_models(Section(document, TOP, mistakes, FILE), names, known))


def _models(top: Section, names: RuleNames, known: Known) -> Iterator[ModelRule]:
    for section in limited(top.sections("models", MODEL, "a model rule"), top.mistakes, "models"):
        rule = read_rule(section, names, known)
        if all(section.node(name) is None for name in EFFECTS):
            section.mistakes.add(section.table, f"a model rule has one of {', '.join(EFFECTS)}", EFFECTS["allow"])
        model = ModelRule(
            name=rule.name,
            where=rule.where,
            scope=rule.scope,
            mode=rule.mode,
            contact=rule.contact,
            allow=_models_of(section, "allow", rule, known),
            deny=_models_of(section, "deny", rule, known),
            output_tokens_max=read_count(section, "output_tokens_max", 1),
            context_tokens_max=read_count(section, "context_tokens_max", 1),
            cost_max_pico=_cost_max(section),
            downgrade_to=read_downgrade(section, rule, known),
            fallback=_fallback(section, rule.scope, known),
            fallback_on=_fallback_on(section),
        )
        _contradictions(section, model)
        _left_open(section, model, known)
        yield model


def _models_of(section: Section, name: str, rule: Rule, known: Known) -> tuple[str, ...]:
    value = section.node(name)
    if isinstance(value, Listing) and not value.items:
        section.wrong(name, "names no model: leave it out, or write deny: ['*'] to refuse them all")
    words = section.words(name)
    for word in words:
        if len(word.text) > GLOB_CHARS_MAX:
            section.mistakes.add(word, f"{name}: a model or pattern of more than {GLOB_CHARS_MAX} characters")
        check_known(section.mistakes, "model", word, known, of_rule(rule.name))
        models = rule.scope.conditions.get("model", ())
        if models and not any(can_meet(word.text, model) for model in models):
            about = f"{name} has {shown(word.text)}, which is none of the models that the rule is for"
            section.mistakes.warn(word, f"{of_rule(rule.name)}{about} ({', '.join(models[:SHOWN_MAX])})")
    return tuple(word.text for word in words)


def _left_open(section: Section, rule: ModelRule, known: Known) -> None:
    """Models that are denied by one name of several: the other would be let through."""
    names = known.names.get("model")
    for word in section.words("deny") if names else ():
        open_ = [
            each
            for each in (names.dated(word.text) if names and is_plain(word.text) else ())
            if not any(fnmatchcase(each, glob) for glob in rule.deny)
            and (not rule.allow or any(fnmatchcase(each, glob) for glob in rule.allow))
        ]
        if open_:
            listed = ", ".join(map(shown, open_[:SHOWN_MAX])) + (", …" if len(open_) > SHOWN_MAX else "")
            example = f'deny: [{word.text}, "{word.text}-2*"]' if open_[0].startswith(f"{word.text}-2") else ""
            section.mistakes.warn(
                word,
                f"{of_rule(rule.name)}deny has {shown(word.text)} and leaves {listed} open, the same by another name",
                example,
            )


def _cost_max(section: Section) -> int | None:
    found = read_amount(section, "cost_max")
    if found is not None and found.unit is not Unit.USD:
        section.wrong("cost_max", f"is in {word_of(found.unit)}: what a call costs is in USD")
        return None
    return found.quantity if found else None


def _fallback(section: Section, scope: Scope, known: Known) -> tuple[str, ...]:
    """A provider that isn't there would never take over, and nobody would notice before the day it must."""
    section.some("fallback")
    words = section.words("fallback")
    for word in words if known.providers is not None else ():
        provider = (known.providers or {}).get(word.text)
        if provider is None:
            hint = suggestion(word.text, known.providers or {})
            section.mistakes.add(
                word, f"fallback can't have {shown(word.text)}, which is not in providers.yaml: {hint}"
            )
            continue
        _check_dialect(section, word, provider.dialect, scope, known)
    return tuple(word.text for word in words)


def _fallback_on(section: Section) -> tuple[int, ...]:
    if section.node(FALLBACK_ON) is None:
        return FAILED_STATUSES
    if section.node("fallback") is None:
        section.wrong(FALLBACK_ON, "says when a call goes to another provider, and `fallback` names none")
    section.some(FALLBACK_ON)
    words = section.words(FALLBACK_ON)
    for word in words:
        if not STATUS.fullmatch(word.text):
            section.mistakes.add(
                word, f"{FALLBACK_ON} can't have {shown(word.text)}: it lists statuses from 400 to 599"
            )
    return tuple(sorted(int(word.text) for word in words if STATUS.fullmatch(word.text)))


def _check_dialect(section: Section, word: Word, dialect: str, scope: Scope, known: Known) -> None:
    for name in scope.conditions.get("provider", ()):
        first = (known.providers or {}).get(name)
        if first is not None and first.dialect != dialect:
            section.mistakes.add(
                word,
                f"fallback can't have {shown(word.text)}, which speaks {dialect}, for calls to {shown(name)}, which "
                f"speaks {first.dialect}",
            )


def _contradictions(section: Section, rule: ModelRule) -> None:
    for model in rule.allow:
        if model in rule.deny:
            section.wrong("deny", f"has {shown(model)}, which allow has too")
    target = rule.downgrade_to
    denied = next((glob for glob in rule.deny if fnmatchcase(target, glob)), "")
    if target and denied:
        section.wrong("downgrade", f"goes to {shown(target)}, which this rule denies ({shown(denied)})")
    elif target and rule.allow and not any(fnmatchcase(target, glob) for glob in rule.allow):
        section.wrong("downgrade", f"goes to {shown(target)}, which this rule doesn't allow")
