"""Erasing that was cut off goes on with the same pseudonyms, and what stands in its way is named."""

import json

import pytest

from proxy.adapters.clock import SystemClock
from proxy.adapters.journal_erase import erase_segments
from proxy.adapters.journal_file import FileJournal
from proxy.adapters.journal_folder import JournalLockedError, stored_segments
from proxy.app.erasing import PENDING_FILE, NotErasableError, erase_person
from proxy.app.ledger_local import local_ledger
from proxy.app.opening import open_store
from proxy.journal.erasing import Names
from proxy.settings import Settings
from tests.flow.ledger_world import spent

FIGURES = "SELECT count(*), sum(cost_pico), sum(input_text) FROM calls"


@pytest.fixture
def settings(tmp_path):
    """Calls of alice and bob in the journal of a gateway that was stopped; a ledger has loaded them."""
    made = Settings(data=tmp_path / "data", policies=tmp_path / "policies")
    journal = FileJournal(made.data / "journal", "gateway", SystemClock())
    journal.open()
    for number in range(6):
        settled = spent(f"call_{number}", owner=("alice", "bob")[number % 2], session=f"s{number}")
        journal.append(settled)
    journal.close()
    with local_ledger(made):
        pass
    return made


def held(settings, sql):
    store = open_store(settings.data, 1)
    try:
        return store.read(sql)
    finally:
        store.close()


def test_a_run_that_was_cut_off_goes_on_with_the_same_pseudonym(settings):
    before = held(settings, FIGURES)
    pending = {"person": "alice", "pseudonyms": {"alice": "zzzz-"}, "reason": "alice asked"}
    (settings.data / PENDING_FILE).write_text(json.dumps(pending))
    done = erase_segments(settings.data / "journal", Names("alice", {"alice": "zzzz-"}))
    assert done.lines == 3
    with pytest.raises(NotErasableError, match="cut off"):
        erase_person(settings, "bob", [], "another")

    finished = erase_person(settings, "alice", [], "again")

    assert (finished.pseudonym, finished.calls, finished.journal.lines) == ("zzzz-", 3, 0)
    assert not (settings.data / PENDING_FILE).exists()
    assert held(settings, FIGURES) == before
    owners = "SELECT owner, count(*), max(session) FROM calls GROUP BY ALL ORDER BY ALL"
    assert held(settings, owners) == [("bob", 3, "s5"), ("zzzz-", 3, "")]
    with local_ledger(settings):
        pass
    assert held(settings, "SELECT subject, reason FROM acts") == [("zzzz-", "zzzz- asked")]


def test_a_ledger_loaded_anew_from_the_journal_says_the_same(settings):
    erase_person(settings, "alice", [], "law")
    rows = "SELECT * EXCLUDE (load) FROM calls ORDER BY id"
    before = held(settings, rows)
    (settings.data / "outlay.duckdb").unlink()
    with local_ledger(settings):
        pass
    assert held(settings, rows) == before


def test_a_segment_stays_as_long_and_nearly_as_old_as_it_was(settings):
    [stored] = stored_segments(settings.data / "journal/gateway")
    before = stored.path.stat()
    erase_person(settings, "alice", [], "law")
    after = stored.path.stat()
    assert (after.st_size, after.st_mtime_ns - before.st_mtime_ns) == (before.st_size, 1000)
    assert stored_segments(settings.data / "journal/gateway")[0].mark == stored.mark


def test_nothing_is_erased_beside_a_running_writer(settings):
    journal = FileJournal(settings.data / "journal", "gateway", SystemClock())
    journal.open()
    try:
        with pytest.raises(JournalLockedError):
            erase_person(settings, "alice", [], "law")
    finally:
        journal.close()
    assert not (settings.data / PENDING_FILE).exists()


@pytest.mark.parametrize("name", ["", "'; DROP", "two words", "~x"])
def test_what_is_no_persons_name_is_refused(settings, name):
    with pytest.raises(NotErasableError, match="no name"):
        erase_person(settings, name, [], "law")


def test_a_database_that_was_moved_away_stands_in_the_way(settings):
    (settings.data / "outlay.duckdb.damaged-1").write_bytes(b"alice")
    with pytest.raises(NotErasableError, match="remove it first"):
        erase_person(settings, "alice", [], "law")
