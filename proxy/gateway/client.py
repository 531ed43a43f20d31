"""The caller's side of a call, as the relay needs it. HTTP lives in proxy.web."""

from typing import Protocol

from proxy.model.decision import Refusal

HeaderLines = list[tuple[bytes, bytes]]


class Client(Protocol):
    async def start(self, status: int, headers: HeaderLines) -> None:
        """Status and headers of the answer."""
        ...

    async def write(self, data: bytes) -> None:
        """Bytes of the answer. Waits while the client reads slower than they come."""
        ...

    async def end(self, data: bytes = b"") -> None:
        """The last bytes of the answer."""
        ...

    def abort(self) -> None:
        """Break the connection off, so that a cut answer stays a cut answer."""
        ...

    async def refuse(self, refusal: Refusal, call_id: str) -> None:
        """An answer of outlay's own, where none has begun."""
        ...

    async def gone(self) -> None:
        """Returns when the client has hung up. Called once the request's body has been read."""
        ...
