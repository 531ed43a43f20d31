"""Full, limited and read-only disks, the real thing: a small tmpfs where it can be mounted, RLIMIT_FSIZE everywhere."""

import os
import subprocess
import sys
from contextlib import suppress

import pytest
import structlog

from proxy.adapters.journal_file import FileJournal
from proxy.adapters.journal_folder import stored_segments
from proxy.adapters.journal_reserve import Reserve
from proxy.adapters.policy_archive import PolicyArchive
from proxy.journal.codec import decode
from proxy.model.entry import Extended, Settled
from proxy.policy.load import load
from proxy.ports.journal import JournalUnavailableError
from tests.fakes import facts
from tests.fakes.clock import FakeClock
from tests.fakes.journal_folder import eventually, published_lines, settlements

NODE = "node-1"


def mount(folder, *options):
    return subprocess.run(["mount", *options, folder], capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or not mount(folder, "-t", "tmpfs", "-o", "size=1m", "tmpfs"):
        pytest.skip("mounting a tmpfs needs privileges")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def a_journal(folder, **options):
    return FileJournal(folder, NODE, FakeClock(), **({"reserve_bytes": 128 * 1024, "check_s": 0.02} | options))


def fill(disk, leave=0):
    """Take all space but `leave` bytes."""
    with open(disk / "ballast", "ab", buffering=0) as ballast:
        with suppress(OSError):
            while True:
                ballast.write(bytes(4096))
    if leave:
        os.truncate(disk / "ballast", os.path.getsize(disk / "ballast") - leave)


def open_until_full(journal):
    """Admit calls until no more are; the ids of those admitted."""
    admitted = []
    with suppress(JournalUnavailableError):
        for number in range(5000):
            journal.append(facts.an_opened(str(number)))
            admitted.append(str(number))
    return admitted


def test_on_a_full_disk_calls_in_flight_settle_from_the_reserve_and_no_new_one_is_admitted(small_disk):
    journal = a_journal(small_disk)
    journal.open()
    fill(small_disk, leave=48 * 1024)
    admitted = open_until_full(journal)
    assert len(admitted) > 20
    assert not journal.accepting
    for refused in (facts.an_opened("x"), facts.a_refused("x"), facts.an_act()):
        with pytest.raises(JournalUnavailableError, match="No space left"):
            journal.append(refused)
    journal.append(Extended(admitted[0], 1, facts.a_hold(9)))
    for call_id in admitted:
        journal.append(facts.a_settled(call_id))
    assert not (small_disk / NODE / "reserve").exists()
    assert not journal.accepting
    journal.flush()
    assert settlements(small_disk) == dict.fromkeys(admitted, 1)
    (small_disk / "ballast").unlink()
    eventually(lambda: journal.accepting)
    assert (small_disk / NODE / "reserve").stat().st_size == 128 * 1024
    journal.append(facts.an_opened("later"))
    journal.close()


def test_a_line_that_did_not_fit_leaves_no_trace(small_disk):
    journal = a_journal(small_disk)
    journal.open()
    fill(small_disk, leave=8192)
    admitted = open_until_full(journal)
    [stored] = stored_segments(small_disk / NODE)
    data = stored.path.read_bytes()
    assert data.endswith(b"\n")
    assert data.count(b"\n") == 1 + len(admitted)
    journal.close()
    (small_disk / "ballast").unlink()
    journal = a_journal(small_disk)
    assert [entry.call.id for entry in journal.open().settled] == admitted
    journal.close()


def test_settlements_that_even_the_reserve_has_no_room_for_are_written_first_when_there_is(small_disk):
    journal = a_journal(small_disk)
    journal.open()
    fill(small_disk, leave=32 * 1024)
    admitted = open_until_full(journal)
    (small_disk / NODE / "reserve").unlink()
    fill(small_disk)
    for call_id in admitted:
        with suppress(JournalUnavailableError):
            journal.append(facts.a_settled(call_id))
    with pytest.raises(JournalUnavailableError):
        journal.append(facts.a_settled(admitted[-1]))
    (small_disk / "ballast").unlink()
    eventually(lambda: journal.accepting)
    journal.append(facts.an_opened("later"))
    journal.flush()
    assert published_lines(small_disk)[-1] == facts.an_opened("later")
    settled = [line for line in published_lines(small_disk) if isinstance(line, Settled)]
    assert [line.call.id for line in settled] == admitted
    assert {line.status for line in settled} == {200}
    journal.close()


def test_settlements_written_late_are_settled_for_good(small_disk):
    """A rotation after it doesn't carry them over, so no start settles them once more."""
    journal = a_journal(small_disk, segment_bytes_max=100 * 1024)
    journal.open()
    journal.append(facts.an_opened("late"))
    nothing_left(small_disk)
    with pytest.raises(JournalUnavailableError):
        journal.append(facts.a_settled("late"))
    (small_disk / "ballast").unlink()
    eventually(lambda: journal.accepting)
    for number in range(150):
        journal.append(facts.an_opened(str(number)))
    journal.close()
    assert len(stored_segments(small_disk / NODE)) == 2
    journal = a_journal(small_disk)
    assert "late" not in [entry.call.id for entry in journal.open().settled]
    journal.close()


def test_a_stop_writes_what_is_owed_where_it_can(small_disk):
    journal = a_journal(small_disk, check_s=60)
    journal.open()
    journal.append(facts.an_opened("late"))
    nothing_left(small_disk)
    with pytest.raises(JournalUnavailableError):
        journal.append(facts.a_settled("late"))
    (small_disk / "ballast").unlink()
    journal.close()
    assert published_lines(small_disk)[-1] == facts.a_settled("late")


def nothing_left(disk):
    """No space, no reserve, and the last block of the segment full (the journal cuts what it did not write)."""
    (disk / NODE / "reserve").unlink()
    fill(disk)
    [stored] = stored_segments(disk / NODE)
    with suppress(OSError), stored.path.open("ab", buffering=0) as file:
        while True:
            file.write(b"x")


def passing(folder, **options):
    """A journal that keeps in memory what can't be written."""
    return a_journal(folder, **({"kept_bytes_max": 256 * 1024} | options))


def test_where_calls_may_pass_they_are_kept_in_memory_and_written_first_when_there_is_room(small_disk):
    journal = passing(small_disk)
    journal.open()
    journal.append(facts.an_opened("before"))
    nothing_left(small_disk)
    for call_id in ("a", "b", "c"):
        journal.append(facts.an_opened(call_id))
    journal.append(facts.a_settled("a"))
    journal.append(facts.a_refused("r"))
    journal.append(Extended("b", 1, facts.a_hold(9)))
    assert (journal.accepting, journal.admitting, journal.kept) == (False, True, 3)
    assert journal.owed >= 3
    with pytest.raises(JournalUnavailableError, match="No space left"):
        journal.append(facts.an_act())
    (small_disk / "ballast").unlink()
    eventually(lambda: journal.accepting)
    assert (journal.owed, journal.kept) == (0, 3)
    journal.append(facts.a_settled("c"))
    journal.close()
    assert settlements(small_disk) == {"a": 1, "c": 1}
    assert sum(isinstance(line, facts.Refused) for line in published_lines(small_disk)) == 1
    journal = a_journal(small_disk)
    crashed = {entry.call.id: entry.cost.total_pico for entry in journal.open().settled}
    journal.close()
    assert crashed == {"before": facts.a_hold().cost_pico, "b": facts.a_hold(9).cost_pico}


def test_where_calls_may_pass_they_do_from_a_start_on_a_full_disk(small_disk):
    journal = a_journal(small_disk)
    journal.open()
    journal.close()
    fill(small_disk)
    journal = passing(small_disk)
    journal.open()
    assert (journal.accepting, journal.admitting) == (False, True)
    journal.append(facts.an_opened("a"))
    (small_disk / "ballast").unlink()
    eventually(lambda: journal.accepting)
    journal.append(facts.a_settled("a"))
    journal.close()
    assert settlements(small_disk) == {"a": 1}


def test_calls_pass_only_as_far_as_memory_is_set_aside_for_them_and_settle_in_any_case(small_disk):
    journal = passing(small_disk, kept_bytes_max=16 * 1024)
    journal.open()
    nothing_left(small_disk)
    admitted = open_until_full(journal)
    assert 5 < len(admitted) < 40
    assert not journal.admitting
    for call_id in admitted:
        with suppress(JournalUnavailableError):
            journal.append(facts.a_settled(call_id))
    (small_disk / "ballast").unlink()
    eventually(lambda: journal.accepting)
    journal.close()
    assert settlements(small_disk) == dict.fromkeys(admitted, 1)


def test_a_stop_puts_into_the_log_what_no_next_start_would_find(small_disk):
    journal = passing(small_disk, check_s=60)
    journal.open()
    journal.append(facts.an_opened("known"))
    nothing_left(small_disk)
    journal.append(facts.an_opened("lost"))
    for call_id in ("known", "lost"):
        journal.append(facts.a_settled(call_id))
    with structlog.testing.capture_logs() as logs:
        journal.close()
    [line] = [each["line"] for each in logs if each["event"] == "journal line lost"]
    assert decode(line.encode()) == facts.a_settled("lost")


def test_where_calls_may_pass_a_journal_that_is_not_open_still_takes_nothing(tmp_path):
    journal = passing(tmp_path)
    takes_nothing(journal)
    journal.open()
    journal.close()
    takes_nothing(journal)


def takes_nothing(journal):
    assert not journal.admitting
    with pytest.raises(JournalUnavailableError):
        journal.append(facts.an_opened("a"))


def test_a_folder_that_is_removed_loses_no_call_that_passes_until_it_can_be_made_anew(tmp_path):
    journal = passing(tmp_path / "journal")
    journal.open()
    (tmp_path / "journal").rename(tmp_path / "away")
    (tmp_path / "journal").write_text("in the way")
    eventually(lambda: not journal.accepting)
    journal.append(facts.an_opened("a"))
    journal.append(facts.a_settled("a"))
    (tmp_path / "journal").unlink()
    eventually(lambda: journal.accepting)
    journal.close()
    assert settlements(tmp_path / "journal") == {"a": 1}


def test_space_for_one_more_line_is_not_enough_to_admit_calls_again(small_disk):
    reserve = Reserve(small_disk, 128 * 1024)
    reserve.restore()
    fill(small_disk, leave=64 * 1024)
    assert reserve.held
    with pytest.raises(OSError, match="No space left"):
        reserve.restore()
    (small_disk / "ballast").unlink()
    reserve.restore()
    assert [file.name for file in small_disk.iterdir()] == ["reserve"]


def test_it_opens_on_a_full_disk_and_settles_what_a_crash_left_from_the_old_reserve(small_disk):
    journal = a_journal(small_disk)
    journal.open()
    journal.append(facts.an_opened("a"))
    journal.close()
    fill(small_disk)
    journal = a_journal(small_disk)
    recovery = journal.open()
    assert [entry.call.id for entry in recovery.settled] == ["a"]
    assert not journal.accepting
    with pytest.raises(JournalUnavailableError, match="No space left"):
        journal.append(facts.an_opened("b"))
    (small_disk / "ballast").unlink()
    eventually(lambda: journal.accepting)
    journal.close()
    assert settlements(small_disk) == {"a": 1}


def test_without_any_space_it_does_not_open(small_disk):
    fill(small_disk)
    with pytest.raises(JournalUnavailableError, match="No space left"):
        a_journal(small_disk).open()


def test_a_rotation_that_finds_no_space_goes_on_in_the_old_segment(small_disk):
    journal = a_journal(small_disk, segment_bytes_max=200 * 1024)
    journal.open()
    admitted = []
    while journal.accepting:
        with suppress(JournalUnavailableError):
            journal.append(facts.an_opened(str(len(admitted))))
            admitted.append(str(len(admitted)))
    for call_id in admitted:
        with suppress(JournalUnavailableError):
            journal.append(facts.a_settled(call_id))
    journal.close()
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    journal = a_journal(small_disk)
    journal.open()
    journal.close()
    assert settlements(small_disk) == dict.fromkeys(admitted, 1)


def test_a_read_only_disk_does_not_open(small_disk):
    assert mount(small_disk, "-o", "remount,ro")
    with pytest.raises(JournalUnavailableError, match="Read-only file system"):
        a_journal(small_disk).open()


def test_a_folder_that_cannot_be_made_does_not_open(tmp_path):
    (tmp_path / "journal").write_text("in the way")
    with pytest.raises(JournalUnavailableError, match="journal"):
        a_journal(tmp_path / "journal").open()


LIMITED = """
import resource, sys
from pathlib import Path
from tests.contract.test_journal_faults import *

resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
journal = a_journal(Path(sys.argv[1]), reserve_bytes=20_000)
journal.open()
for number in range(200):
    journal.append(facts.an_opened(str(number)))
    if number:
        journal.append(facts.a_settled(str(number - 1)))
assert journal.accepting
journal.close()
"""


def test_a_limit_on_file_sizes_makes_smaller_segments_and_loses_nothing(tmp_path):
    """A short write at the limit, then EFBIG: the line is cut and stands whole in the next segment."""
    subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], check=True, timeout=300)
    sizes = [stored.path.stat().st_size for stored in stored_segments(tmp_path / NODE)]
    assert len(sizes) > 5
    assert max(sizes) <= 40_000
    journal = a_journal(tmp_path)
    assert [entry.call.id for entry in journal.open().settled] == ["199"]
    journal.close()
    assert settlements(tmp_path) == {str(number): 1 for number in range(200)}
    assert sum(isinstance(line, facts.Opened) for line in published_lines(tmp_path)) == 200


def test_what_a_full_disk_has_of_a_policy_set_does_not_pile_up_while_it_is_tried_again(small_disk):
    archive, files = PolicyArchive(small_disk), {"access.yaml": b"people: {alice: {team: payments}} # " + b"x" * 9000}
    policies = load(files)
    fill(small_disk, leave=4096)
    for _ in range(3):
        with pytest.raises(OSError, match="No space left"):
            archive.keep(policies, files)
    assert list((small_disk / "policies").iterdir()) == []
    (small_disk / "ballast").unlink()
    archive.keep(policies, files)
    assert archive.files(policies.version) == files
