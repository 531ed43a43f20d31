"""Call facts: what is known of a call before any rule is asked: what it says, who pays, where it goes."""

from dataclasses import dataclass, field
from typing import Final, Protocol

from proxy.dialects.dialect import UnreadableError
from proxy.gateway.admitted import Incoming
from proxy.gateway.call_id import Randomness, call_id
from proxy.gateway.rules import Rules
from proxy.gateway.standing import Head, Standing
from proxy.metering.fingerprint import fingerprint
from proxy.model.call import Call, Request
from proxy.model.decision import Reason, Refusal
from proxy.model.fact import fact
from proxy.model.identity import Identity, Project
from proxy.policy.identify import choose_project
from proxy.policy.types import Provider, Secret
from proxy.ports.clock import Clock

NO_SECRET: Final = Secret("none")


class HashKey(Protocol):
    """The key of the fingerprints: `id` stands on each line, `secret` never leaves the machine."""

    @property
    def id(self) -> str: ...

    @property
    def secret(self) -> bytes: ...


@fact(frozen=True, slots=True)
class Known:
    """A call that the rules can be asked about."""

    call: Call
    request: Request
    provider: Provider
    standing: Standing


@dataclass(frozen=True, slots=True)
class Unknown:
    """A call that got no further than its owner."""

    call: Call
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class CallFacts:
    """Gathers them. Each call gets its id here."""

    clock: Clock
    hash_key: HashKey
    _random: Randomness = field(default_factory=Randomness)

    def gathered(
        self,
        rules: Rules,
        incoming: Incoming,
        identity: Identity,
        *,
        asked: Request | None = None,
        at: Provider | None = None,
        routed_by: str = "",
        begun: bool = False,
    ) -> Known | Unknown:
        """As `Admission.admit` has the arguments."""
        id_, head = self._id(), incoming.head or Head(incoming.headers)
        request = asked or read(incoming)
        if isinstance(request, Refusal):
            return Unknown(self._unread(id_, rules, incoming, identity, head), request)
        placed = at is None and not routed_by
        standing = head.standing(rules, identity, request) if placed else None
        if standing is None:
            found = _standing(rules, incoming, identity, head, request, at, routed_by, begun=begun)
            if isinstance(found, Refusal):
                return Unknown(self._unread(id_, rules, incoming, identity, head), found)
            standing = found
            if placed:
                head.keep(identity, request, standing)
        return Known(self._call(id_, standing, head, request), request, standing.provider, standing)

    def unread(self, rules: Rules, incoming: Incoming, identity: Identity) -> Call:
        """The facts of a call that got no further than its owner: for the record of its refusal."""
        return self._unread(self._id(), rules, incoming, identity, incoming.head or Head(incoming.headers))

    def _id(self) -> str:
        return call_id(self.clock.now_us(), self._random.next())

    def _call(self, id_: str, standing: Standing, head: Head, request: Request) -> Call:
        """By place, which costs half as much as by name; `test_call_facts` holds each field to its name."""
        stated, content = head.stated, request.content
        return Call(
            id_,
            self.clock.now_us(),
            *standing.goes,
            request.stream,
            *standing.pays,
            stated.session or request.session,
            request.agent,
            stated.repository or request.repository,
            stated.branch,
            stated.commit or request.commit,
            stated.work_item,
            stated.justification,
            head.client,
            head.retry,
            fingerprint(self.hash_key.secret, content) if content else "",
            self.hash_key.id,
            stated.tags,
            head.trace,
        )

    def _unread(self, id_: str, rules: Rules, incoming: Incoming, identity: Identity, head: Head) -> Call:
        project = identity.projects[0] if identity.projects else Project("")
        nowhere = Provider(name=incoming.prefix, dialect="", base_url="", api_key=NO_SECRET)
        standing = Standing(rules, identity, project, nowhere, (incoming.dialect.name, incoming.operation.name, ""))
        return self._call(id_, standing, head, Request(model=""))


def _standing(
    rules: Rules,
    incoming: Incoming,
    identity: Identity,
    head: Head,
    request: Request,
    at: Provider | None,
    routed_by: str,
    *,
    begun: bool,
) -> Standing | Refusal:
    stated = head.stated
    project = choose_project(identity, stated.project, stated.repository or request.repository)
    if isinstance(project, Refusal):
        return project
    provider = rules.provider(
        incoming.dialect.name,
        routed_by or request.model,
        incoming.prefix,
        project.name,
        # A caller's own credential is of the caller's dialect.
        operation="" if incoming.own_credential or at else incoming.operation.name,
    )
    if at is not None:
        provider = at if begun else _same(at, provider)
    if isinstance(provider, Refusal):
        return provider
    return Standing(rules, identity, project, provider, (incoming.dialect.name, incoming.operation.name, request.model))


def read(incoming: Incoming) -> Request | Refusal:
    """What the dialect makes of the call's bytes."""
    if not incoming.operation.body_read:
        return Request(model="")
    if incoming.content is None:
        return Refusal(
            415,
            Reason.BAD_REQUEST,
            "The request body has a content-encoding that outlay can't read. "
            "Send it plain, or as gzip, deflate, br or zstd.",
        )
    if incoming.operation.batch:
        # Its calls are read one by one.
        return Request(model="")
    try:
        return incoming.dialect.read(incoming.operation, incoming.content, dict(incoming.headers), incoming.target)
    except UnreadableError as error:
        return Refusal(400, Reason.BAD_REQUEST, str(error))


def _same(at: Provider, chosen: Provider | Refusal) -> Provider | Refusal:
    """The provider of a call on a socket that is open to `at`."""
    if isinstance(chosen, Refusal) or chosen.name == at.name:
        return chosen
    return Refusal(
        400,
        Reason.PROVIDER_UNCONFIGURED,
        f"This websocket is open to the provider '{at.name}', and calls for this model go to '{chosen.name}'. "
        f"Open one under /{chosen.name}/….",
    )
