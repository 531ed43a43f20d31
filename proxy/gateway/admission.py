"""Admission: from a caller's bytes to a call that is opened, or a refusal that says why.

Facts are read first, then rules are evaluated and the hold is reserved with no `await` in between; the *opened* line
is written last, so that nothing goes upstream that a crash could lose.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from secrets import token_bytes
from typing import Final, Protocol

from proxy.dialects.dialect import Dialect, Operation, UnreadableError
from proxy.gateway.call_id import RANDOM_BYTES, call_id
from proxy.gateway.headers import Narrowing, client_product, narrowing, retry_count, trace
from proxy.gateway.holding import held_at
from proxy.gateway.rules import Rules
from proxy.metering.estimate import first_hold
from proxy.metering.fingerprint import fingerprint
from proxy.model.call import Call, Hold, Request
from proxy.model.decision import Reason, Refusal
from proxy.model.entry import Opened, Refused
from proxy.model.identity import Identity, Project
from proxy.policy.evaluate import evaluate
from proxy.policy.identify import choose_project
from proxy.policy.providers import choose_provider, served_model
from proxy.policy.types import Provider, Secret
from proxy.ports.clock import Clock
from proxy.ports.counters import Counters
from proxy.ports.journal import Journal, JournalUnavailableError
from proxy.ports.secrets import Secrets

NO_SECRET: Final = Secret("none")
UNMETERABLE: Final = Refusal(
    503,
    Reason.UNMETERABLE,
    "outlay can't write its journal, and forwards no call that it can't meter. "
    "Nothing was sent to the provider. An admin finds the cause with `outlay doctor` (often a full disk).",
    retry_after_s=5,
    retryable=True,
)


@dataclass(frozen=True, slots=True)
class Incoming:
    """One call as it came in, its owner already known."""

    dialect: Dialect
    operation: Operation
    prefix: str
    """Name of the provider in the path; '' for an unprefixed path."""
    headers: Mapping[bytes, bytes]
    body: bytes
    """As sent; empty where it is streamed through unread."""
    own_credential: bool
    """True: the client brought its provider credential along."""
    target: bytes
    """Path and query at the provider, as the dialect knows them."""
    content: bytes | None
    """The body with its content-encoding undone; None: it can't be read (an unknown encoding)."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A call that is opened: it must be settled."""

    call: Call
    request: Request
    hold: Hold
    provider: Provider
    dialect: Dialect
    operation: Operation
    rules: Rules
    """In force at admission: the price of the call is theirs, even if rules change while it runs."""
    credential: str
    """The provider credential to send; '' where none is put in."""
    body: bytes
    edits: tuple[str, ...]
    hide_usage: bool
    model: str
    """As the provider is asked for it, and as it is priced; `call.model`, save where a translation names another."""
    matched: tuple[str, ...]
    opened_monotonic_us: int
    refusal: Refusal | None = None
    """Of a call that the provider had begun before it could be refused: why it must end at once."""

    @property
    def translated(self) -> bool:
        """True: the provider speaks another dialect than the caller."""
        return self.provider.dialect != self.dialect.name


class HashKey(Protocol):
    """The key of the fingerprints: `id` stands on each line, `secret` never leaves the machine."""

    @property
    def id(self) -> str: ...

    @property
    def secret(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Admission:
    """The gate: needs what is in force, where holds are kept, and where facts are written."""

    counters: Counters
    journal: Journal
    clock: Clock
    hash_key: HashKey
    secrets: Secrets

    def admit(
        self,
        rules: Rules,
        incoming: Incoming,
        identity: Identity,
        *,
        asked: Request | None = None,
        at: Provider | None = None,
        routed_by: str = "",
        begun: bool = False,
    ) -> Admitted | tuple[Refusal, str]:
        """Open the call, or give the refusal and the call id under which it is on record.

        `asked`: the request, where it has been read already; `at`: the provider that a socket is open to, `routed_by`:
        the model it was opened for, '' for none; `begun`: the provider works on the call, so it is opened even if a
        rule is against it (`Admitted.refusal`).
        """
        call_id_ = call_id(self.clock.now_us(), token_bytes(RANDOM_BYTES))
        stated = narrowing(incoming.headers)
        request = asked or self._read(incoming)
        if isinstance(request, Refusal):
            return self._refuse(self._unread_call(call_id_, rules, incoming, identity, stated), request)
        project = choose_project(identity, stated.project, stated.repository or request.repository)
        if isinstance(project, Refusal):
            return self._refuse(self._unread_call(call_id_, rules, incoming, identity, stated), project)
        provider = choose_provider(
            rules.policies,
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
            return self._refuse(self._unread_call(call_id_, rules, incoming, identity, stated), provider)
        call = self._call(
            call_id_,
            rules=rules,
            incoming=incoming,
            identity=identity,
            stated=stated,
            request=request,
            provider=provider,
            project=project,
        )
        return self._decide(rules, incoming, call, request, provider, begun=begun)

    def turn_away(self, rules: Rules, incoming: Incoming, identity: Identity, refusal: Refusal) -> tuple[Refusal, str]:
        """Put a refusal on record whose call got no further than its owner; gives what to answer, and the call id."""
        call_id_ = call_id(self.clock.now_us(), token_bytes(RANDOM_BYTES))
        call = self._unread_call(call_id_, rules, incoming, identity, narrowing(incoming.headers))
        return self._refuse(call, refusal)

    def _read(self, incoming: Incoming) -> Request | Refusal:
        if not incoming.operation.body_read:
            return Request(model="")
        if incoming.content is None:
            return Refusal(
                415,
                Reason.BAD_REQUEST,
                "The request body has a content-encoding that outlay can't read. "
                "Send it plain, or as gzip, deflate, br or zstd.",
            )
        try:
            return incoming.dialect.read(incoming.operation, incoming.content, dict(incoming.headers), incoming.target)
        except UnreadableError as error:
            return Refusal(400, Reason.BAD_REQUEST, str(error))

    def _call(
        self,
        id_: str,
        *,
        rules: Rules,
        incoming: Incoming,
        identity: Identity,
        stated: Narrowing,
        request: Request,
        provider: Provider,
        project: Project,
    ) -> Call:
        return Call(
            id=id_,
            opened_us=self.clock.now_us(),
            dialect=incoming.dialect.name,
            operation=incoming.operation.name,
            provider=provider.name,
            account=provider.account or provider.name,
            model=request.model,
            stream=request.stream,
            key_id=identity.key_id,
            owner=identity.owner,
            owner_kind=identity.owner_kind,
            team=project.team or identity.team,
            project=project.name,
            cost_center=project.cost_center,
            purpose=project.purpose,
            policy=rules.policies.version,
            session=stated.session or request.session,
            agent=request.agent,
            repository=stated.repository or request.repository,
            branch=stated.branch,
            commit=stated.commit or request.commit,
            work_item=stated.work_item,
            justification=stated.justification,
            client=client_product(incoming.headers),
            retry=retry_count(incoming.headers),
            fingerprint=fingerprint(self.hash_key.secret, request.content) if request.content else "",
            hash_key=self.hash_key.id,
            tags=stated.tags,
            trace=trace(incoming.headers),
        )

    def _unread_call(self, id_: str, rules: Rules, incoming: Incoming, identity: Identity, stated: Narrowing) -> Call:
        """The facts of a call that got no further than its owner: for the record of its refusal."""
        project = identity.projects[0] if identity.projects else Project("")
        nowhere = Provider(name=incoming.prefix, dialect="", base_url="", api_key=NO_SECRET)
        return self._call(
            id_,
            rules=rules,
            incoming=incoming,
            identity=identity,
            stated=stated,
            request=Request(model=""),
            provider=nowhere,
            project=project,
        )

    def _decide(
        self, rules: Rules, incoming: Incoming, call: Call, request: Request, provider: Provider, *, begun: bool
    ) -> Admitted | tuple[Refusal, str]:
        translated = provider.dialect != incoming.dialect.name
        model = served_model(provider, request.model) if translated else request.model
        hold, priced = self._hold(rules, incoming.operation, call, model, request)
        credential = "" if incoming.own_credential else self.secrets.secret(provider)
        decision = evaluate(rules.policies, call, priced=priced)
        refusal = decision.refusal or (no_credential(provider) if credential is None else None)
        # Before the hold: whatever fails from there on would leave it standing.
        body, edits = (incoming.body, ()) if refusal else self._edited(incoming, request, model, provider)
        refusal = refusal or self.counters.reserve(call, hold)
        if refusal is not None and not begun:
            return self._refuse(call, refusal, decision.matched)
        try:
            self.journal.append(Opened(call, hold))
        except JournalUnavailableError:
            self.counters.settle(call.id, 0)
            return UNMETERABLE, call.id
        except Exception:
            self.counters.settle(call.id, 0)
            raise
        return Admitted(
            call=call,
            request=request,
            hold=hold,
            provider=provider,
            dialect=incoming.dialect,
            operation=incoming.operation,
            rules=rules,
            credential=credential or "",
            body=body,
            edits=edits,
            hide_usage=bool(edits) and not translated,
            model=model,
            matched=decision.matched,
            opened_monotonic_us=self.clock.monotonic_us(),
            refusal=refusal,
        )

    def _hold(self, rules: Rules, operation: Operation, call: Call, model: str, request: Request) -> tuple[Hold, bool]:
        """The first hold, and whether the model has a price."""
        if not operation.priced:
            return Hold(0, 0, 0), True
        limits = rules.prices.limits(call.provider, model)
        input_tokens, output_tokens = first_hold(request, limits.output_tokens_max, limits.hidden_reasoning)
        return held_at(rules, call, model, request, input_tokens, output_tokens)

    def _edited(
        self, incoming: Incoming, request: Request, model: str, provider: Provider
    ) -> tuple[bytes, tuple[str, ...]]:
        """The body to send, and what is changed in it."""
        if provider.dialect == incoming.dialect.name:
            return self._spliced(incoming, request) if provider.ask_usage else (incoming.body, ())
        edits = ("translated",) if model == request.model else ("translated", "model")
        return incoming.content or b"", edits

    def _spliced(self, incoming: Incoming, request: Request) -> tuple[bytes, tuple[str, ...]]:
        """The body to send: with usage asked for, where a stream would carry none and the body isn't compressed."""
        if request.usage_asked or incoming.body is not incoming.content:
            return incoming.body, ()
        splice = incoming.dialect.ask_usage(incoming.operation, incoming.body)
        return (splice.body, (splice.edit,)) if splice else (incoming.body, ())

    def _refuse(self, call: Call, refusal: Refusal, matched: Sequence[str] = ()) -> tuple[Refusal, str]:
        entry = Refused(call, refusal.status, refusal.reason, refusal.rule, refusal.message, tuple(matched))
        try:
            self.journal.append(entry)
        except JournalUnavailableError:
            return UNMETERABLE, call.id
        return refusal, call.id


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


def no_credential(provider: Provider) -> Refusal:
    """Without a credential the provider would refuse anyway, in words that point at the wrong key."""
    source = provider.api_key
    place = f"the environment variable {source.name}" if source.source == "env" else f"the file {source.name}"
    return Refusal(
        400,
        Reason.PROVIDER_UNCONFIGURED,
        f"outlay has no credential for the provider '{provider.name}': {place} is empty "
        f"({provider.where or 'providers.yaml'}). An admin sets it (a variable needs a restart, a file does not), "
        "or a caller brings an own credential beside x-outlay-key.",
    )
