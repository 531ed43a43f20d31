"""Any sequence of calls, rotations, stops, kills and power cuts: what was flushed stays, each call settles once."""

import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from proxy.adapters.journal_file import FileJournal
from proxy.adapters.journal_folder import awaiting_recovery, stored_segments
from proxy.journal.codec import decode
from proxy.journal.lines import Carried, Head
from proxy.journal.open_calls import OpenCalls
from proxy.model.entry import Extended, Settled
from tests.fakes.clock import FakeClock
from tests.fakes.facts import a_hold, a_settled, an_opened
from tests.fakes.journal_folder import published_lines

NODE = "node-1"
IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where an fsync costs nothing: the machine makes thousands, and cuts the power by itself."""


class JournalMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.root = Path(tempfile.mkdtemp(prefix="journal-machine-", dir=IN_MEMORY))
        self.copies = 0
        self.journal_folder = self.root / "0"
        self.written: list = []
        self.flushed = 0
        self.open_ids: list[str] = []
        self.made = 0
        self.start()

    def start(self):
        self.journal = FileJournal(
            self.journal_folder,
            NODE,
            FakeClock(),
            segment_bytes_max=3000,
            reserve_bytes=4096,
            sync=lambda descriptor: None,
        )
        recovery = self.journal.open()
        assert [entry.call.id for entry in recovery.settled] == self.open_ids
        assert recovery.bad_lines == 0
        self.written += recovery.settled
        self.flushed = len(self.written)
        self.open_ids = []

    def append(self, entry):
        self.journal.append(entry)
        self.written.append(entry)

    @rule()
    def open_a_call(self):
        self.made += 1
        self.open_ids.append(str(self.made))
        self.append(an_opened(str(self.made)))

    @rule(which=st.integers(0, 9), cost=st.integers(1, 9))
    def extend(self, which, cost):
        if self.open_ids:
            self.append(Extended(self.open_ids[which % len(self.open_ids)], 1, a_hold(cost)))

    @rule(which=st.integers(0, 9))
    def settle(self, which):
        if self.open_ids:
            self.append(a_settled(self.open_ids.pop(which % len(self.open_ids))))

    @rule()
    def flush(self):
        self.journal.flush()
        self.flushed = len(self.written)

    @rule()
    def stop_and_start(self):
        self.journal.close()
        self.start()

    @rule(times=st.integers(0, 2))
    def kill(self, times):
        """What a kill leaves is what stands in the files: a copy of them. Killed again after each recovery."""
        self.take_copy()
        self.start()
        for _ in range(times):
            self.take_copy()
            self.start()

    @rule(unsynced=st.integers(0, 5), data=st.data())
    def cut_the_power(self, unsynced, data):
        """What was not synced may be gone, in part, of any segment; flushed lines may not."""
        self.flush()
        self.take_copy(unsynced)
        for stored in stored_segments(self.journal_folder / NODE):
            kept = data.draw(st.integers(stored.mark.synced, stored.path.stat().st_size))
            with stored.path.open("r+b") as file:
                file.truncate(kept)
        survivors = self.entries_in_files()
        assert survivors[: self.flushed] == self.written[: self.flushed]
        self.written = survivors
        calls = OpenCalls()
        for line in self.lines_in_files():
            calls.apply(line)
        self.open_ids = [call.id for call, _ in calls.calls()]
        self.start()

    def take_copy(self, unsynced=0):
        """The folder as a kill leaves it; the marks as they were some calls before (never ahead of the lines)."""
        source = self.journal_folder / NODE
        self.copies += 1
        self.journal_folder = self.root / str(self.copies)
        target = self.journal_folder / NODE
        target.mkdir(parents=True)
        for mark in source.glob("*.synced"):
            shutil.copy(mark, target)
        for _ in range(unsynced):
            self.settle(0)
            self.open_a_call()
        for segment in source.glob("*.jsonl"):
            shutil.copy(segment, target)
        self.journal.close()
        shutil.rmtree(source.parent)

    def lines_in_files(self):
        return [
            decode(line)
            for stored in stored_segments(self.journal_folder / NODE)
            for line in stored.path.read_bytes().splitlines(keepends=True)
            if line.endswith(b"\n")
        ]

    def entries_in_files(self):
        return [line for line in self.lines_in_files() if not isinstance(line, Head | Carried)]

    @invariant()
    def every_line_stands_in_the_files_in_order(self):
        assert self.entries_in_files() == self.written

    @invariant()
    def no_call_is_settled_twice(self):
        times = Counter(entry.call.id for entry in self.written if isinstance(entry, Settled))
        assert set(times.values()) <= {1}
        assert not set(times) & set(self.open_ids)

    def teardown(self):
        if not hasattr(self, "journal"):
            return
        self.journal.close()
        self.start()
        self.journal.close()
        settled = [entry for entry in published_lines(self.journal_folder) if isinstance(entry, Settled)]
        assert len(settled) == len({entry.call.id for entry in settled})
        assert not awaiting_recovery(stored_segments(self.journal_folder / NODE))
        assert self.entries_in_files() == self.written
        shutil.rmtree(self.root)


JournalMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=30)
TestJournalMachine = JournalMachine.TestCase
