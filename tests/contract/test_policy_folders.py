"""Folders that are changed by others while we look: whatever writes and looks come in turn, only whole sets rule.

Each set says its number in two files, so that half of one and half of another is valid, and seen.
"""

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.adapters.policy_archive import PolicyArchive
from proxy.adapters.policy_files import PolicyFolder
from proxy.adapters.policy_settling import HELD_LOOKS, SETTLED_LOOKS
from proxy.adapters.policy_snapshot import take_snapshot

GIT = shutil.which("git")
WAIT_S = 20
FEW = st.lists(st.integers(0, SETTLED_LOOKS - 1), min_size=4, max_size=4)
"""Looks between two writes, too few to settle."""
ANY = st.lists(st.integers(0, 2 * SETTLED_LOOKS), min_size=8, max_size=8)
PACE = settings(max_examples=25)


def texts(number: int) -> dict[str, str]:
    return {
        "access.yaml": f"people: {{alice: {{team: t{number}}}}}\n",
        "budgets.yaml": f"budgets: [{{name: b{number}, limit: 1 USD, window: month}}]\n",
    }


def write(folder: Path, number: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts(number).items():
        (folder / name).write_text(text)


def number(opened: PolicyFolder) -> int:
    """Of the whole set in force; fails where it is none."""
    team = opened.current.access.people["alice"].team
    assert [budget.name for budget in opened.current.rules.budgets] == [f"b{team[1:]}"]
    return int(team[1:])


def start(folder: Path, data: Path) -> PolicyFolder:
    opened = PolicyFolder(folder, folder / "keys.yaml", data, look_s=0)
    assert opened.load_now() == ()
    return opened


def look(opened: PolicyFolder, times: int = SETTLED_LOOKS) -> None:
    for _ in range(times):
        opened.look()
        number(opened)


@pytest.fixture
def opened(tmp_path: Path) -> PolicyFolder:
    write(tmp_path / "policies", 1)
    return start(tmp_path / "policies", tmp_path / "data")


def in_turn(steps: Iterator[None], opened: PolicyFolder, looks: list[int]) -> None:
    for _, times in zip(steps, looks, strict=False):
        look(opened, times)
    for _ in steps:
        pass


# Files one by one


def replaced(folder: Path) -> Iterator[None]:
    """As vim saves: the old file moved aside, the new one written."""
    for name, text in texts(2).items():
        (folder / name).replace(folder / f"{name}~")
        yield
        (folder / name).write_text(text)
        yield


def copied(folder: Path) -> Iterator[None]:
    """As `cp` does: cut to nothing, then filled."""
    for name, text in texts(2).items():
        (folder / name).write_text("")
        yield
        (folder / name).write_text(text)
        yield


@pytest.mark.parametrize("writer", [replaced, copied])
@PACE
@given(looks=FEW)
def test_files_that_come_one_by_one_take_effect_together(
    writer: Callable[[Path], Iterator[None]], looks: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "policies"
        write(folder, 1)
        opened = start(folder, Path(root) / "data")
        steps = writer(folder)
        for _, times in zip(steps, looks, strict=False):
            for _ in range(times):
                assert opened.look() is None or number(opened) == 2
        look(opened)
        assert number(opened) == 2


@PACE
@given(looks=ANY)
def test_a_copy_may_pause_for_as_long_as_it_says_that_it_is_not_done(looks: list[int]) -> None:
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "policies"
        write(folder, 1)
        opened = start(folder, Path(root) / "data")
        (folder / ".hold").touch()
        in_turn(copied(folder), opened, looks)
        look(opened)
        assert number(opened) == 1
        (folder / ".hold").unlink()
        look(opened)
        assert number(opened) == 2


def test_a_hold_that_keeps_a_change_waiting_is_told_until_it_is_gone(opened: PolicyFolder) -> None:
    (opened.folder / ".hold").touch()
    look(opened, HELD_LOOKS + 1)
    assert opened.mistakes == ()
    write(opened.folder, 2)
    look(opened, HELD_LOOKS)
    assert opened.mistakes == ()
    look(opened)
    assert [mistake.message for mistake in opened.mistakes] == [
        f"a change waits while {opened.folder}/.hold is there: once nobody is changing the folder, remove it"
    ]
    (opened.folder / ".hold").unlink()
    look(opened)
    assert opened.mistakes == ()
    assert number(opened) == 2


def test_what_rsync_keeps_aside_until_all_is_there_is_a_hold(opened: PolicyFolder) -> None:
    (opened.folder / ".~tmp~").mkdir()
    write(opened.folder, 2)
    look(opened, 2 * SETTLED_LOOKS)
    assert number(opened) == 1
    (opened.folder / ".~tmp~").rmdir()
    look(opened)
    assert number(opened) == 2


def test_a_start_in_the_middle_of_a_change_goes_on_with_what_was_in_force(opened: PolicyFolder, tmp_path: Path) -> None:
    (opened.folder / ".hold").touch()
    (opened.folder / "access.yaml").write_text(texts(2)["access.yaml"])
    again = start(opened.folder, tmp_path / "data")
    assert number(again) == 1
    write(opened.folder, 2)
    (opened.folder / ".hold").unlink()
    look(again)
    assert number(again) == 2


def test_a_start_just_after_a_write_waits_for_it_to_settle(opened: PolicyFolder, tmp_path: Path) -> None:
    (opened.folder / "access.yaml").write_text(texts(2)["access.yaml"])
    again = PolicyFolder(opened.folder, opened.keys_file, tmp_path / "data", look_s=1000)
    assert again.load_now() == ()
    assert number(again) == 1


def test_a_first_start_takes_no_folder_that_is_being_changed(tmp_path: Path) -> None:
    write(tmp_path / "policies", 1)
    (tmp_path / "policies" / ".hold").touch()
    opened = PolicyFolder(tmp_path / "policies", tmp_path / "keys.yaml", tmp_path / "data", look_s=0.001)
    assert [mistake.message for mistake in opened.load_now()] == [
        f"the folder is being changed: {tmp_path}/policies/.hold is there"
    ]


# A Kubernetes volume


def volume(folder: Path, number: int) -> Iterator[None]:
    """As the kubelet changes one: a dated folder, the link swapped, then links of new files, then the old folder."""
    before = os.readlink(folder / "..data") if (folder / "..data").is_symlink() else ""
    dated = f"..2026_{number}"
    write(folder / dated, number)
    yield
    (folder / "..data_tmp").symlink_to(dated)
    yield
    (folder / "..data_tmp").replace(folder / "..data")
    yield
    for name in texts(number):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
            yield
    if before:
        (folder / before / "access.yaml").unlink()
        yield
        shutil.rmtree(folder / before)


@PACE
@given(looks=ANY, new_file=st.booleans())
def test_a_kubernetes_volume_is_never_in_force_by_halves(looks: list[int], new_file: bool) -> None:
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "policies"
        for _ in volume(folder, 1):
            pass
        if new_file:
            (folder / "budgets.yaml").unlink()
        opened = start(folder, Path(root) / "data")
        in_turn(volume(folder, 2), opened, looks)
        look(opened)
        assert number(opened) == 2


def test_no_reading_of_a_volume_that_is_being_swapped_mixes_two_sets(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    for number_ in (1, 2):
        write(folder / f"..2026_{number_}", number_)
    (folder / "..data").symlink_to("..2026_1")
    for name in texts(1):
        (folder / name).symlink_to(f"..data/{name}")
    whole = [{name: text.encode() for name, text in texts(each).items()} for each in (1, 2)]
    done = threading.Event()

    def swap() -> None:
        turn = 0
        while not done.is_set():
            turn += 1
            (folder / "..data_tmp").symlink_to(f"..2026_{1 + turn % 2}")
            (folder / "..data_tmp").replace(folder / "..data")

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        seen = [take_snapshot(folder, folder / "keys.yaml").files for _ in range(500)]
    finally:
        done.set()
        swapping.join(WAIT_S)
    assert all(files in whole for files in seen)
    assert all(files in seen for files in whole)


def test_keys_and_files_beside_those_of_a_volume_are_read_too(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    for _ in volume(folder, 1):
        pass
    (folder / "keys.yaml").write_text("keys: []\n")
    (folder / "models.yaml").write_text("models: []\n")
    found = take_snapshot(folder, folder / "keys.yaml")
    assert sorted(found.files) == ["access.yaml", "budgets.yaml", "keys.yaml", "models.yaml"]
    assert not found.unreadable


# git


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=alice", "-c", "user.email=alice@example.com", "-c", "commit.gpgsign=false"]
    ran = subprocess.run([str(GIT), *identity, *words], cwd=folder, check=True, capture_output=True, text=True)
    return ran.stdout.strip()


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A repository with the first set in `policies/`."""
    if GIT is None:
        pytest.skip("git is not installed")
    write(tmp_path / "origin" / "policies", 1)
    git(tmp_path / "origin", "init", "-q", "-b", "main")
    commit(tmp_path / "origin")
    return tmp_path / "origin"


def commit(repository: Path) -> str:
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "Change")
    return git(repository, "rev-parse", "HEAD")


SLOW = """#!/bin/sh
# Of a file that is checked out: say so, and wait to be let on.
mkdir -p "{gate}" && echo >> "{gate}/waiting"
while ! rmdir "{gate}/on" 2> /dev/null; do sleep 0.01; done
cat
"""


def test_a_git_pull_that_pauses_between_two_files_takes_effect_as_a_whole(origin: Path, tmp_path: Path) -> None:
    """The pull is real, and stops before each file it writes until it is let on: a filter of git's holds it up."""
    clone, gate = tmp_path / "clone", tmp_path / "gate"
    git(tmp_path, "clone", "-q", str(origin), str(clone))
    opened = start(clone / "policies", tmp_path / "data")
    write(origin / "policies", 2)
    second = commit(origin)
    slow = tmp_path / "slow.sh"
    slow.write_text(SLOW.format(gate=gate))
    slow.chmod(0o755)
    git(clone, "config", "filter.slow.smudge", str(slow))
    (clone / ".git" / "info").mkdir(exist_ok=True)
    (clone / ".git" / "info" / "attributes").write_text("*.yaml filter=slow\n")
    pull = subprocess.Popen([str(GIT), "pull", "-q", "--ff-only"], cwd=clone)
    try:
        for paused in (1, 2):
            _until(lambda paused=paused: _lines(gate / "waiting") == paused)  # type: ignore[misc]
            look(opened, 2 * SETTLED_LOOKS)
            assert number(opened) == 1
            (gate / "on").mkdir()
        assert pull.wait(WAIT_S) == 0
    finally:
        pull.kill()
        pull.wait()
    look(opened)
    assert number(opened) == 2
    assert opened.current.commit == second


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


def _until(happened: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(WAIT_S * 100):
        if happened():
            return
        pause.wait(0.01)
    raise TimeoutError


def test_a_merge_with_conflicts_takes_effect_once_it_is_settled_and_committed(origin: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(origin), str(clone))
    opened = start(clone / "policies", tmp_path / "data")
    write(origin / "policies", 2)
    commit(origin)
    write(clone / "policies", 3)
    commit(clone)
    look(opened)
    assert number(opened) == 3
    with pytest.raises(subprocess.CalledProcessError):
        git(clone, "pull", "-q", "--no-rebase")
    look(opened)
    (clone / "policies" / "access.yaml").write_text(texts(2)["access.yaml"])
    look(opened)
    (clone / "policies" / "budgets.yaml").write_text(texts(3)["budgets.yaml"])
    look(opened)
    assert number(opened) == 3
    write(clone / "policies", 2)
    merged = commit(clone)
    look(opened)
    assert number(opened) == 2
    assert opened.current.commit == merged


def test_a_commit_of_what_is_in_force_already_is_noted_with_its_version(origin: Path, tmp_path: Path) -> None:
    opened = start(origin / "policies", tmp_path / "data")
    write(origin / "policies", 2)
    look(opened)
    in_force = opened.current
    second = commit(origin)
    look(opened)
    assert opened.current.version == in_force.version
    kept = PolicyArchive(tmp_path / "data").load(in_force.version)
    assert kept is not None
    assert kept.commit == opened.current.commit == second != in_force.commit


def test_git_sync_swaps_work_trees_whole_each_with_its_commit(origin: Path, tmp_path: Path) -> None:
    """A work tree for each commit, a link to the current one, and the old one removed."""
    root = tmp_path / "root"
    git(tmp_path, "clone", "-q", "--bare", str(origin), str(root / ".git"))
    first = git(origin, "rev-parse", "HEAD")
    git(root, "worktree", "add", "-q", "--detach", str(root / first), first)
    (root / "link").symlink_to(first)
    opened = start(root / "link" / "policies", tmp_path / "data")
    assert opened.current.commit == first
    write(origin / "policies", 2)
    second = commit(origin)
    git(root, "fetch", "-q", str(origin), "main")
    git(root, "worktree", "add", "-q", "--detach", str(root / second), second)
    look(opened)
    (root / "next").symlink_to(second)
    (root / "next").replace(root / "link")
    git(root, "worktree", "remove", str(root / first))
    look(opened)
    assert number(opened) == 2
    kept = PolicyArchive(tmp_path / "data").load(opened.current.version)
    assert kept is not None
    assert kept.commit == opened.current.commit == second
