"""What a dialect knows of a websocket: which of its messages are calls, and what each of them consumed.

Many calls run over one socket. A *turn* is one of them, from what asks for it to the event that ends it. A client asks
for most; some the provider begins by itself (somebody has finished speaking), and those are told of when they show.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from proxy.dialects.dialect import Operation, Reading
from proxy.model.call import Request
from proxy.model.decision import Refusal

TURNS_MAX: Final = 100
"""Calls that one socket may have running at once; providers allow one, or a few."""


class Turn(Protocol):
    @property
    def operation(self) -> Operation: ...

    @property
    def request(self) -> Request: ...

    @property
    def status(self) -> int:
        """As of an HTTP answer: 200, or that of the error that ended the turn before anything was done for it."""
        ...

    @property
    def output_bytes(self) -> int:
        """As in Reading; cheap."""
        ...

    def reading(self) -> Reading: ...


@dataclass(frozen=True, slots=True)
class Heard:
    """What one message of the provider means."""

    begun: Sequence[Turn] = ()
    """Turns that nobody asked for here."""
    grown: Turn | None = None
    """The turn that this message is a part of."""
    ended: Sequence[Turn] = ()


NOTHING: Final = Heard()


class Conversation(Protocol):
    """What passes over one socket, as far as it is known. Fed every message, in order."""

    @property
    def model(self) -> str:
        """Named when the socket was opened; '' where each call names its own."""
        ...

    def asked(self, message: bytes) -> Turn | None:
        """Read a message of the client before it is passed on; the turn that it asks for, if it does.

        Raises UnreadableError: it must not be passed on.
        """
        ...

    def withdraw(self, turn: Turn) -> None:
        """The turn was refused: its message is not passed on."""
        ...

    def heard(self, message: bytes) -> Heard:
        """Read a message of the provider before it is passed on. Never raises, whatever it is."""
        ...

    def error(self, refusal: Refusal, body: bytes, turn: Turn | None) -> str:
        """The protocol's own error event. `body` is the refusal as the dialect answers it over HTTP; `turn` the one
        that is refused, None where a message could not be read or the socket ends."""
        ...


@runtime_checkable
class SocketDialect(Protocol):
    """A Dialect with paths that are websockets."""

    def socket(self, path: str, target: bytes, headers: dict[bytes, bytes]) -> Conversation | None:
        """What passes over a socket at this path; None where the dialect has none there. Raises
        UnreadableError: which model it is for can't be told."""
        ...

    def sidestep(self, path: str) -> str:
        """Why a path is not forwarded that would let sockets be opened past outlay: a sentence with a space behind it;
        '' for any other path."""
        ...
