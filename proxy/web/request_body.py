"""Reading a request's body from ASGI: whole under a limit, or piece by piece with backpressure."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from math import inf
from typing import Final

from starlette.types import Receive

BODY_S_MAX: Final = 300.0
"""How long a body that is read whole may take: 64 MiB at 220 KB/s."""
GRACE_S: Final = 10.0
"""Before a body's rate is looked at."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a body must come, in the time that it is waited for: what its reader takes for itself doesn't count."""

    idle_s: float = 30.0
    """The longest silence."""
    rate_min: int = 1000
    """Bytes a second on average, once the grace is over; 0: any."""

    def patience_s(self, waited_s: float, size: int) -> float:
        """How much longer it may be waited for more, where so much has come in so long."""
        if not self.rate_min:
            return self.idle_s
        return min(self.idle_s, GRACE_S + size / self.rate_min - waited_s)


STEADY: Final = Pace()


class TooSlowError(Exception):
    """The body did not come to its end in time, or its bytes not fast enough."""


class TooLargeError(Exception):
    """The body is above the limit."""


class ClientGoneError(Exception):
    """The client hung up before its body was complete."""


def declared_length(headers: dict[bytes, bytes]) -> int | None:
    """Content-length, where it is stated."""
    value = headers.get(b"content-length", b"")
    return int(value) if value.isdigit() else None


async def read_whole(
    receive: Receive,
    length: int | None,
    bytes_max: int,
    take: Callable[[int], None],
    seconds_max: float = BODY_S_MAX,
    pace: Pace = STEADY,
) -> bytes:
    """The whole body; `take` is asked before each piece is kept, and may raise.

    Raises TooLargeError (before reading where the stated length says so, else as soon as it is), TooSlowError and
    ClientGoneError.
    """
    if length is not None and length > bytes_max:
        raise TooLargeError
    pieces: list[bytes] = []
    size = 0
    async for piece in stream(receive, pace, seconds_max):
        size += len(piece)
        if size > bytes_max:
            raise TooLargeError
        take(len(piece))
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def stream(receive: Receive, pace: Pace = STEADY, seconds_max: float = inf) -> AsyncIterator[bytes]:
    """The body piece by piece; the server reads on only when the next piece is asked for. `seconds_max`: of all the
    time that it is waited for. Raises TooSlowError, ClientGoneError."""
    loop = asyncio.get_running_loop()
    waited_s, size = 0.0, 0
    while True:
        begun_s = loop.time()
        try:
            async with asyncio.timeout(min(pace.patience_s(waited_s, size), seconds_max - waited_s)):
                message = await receive()
        except TimeoutError:
            raise TooSlowError from None
        waited_s += loop.time() - begun_s
        if message["type"] != "http.request":
            raise ClientGoneError
        if message["body"]:
            size += len(message["body"])
            yield message["body"]
        if not message.get("more_body"):
            return
