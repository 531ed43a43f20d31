"""Door: what the connections of one port have in common: how many they are, what waits for slow readers, and whether
the port is being closed."""

from collections.abc import Callable
from typing import Any, Final

from proxy.web.patience import Patience

PRESSED: Final = 0.75
"""Share of the connections from which on none is kept for a further call: whoever is there leaves place for others."""
TURNED_AWAY_MAX: Final = 256
"""Connections above the limit that are listened to, to be turned away in their own dialect; more are told at once."""
BEHIND_BYTES: Final = 384 * 1024
"""What is held of an answer beside what waits in its client's connection: two pieces on their way, and what one look at
the provider's connection brings (uvloop reads 250 KiB at once)."""


class Door:
    """Of one port. Only the event loop touches it."""

    def __init__(self, patience: Patience | None = None) -> None:
        self.patience = patience or Patience()
        self.closing = False
        """No further call is wished for: each connection ends with the one it carries."""
        self.connections: set[Any] = set()
        """Those that are open, websockets among them; uvicorn's protocols enter and leave by themselves."""
        self.turned_away = 0
        """Connections ever that came above a limit: of their number, or of the heads that were on their way in."""
        self.cut_slow = 0
        """Answers ever that were cut off because their clients didn't take them."""
        self.waiting_bytes = 0
        """Of answers that wait for their clients."""
        self.heads_bytes = 0
        """Of requests whose heads are on their way in."""
        self._heads: dict[Callable[[], None], int] = {}
        """How to turn each of them down, with its bytes; whose began first comes first."""
        self._waiting: dict[Callable[[], None], int] = {}
        """How to cut each of them off, with its bytes; who waits longest comes first."""

    @property
    def open(self) -> int:
        return len(self.connections)

    @property
    def full(self) -> bool:
        return self.open > self.patience.connections_max

    @property
    def overrun(self) -> bool:
        """Not even a refusal in their dialect is to be had for more."""
        return self.open > self.patience.connections_max + TURNED_AWAY_MAX

    @property
    def keeping(self) -> bool:
        """Whether connections are kept for a further call."""
        return not self.closing and self.open <= PRESSED * self.patience.connections_max

    def head_grows(self, turn_down: Callable[[], None], count: int) -> None:
        """So many bytes are here of a head that isn't whole. Whose began first makes room: a client that means it has
        sent the rest long before."""
        self.heads_bytes += count - self._heads.get(turn_down, 0)
        self._heads[turn_down] = count
        while self.heads_bytes > self.patience.heads_bytes_max:
            oldest = next(iter(self._heads))
            self.head_over(oldest)
            self.turned_away += 1
            oldest()

    def head_over(self, turn_down: Callable[[], None]) -> None:
        """It is whole, or comes no more."""
        self.heads_bytes -= self._heads.pop(turn_down, 0)

    def waits(self, cut: Callable[[], None], count: int) -> None:
        """An answer, so many bytes of it, waits for its client; `cut` breaks it off. Who waits longest makes room."""
        self._waiting[cut] = count + BEHIND_BYTES
        self.waiting_bytes += self._waiting[cut]
        while self.waiting_bytes > self.patience.answers_bytes_max:
            slowest = next(iter(self._waiting))
            self.goes_on(slowest)
            self.cut_slow += 1
            slowest()

    def goes_on(self, cut: Callable[[], None]) -> None:
        """It waits no longer."""
        self.waiting_bytes -= self._waiting.pop(cut, 0)
