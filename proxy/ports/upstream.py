"""The way to a provider: raw bytes there, raw bytes back, nothing re-encoded, nothing retried."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from proxy.dialects.dialect import Reading
from proxy.model.fact import fact

RawHeaders = Sequence[tuple[bytes, bytes]]
"""Header lines in order, names in their original case, duplicates kept."""


class SentLines(tuple[tuple[bytes, bytes], ...]):
    """Header lines that go out with many calls."""

    written: bytes | None = None
    """An adapter may keep here how it writes them."""


@dataclass(frozen=True, slots=True)
class Signing:
    """AWS Signature Version 4 with the proxy's own credential."""

    service: str
    region: str
    profile: str = ""
    """Of the AWS configuration; '' for what the environment says."""


@dataclass(frozen=True, slots=True)
class Translation:
    """From the dialect of the call to the provider's."""

    dialect: str
    """What the provider speaks."""
    operation: str
    """Of the call: 'chat', 'responses', 'embeddings'."""
    model: str
    """As the provider knows it."""
    credential: str
    """The provider's, as `Secrets` gives it; '' where none is needed."""
    at_provider: Callable[[bytes], bytes]
    """Path and query as the provider documents them -> what goes on the wire to this one (its base URL, `paths`)."""


@fact(frozen=True, slots=True)
class UpstreamRequest:
    method: str
    base_url: str
    """Scheme, host and port of the provider, e.g. 'https://api.openai.com'."""
    target: bytes
    """Path and query exactly as they go on the wire."""
    headers: RawHeaders
    """Without host, content-length and hop-by-hop headers, which the adapter owns."""
    body: bytes | AsyncIterator[bytes]
    """Whole, or streamed with backpressure."""
    body_length: int | None = None
    """Of a streamed body whose length is known: then it is sent with content-length, else chunked."""
    connect_timeout_s: float = 10.0
    """For a free connection, name look-up, TCP and TLS handshake together."""
    read_timeout_s: float = 600.0
    """Longest silence: of the provider while its answer is awaited or under way, and of its reading while we send."""
    total_timeout_s: float = 3600.0
    """From sending to the answer's last byte, the client's own slowness included."""
    signing: Signing | None = None
    """Set: the request must be signed before it goes out."""
    translation: Translation | None = None
    """Set: `body` is in another dialect than the provider speaks."""


class UpstreamAnswer(Protocol):
    status: int
    headers: RawHeaders
    """As received, without hop-by-hop headers."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes, content-encoding untouched. Raises UpstreamError when it breaks off."""
        ...

    async def close(self) -> None:
        """Done with it. Before the body's end, this closes the connection: the provider sees a hang-up."""
        ...


class AtOnce:
    """Base of answers whose body needs not be waited for in a task: it may be here as soon as they are, and its pieces
    may pass in the moment in which they come."""

    __slots__ = ()

    def at_once(self) -> bytes | None:
        """All of the body, where it is here by now: then it is taken, and nothing is left to read or to close. None: it
        is to be read as `chunks`."""
        return None

    def pieces(self, pass_on: Callable[[bytes], bool]) -> AsyncIterator[bytes]:
        """As `chunks`, without the pieces that `pass_on` takes: it is given each that comes while one is awaited, and
        says whether it has passed it on. To wake a task for each would cost as much as passing it on."""
        raise NotImplementedError


@runtime_checkable
class TranslatedAnswer(UpstreamAnswer, Protocol):
    """An answer in the caller's dialect to a call that another dialect served."""

    without: Sequence[str]
    """What of the request the provider was not told, because its dialect has no word for it."""

    @property
    def output_bytes(self) -> int:
        """Of the provider's own answer, as in Meter."""
        ...

    def reading(self) -> Reading:
        """Of the provider's own answer: what counts for usage and price."""
        ...


class Fault(StrEnum):
    """What went wrong, and with it what may have been spent."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    CONNECT_TIMEOUT = "connect_timeout"
    READ_TIMEOUT = "read_timeout"
    CUT = "cut"
    """The connection broke after bytes of the request may have been processed."""
    TRANSLATION = "translation"
    """The request could not be put into the provider's dialect: it never left."""
    CREDENTIAL = "credential"
    """There was nothing to sign the request with: it never left."""
    BODY_SOURCE = "body_source"
    """The streamed body's own iterator failed (the client hung up while uploading)."""


NOTHING_SENT = frozenset(
    {Fault.DNS, Fault.CONNECT, Fault.TLS, Fault.CONNECT_TIMEOUT, Fault.TRANSLATION, Fault.CREDENTIAL}
)
"""Faults after which the provider can't have processed a byte."""


class UpstreamError(Exception):
    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(detail)
        self.fault = fault


class Upstream(Protocol):
    async def send(self, request: UpstreamRequest) -> UpstreamAnswer:
        """Send, and return as soon as status and headers are there. Raises UpstreamError.

        Cancelling the task closes the connection at once.
        """
        ...
