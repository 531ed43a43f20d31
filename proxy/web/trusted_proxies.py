"""Trusted proxies: a load balancer in front says who the client is; nobody else is believed.

What it adds for that (`forwarded`, `x-forwarded-…`, `x-real-ip`) is taken off the request: the provider gets the
headers that the client sent, and nobody's address.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from proxy.model.network import Network, address
from proxy.web.same_head import SAME

HOPS_MAX: Final = 20
_ADDED: Final = (b"forwarded", b"x-real-ip")
_ADDED_PREFIX: Final = b"x-forwarded-"


class TrustedProxies:
    """An ASGI application around another."""

    def __init__(self, application: ASGIApp, trusted: Sequence[Network]) -> None:
        self._application = application
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        peer = scope.get("client")
        if scope["type"] != "lifespan" and peer and self._trusts(peer[0]):
            scope = self._told(scope, peer)
        await self._application(scope, receive, send)

    def _told(self, scope: Scope, peer: tuple[str, int]) -> Scope:
        """The scope as the client would have made it without the proxy."""
        lines: list[tuple[bytes, bytes]] = scope["headers"]
        hops = _hops(value for name, value in lines if name == b"x-forwarded-for")
        protocol = next((value for name, value in lines if name == b"x-forwarded-proto"), b"").strip().lower()
        client = next((hop for hop in hops if not self._trusts(hop)), hops[-1] if hops else "")
        kept = [line for line in lines if line[0] not in _ADDED and not line[0].startswith(_ADDED_PREFIX)]
        scheme = protocol.decode() if protocol in (b"http", b"https") else scope["scheme"]
        scope.pop(SAME, None)  # with other headers it is another head
        return {**scope, "headers": kept, "client": (client, 0) if client else peer, "scheme": scheme}

    def _trusts(self, host: str) -> bool:
        found = address(host)
        return found is not None and any(found in network for network in self._trusted)


def _hops(values: Iterable[bytes]) -> list[str]:
    """Addresses from the nearest to the farthest. What is no address ends the list: beyond it nothing can be known."""
    hops: list[str] = []
    for text in reversed(b",".join(values).decode("latin-1").split(",")[-HOPS_MAX:]):
        hop = address(text.strip())
        if hop is None:
            break
        hops.append(str(hop))
    return hops
