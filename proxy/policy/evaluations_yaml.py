"""redundancy.yaml, `evaluations`: who runs the same prompts again on purpose, for each new commit, and how far."""

import re
from collections.abc import Iterator
from typing import Final

from proxy.policy.amounts import Amount
from proxy.policy.budgets_yaml import read_amount
from proxy.policy.mistakes import shown, suggestion
from proxy.policy.redundancy_rules import Evaluation
from proxy.policy.rule_yaml import SCOPE, Known, RuleNames, check_known, limited, read_globs
from proxy.policy.rules import Unit
from proxy.policy.section import Section

EVALUATION: Final = {
    "name": "name: nightly",
    "service_accounts": "service_accounts: [eval-bot]",
    "keys": "keys: [k_1f3a09bc]",
    "projects": "projects: [checkout]",
    "purpose_header": "purpose_header: x-run-purpose",
    "purpose": "purpose: eval",
    "commit_header": "commit_header: x-commit",
    "cap": "cap: 5000 calls",
    "window": "window: 1d",
}
COMMIT_HEADER: Final = "x-outlay-commit"
WINDOW_S: Final = 86_400
WINDOW_S_MIN: Final = 60
HEADER_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9-]{0,63}"
SECRET_HEADERS: Final = frozenset(
    ("authorization", "proxy-authorization", "cookie", "x-api-key", "x-goog-api-key", "api-key", "x-outlay-key")
)
"""What they say is never recorded."""

_HEADER: Final = re.compile(HEADER_PATTERN, re.ASCII)
_NO_CAP: Final = Amount(Unit.CALLS, 0)


def read_evaluations(top: Section, names: RuleNames, known: Known) -> tuple[Evaluation, ...]:
    return tuple(_evaluations(top, names, known))


def _evaluations(top: Section, names: RuleNames, known: Known) -> Iterator[Evaluation]:
    for section in limited(top.sections("evaluations", EVALUATION, "an evaluation"), top.mistakes, "evaluations"):
        name = names.take(section)
        about = f"evaluation {shown(name)}: " if name else ""
        section.require("cap")
        cap = _cap(section)
        yield Evaluation(
            name=name,
            where=section.mistakes.where(section.table),
            service_accounts=_service_accounts(section, known, about),
            keys=_keys(section, known, about),
            projects=_projects(section, known, about),
            purpose_header=_header(section, "purpose_header"),
            purpose=_purpose(section),
            commit_header=_header(section, "commit_header") or COMMIT_HEADER,
            cost_max_pico=cap.quantity if cap.unit is Unit.USD else None,
            calls_max=cap.quantity if cap.unit is Unit.CALLS else None,
            window_s=section.seconds("window", WINDOW_S, WINDOW_S_MIN),
        )


def _service_accounts(section: Section, known: Known, about: str) -> tuple[str, ...]:
    """Never persons: an exemption is for a machine whose runs an admin knows."""
    if section.node("service_accounts") is None and section.node("keys") is None:
        section.mistakes.add(
            section.table, "an evaluation names service_accounts or keys", EVALUATION["service_accounts"]
        )
    words = section.names("service_accounts")
    people = {*known.names.get("user", ()), *known.aliases} - known.services
    for word in words:
        if word.text in people:
            section.mistakes.add(
                word,
                f"service_accounts can't have {shown(word.text)}, who is a person: give the runs a service account",
                EVALUATION["service_accounts"],
            )
        elif word.text not in known.services:
            hint = suggestion(word.text, sorted(known.services))
            said = f"no file of the folder knows the service account {shown(word.text)}: {hint}"
            section.mistakes.warn(word, about + said)
    return tuple(word.text for word in words)


def _keys(section: Section, known: Known, about: str) -> tuple[str, ...]:
    words = section.names("keys")
    for word in words:
        check_known(section.mistakes, "key", word, known, about)
    return tuple(word.text for word in words)


def _projects(section: Section, known: Known, about: str) -> tuple[str, ...]:
    node = section.node("projects")
    if node is None:
        return ()
    check_known(section.mistakes, "project", node, known, about)
    return read_globs(section.mistakes, "projects", node, SCOPE["project"])


def _header(section: Section, name: str) -> str:
    """In lower case, as it is looked for."""
    text = section.text(name)
    if text and not _HEADER.fullmatch(text):
        section.wrong(name, f"can't be {shown(text)}: it is the name of a header, of letters, digits and -")
    elif text.lower() in SECRET_HEADERS:
        section.wrong(name, f"can't be {shown(text)}: that one holds a credential, and what this one says is recorded")
    return text.lower()


def _purpose(section: Section) -> str:
    """Header and value belong together."""
    header, value = section.node("purpose_header"), section.node("purpose")
    if header is None and value is not None:
        section.wrong("purpose", "needs purpose_header, the header that says it", EVALUATION["purpose_header"])
    elif header is not None and value is None:
        section.wrong("purpose_header", "needs purpose, what the header must say", EVALUATION["purpose"])
    return section.text("purpose", 200)


def _cap(section: Section) -> Amount:
    found = read_amount(section, "cap")
    if found is not None and found.unit is Unit.TOKENS:
        section.wrong("cap", "is in tokens: what an evaluation may repeat is capped in USD or calls")
    elif found is not None and not found.quantity:
        section.wrong("cap", "lets nothing pass: leave the evaluation out")
    return found or _NO_CAP
