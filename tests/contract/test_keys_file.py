"""The keys file on disk: locked, replaced whole, mode and links kept."""

import fcntl
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from proxy.adapters.keys_file import KeysFile, KeysFileError
from proxy.model.identity import OwnerKind
from proxy.policy.keys import digest
from proxy.policy.types import Key


def key(number: int) -> Key:
    return Key(f"k_{number}", digest(str(number).encode()), "alice", OwnerKind.PERSON, ("checkout",))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = KeysFile(tmp_path / "keys.yaml")
    assert file.keys() == {}
    file.create(key(1))
    assert file.keys() == {"k_1": key(1)}
    assert mode(file.path) == 0o600


def test_an_edited_file_keeps_its_mode_and_its_comments(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text("# ours\nkeys:\n# the end\n")
    path.chmod(0o640)
    KeysFile(path).create(key(1))
    assert mode(path) == 0o640
    assert path.read_text().startswith("# ours\nkeys:\n  - id: k_1\n")
    assert path.read_text().endswith("# the end\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_edited_by_root_stays_its_owners(tmp_path: Path) -> None:
    file = KeysFile(tmp_path / "keys.yaml")
    file.create(key(1))
    os.chown(file.path, 12345, 12345)
    file.create(key(2))
    after = file.path.stat()
    assert (after.st_uid, after.st_gid, mode(file.path)) == (12345, 12345, 0o600)


def test_a_byte_order_mark_stays_in_front(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_bytes(b"\xef\xbb\xbfkeys:\n")
    KeysFile(path).create(key(1))
    assert path.read_bytes().startswith(b"\xef\xbb\xbfkeys:\n  - id: k_1\n")
    assert list(KeysFile(path).keys()) == ["k_1"]


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "elsewhere" / "keys.yaml"
    real.parent.mkdir()
    real.write_text("keys: []\n")
    link = tmp_path / "keys.yaml"
    link.symlink_to(real)
    KeysFile(link).create(key(1))
    assert link.is_symlink()
    assert "k_1" in real.read_text()


def test_a_revoked_key_stays_for_the_record(tmp_path: Path) -> None:
    file = KeysFile(tmp_path / "keys.yaml")
    file.create(key(1))
    file.revoke("k_1")
    assert file.keys() == {"k_1": replace(key(1), revoked=True)}


def test_a_rotated_key_ends_at_once_or_at_a_given_moment(tmp_path: Path) -> None:
    file = KeysFile(tmp_path / "keys.yaml")
    file.create(key(1))
    file.rotate("k_1", key(2), None)
    until = datetime(2027, 1, 1, tzinfo=UTC)
    file.rotate("k_2", key(3), until)
    assert file.keys() == {"k_1": replace(key(1), revoked=True), "k_2": replace(key(2), expires=until), "k_3": key(3)}


def test_an_unknown_key_changes_nothing(tmp_path: Path) -> None:
    file = KeysFile(tmp_path / "keys.yaml")
    file.create(key(1))
    before = file.path.read_bytes()
    for edit in (lambda: file.revoke("k_9"), lambda: file.rotate("k_9", key(2), None)):
        with pytest.raises(KeysFileError, match="no key 'k_9'"):
            edit()
    assert file.path.read_bytes() == before


@pytest.mark.parametrize("content", [b"keys: [\n", b"keys: [{id: 1}]\n", b"\xff\xfe"])
def test_a_file_with_mistakes_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "keys.yaml"
    path.write_bytes(content)
    with pytest.raises(KeysFileError):
        KeysFile(path).create(key(1))
    assert path.read_bytes() == content
    assert [each.name for each in tmp_path.iterdir()] == ["keys.yaml"]


def test_where_there_is_no_folder_the_error_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(KeysFileError, match="outlay init"):
        KeysFile(tmp_path / "none" / "keys.yaml").create(key(1))


def test_a_place_that_can_not_be_written_names_the_print_option(tmp_path: Path) -> None:
    # A name so long that no other file can stand beside it: refused to everybody, root included.
    with pytest.raises(KeysFileError, match="--print"):
        KeysFile(tmp_path / ("k" * 250)).create(key(1))


def test_edits_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: KeysFile(path).create(key(number)), range(24)))
    assert set(KeysFile(path).keys()) == {f"k_{number}" for number in range(24)}
    assert [each.name for each in tmp_path.iterdir()] == ["keys.yaml"]


def test_processes_wait_for_each_other(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    code = (
        "import sys; from pathlib import Path; from proxy.adapters.keys_file import KeysFile;"
        "from proxy.policy.types import Key; from proxy.policy.keys import digest;"
        "from proxy.model.identity import OwnerKind\n"
        "n = sys.argv[2]\n"
        "KeysFile(Path(sys.argv[1])).create(Key('k_' + n, digest(n.encode()), 'alice', OwnerKind.PERSON, ('p',)))"
    )
    held = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    running = [subprocess.Popen([sys.executable, "-c", code, str(path), str(number)]) for number in range(2)]
    assert not path.exists()
    os.close(held)
    assert [process.wait(30) for process in running] == [0, 0]
    assert set(KeysFile(path).keys()) == {"k_0", "k_1"}


def test_a_lock_that_is_never_given_up_ends_the_wait(tmp_path: Path) -> None:
    held = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        with pytest.raises(KeysFileError, match="another command"):
            KeysFile(tmp_path / "keys.yaml", lock_wait_s=0).create(key(1))
    finally:
        os.close(held)
