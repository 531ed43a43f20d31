"""A ledger for tests: a real database in a folder, segments in memory, and calls made up to a pattern."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from proxy.adapters.store_duckdb import DATABASE_FILE, DuckStore
from proxy.journal.codec import encode
from proxy.ledger.loader import Loader
from proxy.ledger.schema import migrate
from proxy.model.entry import Cost, Settled
from proxy.model.usage import KINDS, Usage
from tests.fakes import facts
from tests.fakes.segments import MemorySegments

NOW_US = facts.OPENED_US + 3_600_000_000


@contextmanager
def a_store(folder: Path) -> Iterator[DuckStore]:
    """A migrated database, closed at the end."""
    store = DuckStore(folder / DATABASE_FILE)
    try:
        migrate(store, 1)
        yield store
    finally:
        store.close()


def a_loader(store: DuckStore, segments: MemorySegments) -> Loader:
    return Loader(store, segments, lambda: NOW_US)


def load(store: DuckStore, lines: Sequence[Any], node: str = "n") -> Loader:
    """Load these entries as one segment."""
    segments = MemorySegments()
    segments.write(map(encode, lines), node)
    loader = a_loader(store, segments)
    loader.run_once()
    return loader


def spent(
    call_id: str, usage: Usage | None = None, *, estimated: bool = False, unpriced: bool = False, **call: Any
) -> Settled:
    """A settled call that costs 1,000,003 pico-dollars a unit of whatever kind: no rounding hides."""
    usage = usage or Usage(input_text=100, output_text=10)
    by_kind = {kind: getattr(usage, kind) * 1_000_003 for kind in KINDS if getattr(usage, kind)}
    settled = facts.a_settled(call_id, **call)
    return replace(
        settled,
        usage=usage,
        served=replace(settled.served, model=""),
        cost=Cost(sum(by_kind.values()), by_kind, "list:x", unpriced),
        estimated=estimated,
        settled_us=settled.call.opened_us + 1_000_000,
    )


def everything(store: DuckStore) -> dict[str, list[tuple[Any, ...]]]:
    """What the database holds, apart from how many transactions brought it."""
    return {
        "calls": store.read("SELECT * EXCLUDE (load) FROM calls ORDER BY ALL"),
        "open_calls": store.read("SELECT * FROM open_calls ORDER BY ALL"),
        "acts": store.read("SELECT * FROM acts ORDER BY ALL"),
        "positions": store.read("SELECT * EXCLUDE (load) FROM positions ORDER BY ALL"),
        "quarantine": store.read("SELECT * EXCLUDE (at_us) FROM quarantine ORDER BY ALL"),
    }
