"""The tail of a journal: every closing line behind what is counted, none before it, each once."""

import random

import pytest

from proxy.adapters.journal_file import FileJournal
from proxy.adapters.journal_folder import stored_segments
from proxy.adapters.journal_tail import TailTooLongError, tail, tail_bytes
from proxy.ports.balances import BEGINNING, Counted, Place
from tests.fakes import facts
from tests.fakes.clock import FakeClock

NOTHING = Counted(BEGINNING, {})


@pytest.fixture
def journal(tmp_path):
    journal = FileJournal(tmp_path, "mine", FakeClock(), segment_bytes_max=6000)
    journal.open()
    yield journal
    journal.close()


def write(journal, number):
    call_id = f"call_{number:03d}"
    journal.append(facts.an_opened(call_id))
    if number % 3 == 0:
        journal.append(facts.a_refused(call_id))
    else:
        journal.append(facts.a_settled(call_id))


def ids(folder, counted, until):
    return [entry.call.id for entry in tail(folder, counted, until)]


def test_from_any_line_to_any_other_each_closing_line_is_there_once(journal, tmp_path):
    folder = tmp_path / "mine"
    places = [journal.place]
    for number in range(40):
        write(journal, number)
        places.append(journal.place)
    assert len(stored_segments(folder)) > 5
    assert places == sorted(set(places))
    dice = random.Random(2)
    for _ in range(200):
        begin, end = sorted(dice.sample(range(41), 2))
        counted = Counted(places[begin], {places[begin][:2]: places[begin].offset})
        assert ids(folder, counted, places[end]) == [f"call_{number:03d}" for number in range(begin, end)]
    assert len(ids(folder, NOTHING, places[-1])) == 40


def test_a_segment_that_was_counted_before_the_end_of_the_one_before_hides_nothing(journal, tmp_path):
    folder = tmp_path / "mine"
    for number in range(12):
        write(journal, number)
    first, second = (segment.name for segment in stored_segments(folder)[:2])
    whole = {(each.boot, each.number): (folder / each.file).stat().st_size for each in (first, second)}
    late = {**whole, (first.boot, first.number): 0}
    missing = ids(folder, Counted(BEGINNING, late), journal.place)
    assert missing[0] == "call_000"
    assert set(missing) > set(ids(folder, Counted(BEGINNING, whole), journal.place))


def test_a_torn_line_and_one_that_cannot_be_read_are_no_lines(journal, tmp_path):
    folder = tmp_path / "mine"
    write(journal, 1)
    file = folder / stored_segments(folder)[-1].name.file
    at = journal.place
    with file.open("ab") as more:
        more.write(b'{"v":1,"t":"settled","call":1}\n{"v":1,"t":"settled","call":{"id":"torn')
    assert ids(folder, NOTHING, Place(at.boot, at.number, file.stat().st_size)) == ["call_001"]


def test_more_than_can_be_read_in_a_moment_is_said_before_the_first_line(journal, tmp_path):
    write(journal, 1)
    bytes_max = tail_bytes(tmp_path / "mine", NOTHING, journal.place) - 1
    with pytest.raises(TailTooLongError):
        tail(tmp_path / "mine", NOTHING, journal.place, bytes_max)
