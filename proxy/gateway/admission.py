"""Admission: from a caller's bytes to a call that is opened, or a refusal that says why.

Facts are read first (`call_facts`), then rules are evaluated (`weighing`) and the hold is reserved (`reserving`) with
no `await` in between; the *opened* line is written last, so that nothing goes upstream that a crash could lose.
"""

from dataclasses import dataclass, field

from proxy.gateway import batched
from proxy.gateway.admitted import Admitted, Incoming
from proxy.gateway.call_facts import CallFacts, HashKey, Known, Unknown, read
from proxy.gateway.elsewhere import moved
from proxy.gateway.headers import text
from proxy.gateway.hidden_models import hidden
from proxy.gateway.owners import Owners
from proxy.gateway.redundant import Redundant
from proxy.gateway.refusing import UNMETERABLE, Refusing, no_credential
from proxy.gateway.reserving import Gone, Reserving, Weighed, free, shadowed
from proxy.gateway.rules import Rules
from proxy.gateway.same import Same
from proxy.gateway.sharing import Sharing
from proxy.gateway.throttling import Throttling
from proxy.gateway.waiting import Waiting
from proxy.gateway.watching import Seen, seen
from proxy.gateway.weighing import Weighing
from proxy.metering.calibration import Calibration
from proxy.metering.expecting import Expecting
from proxy.model.ask import Recorded
from proxy.model.call import Call, Request
from proxy.model.decision import Refusal
from proxy.model.entry import Opened
from proxy.model.found import NOTHING_FOUND
from proxy.model.identity import Identity
from proxy.policy.types import Provider
from proxy.ports.clock import Clock
from proxy.ports.counters import Counters
from proxy.ports.journal import Journal, JournalUnavailableError
from proxy.ports.secrets import Secrets
from proxy.ports.tokens import TokenCounter

__all__ = ["Admission", "Admitted", "Incoming", "no_credential"]


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
    owners: Owners = field(default_factory=Owners)
    """Whom the holds belong to."""
    expecting: Expecting = field(default_factory=Expecting)
    """What streams came to: the same as the plane's."""
    calibration: Calibration = field(default_factory=Calibration)
    """What counts of input are worth: the same as the plane's."""
    tokens: TokenCounter | None = None
    """Counts input near a cap; None: nothing does."""
    redundant: Redundant | None = None
    """What redundancy rules do before a call; None: nothing is compared."""
    sharing: Sharing | None = None
    """Answers that stand for several calls: the same as the plane's; None: each call goes to its provider."""
    _facts: CallFacts = field(init=False)
    _reserving: Reserving = field(init=False)
    _refusing: Refusing = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_facts", CallFacts(self.clock, self.hash_key))
        object.__setattr__(self, "_reserving", Reserving(self.counters, self.clock, self.waiting, self.throttling))
        object.__setattr__(self, "_refusing", Refusing(self.journal, self.counters))

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
        known = self._facts.gathered(rules, incoming, identity, asked=asked, at=at, routed_by=routed_by, begun=begun)
        if isinstance(known, Unknown):
            return self._refusing.refuse(known.call, known.refusal)
        return await self._decide(rules, incoming, known, begun=begun, gone=gone)

    def turn_away(self, rules: Rules, incoming: Incoming, identity: Identity, refusal: Refusal) -> tuple[Refusal, str]:
        """Put a refusal on record whose call got no further than its owner; gives what to answer, and the call id."""
        return self._refusing.refuse(self._facts.unread(rules, incoming, identity), refusal)

    def elsewhere(self, admitted: Admitted, incoming: Incoming, name: str) -> Admitted | None:
        """The call, admitted anew for the provider `name` after another has failed it, by the rules it was admitted
        under. None: it can't go there, and stays admitted as it was."""
        request = read(incoming)
        if isinstance(request, Refusal):
            return None

        def weigh(call: Call, provider: Provider) -> Weighing:
            expecting, calibration = self.expecting, self.calibration
            known = admitted.rules, incoming, call, request, provider, self.clock
            return Weighing(*known, expecting, calibration, lightened=admitted.lightened)

        return moved(admitted, incoming, name, weigh, self._reserving, self.journal, self.secrets)

    async def _decide(
        self, rules: Rules, incoming: Incoming, known: Known, *, begun: bool, gone: Gone | None
    ) -> Admitted | tuple[Refusal, str]:
        credential = "" if incoming.own_credential else self.secrets.secret(known.provider)
        weighing = Weighing(
            rules,
            incoming,
            known.call,
            known.request,
            known.provider,
            self.clock,
            self.expecting,
            self.calibration,
            self.tokens,
            standing=known.standing,
        )
        # Before the hold: whatever fails from there on would leave it standing.
        by_batch = await batched.refused(weighing) if incoming.operation.batch else None
        weighed, refusal = weighing.first()
        ask = weighing.recorded(weighed)
        refusal = refusal or by_batch or hidden(rules, incoming.operation, known.call, known.provider)
        if credential is None:
            refusal = refusal or no_credential(known.provider)
        what = self._seen(rules, incoming, known)
        if self.redundant is not None and refusal is None and not begun:
            refusal = self.redundant.refusal(weighed.call, what, weighed.verdict.redundancy)
        if begun:
            weighed, short = self._reserving.take(weighed)
            refusal = refusal or short
            return self._opened(weighing, weighed, ask, credential or "", refusal, what)
        if refusal is not None:
            return self._turned_away(weighed, refusal, ask)
        same = self._same(weighing, weighed, what)
        found: Admitted | tuple[Refusal, str] | None = None
        try:
            weighed, same, refusal = await self._room(weighing, weighed, same, gone)
            if refusal is not None:
                return self._turned_away(weighed, refusal, ask)
            found = self._opened(weighing, weighed, ask, credential or "", None, what, same)
            return found
        finally:
            if same is not None and not isinstance(found, Admitted):
                same.leave()

    def _same(self, weighing: Weighing, weighed: Weighed, what: Seen | None) -> Same | None:
        """What is known of calls that are the same. A registered evaluation is one to have other answers."""
        rules = weighed.verdict.redundancy
        if self.sharing is None or not rules or (what is not None and what.claim is not None):
            return None
        return self.sharing.same(weighing, weighed.call, rules)

    async def _room(
        self, weighing: Weighing, weighed: Weighed, same: Same | None, gone: Gone | None
    ) -> tuple[Weighed, Same | None, Refusal | None]:
        """Reserved. A call that is given another's answer costs nothing, so it needs no room for money or tokens."""
        if same is not None and same.repeats:
            weighed, refusal = await self._reserving.reserve(free(weighed), lambda: free(weighing.again()), gone)
        else:
            sent = weighing.sent
            weighed, refusal = await self._reserving.reserve(weighed, weighing.again, gone, weighing.lighter)
            if weighing.sent is not sent:
                # It was changed so that it fits: its answer is to another call than it was.
                same = None
        return (shadowed(weighed, same.shadow) if same is not None else weighed), same, refusal

    def _seen(self, rules: Rules, incoming: Incoming, known: Known) -> Seen | None:
        """What the detector is shown of it."""
        if self.redundant is None:
            return None
        headers = incoming.headers
        claim = rules.registered.claim(known.call, lambda name: text(headers, name.encode()))
        priced = incoming.operation.priced
        return seen(incoming.dialect, known.request, incoming.content, priced=priced, claim=claim)

    def _turned_away(self, weighed: Weighed, refusal: Refusal, ask: Recorded) -> tuple[Refusal, str]:
        call = weighed.call
        found = self.redundant.turned_away(call) if self.redundant is not None else NOTHING_FOUND
        return self._refusing.refuse(call, refusal, weighed.verdict, ask, found)

    def _opened(
        self,
        weighing: Weighing,
        weighed: Weighed,
        ask: Recorded,
        credential: str,
        refusal: Refusal | None,
        what: Seen | None,
        same: Same | None = None,
    ) -> Admitted | tuple[Refusal, str]:
        """On record, and then admitted."""
        call, hold = weighed.call, weighed.verdict.weight.hold
        try:
            self.journal.append(Opened(call, hold))
        except JournalUnavailableError:
            self._reserving.give_back(call.id)
            return UNMETERABLE, call.id
        except Exception:
            self._reserving.give_back(call.id)
            raise
        sent, incoming = weighing.sent, weighing.incoming
        admitted = Admitted(
            call=call,
            request=sent.request,
            hold=hold,
            provider=weighing.provider,
            dialect=incoming.dialect,
            operation=incoming.operation,
            rules=weighing.rules,
            credential=credential,
            body=sent.body,
            target=sent.target,
            edits=sent.edits,
            hide_usage=sent.hide_usage,
            model=sent.model,
            verdict=weighed.verdict,
            opened_monotonic_us=self.clock.monotonic_us(),
            refusal=refusal,
            warning=self._reserving.warning(weighed),
            # A replay must know which model the usage on record is of.
            ask={**ask, "sent": sent.model} if weighed.verdict.downgraded_by else ask,
            lightened=weighing.lightened,
            seen=what,
            same=same,
        )
        self.owners.own(call.id, admitted.owner)
        return admitted
