"""Websockets as the gateway needs them: messages both ways, and how a connection ended."""

from dataclasses import dataclass
from typing import Final, Protocol

from proxy.ports.upstream import RawHeaders

Message = str | bytes
"""A text message or a binary one, whole."""
MESSAGE_BYTES_MAX: Final = 32 * 1024 * 1024
"""Of one message, either way; a longer one ends its socket with 1009. OpenAI takes audio in pieces of up to 15 MiB."""
PING_S: Final = 20.0
"""How long a socket may be silent before it is pinged, so that NAT gateways and dead peers show."""
PONG_S: Final = 60.0
"""How long the answer to a ping may take. A slow reader answers only after what is queued before it."""

HEADER_LINE_BYTES_MAX: Final = 128 * 1024
"""Of a handshake, as over HTTP. Codex states its workspace in a header of some KiB."""

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
POLICY: Final = 1008
INTERNAL: Final = 1011
_NEVER_SENT: Final = {1004, 1005, 1006, 1015}
REASON_BYTES_MAX: Final = 123
"""What fits into a close frame (RFC 6455, section 5.5)."""


@dataclass(frozen=True, slots=True)
class SocketRequest:
    """What opens a socket at a provider."""

    base_url: str
    """Scheme, host and port, as for a call over HTTP: 'https://api.openai.com'."""
    target: bytes
    headers: RawHeaders
    """Without host, hop-by-hop headers and those of the handshake itself."""
    subprotocols: tuple[str, ...] = ()
    connect_timeout_s: float = 10.0


class SocketClosedError(Exception):
    """The other side is gone, or has closed."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        self.reason = reason


class SocketRefusedError(Exception):
    """The provider answered the handshake with an HTTP answer of its own."""

    def __init__(self, status: int, headers: RawHeaders, body: bytes) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.headers = headers
        self.body = body


class Socket(Protocol):
    """One end of a websocket."""

    async def receive(self) -> Message:
        """The next message. Raises SocketClosedError."""
        ...

    async def send(self, message: Message) -> None:
        """Waits while the other side reads slower than messages come. Raises SocketClosedError."""
        ...

    async def close(self, code: int, reason: str = "") -> None:
        """Close in order, within a bounded time. Never raises; the second time it does nothing."""
        ...


class UpstreamSocket(Socket, Protocol):
    subprotocol: str
    """The one that the provider chose; '' for none."""
    headers: RawHeaders
    """Of the provider's handshake, without those of the handshake itself."""


class UpstreamSockets(Protocol):
    async def open(self, request: SocketRequest) -> UpstreamSocket:
        """Raises SocketRefusedError, and UpstreamError where the provider gave no answer."""
        ...


def sendable(code: int) -> int:
    """A close code that may stand in a frame: 1005 says that there was none, 1006 that the connection broke."""
    if code in _NEVER_SENT:
        return NORMAL if code == 1005 else INTERNAL
    return code if 1000 <= code <= 1014 or 3000 <= code <= 4999 else INTERNAL


def fitting(reason: str) -> str:
    """As much of a reason as a close frame holds."""
    return reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore")
