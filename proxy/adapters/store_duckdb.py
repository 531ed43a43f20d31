"""The store in DuckDB: one file, one process, one writing connection, and a cursor for each reading.

Set so that it stays even: a checkpoint only every 256 MB of log, because at 16 MB commits stalled for up to 0.9 s; no
index on the big table; and at most half of the cores for one query, so that no report can starve the loader.
"""

import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb

from proxy.ports.store import (
    Parameters,
    QueryTimeoutError,
    RejectedRowsError,
    Row,
    StoreCorruptError,
    StoreError,
    StoreHeldError,
    StoreLostError,
    StoreNewerError,
)

DATABASE_FILE: Final = "outlay.duckdb"
SCRATCH_FOLDER: Final = "scratch"
"""Beside the database: batches on their way in, and what a large query spills."""
THREADS: Final = max(1, (os.cpu_count() or 2) // 2)
"""For one query. Queries side by side run on threads of their own: on two cores a report leaves one to the loader."""
MEMORY_LIMIT: Final = "1GB"
SPILL_LIMIT: Final = "8GB"
CHECKPOINT_THRESHOLD: Final = "256MB"
CLOSE_WAIT_S: Final = 5.0
"""How long closing waits for queries that it has stopped; DuckDB refuses to close under one that runs."""
CLOSE_TRIES: Final = 100

_CLOSING: Final = "the database is being closed"

_REJECTED: Final = (
    duckdb.InvalidInputException,
    duckdb.ConversionException,
    duckdb.ConstraintException,
    duckdb.OutOfRangeException,
    duckdb.TypeMismatchException,
)
"""What DuckDB raises where a value doesn't fit. Everything else is not the rows' fault."""
_DAMAGED: Final = re.compile(r"not a valid DuckDB database|[Cc]orrupt|checksum")
_DAMAGE: Final = re.compile(r'Corrupt (database|WAL) file|Could not read enough bytes from file ".*\.duckdb')
"""What a query says that meets a block which is not as it was written, or a file that has become shorter."""
_NEWER: Final = re.compile(r"version number|newer version|storage version")
_PID: Final = re.compile(r"PID (\d+)")


class DuckTransaction:
    """Fulfils ports.store.Transaction."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, scratch: Path) -> None:
        self._connection = connection
        self._scratch = scratch

    def execute(self, sql: str, parameters: Parameters | None = None) -> Sequence[Row]:
        with _translated():
            return self._connection.execute(sql, _bound(parameters)).fetchall()

    def stage(self, name: str, content: bytes) -> str:
        path = self._scratch / name
        try:
            # Overwritten in place: truncating first would give the file's pages back only to ask for them again.
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                file.write(content)
                file.truncate()
        except OSError as error:
            raise StoreError(f"can't write {path}: {error.strerror}") from error
        return str(path)


class DuckStore:
    """Fulfils ports.store.Store."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it. Raises StoreHeldError, StoreNewerError, StoreCorruptError, StoreError."""
        self._path = path
        self._scratch = path.parent / SCRATCH_FOLDER
        try:
            self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"can't make {self._scratch}: {error.strerror}") from error
        self._connection = _connect(path, self._scratch)
        self._writing = threading.Lock()
        self._readers: set[duckdb.DuckDBPyConnection] = set()
        self._reader_gone = threading.Condition()
        self._closing = False
        self.damaged = ""
        """What damage a statement has met since the file was opened; '': none."""

    @property
    def path(self) -> Path:
        return self._path

    @property
    def removed(self) -> str:
        try:
            self._path.stat()
        except FileNotFoundError:
            return f"{self._path} was removed while it was open"
        except OSError:
            pass  # a disk that doesn't answer has not lost it
        return ""

    @contextmanager
    def transaction(self) -> Iterator[DuckTransaction]:
        with self._writing:
            with _translated():
                self._connection.begin()
            try:
                yield DuckTransaction(self._connection, self._scratch)
                with _translated():
                    self._connection.commit()
            except BaseException as error:
                self._undo()
                self._note(error)
                raise

    @contextmanager
    def beside(self) -> Iterator[DuckTransaction]:
        cursor = self._reader()
        try:
            with _translated():
                cursor.begin()
            try:
                yield DuckTransaction(cursor, self._scratch)
                with _translated():
                    cursor.commit()
            except BaseException as error:
                _rolled_back(cursor)
                self._note(error)
                raise
        except QueryTimeoutError:
            # Nothing but closing stops it.
            raise StoreError(_CLOSING) from None
        finally:
            self._let_go(cursor)

    def read(self, sql: str, parameters: Parameters | None = None, timeout_s: float = 30.0) -> Sequence[Row]:
        with self._reading(timeout_s) as cursor:
            return cursor.execute(sql, _bound(parameters)).fetchall()

    def export(self, sql: str, parameters: Parameters, file: Path, timeout_s: float) -> int:
        return self._export(sql, parameters, file, timeout_s, "FORMAT parquet, COMPRESSION zstd")

    def export_lines(self, sql: str, parameters: Parameters, file: Path, timeout_s: float) -> int:
        return self._export(sql, parameters, file, timeout_s, "FORMAT json, USE_TMP_FILE false")

    def _export(self, sql: str, parameters: Parameters, file: Path, timeout_s: float, form: str) -> int:
        try:
            # Made beforehand: DuckDB would let others read it.
            file.touch(mode=0o600)
        except OSError as error:
            raise StoreError(f"can't write {file}: {error.strerror}") from error
        with self._reading(timeout_s) as cursor:
            query = f"COPY ({sql}) TO {_quoted(file)} ({form})"
            ((rows,),) = cursor.execute(query, _bound(parameters)).fetchall()
            return int(rows)

    def copy(self, file: Path, timeout_s: float) -> None:
        with self._reading(timeout_s) as cursor:
            cursor.execute(f"ATTACH {_quoted(file)} AS copied")
            try:
                os.chmod(file, 0o600)
                # One statement reads one snapshot, and the loader goes on beside it.
                cursor.execute(f'COPY FROM DATABASE "{self._path.stem}" TO copied')
            finally:
                cursor.execute("DETACH copied")

    @contextmanager
    def _reading(self, timeout_s: float) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor of its own that is interrupted after that time, or when the store is closed."""
        cursor = self._reader()
        stop = threading.Timer(timeout_s, cursor.interrupt)
        stop.daemon = True
        stop.start()
        try:
            with _translated():
                yield cursor
        except StoreCorruptError as error:
            self._note(error)
            raise
        except RejectedRowsError as error:
            raise StoreError(f"a query met a value that it can't use ({error})") from None
        except QueryTimeoutError:
            if self._closing:
                raise StoreError(_CLOSING) from None
            raise
        finally:
            # Cancelled and joined first: an interrupt must not reach a cursor that is closed.
            stop.cancel()
            stop.join()
            self._let_go(cursor)

    def _let_go(self, cursor: duckdb.DuckDBPyConnection) -> None:
        with self._reader_gone:
            self._readers.discard(cursor)
            cursor.close()
            self._reader_gone.notify_all()

    def _reader(self) -> duckdb.DuckDBPyConnection:
        with self._reader_gone:
            if self._closing:
                raise StoreError(_CLOSING)
            with _translated():
                cursor = self._connection.cursor()
            self._readers.add(cursor)
            return cursor

    def close(self) -> None:
        """Checkpoint and let go of the file; queries that run are stopped. Safe to call twice. Raises StoreError where
        one doesn't stop."""
        self._closing = True
        self.interrupt()
        with self._writing, _translated():
            self._connection.close()

    def interrupt(self) -> None:
        with self._reader_gone:
            running = set(self._readers)
            for _ in range(CLOSE_TRIES):
                # Again and again: an interrupt that comes before a query has begun is lost.
                for cursor in running & self._readers:
                    cursor.interrupt()
                if self._reader_gone.wait_for(lambda: not running & self._readers, CLOSE_WAIT_S / CLOSE_TRIES):
                    break

    def _note(self, error: BaseException) -> None:
        if isinstance(error, StoreCorruptError):
            self.damaged = str(error)

    def _undo(self) -> None:
        _rolled_back(self._connection)


def _rolled_back(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.rollback()
    except duckdb.Error:
        # A failed commit has already ended the transaction; there is nothing left to undo.
        return


def glance(path: Path, sql: str) -> Sequence[Row]:
    """Rows of a query of a database that no process has open; nothing in its folder changes. Raises StoreError."""
    try:
        connection = duckdb.connect(
            str(path), read_only=True, config={"threads": THREADS, "memory_limit": MEMORY_LIMIT}
        )
    except duckdb.Error as error:
        raise _open_error(path, str(error)) from error
    with connection, _translated():
        return connection.execute(sql).fetchall()


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _connect(path: Path, scratch: Path) -> duckdb.DuckDBPyConnection:
    new = not path.exists()
    try:
        connection = duckdb.connect(
            str(path),
            config={
                "threads": THREADS,
                "memory_limit": MEMORY_LIMIT,
                "temp_directory": str(scratch),
                "max_temp_directory_size": SPILL_LIMIT,
                "checkpoint_threshold": CHECKPOINT_THRESHOLD,
                # Extensions come with the program or not at all: a ledger fetches no code.
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
    except duckdb.Error as error:
        raise _open_error(path, str(error)) from error
    if new:
        os.chmod(path, 0o600)
    return connection


def _open_error(path: Path, message: str) -> StoreError:
    if "set lock on file" in message:
        found = _PID.search(message)
        pid = int(found[1]) if found else 0
        who = f"process {pid}" if pid else "another process"
        return StoreHeldError(f"{path} is open in {who} (a running ledger?). Ask that server, or stop it first.", pid)
    if _DAMAGED.search(message) or _DAMAGE.search(message):
        return StoreCorruptError(
            f"{path} is damaged or no DuckDB file: {message}. Move it away and start again: "
            "the ledger loads the journal anew, as far back as its segments are kept."
        )
    if _NEWER.search(message):
        return StoreNewerError(f"{path} was written by a newer DuckDB: {message}. Upgrade outlay.")
    return StoreError(f"can't open {path}: {message}")


@contextmanager
def _translated() -> Iterator[None]:
    """DuckDB's errors in the port's words. Those about rows keep nothing of DuckDB's message, which quotes them."""
    try:
        yield
    except duckdb.InterruptException:
        raise QueryTimeoutError("the query was stopped: it took too long") from None
    except _REJECTED as error:
        raise RejectedRowsError(type(error).__name__) from None
    except duckdb.Error as error:
        if _DAMAGE.search(str(error)):
            raise StoreCorruptError(str(error)) from error
        lost = isinstance(error, duckdb.FatalException | duckdb.InternalException)
        if lost or "has been invalidated" in str(error):
            raise StoreLostError(str(error)) from error
        raise StoreError(str(error)) from error


def _bound(parameters: Parameters | None) -> dict[str, object] | None:
    return dict(parameters) if isinstance(parameters, Mapping) else None
