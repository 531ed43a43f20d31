"""Whether a journal is all there is: beside a database that may be older than it, or was made in the same moment."""

import pytest

from proxy.adapters.journal_file import FileJournal
from proxy.adapters.journal_whole import DATABASE_FILE, NotWholeError, check_whole, mark_first, mark_new
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
