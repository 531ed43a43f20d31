"""The caller's side of a call, as the relay needs it. HTTP lives in proxy.web."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from proxy.model.decision import Refusal

HeaderLines = list[tuple[bytes, bytes]]


class Client(Protocol):
    async def start(self, status: int, headers: HeaderLines) -> None:
        """Status and headers of the answer."""
        ...

    async def write(self, data: bytes) -> None:
        """Bytes of the answer. Waits while the client reads slower than they come."""
        ...

    def write_now(self, data: bytes) -> bool:
        """The same where nothing must be waited for. False: nothing was written."""
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

    def when_gone(self, told: Callable[[], None]) -> Callable[[], None]:
        """`told` is called when the client has hung up, once. Gives what ends the watch; it may be called twice."""
        ...


def by_task(gone: Callable[[], Coroutine[Any, Any, None]], told: Callable[[], None]) -> Callable[[], None]:
    """`when_gone` for a client that can only be waited for."""

    async def watch() -> None:
        await gone()
        told()

    task = asyncio.create_task(watch())

    def stop() -> None:
        task.cancel()

    return stop
