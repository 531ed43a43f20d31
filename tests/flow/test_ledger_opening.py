"""The ledger's database at a start: damaged, it is made anew from the journal, or says why not."""

import os
import shutil
from pathlib import Path

import pytest
import structlog

from proxy.adapters.clock import SystemClock
from proxy.adapters.journal_file import FileJournal
from proxy.adapters.journal_segments import FileSegments
from proxy.adapters.journal_whole import mark_first, mark_new
from proxy.adapters.store_duckdb import DATABASE_FILE
from proxy.app.opening import ASIDE_MAX, MARK_FILE, mark_damaged, open_or_rebuild
from proxy.ledger.loader import Loader
from proxy.ports.store import StoreCorruptError
from tests.fakes import facts
from tests.flow.ledger_world import NOW_US, spent

NODE = "gw"
CALLS = 50


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a whole journal, and a database that holds all of it."""
    mark_new(tmp_path, [NODE])
    journal = FileJournal(tmp_path / "journal", NODE, SystemClock(), segment_bytes_max=20_000, reserve_bytes=65536)
    journal.open()
    mark_first(tmp_path / "journal" / NODE, journal.place)
    for number in range(CALLS):
        journal.append(facts.an_opened(f"call_{number}"))
        journal.append(spent(f"call_{number}"))
    journal.append(facts.an_act())
    journal.close()
    assert everything(tmp_path) == (CALLS, CALLS, 1)
    return tmp_path


def everything(data: Path) -> tuple[int, int, int]:
    """Open, load, and count: calls, different ones, acts."""
    store = open_or_rebuild(data, NOW_US)
    try:
        Loader(store, FileSegments(data / "journal")).catch_up()
        ((calls, different, acts),) = store.read(
            "SELECT count(*), count(DISTINCT id), (SELECT count(*) FROM acts) FROM calls"
        )
    finally:
        store.close()
    return calls, different, acts


def ruin(data: Path, how: str = "header") -> bytes:
    path = data / DATABASE_FILE
    if how in ("empty", "short"):
        os.truncate(path, 0 if how == "empty" else 5000)
    else:
        content = bytearray(path.read_bytes())
        content[20] ^= 0xFF
        path.write_bytes(b"hello" * 1000 if how == "text" else content)
    return path.read_bytes()


def aside(data: Path) -> list[Path]:
    return sorted(data.glob(f"{DATABASE_FILE}.damaged-*"))


@pytest.mark.parametrize("how", ["header", "empty", "short", "text"])
def test_a_damaged_database_is_moved_away_and_made_anew_from_the_journal(data: Path, how: str) -> None:
    content = ruin(data, how)
    with structlog.testing.capture_logs() as logs:
        assert everything(data) == (CALLS, CALLS, 1)
    (moved,) = aside(data)
    assert moved.read_bytes() == content
    (told,) = [each for each in logs if each["event"].startswith("database damaged")]
    assert told["moved_to"] == str(moved)


def test_its_log_goes_with_it(data: Path) -> None:
    """What stood in there belongs to no other file."""
    (data / f"{DATABASE_FILE}.wal").write_bytes(b"left by a crash")
    ruin(data)
    assert everything(data) == (CALLS, CALLS, 1)
    assert [path.suffix for path in aside(data)][-1] == ".wal"


def test_a_database_that_a_query_found_damaged_is_made_anew_even_if_it_opens(data: Path) -> None:
    mark_damaged(data, "a block in its middle")
    assert everything(data) == (CALLS, CALLS, 1)
    assert len(aside(data)) == 1
    assert everything(data) == (CALLS, CALLS, 1)
    assert len(aside(data)) == 1, "once"


def test_one_that_was_put_in_its_place_is_not_mistaken_for_it(data: Path) -> None:
    mark_damaged(data, "a block in its middle")
    shutil.copy(data / DATABASE_FILE, data / "backup")
    os.replace(data / "backup", data / DATABASE_FILE)
    assert everything(data) == (CALLS, CALLS, 1)
    assert aside(data) == []


def test_where_segments_are_gone_nothing_is_made_anew_and_it_is_said_what_to_do(data: Path) -> None:
    first = min((data / "journal" / NODE).glob("*.jsonl"))
    first.unlink()
    content = ruin(data)
    with pytest.raises(StoreCorruptError, match=f"{NODE}.*outlay restore"):
        open_or_rebuild(data, NOW_US)
    assert (data / DATABASE_FILE).read_bytes() == content
    assert aside(data) == []


def test_where_segments_are_gone_a_database_that_is_damaged_in_part_goes_on_and_says_so(data: Path) -> None:
    min((data / "journal" / NODE).glob("*.jsonl")).unlink()
    mark_damaged(data, "a block in its middle")
    with structlog.testing.capture_logs() as logs:
        assert everything(data) == (CALLS, CALLS, 1)
    assert [each["why"] for each in logs if "in part" in each["event"]] == ["a block in its middle"]
    assert (data / MARK_FILE).exists()


def test_a_disk_that_damages_one_after_the_other_is_not_filled_with_them(data: Path) -> None:
    for number in range(ASIDE_MAX):
        ruin(data)
        open_or_rebuild(data, NOW_US + number).close()
    ruin(data)
    with pytest.raises(StoreCorruptError, match="too often"):
        open_or_rebuild(data, NOW_US + ASIDE_MAX)
    assert len(aside(data)) == ASIDE_MAX
