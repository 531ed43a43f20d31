"""Fetching from an application of this process: a large answer goes into a file and never into memory as a whole."""

from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

Message = MutableMapping[str, Any]


async def fetched(
    application: Any,
    base_url: str,
    path: str,
    parameters: Sequence[tuple[str, str]],
    into: Path,
    step: Callable[[int], None],
) -> httpx.Response:
    """The answer to a GET; its body is in the file where it is a success. Raises OSError."""
    status, headers, refused, done = 0, [], bytearray(), 0

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    with into.open("wb") as file:

        async def send(message: Message) -> None:
            nonlocal status, headers, done
            if message["type"] == "http.response.start":
                status, headers = message["status"], list(message["headers"])
                return
            body = message.get("body", b"")
            if status == httpx.codes.OK:
                done += file.write(body)
                step(done)
            else:
                refused.extend(body)

        await application(_scope(path, parameters), receive, send)
    request = httpx.Request("GET", f"{base_url}{path}")
    return httpx.Response(status, headers=headers, content=bytes(refused), request=request)


def _scope(path: str, parameters: Sequence[tuple[str, str]]) -> Message:
    return {
        "type": "http",
        # From 2.4 on a streaming answer doesn't listen for a hang-up, which can't come here.
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": urlencode(list(parameters)).encode(),
        "root_path": "",
        "headers": [],
        "client": None,
        "server": ("ledger", 80),
    }
