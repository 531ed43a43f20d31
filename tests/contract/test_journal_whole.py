"""Whether a journal is all there is: beside a database that may be older than it, or was made in the same moment."""

import pytest

from proxy.adapters.journal_file import FileJournal
from proxy.adapters.journal_whole import DATABASE_FILE, NotWholeError, check_whole, incomplete, mark_first, mark_new
from tests.fakes.clock import FakeClock

ENOUGH_BYTES = 10**6


@pytest.fixture
def begun(tmp_path):
    """Begins the journal of a node, as a gateway does."""
    open_ones = []

    def begun(node="n-0"):
        journal = FileJournal(tmp_path / "journal", node, FakeClock(), reserve_bytes=65536)
        journal.open()
        open_ones.append(journal)
        mark_first(tmp_path / "journal" / node, journal.place)
        return journal.place

    yield begun
    for journal in open_ones:
        journal.close()


def whole(data, place, node="n-0"):
    try:
        check_whole(data, node, place, 0, ENOUGH_BYTES)
    except NotWholeError:
        return False
    return True


def test_a_database_made_at_the_same_start_hides_nothing(tmp_path, begun):
    mark_new(tmp_path, ["n-0", "n-1"])
    (tmp_path / DATABASE_FILE).touch()
    assert whole(tmp_path, begun("n-0"), "n-0")
    assert whole(tmp_path, begun("n-1"), "n-1")


def test_a_database_that_was_there_before_the_journal_may_know_more(tmp_path, begun):
    (tmp_path / DATABASE_FILE).touch()
    mark_new(tmp_path, ["n-0"])
    assert not whole(tmp_path, begun())


def test_a_journal_folder_that_was_lost_is_not_taken_for_new(tmp_path, begun):
    mark_new(tmp_path, ["n-0"])
    (tmp_path / DATABASE_FILE).touch()
    for file in (tmp_path / "journal" / "n-0").iterdir():
        file.unlink()
    mark_new(tmp_path, ["n-0"])
    assert not whole(tmp_path, begun())


def test_journals_that_began_in_a_new_folder_are_complete_as_long_as_their_first_segments_are_there(tmp_path, begun):
    assert incomplete(tmp_path) == ["all nodes"]
    mark_new(tmp_path, ["n-0", "ledger"])
    begun("n-0")
    (tmp_path / DATABASE_FILE).touch()
    assert incomplete(tmp_path) == []
    begun("ledger")
    begun("n-1")
    assert incomplete(tmp_path) == ["n-1"], "beside a database, nobody knows what was before it"


def test_a_journal_without_its_first_segment_or_without_all_is_not_complete(tmp_path, begun):
    mark_new(tmp_path, ["n-0", "n-1"])
    for node in ("n-0", "n-1"):
        begun(node)
    next((tmp_path / "journal" / "n-0").glob("*.jsonl")).unlink()
    assert incomplete(tmp_path) == ["n-0"]
