"""A journal in memory, which can be told to fail as a full disk makes it fail."""

from typing import TypeVar

from proxy.model.entry import Entry, Extended, Settled
from proxy.ports.journal import JournalUnavailableError

E = TypeVar("E")


class FakeJournal:
    """Fulfils ports.journal.Journal. `fill()`: the disk is full, its reserve in place; `break_()`: the disk is gone."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.flushed_entries = 0
        self._full = False
        self._broken = False

    @property
    def accepting(self) -> bool:
        return not (self._full or self._broken)

    def append(self, entry: Entry) -> None:
        if self._broken or (self._full and not isinstance(entry, Settled | Extended)):
            raise JournalUnavailableError("the disk is full")
        self.entries.append(entry)

    async def flushed(self) -> None:
        if self._broken:
            raise JournalUnavailableError("the disk is gone")
        self.flushed_entries = len(self.entries)

    def fill(self) -> None:
        self._full = True

    def break_(self) -> None:
        self._broken = True

    def heal(self) -> None:
        self._full = self._broken = False

    def of(self, kind: type[E]) -> list[E]:
        """The entries of one kind, in order."""
        return [entry for entry in self.entries if isinstance(entry, kind)]
