"""Told rows: what sources told, brought into the store once for each id, however often it comes.

What came before is found by an index, so that it costs the same whatever was told until then.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import md5
from typing import Final

from proxy.journal.codec import LineError, decode
from proxy.ledger.batch import Batch, Line
from proxy.ports.store import Row, Transaction

KEY_DIGITS: Final = 15
AT_ONCE: Final = 500
"""Keys that are looked up at once: of more than 2,048 the database would rather read the whole table."""
_FOUND: Final = """
SELECT id FROM told WHERE load IN (SELECT unnest($loads)) AND load BETWEEN $first AND $last
AND id IN (SELECT unnest($ids))
"""
_KEPT: Final = "INSERT INTO told_keys SELECT unnest($keys), $load"


class ToldRows:
    """Within one transaction."""

    def __init__(self, change: Transaction, batch: Batch, load: int) -> None:
        self._change = change
        self._batch = batch
        self._load = load

    def new(self, lines: Iterable[Line]) -> list[Line]:
        """The first line of each id that never came before. A line that can't be read is among them: the store says
        what is wrong with it."""
        first: dict[str, Line] = {}
        unread = []
        for line in lines:
            if line[2] or self._can_be_read(line):
                first.setdefault(line[2].decode(), line)
            else:
                unread.append(line)
        known = self._known(first)
        return sorted([*unread, *(line for id_, line in first.items() if id_ not in known)])

    def _can_be_read(self, line: Line) -> bool:
        try:
            decode(self._batch.text(line))
        except LineError:
            return False
        return True

    def keep(self, lines: Sequence[Line]) -> None:
        """Know them again from now on. Once they are in `told`."""
        keys = [key_of(id_.decode()) for _, _, id_ in lines]
        if keys:
            self._change.execute(_KEPT, {"keys": keys, "load": self._load})

    def _known(self, ids: Iterable[str]) -> set[str]:
        by_key: dict[int, list[str]] = {}
        for id_ in ids:
            by_key.setdefault(key_of(id_), []).append(id_)
        loads: set[int] = set()
        suspects: list[str] = []
        for key, load in self._hits(by_key):
            loads.add(load)
            suspects += by_key[key]
        if not suspects:
            return set()
        where = {"loads": sorted(loads), "first": min(loads), "last": max(loads), "ids": suspects}
        return {id_ for (id_,) in self._change.execute(_FOUND, where)}

    def _hits(self, keys: Iterable[int]) -> Iterator[Row]:
        every = sorted(keys)
        for at in range(0, len(every), AT_ONCE):
            # Constants: of parameters that are lists the index knows nothing.
            listed = ", ".join(map(str, every[at : at + AT_ONCE]))
            yield from self._change.execute(f"SELECT key, load FROM told_keys WHERE key IN ({listed})")  # noqa: S608


def key_of(id_: str) -> int:
    """As the migration computes it. 60 bits: two ids hardly ever share one, and who asks looks at the ids as well."""
    return int(md5(id_.encode(), usedforsecurity=False).hexdigest()[:KEY_DIGITS], 16)
