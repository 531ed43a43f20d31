"""The caller's side of a call over ASGI: fulfils gateway.client.Client."""

import asyncio
from collections.abc import Callable

from starlette.types import Receive, Send

from proxy.dialects.dialect import Dialect, HeadedAllowances, HeadedRefusals
from proxy.gateway.client import by_task
from proxy.model.decision import Refusal

HeaderLines = list[tuple[bytes, bytes]]
JSON = (b"content-type", b"application/json")
_WITHOUT_BODY = (204, 304)


class AsgiClient:
    """One response. `body_was_read` must be called when the request's body has been taken to its end."""

    def __init__(self, receive: Receive, send: Send, dialect: Dialect) -> None:
        self._receive = receive
        self._send = send
        self._dialect = dialect
        self.read = False
        """The request's body has been taken to its end."""
        self._read_event: asyncio.Event | None = None
        """For whoever waits for that."""
        self.started = False
        """An answer has begun: no other can be given."""

    async def start(self, status: int, headers: HeaderLines) -> None:
        self.started = True
        if status in _WITHOUT_BODY:
            # uvicorn waits for as many bytes as are announced, also where none may follow.
            headers = [line for line in headers if line[0] != b"content-length"]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    def write_now(self, data: bytes) -> bool:
        return False

    async def end(self, data: bytes = b"") -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    def abort(self) -> None:
        """Nothing is sent: an ASGI server closes the connection of an answer that was begun and not ended, and so the
        client sees it cut, as the provider's was."""

    async def refuse(self, refusal: Refusal, call_id: str) -> None:
        body = self._dialect.refusal(refusal, call_id)
        headers = [JSON, (b"content-length", str(len(body)).encode()), *refusal_lines(refusal, call_id)]
        if isinstance(self._dialect, HeadedRefusals):
            headers += self._dialect.refusal_headers(refusal)
        if refusal.allowances and isinstance(self._dialect, HeadedAllowances):
            headers += self._dialect.allowance_headers(refusal.allowances)
        await self.start(refusal.status, headers)
        await self.end(body)

    def body_at_once(self) -> bytes | None:
        """The whole body, where it is all here by now; None: it is to be read."""
        return None

    def when_gone(self, told: Callable[[], None]) -> Callable[[], None]:
        return by_task(self.gone, told)

    def body_was_read(self) -> None:
        self.read = True
        if self._read_event is not None:
            self._read_event.set()

    async def gone(self) -> None:
        if not self.read:
            self._read_event = self._read_event or asyncio.Event()
            await self._read_event.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass


def refusal_lines(refusal: Refusal, call_id: str) -> HeaderLines:
    """The headers that a refusal carries beside its body."""
    lines: HeaderLines = []
    if call_id:
        lines.append((b"x-outlay-call-id", call_id.encode()))
    if not refusal.retryable:
        lines.append((b"x-should-retry", b"false"))
    if refusal.retry_after_s is not None:
        lines.append((b"retry-after", str(refusal.retry_after_s).encode()))
    if refusal.retry_after_ms is not None:
        lines.append((b"retry-after-ms", str(refusal.retry_after_ms).encode()))
    return lines
