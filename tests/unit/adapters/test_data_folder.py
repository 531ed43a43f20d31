import stat
from pathlib import Path

import pytest

from proxy.adapters.data_folder import hash_key, prepare, write_once


def test_the_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    prepare(tmp_path / "data")
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


@pytest.mark.parametrize(("before", "after"), [(0o755, 0o750), (0o777, 0o770), (0o2775, 0o2770), (0o700, 0o700)])
def test_a_folder_that_was_there_is_closed_to_others(tmp_path: Path, before: int, after: int) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(before)
    prepare(data)
    assert stat.S_IMODE(data.stat().st_mode) == after


def test_the_hash_key_is_made_once_and_kept(tmp_path: Path) -> None:
    first = hash_key(tmp_path)
    assert hash_key(tmp_path) == first
    assert len(first.secret) == 32
    assert first.secret.hex()[:8] != first.id
    assert stat.S_IMODE((tmp_path / "hash.key").stat().st_mode) == 0o600


def test_a_file_that_stands_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "once"
    assert write_once(path, "first")
    assert not write_once(path, "second")
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]
