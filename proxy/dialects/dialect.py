"""What a dialect is: the Protocol that every wire format fulfils, with the values it speaks in.

A dialect knows its paths, reads a request, meters an answer, and renders outlay's own answers in the shape that its
clients' error classes understand. None knows another.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol, TypeGuard, runtime_checkable

from proxy.dialects.messages import Message
from proxy.metering.json_object import UnreadableError as UnreadableError  # noqa: PLC0414  # part of what a dialect is
from proxy.model.allowance import Allowance
from proxy.model.call import Request
from proxy.model.decision import Refusal
from proxy.model.fact import fact
from proxy.model.usage import NO_USAGE, Served, Usage


@dataclass(frozen=True, slots=True)
class ModelList:
    """Of an operation whose answer names models."""

    model: str = ""
    """The one that the path asks about; '' for a list."""
    prefix: str = ""
    """What stands before a model's name in the list and not in calls."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One route of a dialect."""

    name: str
    """'chat', 'responses', 'messages', 'count_tokens', 'models', …"""
    priced: bool = True
    """False: metered as a call, but free by the provider's price list (a list of models, counting tokens)."""
    body_read: bool = True
    """True: the body must be read whole for its facts, under the named limit."""
    resource: str = ""
    """The provider's id of what the path names, where the meter must know it: the file whose content is fetched."""
    output_limited: bool = False
    """True: it puts out text, up to a limit that a call can name. A rule on that limit holds for it."""
    answer_edit: str = ""
    """Name of the splice that its answers get: then the bytes that the meter gives pass, not those it takes."""
    lists: ModelList | None = None
    """Set where the answer names models: a caller sees only those that rules let through."""
    batch: bool = False
    """True: the body may bring calls along that are made later. It is read where a rule could be against them."""


@dataclass(frozen=True, slots=True)
class Splice:
    """A body, or a path, with one named edit in it."""

    body: bytes
    edit: str
    """What stands in `x-outlay-edited`: 'stream_options.include_usage'."""
    target: bytes = b""
    """Path and query, where the edit is in them; b'': as they were."""


MAX_TOKENS: Final = "max_tokens"
MODEL: Final = "model"
"""The edits that rules make, as `x-outlay-edited` names them, whatever the dialect calls their place."""


@fact(frozen=True, slots=True)
class Reading:
    """What the meter saw of one answer, at any moment of it."""

    usage: Usage | None
    """As reported by the provider; None: it reported none (so far)."""
    final: bool
    """True: `usage` is the provider's last word. False: only its input kinds can be relied on (a stream that broke
    off after its first event), and output is counted from `texts`."""
    served: Served
    complete: bool
    """True: the protocol's own end was seen (a whole JSON body; `[DONE]`, `message_stop`, `response.completed`)."""
    failed: bool
    """True: the answer carries an error of the provider (an error event, an error body)."""
    output_bytes: int
    """Bytes of visible output so far: an upper bound of its tokens."""
    texts: Sequence[str] = ()
    """Visible output so far, for counting where no usage was reported. Never stored."""
    reply: str = ""
    """The beginning of what was said so far, thoughts left out, for telling whether it says anything: all of it where
    it is short. Never stored."""
    seen: Usage = NO_USAGE
    """What of the answer was measured otherwise (audio by its length), for settling where no usage was reported: it
    goes before what the request let one guess."""
    jobs: Sequence["Job"] = ()
    """Finished work of earlier calls that this answer reports (a batch), to be settled once each."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What this answer says of the provider's ids: id -> SUBMITTED, UPLOADED, or RESULTS_OF and the id of a batch."""


SUBMITTED: Final = "submitted"
"""The call made this batch."""
UPLOADED: Final = "uploaded"
"""The call made this file, so it is nobody's result, whatever it looks like."""
RESULTS_OF: Final = "results_of:"
"""The file holds the results of the batch whose id follows."""


class Source(StrEnum):
    """Where a job's usage was read. Whichever is settled first counts for the whole work, the other adds nothing."""

    OBJECT = "o"
    """The batch object's own total."""
    RESULTS = "r"
    """The results, line by line."""


@dataclass(frozen=True, slots=True)
class Job:
    """Work that a provider did in the background, as one answer reports it: for one model of one batch."""

    work: str
    """The provider's id of the work: the file with its results where it has one, else the batch. The same whenever and
    wherever this work is reported, and different for any other at this account."""
    source: Source
    batch: str
    """The provider's id that the answer to the submitting call named; '' where this answer does not tell."""
    served: Served
    """Its model and tier included."""
    usages: Sequence[tuple[int, Usage]]
    """Longest prompt in tokens -> the sum over requests with prompts of about that length, since a long prompt has
    another price; 0 where lengths are not told."""
    created_us: int = 0
    """When it was submitted, by the provider's clock: microseconds since the epoch, UTC; 0: not told."""
    proven: bool = True
    """False: read off what may be anybody's file. It counts only where a batch has named the file as its results."""
    estimated: bool = False
    """True: some of it could not be read."""


class Meter(Protocol):
    """Reads one answer as it passes. Chunks may break anywhere; what it says doesn't depend on where."""

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes (content-encoding already undone); give the bytes to pass on.

        That is `data` itself, save where a chunk that the client did not ask for is hidden.
        """
        ...

    def finish(self) -> bytes:
        """The answer has ended, well or not. Gives what was still held back."""
        ...

    @property
    def ended(self) -> bool:
        """True once the protocol's own last event is in what was fed: settle before passing it on."""
        ...

    @property
    def output_bytes(self) -> int:
        """As in Reading; cheap, asked after each chunk."""
        ...

    def reading(self) -> Reading: ...


class FramedMeter:
    """What a Meter inherits whose protocol counts in headers too, or in frames that may not be cut."""

    def headers(self, headers: Mapping[bytes, bytes]) -> None:
        """Told the answer's headers (lower-cased, last one wins) before its first byte."""

    def tail(self) -> bytes | None:
        """What of the last bytes fed completes a frame that began before them; None: they don't complete it.

        So an answer that is ended early can be ended between two frames."""
        return b""


class Dialect(Protocol):
    name: str
    marker_header: bytes
    """A request header that only this dialect's clients send (b'anthropic-version'); b'' where there is none. It
    decides between dialects that have a path in common."""
    mount: str
    """First part of the paths under which this dialect stands where no provider is named ('azure': /azure/openai/…);
    '' for one that stands at the root."""

    def operation(self, method: str, path: str) -> Operation | None:
        """The operation at this path (no query, no provider prefix), None where the dialect has none."""
        ...

    def read(self, operation: Operation, body: bytes, headers: dict[bytes, bytes], target: bytes) -> Request:
        """Facts of a request. `body` is decoded; `headers` are lower-cased, last one wins; `target` is path and query
        as `operation` saw the path, since some have the model there.

        Raises UnreadableError.
        """
        ...

    def ask_usage(self, operation: Operation, body: bytes) -> Splice | None:
        """The body with a request for usage spliced in, bytes otherwise unchanged. None: not needed or not possible."""
        ...

    def limit_output(self, operation: Operation, request: Request, body: bytes, tokens: int) -> Splice | None:
        """The body with an output limit of `tokens`, bytes otherwise unchanged. None: it can't be given one."""
        return None

    def replace_model(
        self, operation: Operation, request: Request, target: bytes, body: bytes, model: str
    ) -> Splice | None:
        """The call made one for another model, bytes otherwise unchanged. None: it can't be."""
        return None

    def streams(self, operation: Operation, content_type: bytes) -> bool:
        """Whether an answer of this content type (lower-cased, b'' for none) comes piece by piece: it is passed on as
        it comes, and a client that hangs up on it hangs up on the provider. Else it is one whole."""
        ...

    def meter(self, operation: Operation, request: Request, *, content_type: bytes, hide_usage: bool) -> Meter:
        """A meter for one answer to this request."""
        ...

    def credential(self, secret: str) -> tuple[bytes, bytes]:
        """The header that carries a provider credential."""
        ...

    def refusal(self, refusal: Refusal, call_id: str) -> bytes:
        """JSON body of an error answer, in the dialect's own shape, call id included."""
        ...

    def stream_error(self, operation: Operation, refusal: Refusal, call_id: str, *, content_type: bytes = b"") -> bytes:
        """The protocol's own error event, for ending a stream that has begun; `content_type` (lower-cased) is its."""
        ...

    def prompt_texts(self, content: Sequence[bytes]) -> tuple[list[str], int]:
        """Texts of `Request.content` and the tokens of framing around them, for counting an unreported prompt."""
        ...

    def messages(self, content: Sequence[bytes]) -> list[Message]:
        """What `Request.content` says, as (role, text), for telling what repeats. Never raises; never stored."""
        ...


@dataclass(frozen=True, slots=True)
class Batched:
    """One call of a batch."""

    where: str
    """'Line 3 of the file'."""
    operation: Operation
    request: Request
    body: bytes


@runtime_checkable
class Batching(Protocol):
    """A Dialect with batches."""

    def batched(self, operation: Operation, content: bytes, headers: dict[bytes, bytes]) -> Iterator[Batched]:
        """The calls that the body of an operation with `batch` brings along. Raises UnreadableError."""
        ...


@runtime_checkable
class HeadedRefusals(Protocol):
    """A Dialect whose clients read the kind of an error from its headers."""

    def refusal_headers(self, refusal: Refusal) -> list[tuple[bytes, bytes]]: ...


@runtime_checkable
class HeadedAllowances(Protocol):
    """A Dialect that has headers for what a rate limit leaves."""

    allowance_prefix: bytes
    """How all of these headers begin, lower-cased."""

    def allowance_headers(self, allowances: Sequence[Allowance]) -> list[tuple[bytes, bytes]]: ...


_HEADED: Final[dict[type, bool]] = {}


def headed_allowances(dialect: Dialect) -> TypeGuard[HeadedAllowances]:
    """`isinstance`, worked out once for each dialect: of a Protocol it takes 10 microseconds."""
    known = _HEADED.get(type(dialect))
    if known is None:
        known = _HEADED[type(dialect)] = isinstance(dialect, HeadedAllowances)
    return known


def told(refusal: Refusal, call_id: str) -> str:
    """The sentence of a refusal, with the rule that refused, and the command that tells why."""
    rule = f" [{refusal.rule}]" if refusal.rule and refusal.rule not in refusal.message else ""
    call = f" (outlay policy explain {call_id})" if call_id else ""
    return refusal.message + rule + call
