"""The journal as the gateway needs it: write a fact, and know that it is written."""

from typing import Protocol

from proxy.model.entry import Entry


class JournalUnavailableError(Exception):
    """The entry could not be written (disk full, folder gone, read-only). The journal is cut to its last whole line."""


class Journal(Protocol):
    @property
    def accepting(self) -> bool:
        """False after a failed write, until a write succeeds again: no new call may be admitted."""
        ...

    def append(self, entry: Entry) -> None:
        """Write one entry; it survives a kill of the process once this returns, a power cut within 50 ms.

        Raises JournalUnavailableError. Settlements of calls in flight may draw on a reserve that admission may not.
        """
        ...

    async def flushed(self) -> None:
        """Return when everything appended so far is on disk, so that not even a power cut undoes it.

        Raises JournalUnavailableError. For acts and events, which are answered only then; calls don't wait for it.
        """
        ...
