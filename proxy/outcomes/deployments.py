"""Deployments: all that was told of each, by all who told it, as one."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from proxy.model.service import Service, Services
from proxy.model.told import ArtifactTold, DeploymentTold, ShippedTold, Trust
from proxy.outcomes.definition import CURRENT, Definition
from proxy.outcomes.entities import Deployment, Word
from proxy.outcomes.naming import Names
from proxy.outcomes.running import ROLLED_BACK, with_commits
from proxy.outcomes.trusting import is_heard, is_trusted, may_deploy

SUCCESS = "success"
FAILED = frozenset({"failure", ROLLED_BACK})
INACTIVE = frozenset({"inactive"})


@dataclass(slots=True)
class DeploymentLines:
    """In the order in which things happened."""

    states: list[tuple[Word, DeploymentTold]] = field(default_factory=list)
    artifacts: dict[str, ArtifactTold] = field(default_factory=dict)
    """By digest."""
    trees: dict[str, str] = field(default_factory=dict)
    """Commit -> tree."""
    shipped: dict[tuple[str, str, str], list[ShippedTold]] = field(default_factory=dict)
    """By service, commit, and the commit before."""


def folded_deployments(
    lines: DeploymentLines, services: Services, definition: Definition = CURRENT
) -> tuple[Deployment, ...]:
    """In the order (at_us, id). Two sources that tell of the same one make one, corroborated."""
    told: dict[str, list[tuple[Word, DeploymentTold]]] = defaultdict(list)
    for line, state in lines.states:
        told[f"{line.source}/{state.repository or state.service}/{state.deployment}"].append((line, state))
    names = Names(services)
    single = [_folded(name, states, lines, names, definition) for name, states in told.items()]
    merged = _corroborated(sorted(single, key=_order), services, definition)
    return tuple(with_commits((_believed(each, services) for each in merged), lines.shipped))


def _believed(each: Deployment, services: Services) -> Deployment:
    trusted, heard = is_trusted(each, services), is_heard(each, services)
    return each if trusted and heard else replace(each, trusted=trusted, heard=heard)


def _order(deployment: Deployment) -> tuple[int, str]:
    return deployment.at_us, deployment.id


def _folded(
    name: str,
    states: Sequence[tuple[Word, DeploymentTold]],
    lines: DeploymentLines,
    names: Names,
    definition: Definition,
) -> Deployment:
    first = _first_words(states)
    built = lines.artifacts.get(first.digest)
    sha = first.sha or (built.sha if built else "")
    repository = first.repository or (built.repository if built else "")
    service = names.service(repository, first.service, first.environment)
    succeeded, said = _success(states, names.services.services.get(service))
    last_line, last = states[-1]
    at_us = succeeded.occurred_us if succeeded else last_line.occurred_us
    told = [line.at_us for line, state in states if state.state == SUCCESS and not line.imported]
    return Deployment(
        id=name,
        source=last_line.source,
        repository=repository or _only_repository(names.services, service),
        service=service,
        environment=first.environment,
        sha=sha,
        tree=first.tree or lines.trees.get(sha, ""),
        digest=first.digest,
        actor=(said.actor if said else "") or first.actor,
        state=last.state,
        at_us=at_us,
        trust=Trust.CLAIMED if any(line.trust != Trust.SIGNED for line, _ in states) else Trust.SIGNED,
        told_us=min(told, default=0) if definition.soak_when_told else 0,
        succeeded=succeeded is not None,
        failed_us=_first_after(at_us, states, FAILED) if succeeded else 0,
        inactive_us=_first_after(at_us, states, INACTIVE) if succeeded else 0,
        clamped=any(line.clamped for line, _ in states),
        imported=all(line.imported for line, _ in states),
    )


def _success(
    states: Sequence[tuple[Word, DeploymentTold]], service: Service | None
) -> tuple[Word, DeploymentTold] | tuple[None, None]:
    """The first told by one who may deploy, else the first: nobody spoils a deployment by a hasty word."""
    told = [(line, state) for line, state in states if state.state == SUCCESS]
    by_deployer = (each for each in told if service is not None and may_deploy(each[1].actor, service))
    return next(by_deployer, told[0]) if told else (None, None)


def _only_repository(services: Services, service: str) -> str:
    known = services.services[service].repositories if service else ()
    return known[0] if len(known) == 1 else ""


def _first_after(at_us: int, states: Iterable[tuple[Word, DeploymentTold]], names: frozenset[str]) -> int:
    """0: never."""
    after = (line.occurred_us for line, state in states if state.state in names and line.occurred_us >= at_us)
    return min(after, default=0)


_RANK = (Trust.CLAIMED, Trust.SIGNED, Trust.CORROBORATED)


def _first_words(states: Iterable[tuple[Word, DeploymentTold]]) -> DeploymentTold:
    """What was said first of each field: a later state can't make another deployment of it."""
    said = [state for _, state in states]
    if len(said) == 1:
        return said[0]
    first = {
        name: next((getattr(state, name) for state in said if getattr(state, name)), "")
        for name in ("repository", "service", "environment", "sha", "tree", "digest", "actor")
    }
    return replace(said[0], **first)


def _corroborated(deployments: Iterable[Deployment], services: Services, definition: Definition) -> list[Deployment]:
    """Those of one service, environment and artefact that different witnesses told within half an hour, as one."""
    kept: list[Deployment] = []
    by_place: dict[tuple[str, str], list[int]] = defaultdict(list)
    for each in deployments:
        place = by_place[each.service, each.environment]
        twins = [at for at in _recent(place, kept, each, definition) if _are_one(kept[at], each, services)]
        if twins:
            twin = next((at for at in twins if is_trusted(kept[at], services)), twins[0])
            kept[twin] = _one(kept[twin], each)
        else:
            place.append(len(kept))
            kept.append(each)
    return kept


def _recent(
    place: Sequence[int], kept: Sequence[Deployment], second: Deployment, definition: Definition
) -> Iterable[int]:
    """The newest first."""
    for at in reversed(place):
        if second.at_us - kept[at].at_us > definition.corroboration_us:
            return
        yield at


def _are_one(first: Deployment, second: Deployment, services: Services) -> bool:
    """A claim is not laid on what was signed, nor the word of who may not speak on the word of who may."""
    same = (first.digest and first.digest == second.digest) or (first.sha and first.sha == second.sha)
    if not (same and first.succeeded and second.succeeded and first.service):
        return False
    if not (is_heard(first, services) and is_heard(second, services)):
        return False
    sources = (first.source, *(each.partition("/")[0] for each in first.also))
    return _witness(second.source, services) not in [_witness(each, services) for each in sources]


def _witness(source: str, services: Services) -> tuple[str, str]:
    """Two webhooks of one GitHub are one witness."""
    known = services.sources.get(source)
    return (known.kind, known.host) if known else (source, "")


def _one(first: Deployment, second: Deployment) -> Deployment:
    """The earlier one, with what only the other knew. A claim corroborates nothing."""
    both_signed = Trust.CLAIMED not in (first.trust, second.trust)
    trust = Trust.CORROBORATED if both_signed else max(first.trust, second.trust, key=_RANK.index)
    return replace(
        first,
        repository=first.repository or second.repository,
        sha=first.sha or second.sha,
        tree=first.tree or second.tree,
        digest=first.digest or second.digest,
        actor=first.actor or second.actor,
        trust=trust,
        told_us=_earlier(first.told_us, second.told_us),
        failed_us=_earlier(first.failed_us, second.failed_us),
        inactive_us=_earlier(first.inactive_us, second.inactive_us),
        also=tuple(sorted({*first.also, second.id})),
    )


def _earlier(first_us: int, second_us: int) -> int:
    """0: neither."""
    return min(first_us or second_us, second_us or first_us)
