"""Admission: from a caller's bytes to a call that is opened, or a refusal that says why.

Facts are read first, then rules are evaluated and the hold is reserved with no `await` in between; the *opened* line
is written last, so that nothing goes upstream that a crash could lose.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from secrets import token_bytes
from typing import Final, Protocol

import structlog

from proxy.dialects.dialect import Dialect, Operation, UnreadableError
from proxy.gateway.call_id import RANDOM_BYTES, call_id
from proxy.gateway.editing import Editing
from proxy.gateway.headers import Narrowing, client_product, narrowing, retry_count, trace
from proxy.gateway.hidden_models import hidden
from proxy.gateway.holding import OUTPUT_TOKENS_MIN, held_at, output_that_fits
from proxy.gateway.reserving import Gone, Reserving, Weighed
from proxy.gateway.rules import Rules
from proxy.gateway.throttling import Throttling
from proxy.gateway.waiting import Waiting
from proxy.metering.estimate import context_tokens, expected_tokens, first_hold
from proxy.metering.fingerprint import fingerprint
from proxy.model.ask import Ask, Recorded, recorded
from proxy.model.call import Call, Hold, Request
from proxy.model.decision import Reason, Refusal
from proxy.model.entry import Opened, Refused
from proxy.model.identity import Identity, Project
from proxy.policy.charge import Shortfall
from proxy.policy.evaluate import evaluate
from proxy.policy.identify import choose_project
from proxy.policy.providers import choose_provider, takes
from proxy.policy.types import Provider, Secret
from proxy.policy.verdict import Asked, Verdict, Weight
from proxy.ports.clock import Clock
from proxy.ports.counters import Counters, Spent
from proxy.ports.journal import Journal, JournalUnavailableError
from proxy.ports.secrets import Secrets

log = structlog.get_logger("outlay.admission")

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
    verdict: Verdict
    opened_monotonic_us: int
    refusal: Refusal | None = None
    """Of a call that the provider had begun before it could be refused: why it must end at once."""
    warning: str = ""
    """What stands in `x-outlay-warning`; '' for nothing."""
    target: bytes = b""
    """Path and query at the provider, as the dialect knows them."""
    ask: Recorded = field(default_factory=dict)
    """What was asked for, for its line."""

    @property
    def matched(self) -> tuple[str, ...]:
        """Names of the rules that apply."""
        return self.verdict.matched

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
    waiting: Waiting = field(default_factory=Waiting)
    """Calls that wait for room: the same as the plane's."""
    throttling: Throttling = field(default_factory=Throttling)
    """What rate limits have counted: the same as the plane's."""

    async def admit(
        self,
        rules: Rules,
        incoming: Incoming,
        identity: Identity,
        *,
        asked: Request | None = None,
        at: Provider | None = None,
        routed_by: str = "",
        begun: bool = False,
        gone: Gone | None = None,
    ) -> Admitted | tuple[Refusal, str]:
        """Open the call, or give the refusal and the call id under which it is on record.

        `asked`: the request, where it has been read already; `at`: the provider that a socket is open to, `routed_by`:
        the model it was opened for, '' for none; `begun`: the provider works on the call, so it is opened even if a
        rule is against it (`Admitted.refusal`); `gone` returns when the caller has hung up.

        It waits where other calls hold what this one needs. Raises GoneError where the caller leaves meanwhile.
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
        return await self._decide(rules, incoming, call, request, provider, begun=begun, gone=gone)

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

    async def _decide(
        self,
        rules: Rules,
        incoming: Incoming,
        call: Call,
        request: Request,
        provider: Provider,
        *,
        begun: bool,
        gone: Gone | None,
    ) -> Admitted | tuple[Refusal, str]:
        editing = _editing(incoming, request, provider)
        sent = editing.unedited()
        credential = "" if incoming.own_credential else self.secrets.secret(provider)

        def weigh(at_us: int | None = None) -> Weighed:
            now = replace(call, opened_us=self.clock.now_us() if at_us is None else at_us)
            asked = self._asked(rules, incoming, now, editing)
            return Weighed(now, evaluate(rules.policies, rules.matcher, now, asked))

        def lighten(short: Shortfall) -> Weighed | None:
            nonlocal sent
            now = weigh()
            verdict = now.verdict
            bare = self._weight(
                rules, incoming.operation, now.call, sent.model, replace(sent.request, output_tokens_max=0)
            )
            tokens = output_that_fits(short, verdict.weight.hold, bare.hold) // max(1, request.choices)
            lower = None if sent.request.stream or tokens < OUTPUT_TOKENS_MIN else editing.lowered(sent, tokens)
            if lower is None:
                return None
            sent = lower
            weight = self._weight(rules, incoming.operation, now.call, sent.model, sent.request)
            return Weighed(now.call, replace(verdict, weight=weight, output_tokens_max=tokens))

        weighed = weigh(call.opened_us)
        ask = self._recorded(rules, incoming.operation, weighed, editing)
        refusal = weighed.verdict.refusal or hidden(rules, incoming.operation, call, provider)
        refusal = refusal or (no_credential(provider) if credential is None else None)
        # Before the hold: whatever fails from there on would leave it standing.
        edited = editing.edited(rules, weighed.verdict)
        if isinstance(edited, Refusal):
            refusal = refusal or edited
        else:
            sent = edited
        reserving = self._reserving()
        if begun:
            weighed, short = reserving.take(weighed)
            refusal = refusal or short
        elif refusal is None:
            weighed, refusal = await reserving.reserve(weighed, weigh, gone, lighten)
        if refusal is not None and not begun:
            return self._refuse(weighed.call, refusal, weighed.verdict, ask)
        try:
            self.journal.append(Opened(weighed.call, weighed.verdict.weight.hold))
        except JournalUnavailableError:
            reserving.give_back(call.id)
            return UNMETERABLE, call.id
        except Exception:
            reserving.give_back(call.id)
            raise
        return Admitted(
            call=weighed.call,
            request=sent.request,
            hold=weighed.verdict.weight.hold,
            provider=provider,
            dialect=incoming.dialect,
            operation=incoming.operation,
            rules=rules,
            credential=credential or "",
            body=sent.body,
            target=sent.target,
            edits=sent.edits,
            hide_usage=sent.hide_usage,
            model=sent.model,
            verdict=weighed.verdict,
            opened_monotonic_us=self.clock.monotonic_us(),
            refusal=refusal,
            warning=reserving.warning(weighed),
            ask=ask,
        )

    def elsewhere(self, admitted: Admitted, incoming: Incoming, name: str) -> Admitted | None:
        """The call, admitted anew for the provider `name` after another has failed it, by the rules it was admitted
        under. None: it can't go there, and stays admitted as it was."""
        rules, request = admitted.rules, self._read(incoming)
        provider = rules.policies.providers.get(name)
        if (
            isinstance(request, Refusal)
            or provider is None
            or not takes(provider, incoming.dialect.name, admitted.call.project)
        ):
            return None
        credential = self.secrets.secret(provider)
        if credential is None:
            return None
        call = replace(admitted.call, provider=name, account=provider.account or name)
        editing = _editing(incoming, request, provider)
        asked = self._asked(rules, incoming, call, editing)
        after = Weighed(call, evaluate(rules.policies, rules.matcher, call, asked))
        sent = editing.edited(rules, after.verdict)
        if after.verdict.refusal is not None or isinstance(sent, Refusal):
            return None
        reserving = self._reserving()
        if not reserving.move(Weighed(admitted.call, admitted.verdict), after):
            return None
        hold = after.verdict.weight.hold
        try:
            self.journal.append(Opened(call, hold))
        except JournalUnavailableError:
            # It is open on record already. Its settlement names the provider, and has the journal's reserve to draw on.
            log.error("move not written", call_id=call.id)
        return replace(
            admitted,
            call=call,
            hold=hold,
            provider=provider,
            credential=credential,
            request=sent.request,
            body=sent.body,
            target=sent.target,
            edits=sent.edits,
            hide_usage=sent.hide_usage,
            model=sent.model,
            verdict=after.verdict,
            warning=reserving.warning(after),
        )

    def _reserving(self) -> Reserving:
        return Reserving(self.counters, self.clock, self.waiting, self.throttling)

    def _asked(self, rules: Rules, incoming: Incoming, call: Call, editing: Editing) -> Asked:
        operation, request = incoming.operation, editing.request

        def weigh(instead: str, output_limit: int | None) -> Weight:
            asked = request if output_limit is None else replace(request, output_tokens_max=output_limit)
            return self._weight(rules, operation, call, editing.model(instead), asked)

        model = editing.model()
        return Asked(
            weigh,
            context_tokens=lambda: context_tokens(request),
            output_tokens_max=request.output_tokens_max,
            known_as=tuple({model, editing.provider.deployments.get(model, model)} - {request.model}),
            free=not operation.priced,
            output_limited=operation.output_limited,
        )

    def _weight(self, rules: Rules, operation: Operation, call: Call, model: str, request: Request) -> Weight:
        """The first hold, and whether the model has a price."""
        if not operation.priced:
            return Weight(Hold(0, 0, 0), priced=True)
        limits = rules.prices.limits(call.provider, model)
        input_tokens, output_tokens = first_hold(request, limits.output_tokens_max, limits.hidden_reasoning)
        hold, priced = held_at(rules, call, model, request, input_tokens, output_tokens)
        return Weight(hold, priced, expected_tokens(request, output_tokens))

    def _recorded(self, rules: Rules, operation: Operation, weighed: Weighed, editing: Editing) -> Recorded:
        """What was asked for, before any rule changed it."""
        request, verdict = editing.request, weighed.verdict
        weight = verdict.weight
        if verdict.downgrade_to or verdict.output_tokens_max is not None:
            weight = self._weight(rules, operation, weighed.call, editing.model(), request)
        return recorded(
            Ask(
                request,
                weight.hold,
                weight.expected_tokens,
                priced=weight.priced,
                free=not operation.priced,
                output_limited=operation.output_limited,
                sent=editing.model(verdict.downgrade_to) if verdict.downgrade_to else "",
            )
        )

    def _refuse(
        self, call: Call, refusal: Refusal, verdict: Verdict | None = None, ask: Recorded | None = None
    ) -> tuple[Refusal, str]:
        matched = verdict.matched if verdict is not None else ()
        shadow = tuple(map(str, verdict.shadow)) if verdict is not None else ()
        entry = Refused(call, refusal.status, refusal.reason, refusal.rule, refusal.message, matched, shadow, ask or {})
        try:
            self.journal.append(entry)
        except JournalUnavailableError:
            return UNMETERABLE, call.id
        if verdict is not None:
            counting = [charge for charge in verdict.charges if charge.budget.count_refused]
            self.counters.count(call.opened_us, Spent(0, 0), counting)
        return refusal, call.id


def _editing(incoming: Incoming, request: Request, provider: Provider) -> Editing:
    return Editing(
        dialect=incoming.dialect,
        operation=incoming.operation,
        provider=provider,
        request=request,
        body=incoming.body,
        content=incoming.content,
        target=incoming.target,
    )


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
