"""Admitted: a call as it came in, and as it is once it is opened."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field

from proxy.dialects.dialect import Dialect, Operation
from proxy.gateway.lightened import AS_IT_CAME, Lightened
from proxy.gateway.owners import Owner
from proxy.gateway.rules import Rules
from proxy.gateway.same import Same
from proxy.gateway.standing import Head
from proxy.gateway.watching import Seen
from proxy.model.ask import Recorded
from proxy.model.call import Call, Hold, Request
from proxy.model.decision import Refusal
from proxy.model.fact import fact
from proxy.policy.types import Provider
from proxy.policy.verdict import Verdict


@fact(frozen=True, slots=True)
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
    head: Head | None = None
    """What its headers say, kept for the calls that begin with the same ones; None: nobody keeps it."""
    sent_headers: Callable[[None], Sequence[tuple[bytes, bytes]]] = lambda _: ()
    """Those that go to the provider, but for a credential that is put in."""


@fact(frozen=True, slots=True)
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
    lightened: Lightened = AS_IT_CAME
    """What was done so that it fits."""
    seen: Seen | None = None
    """As the redundancy detector is shown it; None: there is nothing to compare."""
    same: Same | None = None
    """What is known of calls that are the same; None: no rule asks."""
    ask: Recorded = field(default_factory=dict)
    """What was asked for, for its line."""
    owner: Owner = field(default_factory=Owner, compare=False, repr=False)
    """Whatever carries the call keeps it alive: its hold ends after it."""

    @property
    def matched(self) -> tuple[str, ...]:
        """Names of the rules that apply."""
        return self.verdict.matched

    @property
    def counted_tokens(self) -> int:
        """Of its input, where it is held by a count; 0: it is held by its bytes, or most of it is."""
        counted = self.lightened.counted.get(self.model, 0)
        return 0 if self.lightened.uncounted_bytes > counted else counted

    @property
    def translated(self) -> bool:
        """True: the provider speaks another dialect than the caller."""
        return self.provider.dialect != self.dialect.name
