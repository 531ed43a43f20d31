"""notify.yaml: whom outlay tells when something needs a person. The addresses hold passwords, so none stands here."""

from typing import Final

from proxy.policy.amounts import percent
from proxy.policy.document import read_document
from proxy.policy.mistakes import Mistakes, shown, suggestion
from proxy.policy.secret_source import NOWHERE, named_source, read_place
from proxy.policy.section import Section
from proxy.policy.types import Secret, Target

FILE: Final = "notify.yaml"

KINDS: Final = (
    *("budget_level", "unpriced_model", "policy_mistakes", "counter_difference"),
    *("provider_down", "metering_unavailable", "ledger_behind", "facts_missing"),
)
"""What is told: a level of a budget is reached; a model was called that has no price; policy files are not in force; a
gateway's counters differed from the ledger; a provider keeps failing; a gateway can't write its journal; reports are
behind; journal lines can't be read."""

TOP: Final = {"targets": "targets: [{name: finance, url: {env: NOTIFY_URL}}]"}
TARGET: Final = {
    "name": "name: finance",
    "url": "url: {env: NOTIFY_URL}",
    "on": "on: [unpriced_model]",
    "persons": "persons: true",
    "min_level": "min_level: 80%",
}
URL: Final = {"env": "url: {env: NOTIFY_URL}", "file": "url: {file: /run/secrets/notify}"}
TARGETS_MAX: Final = 20

_NOT_A_SOURCE: Final = (
    "must say where the address comes from, as {env: NAME} or {file: PATH}: addresses hold passwords and tokens, so "
    "none stands in a policy file (what stands here is not shown, and should be replaced if it was one)"
)


def read_notify(data: bytes | str, mistakes: Mistakes) -> tuple[Target, ...]:
    """The targets in the file's order."""
    document = read_document(data, mistakes)
    if document is None:
        return ()
    targets: dict[str, Target] = {}
    for section in Section(document, TOP, mistakes, FILE).sections("targets", TARGET, "a target"):
        section.require("name", "url")
        target = Target(
            name=section.name("name"),
            url=_url(section),
            on=_on(section),
            persons=section.flag("persons"),
            min_level=_min_level(section),
            where=mistakes.where(section.table),
        )
        if target.name in targets:
            section.wrong("name", f"can't be {shown(target.name)} twice")
        elif len(targets) == TARGETS_MAX:
            section.wrong("name", f"is one too many: there are at most {TARGETS_MAX} targets")
        targets.setdefault(target.name, target)
    return tuple(targets.values())


def _on(section: Section) -> tuple[str, ...]:
    """The kinds of notices; all where nothing is written."""
    section.some("on")
    words = section.words("on")
    for word in words:
        if word.text not in KINDS:
            wrong = f"on: {shown(word.text)} is nothing that is told: {suggestion(word.text, KINDS)}"
            section.mistakes.add(word, wrong, TARGET["on"])
    return tuple(word.text for word in words) if section.node("on") is not None else KINDS


def _min_level(section: Section) -> int:
    text = section.text("min_level")
    found = percent(text) if text else 0
    if found is None:
        section.wrong("min_level", f"can't be {shown(text)}: it is a level of budgets, from 1% to 100%")
    return found or 0


def _url(section: Section) -> Secret:
    """Whatever stands here in place of env or file may be a password: no mistake repeats it."""
    value = section.node("url")
    if value is None:
        return NOWHERE
    named = named_source(value, URL)
    if named is None:
        section.wrong("url", _NOT_A_SOURCE)
        return NOWHERE
    return read_place(named[0].text, named[1], section.mistakes, "the address")
