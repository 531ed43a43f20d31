"""Receiving: from a request's raw body and headers to what it tells, or to why nothing of it is believed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.model.service import EventSource, SourceKind
from proxy.outcomes.events import argocd, cdevents, generic, github, gitlab
from proxy.outcomes.events.delivery import Delivery, Telling, digest, id_of, parsed
from proxy.outcomes.events.signing import Headers, Unverified, Verified

_MIB: Final = 1024 * 1024
BODY_BYTES_MAX: Final[Mapping[SourceKind, int]] = {
    "github": github.BODY_BYTES_MAX,
    "gitlab": github.BODY_BYTES_MAX,
    "argocd": _MIB,
    "cdevents": _MIB,
    "generic": _MIB,
}


@dataclass(frozen=True, slots=True)
class Sender:
    """A registered source, with its secrets as they are now: one, or two while it is being changed."""

    source: EventSource
    secrets: Sequence[str]


def received(
    kind: SourceKind, senders: Sequence[Sender], body: bytes, headers: Headers, now_us: int
) -> Delivery | Unverified:
    """What the first of the senders tells whose secret fits. All are tried, whichever fits.

    Raises UnreadableError: one whom we know sent what can't be read.
    """
    verify = _VERIFY[kind]
    # Anybody can sign with an empty secret.
    known = [(each.source, [secret for secret in each.secrets if secret]) for each in senders]
    found = [(source, verify(body, headers, secrets, now_us)) for source, secrets in known]
    for source, verified in found:
        if isinstance(verified, Verified):
            return _read(kind, source, verified, body, headers)
    return next(
        (why for _, why in found if isinstance(why, Unverified)), Unverified("nobody is registered who may send it")
    )


def _read(kind: SourceKind, source: EventSource, verified: Verified, body: bytes, headers: Headers) -> Delivery:
    id_, name, telling = _READ[kind](source, body, headers)
    return Delivery(
        source.name, id_of(verified.delivery) if verified.delivery else id_, verified.trust, digest(body), telling, name
    )


Reading = tuple[str, str, Telling]
"""Id of the delivery, the name under which the source knows it, and what it tells."""


def _github(source: EventSource, body: bytes, headers: Headers) -> Reading:
    sent, event = parsed(body, headers.get("content-type", "")), headers.get("x-github-event", "")
    # With the event: who sends the body again as another event can't take the true one's place.
    id_ = digest(event.encode(errors="replace") + b"\n" + body)[:32]
    return id_, headers.get("x-github-delivery", "")[:100], github.translate(event, sent, source.host)


def _gitlab(source: EventSource, body: bytes, headers: Headers) -> Reading:
    name = (headers.get("webhook-id") or headers.get("idempotency-key") or headers.get("x-gitlab-event-uuid", ""))[:100]
    return digest(body)[:32], name, gitlab.translate(parsed(body), source.host)


def _argocd(_: EventSource, body: bytes, __: Headers) -> Reading:
    sent = parsed(body)
    return argocd.delivery_of(sent), "", argocd.translate(sent)


def _cdevents(_: EventSource, body: bytes, __: Headers) -> Reading:
    event = cdevents.event_of(parsed(body))
    return cdevents.delivery_of(event), "", cdevents.translate(event)


def _generic(source: EventSource, body: bytes, _: Headers) -> Reading:
    sent = parsed(body)
    return generic.delivery_of(sent), "", generic.translate(sent, source.host)


_VERIFY: Final[Mapping[SourceKind, Callable[[bytes, Headers, Sequence[str], int], Verified | Unverified]]] = {
    "github": github.verify,
    "gitlab": gitlab.verify,
    "argocd": argocd.verify,
    "cdevents": cdevents.verify,
    "generic": generic.verify,
}
_READ: Final[Mapping[SourceKind, Callable[[EventSource, bytes, Headers], Reading]]] = {
    "github": _github,
    "gitlab": _gitlab,
    "argocd": _argocd,
    "cdevents": _cdevents,
    "generic": _generic,
}
