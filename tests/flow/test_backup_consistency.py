"""A backup is taken while calls settle and are loaded: what its database knows, its journal has."""

from dataclasses import replace

import pytest

from proxy.adapters.clock import SystemClock
from proxy.adapters.journal_file import FileJournal
from proxy.adapters.journal_segments import FileSegments
from proxy.adapters.store_duckdb import glance
from proxy.app.backing_up import back_up, backed_up
from proxy.app.opening import open_store
from proxy.app.restoring import NotEmptyError, restore
from proxy.journal.positions import SegmentName
from proxy.ledger.loader import Loader
from proxy.settings import Settings
from tests.flow.ledger_world import spent


def test_calls_that_are_loaded_while_the_journal_is_copied_are_in_both(tmp_path):
    clock = SystemClock()
    settings = Settings(data=tmp_path / "data", policies=tmp_path / "policies", keys=tmp_path / "keys.yaml")
    journal = FileJournal(settings.data / "journal", "gateway", clock, segment_bytes_max=4000)
    journal.open()

    def copied_late(file):
        """Between the two copies of the journal: segments are closed, lines loaded, the database copied."""
        (settings.data / "policies" / "abc").mkdir(parents=True)
        (settings.data / "policies" / "abc" / "access.yaml").write_text("people: {}")
        for number in range(10):
            journal.append(spent(f"late_{number}"))
        journal.close()
        store = open_store(settings.data, 1)
        try:
            Loader(store, FileSegments(settings.data / "journal"), clock.now_us).catch_up()
            store.copy(file, 60)
        finally:
            store.close()

    open_store(settings.data, 1).close()
    journal.append(spent("early"))
    made = back_up(settings, tmp_path / "backups", copied_late, clock.now_us(), lambda _: None)

    assert made.manifest.figures["calls"] == "11"
    copied = made.folder / "data/journal"
    positions = glance(made.folder / "data/outlay.duckdb", "SELECT node, boot, number, loaded_bytes FROM positions")
    assert len(positions) > 2
    for node, boot, number, loaded_bytes in positions:
        assert (copied / node / SegmentName(boot, number).file).stat().st_size >= loaded_bytes
    assert (made.folder / "data/policies/abc/access.yaml").exists(), "a late line may name it"
    elsewhere = Settings(data=tmp_path / "else" / "data", policies=tmp_path / "else" / "policies")
    done = restore(made.folder, made.manifest, elsewhere, lambda _: None)
    assert (done.calls, done.from_journal, done.kept) == (11, 0, ())
    assert set(backed_up(settings.data).segments) <= {f"{node}/{SegmentName(*name)}" for node, *name, _ in positions}


def test_a_folder_that_is_there_is_filled_and_stays_the_same_one(tmp_path):
    """A volume can't be renamed to, nor be replaced."""
    settings = Settings(data=tmp_path / "data", policies=tmp_path / "policies", keys=tmp_path / "keys.yaml")
    journal = FileJournal(settings.data / "journal", "gateway", SystemClock())
    journal.open()
    journal.append(spent("early"))
    journal.close()

    def copied(file):
        store = open_store(settings.data, 1)
        try:
            store.copy(file, 60)
        finally:
            store.close()

    open_store(settings.data, 1).close()
    made = back_up(settings, tmp_path / "backups", copied, 1, lambda _: None)
    elsewhere = Settings(data=tmp_path / "volume", policies=tmp_path / "else")
    for there in ("lost+found", ".restoring/scratch"):
        (elsewhere.data / there).mkdir(parents=True)
    elsewhere.data.chmod(0o755)
    before = elsewhere.data.stat().st_ino

    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="Not a directory"):
        restore(made.folder, made.manifest, replace(elsewhere, policies=tmp_path / "file" / "x"), lambda _: None)
    assert {each.name for each in elsewhere.data.iterdir()} == {"lost+found"}, "nothing, or all of it"

    done = restore(made.folder, made.manifest, elsewhere, lambda _: None)

    assert (done.calls, elsewhere.data.stat().st_ino, elsewhere.data.stat().st_mode & 0o007) == (1, before, 0)
    assert {each.name for each in elsewhere.data.iterdir()} == {"journal", "lost+found", "outlay.duckdb", "scratch"}
    with pytest.raises(NotEmptyError):
        restore(made.folder, made.manifest, elsewhere, lambda _: None)
