"""Folders of backups, and the copy of a journal that is being written."""

import os

import pytest

from proxy.adapters.backup_folder import BackupError, Manifest, NewBackup, found, newest, read_manifest, verify
from proxy.adapters.journal_copy import copy_journal
from proxy.adapters.journal_folder import read_mark, write_mark
from proxy.journal.positions import Mark, SegmentName, Stage

NOW_US = 1_800_000_000_000_000


def put(journal, number, data=b"line\n", stage=Stage.RECOVERED, synced=None):
    folder = journal / "node"
    folder.mkdir(parents=True, exist_ok=True)
    name = SegmentName(1, number)
    (folder / name.file).write_bytes(data)
    write_mark(folder / name.mark_file, Mark(len(data) if synced is None else synced, stage))
    return folder / name.file


def manifest(files):
    return Manifest(1, "0", 1, 0, NOW_US, 0, {}, files)


def back_up(journal, into, at_us=NOW_US):
    with NewBackup(into, at_us, lambda _: None) as backup:
        closed = copy_journal(journal, backup, "data/journal")
        backup.finish(manifest)
        return backup, closed


def copied(backup, number):
    name = SegmentName(1, number)
    folder = backup.place / "data/journal/node"
    return (folder / name.file).read_bytes(), read_mark(folder / name.mark_file)


def test_a_copy_has_whole_lines_of_what_is_written_on_disk_or_not_yet(tmp_path):
    put(tmp_path / "j", 1, b"a\nb\ntorn", Stage.OPEN, synced=2)
    backup, closed = back_up(tmp_path / "j", tmp_path / "b")
    assert copied(backup, 1) == (b"a\nb\n", Mark(4, Stage.OPEN))
    assert closed == {}


def test_a_copy_that_is_brought_up_to_date_has_what_came_since(tmp_path):
    source = put(tmp_path / "j", 1, b"a\n", Stage.OPEN, synced=0)
    with NewBackup(tmp_path / "b", NOW_US, lambda _: None) as backup:
        copy_journal(tmp_path / "j", backup, "data/journal")
        source.write_bytes(b"a\nb\n")
        put(tmp_path / "j", 2, b"c\n", Stage.OPEN)
        copy_journal(tmp_path / "j", backup, "data/journal")
        backup.finish(manifest)
    assert [copied(backup, number)[0] for number in (1, 2)] == [b"a\nb\n", b"c\n"]


def test_the_last_segment_of_a_copy_is_never_past_recovery(tmp_path):
    """The one behind it, which holds the calls it left open, may have come after the folder was listed."""
    put(tmp_path / "j", 1)
    put(tmp_path / "j", 2)
    backup, closed = back_up(tmp_path / "j", tmp_path / "b")
    assert [copied(backup, number)[1].stage for number in (1, 2)] == [Stage.RECOVERED, Stage.SEALED]
    assert closed == {"node/00000001-00000001": 5, "node/00000001-00000002": 5}


def test_a_closed_segment_is_linked_from_the_backup_before(tmp_path):
    put(tmp_path / "j", 1)
    put(tmp_path / "j", 2, stage=Stage.OPEN)
    first, _ = back_up(tmp_path / "j", tmp_path / "b")
    second, _ = back_up(tmp_path / "j", tmp_path / "b", NOW_US + 1_000_000)
    inodes = [(backup.place / "data/journal/node/00000001-00000001.jsonl").stat().st_ino for backup in (first, second)]
    assert (inodes[0] == inodes[1], second.linked) == (True, 5)
    assert newest(tmp_path / "b")[0] == second.place == found(tmp_path / "b")[0]


def test_a_closed_segment_that_was_written_anew_is_not_linked(tmp_path):
    path = put(tmp_path / "j", 1, b"name\n")
    put(tmp_path / "j", 2)
    back_up(tmp_path / "j", tmp_path / "b")
    path.write_bytes(b"****\n")
    os.utime(path, ns=(1, 1))
    second, _ = back_up(tmp_path / "j", tmp_path / "b", NOW_US + 1_000_000)
    assert copied(second, 1)[0] == b"****\n"


def test_what_is_not_finished_leaves_nothing(tmp_path):
    put(tmp_path / "j", 1)
    with NewBackup(tmp_path / "b", NOW_US, lambda _: None) as backup:
        copy_journal(tmp_path / "j", backup, "data/journal")
    assert list((tmp_path / "b").iterdir()) == []
    with pytest.raises(BackupError, match="no backup"):
        found(tmp_path / "b")


def test_what_a_killed_one_left_goes_with_the_next_and_two_at_once_are_refused(tmp_path):
    (tmp_path / "b" / ".20260101T000000.000Z.unfinished" / "data").mkdir(parents=True)
    with NewBackup(tmp_path / "b", NOW_US, lambda _: None):
        with pytest.raises(BackupError, match="another backup"):
            NewBackup(tmp_path / "b", NOW_US + 1, lambda _: None)
    assert list((tmp_path / "b").iterdir()) == []


def test_a_disk_that_keeps_something_else_is_seen_before_the_backup_has_its_name(tmp_path):
    put(tmp_path / "j", 1)
    with NewBackup(tmp_path / "b", NOW_US, lambda _: None) as backup:
        copy_journal(tmp_path / "j", backup, "data/journal")
        (backup.folder / "data/journal/node/00000001-00000001.jsonl").write_bytes(b"lime\n")
        with pytest.raises(BackupError, match="not as it was written"):
            backup.finish(manifest)
    assert newest(tmp_path / "b") is None


@pytest.mark.parametrize("name", ["../outside", "/etc/outside"])
def test_a_manifest_names_no_file_outside(tmp_path, name):
    backup, _ = back_up(tmp_path / "j", tmp_path / "b")
    text = (backup.place / "manifest.json").read_text()
    (backup.place / "manifest.json").write_text(
        text.replace('"files": {}', f'"files": {{"{name}": {{"bytes": 0, "sha256": ""}}}}')
    )
    with pytest.raises(BackupError, match="outside"):
        read_manifest(backup.place)


def test_a_missing_file_is_named(tmp_path):
    put(tmp_path / "j", 1)
    backup, _ = back_up(tmp_path / "j", tmp_path / "b")
    (backup.place / "data/journal/node/00000001-00000001.jsonl").unlink()
    with pytest.raises(BackupError, match=r"00000001-00000001\.jsonl is missing"):
        verify(backup.place, read_manifest(backup.place), lambda _: None)


@pytest.mark.parametrize("how", ["rotten", "gone"])
def test_what_happened_to_the_backup_before_is_no_matter_to_the_next(tmp_path, how):
    put(tmp_path / "j", 1)
    put(tmp_path / "j", 2)
    first, _ = back_up(tmp_path / "j", tmp_path / "b")
    old = first.place / "data/journal/node/00000001-00000001.jsonl"
    if how == "gone":
        old.unlink()
    else:
        found_before = old.stat()
        old.write_bytes(b"lime\n")
        os.utime(old, ns=(found_before.st_mtime_ns, found_before.st_mtime_ns))
    second, _ = back_up(tmp_path / "j", tmp_path / "b", NOW_US + 1_000_000)
    assert copied(second, 1)[0] == b"line\n"
