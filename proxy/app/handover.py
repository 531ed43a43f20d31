"""Handover: how a gateway takes the port over from the one before it.

Both have the listening socket from their supervisor, so that no connection waits where nobody accepts. Each talks with
it over a socket pair: the new one says that it has `LOADED` everything and waits; the old one is told to stop, and says
that it has `CLOSED` its door; then the new one is let go, reads what the old one has spent up to there, and opens.
"""

import socket
from contextlib import suppress
from typing import Final

LOADED: Final = b"l"
CLOSED: Final = b"c"
GO: Final = b"g"


class Handover:
    """The gateway's end."""

    def __init__(self, descriptor: int) -> None:
        """0: there is nobody before this gateway and nobody after it."""
        self._talk = socket.socket(fileno=descriptor) if descriptor else None
        if self._talk is not None:
            self._talk.setblocking(True)

    def turn(self) -> None:
        """Say that everything is loaded, and wait. Raises OSError where nobody is there any more."""
        if self._talk is not None:
            self._talk.sendall(LOADED)
            if self._talk.recv(1) != GO:
                raise ConnectionError("the supervisor is gone")

    def closed(self) -> None:
        """The door is closed: no further call is admitted but on connections that are still there."""
        if self._talk is not None:
            with suppress(OSError):
                self._talk.sendall(CLOSED)
