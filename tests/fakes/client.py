"""The caller's side of one call, on record."""

import asyncio
from collections.abc import Callable

from proxy.gateway.client import by_task
from proxy.model.decision import Refusal


class RecordingClient:
    """Fulfils gateway.client.Client. `hang_up` makes it gone; `on_write` is called with each piece."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.pieces: list[bytes] = []
        self.ended = False
        self.aborted = False
        self.refusal: Refusal | None = None
        self.hung_up = asyncio.Event()

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    async def start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.status, self.headers = status, headers

    async def write(self, data: bytes) -> None:
        self.pieces.append(data)
        await asyncio.sleep(0)

    def write_now(self, data: bytes) -> bool:
        return False

    async def end(self, data: bytes = b"") -> None:
        self.pieces.append(data)
        self.ended = True

    def abort(self) -> None:
        self.aborted = True

    async def refuse(self, refusal: Refusal, call_id: str) -> None:
        self.status, self.refusal, self.ended = refusal.status, refusal, True

    def when_gone(self, told: Callable[[], None]) -> Callable[[], None]:
        return by_task(self.gone, told)

    async def gone(self) -> None:
        await self.hung_up.wait()
