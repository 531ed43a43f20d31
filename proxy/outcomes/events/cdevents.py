"""CDEvents 0.3 to 0.5 over CloudEvents, binary or structured, signed with X-Outlay-Signature.

The event's own context stands in the body in both modes, and is what is read: headers of the binary mode are outside
the signature. Versions of a type are taken by their beginning ('dev.cdevents.service.deployed.0.…'). CDEvents knows
neither commits nor people; `customData` may say them: docs/outcomes.md. (https://cdevents.dev)
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import parse_qs, unquote

from proxy.model.repository import repository
from proxy.model.told import ArtifactTold, ChangeTold, DeploymentTold, Fact, IncidentTold, ReviewTold, Trust
from proxy.outcomes.events import wording
from proxy.outcomes.events.delivery import Telling, UnreadableError, id_of, parsed
from proxy.outcomes.events.moments import moment_us
from proxy.outcomes.events.signing import Headers, Unverified, Verified, verified_by_outlay
from proxy.outcomes.events.tree import Tree

CUSTOM_CHARS_MAX: Final = 100_000
_TYPE: Final = re.compile(r"dev\.cdevents\.([a-z]+\.[a-z]+)\.0\.\d+\.\d+(?:-[\w.]+)?")
_STATES: Final[Mapping[str, str]] = {
    "service.deployed": "success",
    "service.upgraded": "success",
    "service.published": "success",
    "service.rolledback": "rolled_back",
    "service.removed": "inactive",
}
_SHA: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REVIEWS: Final = frozenset(("approved", "changes_requested", "dismissed", "commented"))


def verify(body: bytes, headers: Headers, secrets: Sequence[str], now_us: int) -> Verified | Unverified:
    return verified_by_outlay(body, headers, secrets, now_us, Trust.SIGNED)


def event_of(sent: Tree) -> Tree:
    """The CDEvent: the body, or its `data` in structured mode. Raises UnreadableError."""
    event = sent.at("data") if sent.text("specversion") else sent
    if not (event.at("context") and event.at("subject")):
        raise UnreadableError("it is no CDEvent: context and subject are needed, in the body or in its data")
    return event


def delivery_of(event: Tree) -> str:
    """Raises UnreadableError."""
    source, id_ = event.name("context", "source"), event.name("context", "id")
    if not (source and id_):
        raise UnreadableError("its context has no source and id")
    return id_of(source, id_)


def translate(event: Tree) -> Telling:
    found = _TYPE.fullmatch(event.text("context", "type"))
    reader = _READERS.get(found[1]) if found else None
    at_us = moment_us(event.at("context", "timestamp").value)
    return [(at_us, fact) for fact in reader(event, found[1])] if found and reader else []


def _deployment(event: Tree, kind: str) -> Iterable[Fact]:
    content, said = event.at("subject", "content"), _custom(event)
    environment = content.name("environment", "id")
    artifact = content.text("artifactId") or content.text("artifact", "id")
    # All events of a chain are one deployment in each environment; without chains each event is one.
    of_chain = event.name("context", "chainId") or event.name("context", "id")
    if environment:
        sha = said.name("sha").lower()
        yield DeploymentTold(
            repository(said.text("repository")),
            id_of(of_chain, environment),
            environment,
            _STATES[kind],
            service=event.name("subject", "id"),
            sha=sha,
            tree=said.name("tree").lower(),
            digest=purl_digest(artifact),
            actor=said.name("actor"),
        )


def _incident(event: Tree, kind: str) -> Iterable[Fact]:
    content = event.at("subject", "content")
    yield IncidentTold(
        id_of(event.name("subject", "source") or event.name("context", "source"), event.name("subject", "id")),
        "incident",
        "resolved" if kind == "incident.resolved" else "begun",
        service=content.name("service", "id"),
        environment=content.name("environment", "id"),
    )


def _artifact(event: Tree, _: str) -> Iterable[Fact]:
    """Where the package's address or `customData` says the commit."""
    purl, said, change = event.text("subject", "id"), _custom(event), event.at("subject", "content", "change")
    place, sha = purl_commit(purl)
    if said.name("sha"):
        place, sha = repository(said.text("repository")), said.name("sha").lower()
    elif not sha and _SHA.fullmatch(change.name("id")):
        place, sha = repository(change.text("source")), change.name("id")
    digest = purl_digest(purl)
    if digest and place and sha:
        yield ArtifactTold(digest, place, sha)


def _merged(event: Tree, _: str) -> Iterable[Fact]:
    said, number = _custom(event), event.name("subject", "id")
    place, merge, author = _repository(event), said.name("merge").lower(), said.name("author")
    if not (place and number and merge and author):
        return
    yield ChangeTold(
        place,
        number,
        author,
        said.name("head").lower() or merge,
        base=said.name("base"),
        branch=said.name("branch"),
        merge=merge,
        merged_us=moment_us(event.at("context", "timestamp").value),
        bot=wording.is_bot(author),
        work_items=wording.joined(str(item.value) for item in said.items("work_items")),
        coauthors=wording.joined(str(item.value) for item in said.items("coauthors")),
        reverts=said.name("reverts"),
    )


def _reviewed(event: Tree, _: str) -> Iterable[Fact]:
    said, number = _custom(event), event.name("subject", "id")
    place, reviewer, state = _repository(event), said.name("reviewer"), said.name("state")
    if place and number and reviewer and state in _REVIEWS:
        yield ReviewTold(place, number, reviewer, state, said.name("commit").lower())


def _custom(event: Tree) -> Tree:
    """`customData`: an object, or one in base64."""
    given = event.text("customData")[:CUSTOM_CHARS_MAX]
    try:
        return parsed(base64.b64decode(given, validate=True)) if given else event.at("customData")
    except (binascii.Error, ValueError):
        return Tree(None)


def _repository(event: Tree) -> str:
    """'https://git.example' with 'owner/name', or either alone where it says it all."""
    given = event.at("subject", "content", "repository")
    source, id_ = given.text("source"), given.text("id")
    return repository(_custom(event).text("repository")) or repository(f"{source}/{id_}") or repository(id_)


def purl_digest(purl: str) -> str:
    """'sha256:…' of a package URL's version, or of its checksum; '' where it has none."""
    place, _, after = purl.partition("?")
    version = unquote(place.partition("#")[0].rpartition("@")[2]) if "@" in place else ""
    if re.fullmatch(r"sha(256|512):[0-9a-fA-F]{64,128}", version):
        return version.lower()
    checksums = ",".join(_qualifier(after, "checksum")).split(",")
    return next((each.lower() for each in checksums if re.fullmatch(r"sha256:[0-9a-fA-F]{64}", each)), "")


def purl_commit(purl: str) -> tuple[str, str]:
    """Repository and commit of its vcs_url ('git+https://host/owner/name@sha'); '' for what isn't there."""
    for url in _qualifier(purl.partition("?")[2], "vcs_url"):
        place, _, sha = url.partition("#")[0].rpartition("@")
        if _SHA.fullmatch(sha.lower()) and repository(place):
            return repository(place), sha.lower()
    return "", ""


def _qualifier(text: str, name: str) -> list[str]:
    try:
        return parse_qs(text.partition("#")[0], max_num_fields=20).get(name, [])
    except ValueError:
        return []


_READERS: Final[Mapping[str, Callable[[Tree, str], Iterable[Fact]]]] = {
    **dict.fromkeys(_STATES, _deployment),
    **dict.fromkeys(("incident.detected", "incident.reported", "incident.resolved"), _incident),
    **dict.fromkeys(("artifact.published", "artifact.packaged"), _artifact),
    "change.merged": _merged,
    "change.reviewed": _reviewed,
}
