"""Reading a request's body from ASGI: whole under a limit, or piece by piece with backpressure."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from starlette.types import Receive

BODY_S_MAX: Final = 300.0
"""How long a body that is read whole may take: 64 MiB at 220 KB/s."""


class TooSlowError(Exception):
    """The body did not come to its end in time."""


class TooLargeError(Exception):
    """The body is above the limit."""


class ClientGoneError(Exception):
    """The client hung up before its body was complete."""


def declared_length(headers: dict[bytes, bytes]) -> int | None:
    """Content-length, where it is stated."""
    value = headers.get(b"content-length", b"")
    return int(value) if value.isdigit() else None


async def read_whole(
    receive: Receive, length: int | None, bytes_max: int, take: Callable[[int], None], seconds_max: float = BODY_S_MAX
) -> bytes:
    """The whole body; `take` is asked before each piece is kept, and may raise.

    Raises TooLargeError (before reading where the stated length says so, else as soon as it is), TooSlowError and
    ClientGoneError.
    """
    if length is not None and length > bytes_max:
        raise TooLargeError
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds_max):
            async for piece in stream(receive):
                size += len(piece)
                if size > bytes_max:
                    raise TooLargeError
                take(len(piece))
                pieces.append(piece)
    except TimeoutError:
        raise TooSlowError from None
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def stream(receive: Receive) -> AsyncIterator[bytes]:
    """The body piece by piece; the server reads on only when the next piece is asked for."""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGoneError
        if message["body"]:
            yield message["body"]
        if not message.get("more_body"):
            return
