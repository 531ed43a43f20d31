"""Load: the files of a policy folder become one valid set, or all of their mistakes. Never half a set.

The one loader for the server, `policy check`, replays and tests.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from proxy.policy import (
    access_yaml,
    budgets_yaml,
    cache_yaml,
    cases_yaml,
    credential_source,
    evaluations_yaml,
    event_sources_yaml,
    keys_yaml,
    limits_yaml,
    mirrors_yaml,
    models_yaml,
    notify_yaml,
    prices_yaml,
    providers_yaml,
    redundancy_yaml,
    rule_yaml,
    service_yaml,
    services_yaml,
)
from proxy.policy.access_yaml import read_access
from proxy.policy.cases_yaml import read_cases_file
from proxy.policy.document import Listing, Table, Word, read_document
from proxy.policy.keys_yaml import read_keys
from proxy.policy.limits_yaml import read_budgets_file
from proxy.policy.mistakes import Mistakes, nearest
from proxy.policy.models_yaml import read_models_file
from proxy.policy.notify_yaml import read_notify
from proxy.policy.prices_yaml import read_prices
from proxy.policy.providers_yaml import read_providers
from proxy.policy.redundancy_yaml import read_redundancy_file
from proxy.policy.rule_yaml import Known, RuleNames, known_names
from proxy.policy.rules import RuleSet
from proxy.policy.section import Settings
from proxy.policy.services_yaml import read_services
from proxy.policy.types import Mistake, PolicySet

RULE_FILES: Final = (limits_yaml.FILE, models_yaml.FILE, redundancy_yaml.FILE, cases_yaml.FILE)
FILES: Final = (
    *(providers_yaml.FILE, access_yaml.FILE, keys_yaml.FILE, prices_yaml.FILE),
    *(notify_yaml.FILE, *RULE_FILES, services_yaml.FILE),
)
RULES: Final = {
    "budgets": "budgets",
    "limits": "rate limits",
    "models": "model rules",
    "cases": "example cases",
    "budgets.downgrade": "downgrades by budgets",
    "models.downgrade": "downgrades by model rules",
    "models.output_tokens_max": "output limits of model rules",
    "models.fallback": "fallbacks",
    "redundancy": "redundancy rules",
    "redundancy.action.warn": "warnings of redundancy rules",
    "redundancy.action.serve": "answers served again",
    "redundancy.action.coalesce": "answers shared by calls under way",
    "redundancy.action.throttle": "throttles by redundancy rules",
    "redundancy.action.justify": "redundancy rules that ask for a justification",
    "redundancy.action.refuse": "refusals by redundancy rules",
    "evaluations": "registered evaluations",
    "cache": "a cache of answers",
}
"""What stands in the files of rules and a version may not know yet: lists and tables, their settings, and values of
those."""
ENFORCED: Final = frozenset(RULES)
"""Those of RULES that calls are held to (cases: that `policy check` runs). An entry in any other is a mistake: nobody
may believe a budget to be in force that isn't."""

SETTINGS: Final[Mapping[str, Mapping[str, Settings]]] = {
    providers_yaml.FILE: {
        "": providers_yaml.TOP,
        "provider": providers_yaml.PROVIDER,
        "api_key": credential_source.API_KEY,
    },
    access_yaml.FILE: {
        "": access_yaml.TOP,
        "person": access_yaml.PERSON,
        "service account": access_yaml.SERVICE_ACCOUNT,
        "project": access_yaml.PROJECT,
    },
    keys_yaml.FILE: {"": keys_yaml.TOP, "key": keys_yaml.KEY},
    prices_yaml.FILE: {
        "": prices_yaml.TOP,
        "price": prices_yaml.RULE,
        "usd_per_million": prices_yaml.RATES,
        "ceiling": prices_yaml.CEILING,
    },
    notify_yaml.FILE: {"": notify_yaml.TOP, "target": notify_yaml.TARGET, "url": notify_yaml.URL},
    limits_yaml.FILE: {
        "": limits_yaml.TOP,
        "budget": budgets_yaml.BUDGET,
        "rate limit": limits_yaml.LIMIT,
        "applies_to": rule_yaml.SCOPE,
        "downgrade": budgets_yaml.DOWNGRADE,
    },
    models_yaml.FILE: {
        "": models_yaml.TOP,
        "model rule": models_yaml.MODEL,
        "applies_to": rule_yaml.SCOPE,
        "downgrade": budgets_yaml.DOWNGRADE,
    },
    redundancy_yaml.FILE: {
        "": redundancy_yaml.TOP,
        "redundancy rule": redundancy_yaml.REDUNDANCY,
        "threshold": redundancy_yaml.THRESHOLD,
        "applies_to": rule_yaml.SCOPE,
        "evaluation": evaluations_yaml.EVALUATION,
        "cache": cache_yaml.CACHE,
    },
    cases_yaml.FILE: {"": cases_yaml.TOP, "case": cases_yaml.CASE, "call": cases_yaml.CALL},
    services_yaml.FILE: {
        "": services_yaml.TOP,
        "service": service_yaml.SERVICE,
        "source": event_sources_yaml.SOURCE,
        "secret": event_sources_yaml.SECRET,
        "mirror": mirrors_yaml.MIRROR,
        "token": mirrors_yaml.TOKEN,
    },
}
"""Every setting of every file, each with an example: what docs/policies.md must explain."""

VERSION_CHARS: Final = 32
"""Hex digits of a version: 128 bits, so that nobody can make two sets that pass for one."""


def load(
    files: Mapping[str, bytes | str],
    *,
    commit: str = "",
    enforced: frozenset[str] = ENFORCED,
    models: Mapping[str, str] | None = None,
    now_us: int = 0,
) -> PolicySet | list[Mistake]:
    """The set that the files make (name -> content), or every mistake in them, in the order of files and lines.

    `models`: names of the price lists, and who sells each; with them, a model that nobody knows is warned about.
    `now_us`: the time; with it, a day to come is, where one that has come is meant.
    Files that are missing or empty are as good as empty ones: no provider, nobody, no key, list prices, no rule.
    """
    contents = {name: files.get(name, b"") for name in FILES}
    reports = {name: Mistakes(name) for name in FILES}
    access = read_access(contents[access_yaml.FILE], reports[access_yaml.FILE])
    providers = read_providers(contents[providers_yaml.FILE], access, reports[providers_yaml.FILE])
    keys = read_keys(contents[keys_yaml.FILE], access, reports[keys_yaml.FILE])
    known = None if reports[providers_yaml.FILE].found else providers
    prices = read_prices(contents[prices_yaml.FILE], known, reports[prices_yaml.FILE])
    targets = read_notify(contents[notify_yaml.FILE], reports[notify_yaml.FILE])
    names = known_names(access, known, keys, prices.rules, models or {})
    rules = _rules(contents, reports, names, enforced)
    services = read_services(contents[services_yaml.FILE], names, reports[services_yaml.FILE], now_us)
    found = [mistake for report in reports.values() for mistake in report.found]
    found += [_unread(name) for name in sorted(files) if name not in FILES]
    if found:
        return sorted(found, key=lambda mistake: (mistake.file, mistake.line, mistake.column))
    return PolicySet(
        version=version(files),
        providers=providers,
        access=access,
        keys=keys,
        prices=prices,
        rules=rules,
        targets=targets,
        services=services,
        keys_version=keys_version(files),
        commit=commit,
        warnings=tuple(warning for report in reports.values() for warning in report.warnings),
    )


def _rules(
    contents: Mapping[str, bytes | str], reports: Mapping[str, Mistakes], known: Known, enforced: frozenset[str]
) -> RuleSet:
    documents = {name: read_document(contents[name], reports[name]) for name in RULE_FILES}
    names = RuleNames()
    in_budgets, in_models, in_redundancy, in_cases = (reports[name] for name in RULE_FILES)
    budgets, limits = read_budgets_file(documents[limits_yaml.FILE], names, known, in_budgets)
    models = read_models_file(documents[models_yaml.FILE], names, known, in_models)
    redundancy, evaluations, cache = read_redundancy_file(documents[redundancy_yaml.FILE], names, known, in_redundancy)
    unread = in_budgets.found or in_models.found or in_redundancy.found
    by_name = None if unread else {each.name: each for each in (*budgets, *limits, *models, *redundancy)}
    cases = read_cases_file(documents[cases_yaml.FILE], {each.name: each for each in budgets}, by_name, known, in_cases)
    for name, document in documents.items():
        _not_enforced(document, reports[name], enforced)
    return RuleSet(budgets, limits, models, cases, redundancy, evaluations, cache)


def _not_enforced(document: Table | None, mistakes: Mistakes, enforced: frozenset[str]) -> None:
    """A mistake for each list, and each setting of its entries, that nothing would come of."""
    for key, value in document.pairs if document else ():
        items = value.items if isinstance(value, Listing) else ()
        if key.text in RULES and key.text not in enforced and (items or not isinstance(value, Word | Listing)):
            mistakes.add(key, f"this version of outlay {_TOO_NEW.format(RULES[key.text])}")
        for setting, says in (pair for item in items if isinstance(item, Table) for pair in item.pairs):
            part = f"{key.text}.{setting.text}"
            of_value = f"{part}.{says.text}" if isinstance(says, Word) else part
            for name in {part, of_value} & RULES.keys() - enforced if key.text in enforced else ():
                mistakes.add(setting, f"this version of outlay {_TOO_NEW.format(RULES[name])}")


_TOO_NEW: Final = "doesn't know {}: nothing here would be in force, so take it out"


def version(files: Mapping[str, bytes | str]) -> str:
    """The hash of names and bytes of all files save keys.yaml: what finance means by 'the same policy'."""
    return _hash({name: content for name, content in files.items() if name != keys_yaml.FILE})


def keys_version(files: Mapping[str, bytes | str]) -> str:
    """The hash of keys.yaml: a missing one is as good as an empty one."""
    return _hash({keys_yaml.FILE: files.get(keys_yaml.FILE, b"")})


def _hash(files: Mapping[str, bytes | str]) -> str:
    """Lengths stand before names and contents, so no bytes can move from one file into another unnoticed."""
    hashed = hashlib.sha256()
    for name, content in sorted(files.items()):
        for part in (name, content):
            raw = part.encode() if isinstance(part, str) else part
            hashed.update(len(raw).to_bytes(8))
            hashed.update(raw)
    return hashed.hexdigest()[:VERSION_CHARS]


def _unread(name: str) -> Mistake:
    """For a file that nothing reads."""
    near = nearest(name.lower().partition(".")[0], [known.removesuffix(".yaml") for known in FILES])
    hint = f"did you mean '{near}.yaml'?" if near else f"known: {', '.join(FILES)}"
    return Mistake(name, 0, 0, f"no policy file has this name, so nothing in it would be in force: {hint}")
