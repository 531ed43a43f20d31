"""The journal as the ledger reads it, and the removal of what has served."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.adapters.journal_folder import write_mark
from proxy.adapters.journal_segments import DAY_US, FileSegments, expire
from proxy.journal.positions import Mark, SegmentName, Stage
from proxy.ports.segments import Segment, SegmentLostError, Segments

NOW_US = 1_800_000_000_000_000


def put(tmp_path, boot, number, data=b"line\n", stage=Stage.RECOVERED, synced=None, node="node-1", age_days=0.0):
    folder = tmp_path / node
    folder.mkdir(exist_ok=True)
    name = SegmentName(boot, number)
    (folder / name.file).write_bytes(data)
    write_mark(folder / name.mark_file, Mark(len(data) if synced is None else synced, stage))
    modified_ns = NOW_US * 1000 - int(age_days * DAY_US * 1000)
    os.utime(folder / name.file, ns=(modified_ns, modified_ns))
    return Segment(node, boot, number, len(data) if synced is None else synced, stage is not Stage.OPEN)


def test_segments_come_in_load_order_with_their_positions(tmp_path):
    expected = [
        put(tmp_path, 1, 2),
        put(tmp_path, 1, 10, b"x\n", Stage.SEALED),
        put(tmp_path, 2, 1, b"a\nb\ntorn", Stage.OPEN, synced=4),
        put(tmp_path, 1, 1, node="node-2"),
    ]
    segments: Segments = FileSegments(tmp_path)
    assert segments.list() == expected


def test_other_files_and_dangling_links_are_passed_over(tmp_path):
    put(tmp_path, 1, 1)
    (tmp_path / "node-1" / "lock").write_text("17\n")
    (tmp_path / "node-1" / "reserve").write_bytes(bytes(10))
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    (tmp_path / "node-1" / SegmentName(1, 2).mark_file).write_text("x")
    assert [segment.name for segment in FileSegments(tmp_path).list()] == ["node-1/00000001-00000001"]


def test_a_node_folder_may_be_a_link(tmp_path):
    elsewhere, journal = tmp_path / "elsewhere", tmp_path / "journal"
    elsewhere.mkdir()
    journal.mkdir()
    put(elsewhere, 1, 1)
    (journal / "node-1").symlink_to(elsewhere / "node-1")
    [segment] = FileSegments(journal).list()
    assert FileSegments(journal).read(segment, 0, 100) == b"line\n"


def test_without_a_journal_there_are_no_segments(tmp_path):
    assert FileSegments(tmp_path / "missing").list() == []


@pytest.mark.parametrize("data", [b"", b"torn", bytes(40)])
def test_a_segment_without_a_readable_mark_has_nothing_to_load_yet(tmp_path, data):
    put(tmp_path, 1, 1)
    (tmp_path / "node-1" / SegmentName(1, 1).mark_file).write_bytes(data)
    assert FileSegments(tmp_path).list() == [Segment("node-1", 1, 1, 0, False)]


def test_a_mark_that_moves_on_is_seen(tmp_path):
    segments = FileSegments(tmp_path)
    for synced, stage in [(5, Stage.OPEN), (10, Stage.OPEN), (10, Stage.SEALED), (10, Stage.RECOVERED)]:
        put(tmp_path, 1, 1, b"line\n" * 2, stage, synced)
        assert segments.list() == [Segment("node-1", 1, 1, synced, stage is not Stage.OPEN)]


@given(st.lists(st.integers(0, 30), min_size=1), st.integers(1, 50), st.data())
def test_reading_in_any_steps_gives_whole_lines_and_all_that_is_synced(tmp_path, lengths, bytes_max, data):
    lines = [b"x" * length + b"\n" for length in lengths]
    whole = b"".join(lines)
    synced = len(b"".join(lines[: data.draw(st.integers(0, len(lines)))]))
    segment = put(tmp_path, 1, 1, whole + b"torn", Stage.OPEN, synced)
    segments, read = FileSegments(tmp_path), b""
    while step := segments.read(segment, len(read), bytes_max):
        assert step.endswith(b"\n")
        assert len(step) <= bytes_max or step.count(b"\n") == 1
        read += step
    assert read == whole[:synced]


def test_a_line_longer_than_any_step_is_read_whole(tmp_path):
    data = b"a" * 700_000 + b"\nb\n"
    segment = put(tmp_path, 1, 1, data)
    assert FileSegments(tmp_path).read(segment, 0, 10) == data[:-2]


def test_a_removed_segment_is_no_loss_once_it_is_loaded(tmp_path):
    """Retention may take it between the list and the read."""
    segment = put(tmp_path, 1, 1)
    (tmp_path / "node-1" / SegmentName(1, 1).file).unlink()
    assert FileSegments(tmp_path).read(segment, 5, 100) == b""
    with pytest.raises(SegmentLostError, match="0 bytes are left of 5 published, 0 were read"):
        FileSegments(tmp_path).read(segment, 0, 100)


@pytest.mark.parametrize("start", [0, 2])
def test_a_segment_shorter_than_published_is_reported(tmp_path, start):
    segment = put(tmp_path, 1, 1, b"a\nb\n", synced=6)
    with pytest.raises(SegmentLostError, match="4 bytes are left of 6"):
        FileSegments(tmp_path).read(segment, start, 100)


def test_a_segment_sealed_below_what_was_read_is_reported(tmp_path):
    segment = put(tmp_path, 1, 1, b"a\nb\n", synced=2)
    with pytest.raises(SegmentLostError, match="4 were read"):
        FileSegments(tmp_path).read(segment, 4, 100)


def test_a_mark_older_than_what_was_read_is_waited_for(tmp_path):
    """A power cut may take the newest mark, whose lines are on disk; the node's next start makes it again."""
    segment = put(tmp_path, 1, 1, b"a\nb\n", Stage.OPEN, synced=2)
    assert FileSegments(tmp_path).read(segment, 4, 100) == b""


# Retention


def test_old_segments_go_once_they_are_loaded_and_needed_by_no_recovery(tmp_path):
    put(tmp_path, 1, 1, age_days=9)
    put(tmp_path, 1, 2, age_days=9)
    put(tmp_path, 2, 1, age_days=9, stage=Stage.SEALED)
    put(tmp_path, 3, 1, age_days=6)
    put(tmp_path, 4, 1, age_days=9)
    put(tmp_path, 5, 1, age_days=9)
    loaded = {f"node-1/{SegmentName(boot, number)}": 5 for boot in range(6) for number in (1, 2)}
    loaded |= {"node-1/00000001-00000002": 4, "node-1/00000009-00000001": 5}
    # Oldest first and without holes: what is left is whole from its first line on.
    assert expire(tmp_path, loaded, NOW_US, 7) == ["node-1/00000001-00000001"]
    loaded["node-1/00000001-00000002"] = 5
    assert expire(tmp_path, loaded, NOW_US, 7) == ["node-1/00000001-00000002"]
    left = [segment.name for segment in FileSegments(tmp_path).list()]
    assert left == [f"node-1/{SegmentName(*name)}" for name in [(2, 1), (3, 1), (4, 1), (5, 1)]]
    assert len(list((tmp_path / "node-1").iterdir())) == 8


def test_what_was_never_loaded_stays(tmp_path):
    put(tmp_path, 1, 1, age_days=99)
    put(tmp_path, 2, 1, age_days=99)
    assert expire(tmp_path, {}, NOW_US, 7) == []
    assert len(FileSegments(tmp_path).list()) == 2
