"""What every Journal does, the fake as well as the one in files."""

import pytest

from proxy.adapters.journal_file import FileJournal
from proxy.journal.codec import decode
from proxy.model.entry import Extended
from proxy.ports.journal import Journal, JournalUnavailableError
from tests.fakes import facts
from tests.fakes.clock import FakeClock
from tests.fakes.journal import FakeJournal


class InMemory:
    def __init__(self, tmp_path):
        self.journal = FakeJournal()
        self.break_ = self.journal.break_

    def entries(self):
        return self.journal.entries

    def close(self):
        pass


class InFiles:
    """Breaks by the removal of its folder, with a plain file put in its place."""

    def __init__(self, tmp_path):
        self.folder = tmp_path / "node-1"
        self.journal = FileJournal(tmp_path, "node-1", FakeClock(), reserve_bytes=65536)
        self.journal.open()

    def break_(self):
        self.folder.rename(self.folder.with_name("gone"))
        self.folder.write_text("in the way")
        with pytest.raises(JournalUnavailableError):
            self.journal.flush()

    def entries(self):
        [segment] = self.folder.glob("*.jsonl")
        return [decode(line) for line in segment.read_bytes().splitlines()[1:]]

    def close(self):
        self.journal.close()


@pytest.fixture(params=[InMemory, InFiles])
def subject(request, tmp_path):
    subject = request.param(tmp_path)
    yield subject
    subject.close()


def test_entries_are_kept_in_order(subject):
    journal: Journal = subject.journal
    entries = [
        facts.an_opened("a"),
        Extended("a", 5, facts.a_hold(9)),
        facts.a_settled("a"),
        facts.a_refused("b"),
        facts.an_act("c"),
    ]
    assert journal.accepting
    for entry in entries:
        journal.append(entry)
    assert subject.entries() == entries


async def test_flushed_returns_once_all_is_on_disk(subject):
    subject.journal.append(facts.an_act())
    await subject.journal.flushed()
    await subject.journal.flushed()
    assert subject.entries() == [facts.an_act()]


async def test_a_broken_journal_says_so_and_does_not_claim_to_have_flushed(subject):
    subject.break_()
    assert not subject.journal.accepting
    for entry in (facts.an_opened(), facts.a_refused(), facts.an_act()):
        with pytest.raises(JournalUnavailableError):
            subject.journal.append(entry)
    with pytest.raises(JournalUnavailableError):
        await subject.journal.flushed()
