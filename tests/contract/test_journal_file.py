"""The journal in files: what is written when, and what the next start makes of it."""

import os
import threading
from contextlib import suppress
from dataclasses import replace

import pytest

from proxy.adapters.journal_abandoned import settle_abandoned
from proxy.adapters.journal_file import FileJournal
from proxy.adapters.journal_folder import JournalLockedError, stored_segments, write_mark
from proxy.adapters.journal_segments import FileSegments
from proxy.journal.codec import decode, encode
from proxy.journal.lines import SHAPE, Carried, Head
from proxy.journal.positions import Mark, SegmentName, Stage
from proxy.model.entry import Extended, Opened, Outcome, Settled
from proxy.ports.journal import JournalUnavailableError
from tests.fakes import facts
from tests.fakes.clock import FakeClock
from tests.fakes.journal_folder import eventually, published_lines, settlements

NODE = "node-1"
BOOT = FakeClock().now_us() // 60_000_000
UNSYNCED = Mark(0, Stage.OPEN)


@pytest.fixture
def start(tmp_path):
    """Starts a journal on the test's folder; stops those that the test leaves running."""
    started = []

    def start(node=NODE, **options):
        journal = FileJournal(tmp_path, node, FakeClock(), **({"reserve_bytes": 65536, "check_s": 0.02} | options))
        recovery = journal.open()
        started.append(journal)
        return journal, recovery

    yield start
    for journal in started:
        journal.close()


def killed(tmp_path, *lines, number=1, mark=UNSYNCED):
    """The folder as a killed process leaves it: lines written, nothing sealed."""
    folder = tmp_path / NODE
    folder.mkdir(exist_ok=True)
    name = SegmentName(BOOT - 1, number)
    head = encode(Head(NODE, name.boot, name.number, 1))
    text = head + b"".join(line if isinstance(line, bytes) else encode(line) for line in lines)
    (folder / name.file).write_bytes(text)
    if mark:
        write_mark(folder / name.mark_file, mark)
    return folder / name.file


def marks(tmp_path):
    return {(stored.name.boot, stored.name.number): stored.mark for stored in stored_segments(tmp_path / NODE)}


def test_a_line_is_in_the_file_when_append_returns(start, tmp_path):
    journal, _ = start()
    journal.append(facts.an_opened())
    [file] = (tmp_path / NODE).glob("*.jsonl")
    assert file.read_bytes().endswith(b"\n" + encode(facts.an_opened()))


def test_a_segment_begins_with_its_head(start, tmp_path):
    journal, _ = start()
    journal.flush()
    assert published_lines(tmp_path) == [Head(NODE, BOOT, 1, FakeClock().now_us(), SHAPE)]


def test_what_is_flushed_is_published_and_nothing_else(start, tmp_path):
    synced = []
    journal, _ = start(sync=synced.append)
    journal.append(facts.an_opened())
    journal.flush()
    before = len(synced)
    assert published_lines(tmp_path)[1:] == [facts.an_opened()]
    journal.append(facts.a_settled())
    assert len(published_lines(tmp_path)) in (2, 3)
    journal.flush()
    assert len(synced) > before
    assert published_lines(tmp_path)[1:] == [facts.an_opened(), facts.a_settled()]


def test_a_line_written_during_a_sync_is_not_published_by_it(start, tmp_path):
    published = []

    def sync(descriptor):
        published.append(len(published_lines(tmp_path)))
        if len(published) == 2:  # the first belongs to the start
            journal.append(facts.a_settled("a"))

    journal, _ = start(sync=sync)
    journal.append(facts.an_opened("a"))
    eventually(lambda: len(published) == 3)
    assert published == [0, 1, 2]


def test_lines_are_published_soon_without_a_flush(start, tmp_path):
    journal, _ = start()
    journal.append(facts.an_opened())
    eventually(lambda: len(published_lines(tmp_path)) == 2)


def test_closing_seals_and_a_call_left_open_awaits_recovery(start, tmp_path):
    journal, _ = start()
    journal.append(facts.an_opened("a"))
    journal.close()
    assert marks(tmp_path)[BOOT, 1].stage is Stage.SEALED
    journal, recovery = start()
    assert [entry.call.id for entry in recovery.settled] == ["a"]
    journal.close()
    assert {mark.stage for mark in marks(tmp_path).values()} == {Stage.RECOVERED}
    assert settlements(tmp_path) == {"a": 1}


def test_a_closed_journal_takes_nothing_more(start, tmp_path):
    journal, _ = start()
    journal.close()
    for entry in (facts.an_opened(), facts.a_settled()):
        with pytest.raises(JournalUnavailableError, match="not open"):
            journal.append(entry)
    with pytest.raises(JournalUnavailableError, match="not open"):
        journal.flush()


def test_each_boot_has_a_number_of_its_own_even_where_old_segments_were_removed(start, tmp_path):
    """Else the ledger would take a new segment for one that it has loaded already."""
    for _ in range(3):
        journal, _ = start()
        journal.close()
    assert [boot for boot, _ in marks(tmp_path)] == [BOOT, BOOT + 1, BOOT + 2]
    for file in (tmp_path / NODE).iterdir():
        file.unlink()
    later = FileJournal(tmp_path, NODE, FakeClock(FakeClock().now_us() + 10**9), reserve_bytes=65536)
    later.open()
    later.close()
    assert [boot for boot, _ in marks(tmp_path)] > [BOOT + 2]


# Rotation


def test_a_new_segment_carries_the_calls_still_open(start, tmp_path):
    journal, _ = start(segment_bytes_max=3500)
    journal.append(facts.an_opened("open"))
    journal.append(Extended("open", 5, facts.a_hold(9)))
    journal.append(facts.an_opened("done"))
    journal.append(facts.a_settled("done"))
    journal.append(facts.a_refused("refused"))
    journal.flush()
    eventually(lambda: len(FileSegments(tmp_path).list()) == 2)
    first, second = FileSegments(tmp_path).list()
    assert (first.number, first.sealed) == (1, True)
    assert (second.number, second.sealed) == (2, False)
    assert [decode(line) for line in FileSegments(tmp_path).read(second, 0, 10**6).splitlines()] == [
        Head(NODE, BOOT, 2, FakeClock().now_us(), SHAPE),
        Carried(facts.a_call("open"), facts.a_hold(9)),
    ]


def test_a_segment_left_by_rotation_is_needed_no_more_once_the_next_is_on_disk(start, tmp_path):
    journal, _ = start(segment_bytes_max=2000)
    for number in range(10):
        journal.append(facts.an_opened(str(number)))
    journal.flush()
    eventually(lambda: list(marks(tmp_path).values())[-2].stage is Stage.RECOVERED)
    stages = [mark.stage for mark in marks(tmp_path).values()]
    assert len(stages) > 2
    assert stages == [Stage.RECOVERED] * (len(stages) - 1) + [Stage.OPEN]


def test_what_a_failed_rotation_left_is_no_obstacle(start, tmp_path):
    journal, _ = start(segment_bytes_max=1000)
    (tmp_path / NODE / SegmentName(BOOT, 2).file).write_bytes(encode(Carried(facts.a_call("x"), facts.a_hold())))
    for call_id in "ab":
        journal.append(facts.an_opened(call_id))
    journal.close()
    assert journal_ids(tmp_path, Carried) == ["a", "b"]
    assert [entry.call.id for entry in start()[1].settled] == ["a", "b"]


def journal_ids(tmp_path, kind):
    return [line.call.id for line in published_lines(tmp_path) if isinstance(line, kind)]


def test_many_open_calls_do_not_make_it_rotate_for_each_line(start, tmp_path):
    """Carried lines don't count: with more of them than a segment holds, each segment still grows by its size."""
    journal, _ = start(segment_bytes_max=2000)
    for number in range(40):
        journal.append(facts.an_opened(str(number)))
    assert len(list((tmp_path / NODE).glob("*.jsonl"))) <= 15


def test_a_call_is_settled_once_wherever_the_rotations_fell(start, tmp_path):
    journal, _ = start(segment_bytes_max=3000)
    for number in range(20):
        journal.append(facts.an_opened(str(number)))
        if number % 2:
            journal.append(facts.a_settled(str(number // 2)))
    journal.close()
    journal, recovery = start()
    assert len(recovery.settled) == 10
    journal.close()
    assert settlements(tmp_path) == {str(number): 1 for number in range(20)}


# What a crash leaves


def test_a_call_left_open_is_settled_at_its_last_hold(start, tmp_path):
    killed(
        tmp_path,
        facts.an_opened("a"),
        facts.an_opened("b"),
        Extended("a", 3, facts.a_hold(7_000)),
        facts.a_settled("b"),
    )
    _, recovery = start()
    [settled] = recovery.settled
    assert (settled.call.id, settled.outcome, settled.estimated) == ("a", Outcome.CRASHED, True)
    assert settled.cost.total_pico == 7_000
    assert [line for line in published_lines(tmp_path) if isinstance(line, Settled)] == [facts.a_settled("b"), settled]


def test_a_call_carried_into_the_last_segment_is_settled(start, tmp_path):
    killed(tmp_path, facts.an_opened("a"), number=1, mark=Mark(0, Stage.RECOVERED))
    killed(tmp_path, Carried(facts.a_call("a"), facts.a_hold(5)), number=2)
    _, recovery = start()
    assert [(entry.call.id, entry.cost.total_pico) for entry in recovery.settled] == [("a", 5)]


def test_a_rotation_that_failed_half_way_settles_nothing_twice(start, tmp_path):
    """The file of a failed rotation could not be removed; the call it carries was settled in the segment before."""
    killed(tmp_path, facts.an_opened("a"), facts.a_settled("a"), number=1)
    killed(tmp_path, Carried(facts.a_call("a"), facts.a_hold()), number=2)
    _, recovery = start()
    assert recovery.settled == ()


def test_a_recovered_segment_speaks_for_those_before_it(start, tmp_path):
    """A power cut may take one mark and leave a later one; what settled the call may be in neither."""
    killed(tmp_path, facts.an_opened("a"), number=1)
    killed(tmp_path, number=2, mark=Mark(0, Stage.RECOVERED))
    _, recovery = start()
    assert recovery.settled == ()


def test_a_recovery_is_not_repeated(start, tmp_path):
    killed(tmp_path, facts.an_opened("a"))
    for expected in (1, 0, 0):
        journal, recovery = start()
        assert len(recovery.settled) == expected
        journal.close()
    assert settlements(tmp_path) == {"a": 1}


def test_a_recovery_killed_before_its_marks_is_not_repeated_for_what_it_settled(start, tmp_path):
    killed(tmp_path, facts.an_opened("a"), facts.an_opened("b"))
    later = tmp_path / NODE / SegmentName(BOOT, 1).file
    later.write_bytes(encode(Head(NODE, BOOT, 1, 1)) + encode(facts.a_settled("a")))
    _, recovery = start()
    assert [entry.call.id for entry in recovery.settled] == ["b"]
    assert settlements(tmp_path) == {"a": 1, "b": 1}


@pytest.mark.parametrize("kept", [1, 30, -1])
def test_a_torn_last_line_is_cut(start, tmp_path, kept):
    whole = killed(tmp_path, facts.an_opened("a")).read_bytes()
    file = killed(tmp_path, facts.an_opened("a"), encode(facts.an_opened("b"))[:kept])
    _, recovery = start()
    assert file.read_bytes() == whole
    assert [entry.call.id for entry in recovery.settled] == ["a"]
    assert marks(tmp_path)[BOOT - 1, 1] == Mark(len(whole), Stage.RECOVERED)


def test_a_segment_without_one_whole_line_is_emptied(start, tmp_path):
    (tmp_path / NODE).mkdir()
    file = tmp_path / NODE / SegmentName(BOOT - 1, 1).file
    file.write_bytes(b"x" * 3_000_000)
    start()
    assert file.read_bytes() == b""


@pytest.mark.parametrize("mark", [None, Mark(0, Stage.OPEN), Mark(10**9, Stage.OPEN)])
def test_an_old_segment_is_published_whole_whatever_its_mark_said(start, tmp_path, mark):
    size = killed(tmp_path, facts.an_opened("a"), facts.a_settled("a"), mark=mark).stat().st_size
    start()
    assert marks(tmp_path)[BOOT - 1, 1] == Mark(size, Stage.RECOVERED)


ROT = [
    b"\x00" * 700 + b"\n",
    b"\xff\xfe garbage \n\n\n",
    encode(facts.an_opened("c")).replace(b'"model"', b'"m\xffdel"'),
    encode(facts.an_opened("c"))[:-9] + b"\n",
    b"y" * 3_000_000 + b"\n",
]


@pytest.mark.parametrize("rot", ROT)
def test_rot_in_the_middle_is_counted_and_left_where_it_is(start, tmp_path, rot):
    file = killed(tmp_path, facts.an_opened("a"), rot, facts.an_opened("b"), facts.a_settled("a"))
    before = file.read_bytes()
    journal, recovery = start()
    assert journal.accepting
    assert recovery.bad_lines >= 1
    assert [entry.call.id for entry in recovery.settled] == ["b"]
    assert file.read_bytes() == before


def test_a_rotten_settlement_is_replaced_by_one_at_the_hold(start, tmp_path):
    killed(tmp_path, facts.an_opened("a"), encode(facts.a_settled("a")).replace(b"alice", b"al\xffce"))
    _, recovery = start()
    assert [entry.outcome for entry in recovery.settled] == [Outcome.CRASHED]


def test_open_calls_of_a_newer_format_are_not_passed_over(start, tmp_path):
    file = killed(tmp_path, encode(facts.an_opened("a")).replace(b'"v":1', b'"v":2'))
    with pytest.raises(JournalUnavailableError, match=r"format version 2.*Start the newer"):
        start()
    assert len(list((tmp_path / NODE).glob("*.jsonl"))) == 1
    file.write_bytes(file.read_bytes().replace(b'"v":2', b'"v":1'))
    assert len(start()[1].settled) == 1


# One writer


def test_a_second_writer_is_told_who_the_first_is(start, tmp_path):
    start()
    with pytest.raises(JournalLockedError, match=rf"{NODE} is being written by process {os.getpid()}"):
        start(lock_s_max=0)


def test_a_start_waits_a_moment_for_the_one_before_it_to_go(start, tmp_path):
    first, _ = start()
    leaving = threading.Timer(0.1, first.close)
    leaving.start()
    second, _ = start(lock_s_max=20)
    leaving.join()
    assert second.accepting


def test_nodes_do_not_meet(start, tmp_path):
    one, _ = start("node-1")
    two, _ = start("node-2")
    one.append(facts.an_opened("a"))
    two.append(facts.an_opened("b"))
    one.close()
    two.close()
    assert [segment.node for segment in FileSegments(tmp_path).list()] == ["node-1", "node-2"]
    _, recovery = start("node-2")
    assert [entry.call.id for entry in recovery.settled] == ["b"]


def test_a_node_name_that_is_no_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not a node name"):
        FileJournal(tmp_path, "../elsewhere", FakeClock())


def test_an_abandoned_node_is_settled_by_another(start, tmp_path):
    killed(tmp_path, facts.an_opened("a"))
    start("node-2")
    assert [entry.call.id for recovery in settle_abandoned(tmp_path, FakeClock()) for entry in recovery.settled] == [
        "a"
    ]
    assert settle_abandoned(tmp_path, FakeClock()) == []
    assert settlements(tmp_path) == {"a": 1}


def test_a_node_that_is_running_is_not_abandoned(start, tmp_path):
    journal, _ = start()
    journal.append(facts.an_opened("a"))
    assert settle_abandoned(tmp_path, FakeClock()) == []
    journal.append(facts.a_settled("a"))
    journal.close()
    assert settlements(tmp_path) == {"a": 1}


# A sync that fails


class Disk:
    """Syncs until it is told to fail; then it also forgets what of the file was not synced, as a kernel may."""

    def __init__(self, folder):
        self.folder = folder
        self.failing = False

    def sync(self, descriptor):
        if not self.failing:
            os.fdatasync(descriptor)
            return
        for stored in stored_segments(self.folder):
            if stored.path.stat().st_ino == os.fstat(descriptor).st_ino:
                with stored.path.open("r+b") as file:
                    file.seek(stored.mark.synced)
                    file.write(bytes(stored.path.stat().st_size - stored.mark.synced))
        raise OSError(5, "Input/output error")


def test_a_failed_sync_claims_nothing_and_what_the_kernel_dropped_is_written_again(start, tmp_path):
    disk = Disk(tmp_path / NODE)
    journal, _ = start(sync=disk.sync)
    journal.append(facts.an_opened("a"))
    journal.flush()
    published = published_lines(tmp_path)
    disk.failing = True
    journal.append(facts.a_settled("a"))
    with pytest.raises(JournalUnavailableError, match="not brought to disk"):
        journal.flush()
    assert not journal.accepting
    with pytest.raises(JournalUnavailableError, match="Input/output error"):
        journal.append(facts.an_opened("b"))
    assert published_lines(tmp_path) == published
    disk.failing = False
    eventually(lambda: journal.accepting)
    journal.append(facts.an_opened("c"))
    journal.flush()
    assert published_lines(tmp_path)[1:] == [facts.an_opened("a"), facts.a_settled("a"), facts.an_opened("c")]


def test_a_rotation_whose_old_segment_cannot_be_synced_waits_with_its_mark(start, tmp_path):
    disk = Disk(tmp_path / NODE)
    journal, _ = start(sync=disk.sync, segment_bytes_max=1500)
    disk.failing = True
    journal.append(facts.an_opened("a"))
    journal.append(facts.a_settled("a"))
    eventually(lambda: not journal.accepting)
    assert [mark.stage for mark in marks(tmp_path).values()] == [Stage.OPEN, Stage.OPEN]
    disk.failing = False
    eventually(lambda: journal.accepting)
    journal.flush()
    assert [line for line in published_lines(tmp_path) if isinstance(line, Opened | Settled)] == [
        facts.an_opened("a"),
        facts.a_settled("a"),
    ]


def test_more_waiting_for_a_slow_sync_than_the_limit_stops_admission(start, tmp_path):
    go_on = threading.Event()
    calls = []

    def slow(descriptor):
        calls.append(descriptor)
        if len(calls) > 1:  # the first belongs to the start
            go_on.wait(20)

    journal, _ = start(sync=slow)
    big = facts.an_opened("a", tags={f"{key:0199}": "x" * 200 for key in range(20)})
    with suppress(JournalUnavailableError):
        for _ in range(5000):
            journal.append(big)
    with pytest.raises(JournalUnavailableError, match="does not keep up"):
        journal.append(big)
    journal.append(facts.a_settled("a"))
    go_on.set()
    eventually(lambda: journal.accepting)


# A folder that goes away


def test_a_removed_folder_is_noticed_and_made_anew_with_the_open_calls(start, tmp_path):
    journal, _ = start()
    journal.append(facts.an_opened("a"))
    journal.append(facts.an_opened("b"))
    for file in (tmp_path / NODE).iterdir():
        file.unlink()
    (tmp_path / NODE).rmdir()
    with pytest.raises(JournalUnavailableError):
        journal.flush()
    eventually(lambda: journal.accepting)
    with pytest.raises(JournalLockedError):
        start(lock_s_max=0)
    journal.append(facts.a_settled("b"))
    journal.close()
    [(boot, _)] = marks(tmp_path)
    assert boot == BOOT + 1
    assert [line for line in published_lines(tmp_path) if isinstance(line, Carried)] == [
        Carried(facts.a_call("a"), facts.a_hold()),
        Carried(facts.a_call("b"), facts.a_hold()),
    ]


def test_a_removed_segment_is_noticed(start, tmp_path):
    journal, _ = start()
    journal.append(facts.an_opened("a"))
    for file in (tmp_path / NODE).glob("*.jsonl"):
        file.unlink()
    with pytest.raises(JournalUnavailableError):
        journal.flush()
    eventually(lambda: journal.accepting)
    journal.append(facts.a_settled("a"))
    journal.close()
    assert settlements(tmp_path) == {"a": 1}


def test_a_folder_moved_away_and_back_goes_on_as_before(start, tmp_path):
    journal, _ = start(check_s=30)
    (tmp_path / NODE).rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").rename(tmp_path / NODE)
    journal.append(facts.an_opened("a"))
    journal.flush()
    assert journal.accepting
    assert published_lines(tmp_path)[1:] == [facts.an_opened("a")]


def test_what_settles_while_the_folder_is_gone_is_written_once_it_is_back(start, tmp_path):
    journal, _ = start()
    for call_id in "ab":
        journal.append(facts.an_opened(call_id))
    (tmp_path / NODE).rename(tmp_path / "elsewhere")
    (tmp_path / NODE).write_text("in the way")
    eventually(lambda: not journal.accepting)
    with pytest.raises(JournalUnavailableError):
        journal.append(facts.a_settled("a"))
    (tmp_path / NODE).unlink()
    (tmp_path / "elsewhere").rename(tmp_path / NODE)
    eventually(lambda: journal.accepting)
    journal.append(facts.a_settled("b"))
    journal.close()
    assert settlements(tmp_path) == {"a": 1, "b": 1}
    assert all(segment.sealed for segment in FileSegments(tmp_path).list())


def test_a_folder_that_another_writer_made_anew_is_left_to_it(start, tmp_path):
    journal, _ = start(lock_s_max=0)
    (tmp_path / NODE).rename(tmp_path / "elsewhere")
    other, _ = start(lock_s_max=0, node=NODE)
    eventually(lambda: not journal.accepting)
    with pytest.raises(JournalUnavailableError):
        journal.append(facts.an_opened("a"))
    other.append(facts.an_opened("b"))
    other.flush()
    assert replace(published_lines(tmp_path)[-1], hold=facts.a_hold()) == facts.an_opened("b")
