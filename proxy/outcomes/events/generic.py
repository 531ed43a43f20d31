"""Generic: what any program with a secret may tell, in a document of ours: deployments, incidents, artefacts.

Whoever has the secret of a pipeline can say anything, so it is a claim. Changes and their reviews can't be told so: a
pipeline that approves its own changes would be the second pair of eyes.
"""

from collections.abc import Sequence
from typing import Final

from proxy.model.repository import repository
from proxy.model.told import ArtifactTold, DeploymentTold, Fact, IncidentTold, Trust
from proxy.outcomes.events.delivery import Telling, UnreadableError, id_of
from proxy.outcomes.events.moments import moment_us
from proxy.outcomes.events.signing import Headers, Unverified, Verified, verified_by_outlay
from proxy.outcomes.events.tree import Tree

STATES: Final = ("pending", "success", "failure", "inactive", "rolled_back")
INCIDENTS: Final = ("incident", "degraded", "alert")
KINDS: Final = ("deployment", "incident", "artifact")


def verify(body: bytes, headers: Headers, secrets: Sequence[str], now_us: int) -> Verified | Unverified:
    return verified_by_outlay(body, headers, secrets, now_us, Trust.CLAIMED)


def delivery_of(sent: Tree) -> str:
    """Raises UnreadableError."""
    id_ = sent.name("event_id")
    if not id_:
        raise UnreadableError(
            "event_id is needed: the same for each attempt to send this event, another for each event"
        )
    return id_of(id_)


def translate(sent: Tree, host: str) -> Telling:
    """Raises UnreadableError: nothing of ours is passed over in silence."""
    kind = sent.text("kind") or "deployment"
    if kind not in KINDS:
        raise UnreadableError(f"kind is one of {', '.join(KINDS)}")
    given = sent.at("occurred_at").value
    at_us = moment_us(given)
    if given is not None and not at_us:
        raise UnreadableError("occurred_at is a time with its zone: 2026-11-21T10:00:00Z, or seconds since 1970")
    if kind == "deployment":
        return [(at_us, _deployment(sent, host))]
    return [(at_us, _incident(sent, host) if kind == "incident" else _artifact(sent, host))]


def _deployment(sent: Tree, host: str) -> Fact:
    place, service, environment = _repository(sent, host), sent.name("service"), sent.name("environment")
    state = sent.text("state") or "success"
    if not (place or service) or not environment:
        raise UnreadableError("a deployment has an environment, and a repository (host/owner/name) or a service")
    if state not in STATES:
        raise UnreadableError(f"state is one of {', '.join(STATES)}")
    return DeploymentTold(
        place,
        sent.name("deployment") or sent.name("event_id"),
        environment,
        state,
        service=service,
        sha=sent.name("sha").lower(),
        tree=sent.name("tree").lower(),
        digest=sent.name("digest").lower(),
        actor=sent.name("actor"),
    )


def _incident(sent: Tree, host: str) -> Fact:
    kind, state = sent.text("incident_kind") or "incident", sent.text("state") or "begun"
    place, service = _repository(sent, host), sent.name("service")
    if not (place or service):
        raise UnreadableError("an incident has a repository (host/owner/name) or a service")
    if kind not in INCIDENTS or state not in ("begun", "resolved"):
        raise UnreadableError(f"incident_kind is one of {', '.join(INCIDENTS)}; state is begun or resolved")
    return IncidentTold(
        sent.name("incident") or sent.name("event_id"),
        kind,
        state,
        repository=place,
        service=service,
        environment=sent.name("environment"),
        deployment=sent.name("deployment"),
    )


def _artifact(sent: Tree, host: str) -> Fact:
    digest, place, sha = sent.name("digest").lower(), _repository(sent, host), sent.name("sha").lower()
    if not (digest and place and sha):
        raise UnreadableError("an artifact has a digest (sha256:…), a repository (host/owner/name) and a sha")
    return ArtifactTold(digest, place, sha)


def _repository(sent: Tree, host: str) -> str:
    """Raises UnreadableError where it is none."""
    given = sent.text("repository")
    # 'owner/name' is short for the source's host; 'host/owner/name' has more parts.
    found = repository(f"{host}/{given}" if host and given.count("/") == 1 and ":" not in given else given)
    if given and not found:
        raise UnreadableError("repository is written host/owner/name, or as its URL")
    return found
