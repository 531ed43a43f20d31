"""The document of a replay: what a candidate changes against the policies in force, exact and without a clock, so that
the same policies over the same facts give the same bytes."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from proxy.model.money import pico_to_usd
from proxy.policy.evaluate import UNPRICED
from proxy.policy.types import PolicySet
from proxy.replay.result import Count, Group, Result

REFUSE: Final = "refuse"
THROTTLE: Final = "throttle"
SHADOW: Final = "shadow: "
ORDER: Final = (REFUSE, "justify", "downgrade", "limit output", THROTTLE, "wait", "cut", "warn")
NOT_KNOWN: Final = (
    "Calls refused then: nobody knows what their answers would have cost; they count as expected.",
    "Callers: what they would have sent instead, later or again.",
    "Calls put off (429, come back later): most clients repeat them, so their money may be spent later.",
    "Other models' answers: they count as long as the one that was given.",
    "Not replayed: waiting for room (such calls are let in at once), temporary increases, fallbacks.",
)
"""What no replay can know."""


class Side(NamedTuple):
    """One set of policies with what it made of the calls."""

    policies: PolicySet
    result: Result


class _Sum(NamedTuple):
    calls: int = 0
    cost_pico: int = 0
    saved_pico: int = 0
    estimated_calls: int = 0

    def plus(self, count: Count) -> "_Sum":
        return _Sum(
            self.calls + count.calls,
            self.cost_pico + count.cost_pico,
            self.saved_pico + count.saved_pico,
            self.estimated_calls + count.estimated_calls,
        )


Sums = dict[tuple[str, ...], _Sum]
_NONE: Final = _Sum()


def replay_document(candidate: Side, in_force: Side, since: str, until: str) -> dict[str, Any]:
    """`since` and `until`: ISO times, of the calls that were replayed."""
    where = {**_places(in_force.policies), **_places(candidate.policies)}

    def beside(names: tuple[str, ...], key: Callable[[Group], tuple[str, ...]]) -> list[dict[str, Any]]:
        return _beside(names, _sums(candidate.result, key), _sums(in_force.result, key))

    document = {
        "report": "replay",
        "since": since,
        "until": until,
        "calls": candidate.result.calls - candidate.result.refused_then,
        "refused": candidate.result.refused_then,
        "cost_usd": pico_to_usd(candidate.result.cost_pico),
        "candidate": _set(candidate),
        "in_force": {**_set(in_force), "commit": in_force.policies.commit},
        "same_policies": candidate.policies.version == in_force.policies.version,
        "account": _account(candidate.result, in_force.result),
        "totals": beside(("did",), lambda group: (group.did,)),
        "by_rule": [
            {"where": where.get(row["rule"], ""), **row}
            for row in beside(("rule", "did"), lambda group: (group.rule, group.did))
        ],
        "by_project": beside(("project", "did"), lambda group: (group.project, group.did)),
        "by_day": beside(("day", "did"), lambda group: (group.day, group.did)),
        "not_known": list(NOT_KNOWN),
    }
    return {**document, "sha256": _digest(document)}


def as_json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)


def changed(document: Mapping[str, Any]) -> bool:
    """Whether the candidate does anything else to any call."""
    return any(_differs(row) for part in ("by_rule", "by_project", "by_day", "totals") for row in document[part])


def _differs(row: Mapping[str, Any]) -> bool:
    return bool(row["candidate"] != row["in_force"])


def _set(side: Side) -> dict[str, Any]:
    """A set, the calls that it turns away, by a refusal or until later, and those refused then that it lets pass."""
    result = side.result
    refused = {"refused": result.refused, "refused_usd": pico_to_usd(result.refused_pico)}
    again = {"passed_again": result.passed_again, "passed_again_usd": pico_to_usd(result.passed_again_pico)}
    return {"version": side.policies.version, **refused, **again}


def _account(candidate: Result, in_force: Result) -> dict[str, Any]:
    """From what the calls come to without rules to what is spent, on record and under each set: `without_rules` less
    `kept` (refused or made cheaper) less `put_off` (told to come back later) is `spend`. `saved_usd` of the rows is
    what is kept and put off, so the rows of any table add up to the two. On record the two are one sum."""
    recorded = candidate.cost_pico
    then, now = _spend(candidate), _spend(in_force)
    sides = {
        "recorded": _lines(candidate.unruled_pico, candidate.unruled_pico - recorded, 0, recorded),
        "in_force": now,
        "candidate": then,
        "change": {name: then[name] - now[name] for name in then},
    }
    return {side: {name: pico_to_usd(pico) for name, pico in lines.items()} for side, lines in sides.items()}


def _spend(result: Result) -> dict[str, int]:
    kept, put_off = _saved(result, lambda did: did != THROTTLE), _saved(result, lambda did: did == THROTTLE)
    return _lines(result.unruled_pico, kept, put_off, result.spent_pico)


def _lines(without_rules: int, kept: int, put_off: int, spend: int) -> dict[str, int]:
    return {
        "without_rules_usd": without_rules,
        "kept_usd": kept,
        "put_off_usd": put_off,
        "spend_usd": spend,
    }


def _saved(result: Result, of: Callable[[str], bool]) -> int:
    """By what is done; rules in shadow mode do nothing."""
    counts = result.counts.items()
    return sum(count.saved_pico for group, count in counts if not group.did.startswith(SHADOW) and of(group.did))


def _places(policies: PolicySet) -> dict[str, str]:
    rules = policies.rules
    named = {rule.name: rule.where for rule in (*rules.budgets, *rules.limits, *rules.models)}
    return {UNPRICED: policies.prices.where, **named}


def _sums(result: Result, key: Callable[[Group], tuple[str, ...]]) -> Sums:
    sums: Sums = {}
    for group, count in result.counts.items():
        name = key(group)
        sums[name] = sums.get(name, _NONE).plus(count)
    return sums


def _beside(names: tuple[str, ...], candidate: Sums, in_force: Sums) -> list[dict[str, Any]]:
    """A row for each key, in order, the words of `did` in theirs; nothing where neither set did anything."""
    rows = []
    for key in sorted({*candidate, *in_force}, key=lambda key: (*key[:-1], _place(key[-1]))):
        then, now = candidate.get(key, _NONE), in_force.get(key, _NONE)
        if then.calls or now.calls:
            rows.append({**dict(zip(names, key, strict=True)), **_compared(then, now)})
    return rows


def _compared(candidate: _Sum, in_force: _Sum) -> dict[str, Any]:
    change = {
        "calls": candidate.calls - in_force.calls,
        "cost_usd": pico_to_usd(candidate.cost_pico - in_force.cost_pico),
        "saved_usd": pico_to_usd(candidate.saved_pico - in_force.saved_pico),
    }
    return {"candidate": _figures(candidate), "in_force": _figures(in_force), "change": change}


def _figures(of: _Sum) -> dict[str, Any]:
    return {
        "calls": of.calls,
        "cost_usd": pico_to_usd(of.cost_pico),
        "saved_usd": pico_to_usd(of.saved_pico),
        "estimated_calls": of.estimated_calls,
    }


def _place(did: str) -> tuple[int, str]:
    return (ORDER.index(did) if did in ORDER else len(ORDER), did)


def _digest(document: Mapping[str, Any]) -> str:
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
