"""The ledger's database: statements in one transaction, snapshots to read from. The SQL is the ledger's own."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

Row = tuple[Any, ...]
Parameters = Mapping[str, object]


class StoreError(Exception):
    """The store can't do what was asked, and it is not the data's fault: disk full, file damaged, no memory."""


class StoreHeldError(StoreError):
    """Another process holds the database. `pid` is its id, 0 where that isn't known."""

    def __init__(self, message: str, pid: int) -> None:
        super().__init__(message)
        self.pid = pid


class StoreNewerError(StoreError):
    """The database was written by a newer version of this program."""


class StoreCorruptError(StoreError):
    """The file is no database of ours, or damaged."""


class StoreLostError(StoreError):
    """The open database is of no more use: it must be opened anew, by a new process."""


class RejectedRowsError(Exception):
    """A statement failed because of the rows it was given. The message holds none of their content."""


class QueryTimeoutError(Exception):
    """A reading took longer than it was allowed to, and was stopped."""


class Transaction(Protocol):
    def execute(self, sql: str, parameters: Parameters | None = None) -> Sequence[Row]:
        """Rows of a query; of an INSERT, UPDATE or DELETE one row with the count.

        Raises RejectedRowsError or StoreError; either way the whole transaction is undone.
        """
        ...

    def stage(self, name: str, content: bytes) -> str:
        """Put bytes where a statement can read them as a file; gives the path. Overwritten by the next of its name."""
        ...


class Store(Protocol):
    """One writer, many readers. Readers see whole transactions only."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """All of it or nothing, one at a time. Durable once left without an exception."""
        ...

    def beside(self) -> AbstractContextManager[Transaction]:
        """A transaction that others don't wait for: of tables that nobody else writes to. Of two that delete the same
        rows one fails with StoreError, and nothing of it is done."""
        ...

    def read(self, sql: str, parameters: Parameters | None = None, timeout_s: float = 30.0) -> Sequence[Row]:
        """Rows of a query from a snapshot. May be called from any thread. Raises QueryTimeoutError, StoreError."""
        ...

    def export(self, sql: str, parameters: Parameters, file: Path, timeout_s: float) -> int:
        """Write the rows of a query as a Parquet file, readable by its owner alone, and give their number. Rows never
        come into this process's memory all at once. May be called from any thread.

        Raises QueryTimeoutError, StoreError.
        """
        ...

    def copy(self, file: Path, timeout_s: float) -> None:
        """Write everything, as of one moment, as a database of its own, readable by its owner alone. Writing goes on
        meanwhile. May be called from any thread, for one copy at a time. Raises QueryTimeoutError, StoreError."""
        ...

    def export_lines(self, sql: str, parameters: Parameters, file: Path, timeout_s: float) -> int:
        """The same as lines of JSON, an object a row."""
        ...

    @property
    def path(self) -> Path: ...

    @property
    def removed(self) -> str:
        """That the file is no longer at its path: what is written to it is gone when this process ends; '': it is."""
        ...

    @property
    def damaged(self) -> str:
        """What damage a statement has met since the file was opened; '': none. It stays: the file is no longer to be
        trusted."""
        ...

    def interrupt(self) -> None:
        """Stop the queries that run now, in other threads: they end with QueryTimeoutError or StoreError. Later ones
        are answered."""
        ...

    def close(self) -> None: ...
