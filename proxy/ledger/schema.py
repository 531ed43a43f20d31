"""Schema: brings a database to the version of this program, in one transaction or not at all."""

from collections.abc import Callable

from proxy.ledger.statements import numbered, statement
from proxy.ports.store import Store, StoreNewerError

_VERSIONS = "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL, applied_us BIGINT NOT NULL)"
_CURRENT = "SELECT coalesce(max(version), 0) FROM schema_version"
_SHAPE = "CREATE TABLE IF NOT EXISTS line_shape (shape BIGINT NOT NULL)"
_RECORD = "INSERT INTO schema_version VALUES ($version, $applied_us)"


def migrate(store: Store, now_us: int, told: Callable[[int, int], None] | None = None) -> int:
    """Apply what is missing; gives the version the database now has.

    `told`: of each step that a database which has rows is about to take, and the last one: they may take minutes.
    Raises StoreNewerError where a newer program has been here: going back would lose what this one doesn't know.
    """
    steps = numbered()
    newest = steps[-1][0]
    with store.transaction() as change:
        change.execute(_VERSIONS)
        change.execute(_SHAPE)
        ((current,),) = change.execute(_CURRENT)
        if current > newest:
            raise StoreNewerError(
                f"{store.path} has schema version {current}; this program knows up to {newest}. Upgrade outlay."
            )
        for number, name in steps:
            if number > current:
                if told is not None and current:
                    told(number, newest)
                change.execute(statement(name))
                change.execute(_RECORD, {"version": number, "applied_us": now_us})
    return newest


def shape_known(store: Store) -> int:
    """The SHAPE of lines that the ledger knew which had the database last; 0 where it is older than that number."""
    ((shape,),) = store.read("SELECT coalesce(max(shape), 0) FROM line_shape")
    return int(shape)


def know_shape(store: Store, shape: int) -> None:
    """From now on the ledger knows lines of this SHAPE."""
    with store.transaction() as change:
        change.execute("DELETE FROM line_shape")
        change.execute("INSERT INTO line_shape VALUES ($shape)", {"shape": shape})
