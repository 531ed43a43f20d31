"""Explaining: the whole story of one deployment, counted or not, as a document."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from proxy.model.service import Services
from proxy.outcomes.crediting import Verdicts
from proxy.outcomes.entities import BadEvent, Change, Deployment, History
from proxy.outcomes.owning import Owners, owners_of
from proxy.outcomes.people import People
from proxy.outcomes.spelling import Spelling
from proxy.outcomes.verdicts import ChangeVerdict, DeploymentVerdict, Landing, Ruling, Who

Document = dict[str, Any]
"""Text, numbers, lists and further documents: ready for JSON. Times in microseconds, credits as '1/2'."""


def found(history: History, text: str) -> tuple[str, ...]:
    """Ids of the deployments that `text` names: an id, the end of one, a source's own id, or a commit's beginning."""
    exact = [each.id for each in history.deployments if text == each.id or text in each.also]
    near = [
        each.id
        for each in history.deployments
        if each.id.endswith(f"/{text}") or (len(text) >= 7 and each.sha.startswith(text))
    ]
    return tuple(exact or near)


@dataclass(frozen=True, slots=True)
class Story:
    document: Document
    persons: frozenset[str]
    """Others than the reader whom it speaks of, by name or not."""
    took_part: frozenset[str]
    """Who wrote, answered for, reviewed or deployed what it brought."""


def explained(
    history: History,
    verdicts: Verdicts,
    services: Services,
    deployment: str,
    people: People,
    reader: str = "",
    *,
    openly: bool = False,
) -> Story | None:
    """None: there is no deployment of this id. `reader`: a person's name, or ''; `openly`: everybody by name, else the
    reader alone, and machines."""
    one = next((each for each in history.deployments if each.id == deployment), None)
    if one is None:
        return None
    service = services.services.get(one.service)
    spell = Spelling(people, service.deploy_actors if service else (), reader, openly=openly)
    document = _document(history, verdicts, services, one, spell)
    brought = [history.changes[name] for name in owners_of(history.changes.values()).brought(one)]
    hands = {one.actor and people.person(one.actor, one.at_us)}
    for each in brought:
        hands |= {each.author, each.sponsor, *each.coauthors, *(approval.person for approval in each.approvals)}
    return Story(
        {**document, "persons": "names" if openly else "roles"}, frozenset(spell.persons), frozenset(hands) - {""}
    )


def _document(history: History, verdicts: Verdicts, services: Services, one: Deployment, spell: Spelling) -> Document:
    deployment = one.id
    verdict = next((each for each in verdicts.deployments if each.deployment == deployment), None)
    owners = owners_of(history.changes.values())
    landings = {each.group: each for each in verdicts.landings}
    brought = sorted(owners.brought(one))
    return {
        "definition": verdicts.definition,
        "deployment": _deployment(one, spell),
        "standing": verdict.standing.value if verdict else "unregistered",
        "rulings": [_ruling(each, spell) for each in verdict.rulings] if verdict else [_unregistered(one, services)],
        "pending_until_us": verdict.until_us if verdict and verdict.standing == "pending" else None,
        "against": [_against(each) for each in history.bad_events if each.deployment == deployment],
        "commits": _commits(one, brought, owners),
        "changes": [_change(history.changes[name], verdicts.changes.get(name), spell) for name in brought],
        "groups": [_group(landings[group], one) for group in _groups(brought, verdict, verdicts) if group in landings],
    }


def _deployment(one: Deployment, spell: Spelling) -> Document:
    return {
        "id": one.id,
        "also_told_as": list(one.also),
        "source": one.source,
        "service": one.service,
        "repository": one.repository,
        "environment": one.environment,
        "state": one.state,
        "at_us": one.at_us,
        "sha": one.sha,
        "tree": one.tree,
        "digest": one.digest,
        "actor": spell(Who("deployer", one.actor)) if one.actor else "",
        "trust": one.trust.value,
        "clock_believed": not one.clamped,
        "imported": one.imported,
        "after": one.after,
        "before_sha": one.before,
    }


def _ruling(each: Ruling, spell: Spelling) -> Document:
    return {"rule": each.rule, "holds": each.holds, "says": each.told(spell)}


def _unregistered(one: Deployment, services: Services) -> Document:
    where = one.repository or "without a repository"
    several = [name for name, each in services.services.items() if one.repository in each.repositories]
    if several:
        says = f"{where}, environment {one.environment or 'without a name'}: of {', '.join(several)}, which one?"
    else:
        says = f"no service of services.yaml has {where}"
    return {"rule": "D5", "holds": False, "says": says}


def _against(event: BadEvent) -> Document:
    return {"kind": event.kind, "at_us": event.at_us, "source": event.source}


def _commits(one: Deployment, brought: Iterable[str], owners: Owners) -> Document:
    """How many are known, and which belong to no merged change."""
    if one.commits is None:
        return {"known": False, "count": None, "without_a_change": []}
    alone = [sha for sha in one.commits if not owners.of(one.repository, sha)]
    return {"known": True, "count": len(one.commits), "without_a_change": alone}


def _change(change: Change, verdict: ChangeVerdict | None, spell: Spelling) -> Document:
    return {
        "change": change.id,
        "merged_us": change.merged_us,
        "work_items": list(change.work_items),
        "qualifies": verdict.qualifies if verdict else None,
        "line": verdict.line if verdict else "",
        "group": verdict.group if verdict else "",
        "rulings": [_ruling(each, spell) for each in verdict.rulings] if verdict else [],
    }


def _groups(brought: Iterable[str], verdict: DeploymentVerdict | None, verdicts: Verdicts) -> list[str]:
    """Of its changes, and those that it made last though they came before it."""
    mine = {verdicts.changes[name].group for name in brought if name in verdicts.changes}
    return sorted({*mine, *(verdict.groups if verdict else ())} - {""})


def _group(landing: Landing, one: Deployment) -> Document:
    """Where it earned: not with this deployment, maybe."""
    return {
        "group": landing.group,
        "changes": list(landing.changes),
        "standing": landing.standing.value,
        "landed_first_by": landing.deployment,
        "made_last_by": landing.credited_by,
        "landed_here": landing.deployment == one.id,
        "credit": str(landing.credit),
        "baseline_credit": str(landing.past),
        "cell": {"service": landing.service, "week_us": landing.week_us},
        "line": landing.line,
    }
