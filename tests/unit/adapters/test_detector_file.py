"""The detector's memory as a file."""

import zlib
from pathlib import Path

import pytest

from proxy.adapters.detector_file import UnusableError, Writer, read

LINES = [b'1 ["a",%d]' % n for n in range(5_000)]


def written(path: Path, *, version: int = 1, key_id: str = "k") -> Path:
    writer = Writer(path, version, key_id)
    for at in range(0, len(LINES), 1_000):
        writer.write(LINES[at : at + 1_000])
    writer.finish()
    return path


def test_what_is_written_is_read_and_nobody_else_may(tmp_path: Path) -> None:
    path = written(tmp_path / "state")
    assert list(read(path, 1, "k")) == LINES
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_without_a_file_there_is_nothing(tmp_path: Path) -> None:
    assert list(read(tmp_path / "state", 1, "k")) == []


def test_one_that_is_given_up_leaves_the_one_before(tmp_path: Path) -> None:
    path = written(tmp_path / "state")
    writer = Writer(path, 1, "k")
    writer.write([b"other"])
    writer.discard()
    assert list(read(path, 1, "k")) == LINES
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_kill_left_behind_is_written_over(tmp_path: Path) -> None:
    (tmp_path / ".state.new").write_bytes(b"half")
    assert list(read(written(tmp_path / "state"), 1, "k")) == LINES


@pytest.mark.parametrize(("version", "key_id"), [(2, "k"), (1, "other")])
def test_of_another_version_or_key_it_is_of_no_use(tmp_path: Path, version: int, key_id: str) -> None:
    with pytest.raises(UnusableError):
        list(read(written(tmp_path / "state"), version, key_id))


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"no state",
        lambda data: data[:-100],
        lambda data: data[:200] + b"??" + data[202:],
        lambda data: zlib.compress(b"[]\nend\n"),
        lambda data: zlib.compress(b"\n" * 10),
        lambda data: zlib.compress(b"x" * 10_000_000),
    ],
)
def test_a_damaged_one_is_told(tmp_path: Path, damage: "type") -> None:
    path = written(tmp_path / "state")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UnusableError):
        list(read(path, 1, "k"))
