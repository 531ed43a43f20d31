"""Reading a request's body from ASGI: whole under a limit, or piece by piece with backpressure."""

from collections.abc import AsyncIterator

from starlette.types import Receive


class TooLargeError(Exception):
    """The body is above the limit."""


class ClientGoneError(Exception):
    """The client hung up before its body was complete."""


def declared_length(headers: dict[bytes, bytes]) -> int | None:
    """Content-length, where it is stated."""
    value = headers.get(b"content-length", b"")
    return int(value) if value.isdigit() else None


async def read_whole(receive: Receive, length: int | None, bytes_max: int) -> bytes:
    """The whole body. Raises TooLargeError before reading where the stated length says so, else as soon as it is."""
    if length is not None and length > bytes_max:
        raise TooLargeError
    pieces: list[bytes] = []
    size = 0
    async for piece in stream(receive):
        size += len(piece)
        if size > bytes_max:
            raise TooLargeError
        pieces.append(piece)
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
