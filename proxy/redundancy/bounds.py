"""Named limits of all state, and the table that keeps to them."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from itertools import islice
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

STATE_BYTES_MAX = 42 * 1024 * 1024
"""Of all tables, as a sample weighs: up to 60 MiB of the process, marks too. Rows leave for it before their table is
full where they are large: those of texts that move, or that many callers sent."""
PROMPTS_MAX = 24_000  # distinct prompts remembered, over all owners
TAILS_MAX = 16_000  # ends of conversations
CONVERSATIONS_MAX = 2_500
TOPICS_MAX = 3_000  # groups of near repeats
TOPICS_PER_OWNER_MAX = 64
SHORT_TOPICS_MAX = 6_000  # of all owners together
OWNERS_MAX = 5_000
IN_FLIGHT_MAX = 20_000  # calls whose end was not seen yet
MEMBERS_MAX = 24  # calls that a campaign remembers for its backward attribution
EVIDENCE_MAX = 8  # ids that one finding names
SEGMENTS_MAX = 1_000  # pieces that a prompt is cut into
WORDS_MAX = 600  # word hashes that a group of near repeats remembers
SAMPLE = 24  # rows that stand for all of their table
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


class Recent(Generic[K, V]):
    """A table that forgets what was not used for longest once it is full."""

    __slots__ = ("_each", "_items", "_max", "_noted", "_until")

    def __init__(self, items_max: int) -> None:
        self._items: OrderedDict[K, V] = OrderedDict()
        self._max = items_max
        self._noted: deque[K] = deque(maxlen=SAMPLE)
        """Each so many-th key of the latest."""
        self._each = self._until = -(-items_max // SAMPLE)

    def get(self, key: K) -> V | None:
        value = self._items.get(key)
        if value is not None:
            self._items.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> V | None:
        """Store; gives back what had to leave for it."""
        self._items[key] = value
        self._items.move_to_end(key)
        self._until -= 1
        if not self._until:
            self._until = self._each
            self._noted.append(key)
        return self._items.popitem(last=False)[1] if len(self._items) > self._max else None

    def pop(self, key: K) -> V | None:
        return self._items.pop(key, None)

    def drop(self) -> V | None:
        """Forget what was not used for longest; gives it back."""
        return self._items.popitem(last=False)[1] if self._items else None

    def values(self) -> Iterator[V]:
        return iter(self._items.values())

    def items(self) -> Iterator[tuple[K, V]]:
        """Each as it is when its turn comes; those that have left by then aren't among them."""
        for key in list(self._items):
            value = self._items.get(key)
            if value is not None:
                yield key, value

    def some(self) -> list[tuple[K, V]]:
        """Rows, spread over the time in which they came, that stand for all; of the oldest ones, while few have come.
        Walking a full table would take 10 ms."""
        noted = [(key, self._items[key]) for key in self._noted if key in self._items]
        if len(noted) > SAMPLE // 2:
            return noted
        first = min(len(self._items), self._each)
        return list(islice(self._items.items(), 0, first, -(-first // SAMPLE) or 1))

    def __len__(self) -> int:
        return len(self._items)
