"""A caller at an ASGI application who sees each piece as it is sent, and may hang up."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from starlette.types import ASGIApp, Message


class AsgiCaller:
    """One POST, on its way once it is made. Everything it is given stands in its fields."""

    def __init__(self, app: ASGIApp, path: str, body: object, headers: Mapping[str, str]) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.pieces: list[bytes] = []
        self.ended = False
        self._body = json.dumps(body).encode()
        self._asked = False
        self._gone = asyncio.Event()
        self._changed = asyncio.Event()
        self.reading = asyncio.Event()
        """Cleared: the caller takes nothing more, and who sends to it waits."""
        self.reading.set()
        lines = {"content-type": "application/json", "content-length": str(len(self._body)), **headers}
        scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in lines.items()],
        }
        self.task = asyncio.ensure_future(app(scope, self._receive, self._send))

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    def hang_up(self) -> None:
        self._gone.set()

    async def done(self) -> "AsgiCaller":
        """The application has finished with it."""
        await asyncio.wait_for(self.task, 60)
        return self

    async def until(self, happened: Callable[["AsgiCaller"], bool]) -> None:
        """Wait for a fact about what it was given."""
        async with asyncio.timeout(60):
            while not happened(self):
                self._changed.clear()
                await self._changed.wait()

    async def _receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        await self.reading.wait()
        if self._gone.is_set():
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.pieces.append(message["body"])
            self.ended = not message.get("more_body", False)
        self._changed.set()
