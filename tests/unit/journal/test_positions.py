import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.journal.positions import (
    MARK_BYTES,
    Mark,
    SegmentName,
    Stage,
    format_mark,
    is_node,
    parse_mark,
    parse_segment_file,
)

marks = st.builds(Mark, st.integers(0, 2**63), st.sampled_from(Stage))


@given(st.integers(0, 10**10), st.integers(0, 10**10))
def test_a_segment_is_found_by_its_file_name(boot, number):
    name = SegmentName(boot, number)
    assert parse_segment_file(name.file) == name


def test_names_have_eight_digits_and_sort_as_written():
    assert SegmentName(7, 12).file == "00000007-00000012.jsonl"
    assert SegmentName(7, 12).mark_file == "00000007-00000012.synced"
    assert SegmentName(2, 9) < SegmentName(2, 10) < SegmentName(100_000_000, 1)


@pytest.mark.parametrize(
    "file",
    [
        "lock",
        "reserve",
        "00000001-00000001.synced",
        "1-1.jsonl",
        "00000001-00000001.jsonl.bak",
        "00000001.jsonl",
        "٠" * 8,
    ],
)
def test_other_files_are_no_segments(file):
    assert parse_segment_file(file) is None


@given(marks)
def test_a_mark_has_a_fixed_width_and_comes_back(mark):
    assert len(format_mark(mark)) == MARK_BYTES
    assert parse_mark(format_mark(mark)) == mark


def test_a_mark_is_text_that_people_can_read():
    assert format_mark(Mark(879, Stage.OPEN)) == b"00000000000000000879 open      0ab2ec8b\n"


@given(marks, marks, st.integers(0, MARK_BYTES))
def test_a_mark_half_overwritten_is_either_of_the_two_or_none(old, new, done):
    torn = format_mark(new)[:done] + format_mark(old)[done:]
    assert parse_mark(torn) in (old, new, None)


@pytest.mark.parametrize("data", [b"", b"\x00" * MARK_BYTES, b"x" * MARK_BYTES, format_mark(Mark(1, Stage.OPEN))[:-1]])
def test_what_is_no_mark_is_none(data):
    assert parse_mark(data) is None


@pytest.mark.parametrize(("stage", "sealed"), [(Stage.OPEN, False), (Stage.SEALED, True), (Stage.RECOVERED, True)])
def test_a_recovered_segment_is_sealed_too(stage, sealed):
    assert Mark(1, stage).sealed is sealed


@pytest.mark.parametrize(("name", "good"), [("node-1", True), ("a.example.com-2", True), ("ledger", True), ("", False)])
def test_a_node_name_can_be_a_folder(name, good):
    assert is_node(name) is good


@pytest.mark.parametrize("name", [".", "..", ".hidden", "a/b", "a\n", "-rf", "é", "x" * 101])
def test_a_name_that_would_be_another_folder_is_no_node(name):
    assert not is_node(name)
