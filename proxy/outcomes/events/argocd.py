"""Argo CD: what the notification template in docs/outcomes.md sends. Its body is ours to define.

Argo CD's templates can't sign, so they send a token; it is in a Secret that those who run the cluster read. Whoever can
sign (a relay) may, by X-Outlay-Signature.
"""

from collections.abc import Sequence
from hashlib import sha256

from proxy.model.repository import repository
from proxy.model.told import DeploymentTold, Fact, IncidentTold, Trust
from proxy.outcomes.events.delivery import Telling, UnreadableError, id_of
from proxy.outcomes.events.moments import moment_us
from proxy.outcomes.events.signing import SIGNATURE, Headers, Unverified, Verified, has_token, verified_by_outlay
from proxy.outcomes.events.tree import Tree


def verify(body: bytes, headers: Headers, secrets: Sequence[str], now_us: int) -> Verified | Unverified:
    if SIGNATURE in headers:
        return verified_by_outlay(body, headers, secrets, now_us, Trust.SIGNED)
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and has_token(token.strip(), secrets):
        return Verified(Trust.SIGNED)
    return Unverified("it has neither the right Authorization: Bearer TOKEN nor an X-Outlay-Signature")


def delivery_of(sent: Tree) -> str:
    """By what it is about: Argo CD sends no id. Raises UnreadableError."""
    uid, revision, trigger = sent.name("uid"), sent.name("revision"), sent.name("trigger")
    if not (uid and trigger):
        raise UnreadableError("it has no uid and trigger: use the template of docs/outcomes.md")
    return id_of(uid, revision, trigger, sent.name("phase"), sent.name("at"))


def translate(sent: Tree) -> Telling:
    at_us, trigger = moment_us(sent.at("at").value), sent.text("trigger")
    if trigger == "deployed":
        return [(at_us, _deployment(sent, "success"))]
    if trigger == "sync-failed":
        return [(at_us, _deployment(sent, "failure"))]
    if trigger == "health-degraded":
        return [(at_us, _degraded(sent))]
    return []


def _deployment(sent: Tree, state: str) -> Fact:
    commit = sent.name("commit").lower()
    return DeploymentTold(
        # Many an application is deployed from a repository of manifests, whose commits are no changes of the service.
        repository(sent.text("repository")) if commit else "",
        id_of(sent.name("uid"), sent.name("revision"), sent.name("started")),
        sent.name("environment"),
        state,
        service=sent.name("app"),
        sha=commit,
        digest=_digest(sent),
        actor=sent.name("actor") or "automated",
    )


def _degraded(sent: Tree) -> Fact:
    id_ = id_of(sent.name("uid"), sent.name("revision"), "degraded", sent.name("at"))
    return IncidentTold(id_, "degraded", service=sent.name("app"), environment=sent.name("environment"))


def _digest(sent: Tree) -> str:
    """Of the one image, or of all together. '' where an image has only a tag, which may mean anything tomorrow."""
    images = [str(image.value) for image in sent.items("images")]
    digests = sorted({image.rpartition("@")[2].lower() for image in images if "@sha256:" in image})
    if len(digests) < len(set(images)) or not digests:
        return ""
    return digests[0] if len(digests) == 1 else f"sha256:{sha256(' '.join(digests).encode()).hexdigest()}"
