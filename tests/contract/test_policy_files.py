"""The policy folder on disk: what comes into force, and what never does."""

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.adapters.policy_archive import PolicyArchive
from proxy.adapters.policy_files import PolicyFolder
from proxy.adapters.policy_settling import SETTLED_LOOKS
from proxy.policy.keys import digest
from proxy.policy.types import PolicySet

ACCESS = "people: {alice: {team: payments}}\n"
CHANGED = "people: {alice: {team: search}}\n"
BAD = "people: {alice: {teem: payments}}\n"
KEYS = f"keys: [{{id: k_1, hash: '{digest(b'one')}', user: alice, projects: [checkout]}}]\n"
LONG_AGO_S = 1_000_000_000


class Place:
    """A policy folder with a data folder beside it."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "policies"
        self.data = root / "data"
        self.keys = self.folder / "keys.yaml"
        self.folder.mkdir()
        self.write("access.yaml", ACCESS)

    def write(self, name: str, text: str) -> None:
        """As most editors do: a new file in the place of the old."""
        temporary = self.folder / f".{name}.swp"
        temporary.write_text(text)
        temporary.replace(self.folder / name)

    def open(self) -> PolicyFolder:
        """Looks are made by hand; `look_s` only bounds what a start takes for a change of this moment."""
        return PolicyFolder(self.folder, self.keys, self.data, look_s=0)

    def started(self) -> PolicyFolder:
        opened = self.open()
        assert opened.load_now() == ()
        return opened


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def settle(folder: PolicyFolder) -> PolicySet | None:
    """Look as often as a change needs to settle; what came into force with the last look."""
    for _ in range(SETTLED_LOOKS - 1):
        assert folder.look() is None
    return folder.look()


def team(folder: PolicyFolder) -> str:
    return folder.current.access.people["alice"].team


def test_a_start_puts_the_folder_in_force(place: Place) -> None:
    folder = place.started()
    assert team(folder) == "payments"
    assert folder.mistakes == ()
    assert folder.look() is None


def test_before_a_start_nothing_is_in_force(place: Place) -> None:
    with pytest.raises(RuntimeError):
        _ = place.open().current


def test_a_change_comes_into_force_once_it_is_settled(place: Place) -> None:
    folder = place.started()
    place.write("access.yaml", CHANGED)
    swapped = settle(folder)
    assert swapped is folder.current
    assert team(folder) == "search"
    assert folder.look() is None


def test_a_change_that_goes_on_changing_waits(place: Place) -> None:
    folder = place.started()
    for number in range(3 * SETTLED_LOOKS):
        place.write("access.yaml", CHANGED + f"# {number}\n")
        assert folder.look() is None
    assert team(folder) == "payments"
    while folder.look() is None:
        pass
    assert team(folder) == "search"


def test_a_change_that_is_taken_back_never_happened(place: Place) -> None:
    folder = place.started()
    place.write("access.yaml", CHANGED)
    assert folder.look() is None
    place.write("access.yaml", ACCESS)
    before = folder.current
    assert settle(folder) is None
    assert folder.current is before


def test_a_change_that_leaves_no_trace_in_size_and_time_is_seen_soon_after_another(place: Place) -> None:
    folder = place.started()
    path = place.folder / "access.yaml"
    before = path.stat()
    with path.open("r+") as file:
        file.write(ACCESS.replace("payments", "renewals"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert settle(folder) is not None
    assert team(folder) == "renewals"


def test_a_bad_change_changes_nothing_and_is_visible_until_it_is_mended(place: Place) -> None:
    folder = place.started()
    before = folder.current
    place.write("access.yaml", BAD)
    assert settle(folder) is None
    assert folder.current is before
    assert [str(mistake).partition("\n")[0] for mistake in folder.mistakes] == [
        f"{place.folder}/access.yaml:1:18: 'teem' is not a setting of a person: did you mean 'team'?"
    ]
    place.write("access.yaml", CHANGED)
    assert settle(folder) is folder.current
    assert folder.mistakes == ()


def test_taking_a_bad_change_back_clears_it(place: Place) -> None:
    folder = place.started()
    place.write("access.yaml", BAD)
    settle(folder)
    assert folder.mistakes
    place.write("access.yaml", ACCESS)
    assert settle(folder) is None
    assert folder.mistakes == ()


def test_one_bad_file_keeps_good_changes_of_others_out(place: Place) -> None:
    folder = place.started()
    place.write("access.yaml", CHANGED)
    place.write("prices.yaml", "unpriced: maybe\n")
    assert settle(folder) is None
    assert team(folder) == "payments"


def test_a_start_with_mistakes_and_nothing_before_it_gives_them_all(place: Place) -> None:
    place.write("access.yaml", BAD)
    place.write("prices.yaml", "unpriced: maybe\n")
    mistakes = place.open().load_now()
    assert [Path(mistake.file).name for mistake in mistakes] == ["access.yaml", "prices.yaml"]
    assert not place.data.exists()


def test_a_restart_in_the_middle_of_a_bad_change_comes_up_with_what_was_in_force(place: Place) -> None:
    place.write("keys.yaml", KEYS)
    before = place.started().current
    place.write("access.yaml", BAD)
    place.write("keys.yaml", "keys: [")
    again = place.open()
    assert again.load_now() == ()
    assert again.current.version == before.version
    assert set(again.current.keys) == {digest(b"one")}
    assert {Path(mistake.file).name for mistake in again.mistakes} == {"access.yaml", "keys.yaml"}
    place.write("access.yaml", CHANGED)
    place.write("keys.yaml", KEYS)
    assert settle(again) is not None
    assert team(again) == "search"


@pytest.mark.parametrize("gone", ["folder", "files"])
def test_a_folder_that_vanishes_leaves_everything_in_force(place: Place, gone: str) -> None:
    folder = place.started()
    shutil.rmtree(place.folder)
    if gone == "files":
        place.folder.mkdir()
    assert settle(folder) is None
    assert team(folder) == "payments"
    assert [(mistake.file, mistake.line) for mistake in folder.mistakes] == [(str(place.folder), 0)]


def test_keys_that_vanish_stay_valid_and_an_empty_file_ends_them(place: Place) -> None:
    place.write("keys.yaml", KEYS)
    folder = place.started()
    place.keys.unlink()
    assert settle(folder) is None
    assert len(folder.current.keys) == 1
    assert "is gone" in folder.mistakes[0].message
    place.write("keys.yaml", "")
    assert settle(folder) is not None
    assert not folder.current.keys


def test_a_new_key_is_in_force_under_the_same_version(place: Place) -> None:
    folder = place.started()
    version = folder.current.version
    place.write("keys.yaml", KEYS)
    assert settle(folder) is not None
    assert set(folder.current.keys) == {digest(b"one")}
    assert folder.current.version == version


def test_keys_may_live_elsewhere(place: Place, tmp_path: Path) -> None:
    place.keys = tmp_path / "secret" / "people.yaml"
    folder = place.started()
    assert not folder.current.keys
    place.keys.parent.mkdir()
    place.keys.write_text(KEYS)
    assert settle(folder) is not None
    assert set(folder.current.keys) == {digest(b"one")}


def test_keys_in_the_folder_while_keys_live_elsewhere_are_a_mistake(place: Place, tmp_path: Path) -> None:
    place.write("keys.yaml", KEYS)
    place.keys = tmp_path / "people.yaml"
    place.keys.write_text("keys: []\n")
    mistakes = place.open().load_now()
    assert [mistake.file for mistake in mistakes] == [str(place.folder / "keys.yaml")]
    place.write("keys.yaml", "keys: []\n")
    assert place.open().load_now() == ()


@pytest.mark.parametrize(
    "name", [".access.yaml.swp", "#access.yaml#", "access.yaml~", ".#access.yaml", "README.md", "4913"]
)
def test_what_editors_leave_behind_is_no_policy_file(place: Place, name: str) -> None:
    (place.folder / name).write_text("nonsense: [")
    assert place.started().mistakes == ()


@pytest.mark.parametrize("name", ["budgets.yaml", "acces.yaml", "access.yml", "Access.YAML"])
def test_a_file_whose_rules_would_not_be_in_force_is_a_mistake(place: Place, name: str) -> None:
    (place.folder / name).write_text("rules: [1]\n")
    assert [Path(mistake.file).name for mistake in place.open().load_now()] == [name]


def test_it_is_no_mistake_that_keys_elsewhere_are_the_ones_in_the_folder(place: Place, tmp_path: Path) -> None:
    place.write("keys.yaml", KEYS)
    (tmp_path / "people.yaml").symlink_to(place.keys)
    place.keys = tmp_path / "people.yaml"
    assert len(place.started().current.keys) == 1


def test_folders_are_not_looked_into(place: Place) -> None:
    (place.folder / "old.yaml").mkdir()
    assert place.started().mistakes == ()


def test_a_link_to_nothing_and_a_pipe_are_mistakes_and_block_nobody(place: Place) -> None:
    (place.folder / "prices.yaml").symlink_to(place.folder / "nowhere")
    os.mkfifo(place.folder / "providers.yaml")
    assert [mistake.message for mistake in place.open().load_now()] == [
        "the file is gone, or is a link to nothing",
        "can't be read (it is no regular file)",
    ]


def test_a_swapped_link_as_kubernetes_makes_them_is_a_change(place: Place) -> None:
    """A ConfigMap: access.yaml -> ..data/access.yaml, ..data -> a dated folder, swapped by one rename."""

    def publish(dated: str, text: str) -> None:
        (place.folder / dated).mkdir()
        (place.folder / dated / "access.yaml").write_text(text)
        os.utime(place.folder / dated / "access.yaml", (LONG_AGO_S, LONG_AGO_S))
        (place.folder / "..data_tmp").symlink_to(dated)
        (place.folder / "..data_tmp").replace(place.folder / "..data")

    (place.folder / "access.yaml").unlink()
    publish("..2026_1", ACCESS)
    (place.folder / "access.yaml").symlink_to("..data/access.yaml")
    folder = place.started()
    assert team(folder) == "payments"
    publish("..2026_2", CHANGED)
    assert settle(folder) is not None
    assert team(folder) == "search"


def test_a_folder_that_is_itself_a_swapped_link_is_a_change(place: Place, tmp_path: Path) -> None:
    """git-sync: the folder is a link to a work tree, and the old work tree is removed."""
    place.folder.rename(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    (tmp_path / "two" / "access.yaml").write_text(CHANGED)
    place.folder.symlink_to(tmp_path / "one")
    folder = place.started()
    (tmp_path / "next").symlink_to(tmp_path / "two")
    (tmp_path / "next").replace(place.folder)
    shutil.rmtree(tmp_path / "one")
    assert settle(folder) is not None
    assert team(folder) == "search"


def test_each_set_in_force_is_kept_under_its_version_without_keys(place: Place) -> None:
    place.write("keys.yaml", KEYS)
    folder = place.started()
    first = folder.current.version
    place.write("access.yaml", CHANGED)
    settle(folder)
    archive = PolicyArchive(place.data)
    assert archive.files(first) == {"access.yaml": ACCESS.encode()}
    kept = archive.load(folder.current.version)
    assert kept is not None
    assert kept.version == folder.current.version
    assert kept.access == folder.current.access
    assert not kept.keys


def test_what_was_never_kept_is_nothing(place: Place) -> None:
    place.started()
    archive = PolicyArchive(place.data)
    assert archive.load("0" * 32) is None
    assert archive.files("../policies") is None
    assert PolicyArchive(place.data / "none").last() is None


def test_what_is_kept_is_for_its_owner_alone(place: Place) -> None:
    place.write("keys.yaml", KEYS)
    place.started()
    kept = place.data / "policies"
    assert kept.stat().st_mode & 0o077 == 0
    assert (kept / "keys.yaml").stat().st_mode & 0o077 == 0


def test_both_planes_may_keep_the_same_set(place: Place) -> None:
    one, other = place.started(), place.started()
    assert one.current.version == other.current.version
    assert sorted(each.name for each in (place.data / "policies").iterdir()) == sorted(
        ["in-force", "keys.yaml", one.current.version]
    )


def test_a_full_disk_does_not_keep_a_rule_from_taking_effect(place: Place) -> None:
    place.data.write_text("in the way")
    folder = place.started()
    place.write("access.yaml", CHANGED)
    settle(folder)
    assert team(folder) == "search"
    place.data.unlink()
    folder.look()
    assert PolicyArchive(place.data).files(folder.current.version) == {"access.yaml": CHANGED.encode()}


def test_the_commit_of_a_work_tree_is_noted(place: Place, tmp_path: Path) -> None:
    (tmp_path / ".git" / "refs" / "heads").mkdir(parents=True)
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / ".git" / "refs" / "heads" / "main").write_text("a" * 40 + "\n")
    folder = place.started()
    assert folder.current.commit == "a" * 40
    kept = PolicyArchive(place.data).load(folder.current.version)
    assert kept is not None
    assert kept.commit == "a" * 40


async def watching(folder: PolicyFolder, change: Callable[[], None], on_change: Callable[[PolicySet], object]) -> None:
    """Run the watch until `on_change` was called once with a set."""
    called = asyncio.Event()

    async def told(policies: PolicySet) -> None:
        called.set()
        on_change(policies)

    task = asyncio.create_task(folder.watch(told))
    change()
    await asyncio.wait_for(called.wait(), 60)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_watching_tells_of_each_set_that_comes_into_force(place: Place) -> None:
    folder = PolicyFolder(place.folder, place.keys, place.data, look_s=0.001)
    folder.load_now()
    told: list[PolicySet] = []
    await watching(folder, lambda: place.write("access.yaml", CHANGED), told.append)
    assert told == [folder.current]
    assert team(folder) == "search"


async def test_watching_outlives_a_listener_that_fails(place: Place) -> None:
    folder = PolicyFolder(place.folder, place.keys, place.data, look_s=0.001)
    folder.load_now()
    failures: list[PolicySet] = []
    done = asyncio.Event()

    def fail_once(policies: PolicySet) -> None:
        failures.append(policies)
        if len(failures) == 1:
            place.write("access.yaml", ACCESS)
            raise RuntimeError("a listener's own mistake")
        done.set()

    task = asyncio.create_task(folder.watch(fail_once))
    place.write("access.yaml", CHANGED)
    await asyncio.wait_for(done.wait(), 60)
    task.cancel()
    await asyncio.wait([task])
    assert [each.access.people["alice"].team for each in failures] == ["search", "payments"]
