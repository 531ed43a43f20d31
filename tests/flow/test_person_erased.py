"""Erasing that was cut off goes on with the same pseudonyms, and what stands in its way is named."""

import json

import pytest

from proxy.adapters.clock import SystemClock
from proxy.adapters.journal_erase import erase_segments
from proxy.adapters.journal_file import FileJournal
from proxy.adapters.journal_folder import JournalLockedError, stored_segments
from proxy.adapters.journal_segments import FileSegments
from proxy.adapters.policy_archive import PolicyArchive
from proxy.app.erasing import PENDING_FILE, NotErasableError, erase_person
from proxy.app.ledger_local import local_ledger
from proxy.app.opening import MARK_FILE, mark_damaged, open_store
from proxy.journal.erasing import OF_NOTICES, Names
from proxy.ledger.budget_levels import KIND as BUDGET_LEVEL
from proxy.ledger.loader import Loader
from proxy.ledger.notices import notice_key, noticed, policy_mistakes
from proxy.ledger.outcomes import Outcomes
from proxy.ledger.policy_record import OnRecord, acts, state
from proxy.model.entry import Act
from proxy.model.identity import OwnerKind
from proxy.policy.keys import digest
from proxy.policy.load import version
from proxy.policy.types import Key, PolicySet
from proxy.settings import Settings
from tests.fakes.telling import ALIASES, Organisation, a_service, at, services_of
from tests.flow.ledger_world import spent

FIGURES = "SELECT count(*), sum(cost_pico), sum(input_text) FROM calls"


@pytest.fixture
def settings(tmp_path):
    """Calls of alice and bob in the journal of a gateway that was stopped; a ledger has loaded them."""
    made = Settings(data=tmp_path / "data", policies=tmp_path / "policies")
    journal = FileJournal(made.data / "journal", "gateway", SystemClock())
    journal.open()
    for number in range(6):
        settled = spent(f"call_{number}", owner=("alice", "bob")[number % 2], session=f"s{number}")
        journal.append(settled)
    journal.close()
    with local_ledger(made):
        pass
    return made


def held(settings, sql):
    return held_in(settings.data, sql)


def held_in(data, sql):
    store = open_store(data, 1)
    try:
        return store.read(sql)
    finally:
        store.close()


def test_a_run_that_was_cut_off_goes_on_with_the_same_pseudonym(settings):
    before = held(settings, FIGURES)
    pending = {"person": "alice", "pseudonyms": {"alice": "zzzz-"}, "reason": "alice asked"}
    (settings.data / PENDING_FILE).write_text(json.dumps(pending))
    done = erase_segments(settings.data / "journal", Names("alice", {"alice": "zzzz-"}))
    assert done.lines == 3
    with pytest.raises(NotErasableError, match="cut off"):
        erase_person(settings, "bob", [], "another")

    finished = erase_person(settings, "alice", [], "again")

    assert (finished.pseudonym, finished.calls, finished.journal.lines) == ("zzzz-", 3, 0)
    assert not (settings.data / PENDING_FILE).exists()
    assert held(settings, FIGURES) == before
    owners = "SELECT owner, count(*), max(session) FROM calls GROUP BY ALL ORDER BY ALL"
    assert held(settings, owners) == [("bob", 3, "s5"), ("zzzz-", 3, "")]
    with local_ledger(settings):
        pass
    assert held(settings, "SELECT subject, reason FROM acts") == [("zzzz-", "zzzz- asked")]


def test_a_ledger_loaded_anew_from_the_journal_says_the_same(settings):
    erase_person(settings, "alice", [], "law")
    rows = "SELECT * EXCLUDE (load) FROM calls ORDER BY id"
    before = held(settings, rows)
    (settings.data / "outlay.duckdb").unlink()
    with local_ledger(settings):
        pass
    assert held(settings, rows) == before


def test_a_segment_stays_as_long_and_nearly_as_old_as_it_was(settings):
    [stored] = stored_segments(settings.data / "journal/gateway")
    before = stored.path.stat()
    erase_person(settings, "alice", [], "law")
    after = stored.path.stat()
    assert (after.st_size, after.st_mtime_ns - before.st_mtime_ns) == (before.st_size, 1000)
    assert stored_segments(settings.data / "journal/gateway")[0].mark == stored.mark


def test_nothing_is_erased_beside_a_running_writer(settings):
    journal = FileJournal(settings.data / "journal", "gateway", SystemClock())
    journal.open()
    try:
        with pytest.raises(JournalLockedError):
            erase_person(settings, "alice", [], "law")
    finally:
        journal.close()
    assert not (settings.data / PENDING_FILE).exists()


@pytest.mark.parametrize("name", ["", "'; DROP", "two words", "~x"])
def test_what_is_no_persons_name_is_refused(settings, name):
    with pytest.raises(NotErasableError, match="no name"):
        erase_person(settings, name, [], "law")


def test_a_database_that_was_moved_away_stands_in_the_way(settings):
    (settings.data / "outlay.duckdb.damaged-1").write_bytes(b"alice")
    with pytest.raises(NotErasableError, match="remove it first"):
        erase_person(settings, "alice", [], "law")


def test_nothing_that_was_made_of_facts_or_left_unfinished_has_the_name(settings):
    org = Organisation(services_of(a_service()))
    org.change("1", day=1.0, author="alice", branch="fix")
    journal = FileJournal(settings.data / "journal", "ledger", SystemClock())
    journal.open()
    for line in org.lines:
        journal.append(line)
    journal.close()
    store = open_store(settings.data, 1)
    Loader(store, FileSegments(settings.data / "journal")).catch_up()
    Outcomes(store, lambda: org.services, lambda: ALIASES, lambda: at(9)).refresh()
    store.close()
    left = [".erasing.json.1", ".outlay.duckdb.erasing", ".outlay.duckdb.erasing.wal", "counters-gw.new",
            ".redundancy-gw.state.new", "policies/.abc.1/.access.yaml.2", "scratch/told-1/told.jsonl"]  # fmt: skip
    for path in (settings.data / name for name in left):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'{"person": "Alice"}')
    (settings.data / ".backed-up.json.1").write_bytes(b"{}")
    assert any("proofs" in path.name for path in named(settings.data))

    erase_person(settings, "alice", [], "law")

    assert named(settings.data) == []
    assert not any((settings.data / name).exists() for name in left)
    assert (settings.data / ".backed-up.json.1").exists(), "somebody else may be writing it"


def test_who_guesses_the_name_finds_no_hash_that_confirms_it(settings):
    """Neither a policy set's version, nor what a key's entry said, nor what a notice was about."""
    files = {"access.yaml": b"people: [{name: alice}, {name: bob}]\n"}
    key = Key("k_1", digest(b"a secret"), "alice", OwnerKind.PERSON, ("checkout",), revoked=True)
    said = version(files)
    PolicyArchive(settings.data).keep(PolicySet(said), files)
    notice = notice_key(BUDGET_LEVEL, "each-month", "alice", "2026-11", "80")
    others = notice_key("disk_full", "gateway")
    policies = PolicySet(said, keys={key.hash: key})
    journal = FileJournal(settings.data / "journal", "ledger", SystemClock())
    journal.open()
    for act in acts(OnRecord("v0"), policies, {}, 5, b"r"):
        journal.append(act)
    journal.append(Act("act_1", 4, "operator (alice)", "events_imported", "", "", {}))
    journal.append(noticed("chat", notice, "Budget each-month, user alice at 80 %", 6, b"r"))
    journal.append(noticed("chat", others, "The disk is full", 7, b"r"))
    for number, owner in enumerate(("alice", "bob")):
        journal.append(spent(f"call_of_set_{number}", owner=owner, policy=said))
    journal.close()
    guesses = [each.encode() for each in (said, state(key), notice.partition(":")[2])]
    assert all(any(guess in content for content in contents(settings.data)) for guess in guesses)

    erase_person(settings, "alice", [], "law")

    assert not [guess for guess in guesses for content in contents(settings.data) if guess in content]
    assert held(settings, f"SELECT count(*) FROM acts WHERE subject = '{others}'") == [(1,)]
    [(became, owners)] = held(
        settings, "SELECT policy, list_sort(list(owner)) FROM calls WHERE id[:7] = 'call_of' GROUP BY ALL"
    )
    assert len(became) == len(said)
    assert PolicyArchive(settings.data).files(became) == {
        "access.yaml": b"people: [{name: %b}, {name: bob}]\n" % next(each for each in owners if each != "bob").encode()
    }
    rows = (
        "SELECT * EXCLUDE (load) FROM calls ORDER BY id",
        "SELECT * FROM acts WHERE kind <> 'person_erased' ORDER BY ALL",
    )
    before = [held(settings, each) for each in rows]
    (settings.data / "outlay.duckdb").unlink()
    with local_ledger(settings):
        pass
    assert [held(settings, each) for each in rows] == before
    assert named(settings.data) == []


def test_the_kinds_of_notices_whose_keys_go_are_those_that_have_names_in_them():
    assert {f"{BUDGET_LEVEL}:", policy_mistakes([]).key.partition(":")[0] + ":"} == set(OF_NOTICES)


def contents(data):
    """Names of folders and files, what is in them, and the database's rows."""
    for path in data.rglob("*"):
        yield path.name.encode()
        if path.is_file():
            yield path.read_bytes()
    for table in ("calls", "acts"):
        yield str(held_in(data, f"SELECT * FROM {table}")).encode()


def named(data):
    return [path for path in data.rglob("*") if path.is_file() and b"alice" in path.read_bytes().lower()]


def test_the_mark_of_a_damaged_database_is_no_database(settings):
    mark_damaged(settings.data, "a block")
    erase_person(settings, "alice", [], "law")
    assert not (settings.data / MARK_FILE).exists()
