"""Who left takes nothing out of the past: names of policy sets that were in force, by the record and the files kept."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from proxy.adapters.clock import SystemClock
from proxy.adapters.journal_file import FileJournal
from proxy.adapters.journal_segments import FileSegments
from proxy.adapters.policy_archive import PolicyArchive
from proxy.adapters.store_duckdb import DuckStore
from proxy.app import known_names
from proxy.app.erasing import erase_person
from proxy.app.known_names import KnownNames
from proxy.app.opening import open_store
from proxy.ledger.loader import Loader
from proxy.ledger.outcomes import Outcomes
from proxy.ledger.policy_record import OnRecord, acts
from proxy.outcomes.people import EVER_US, Aliases
from proxy.policy.load import load as load_policies
from proxy.policy.types import PolicySet
from proxy.settings import Settings
from tests.fakes.telling import Organisation, a_service, at, services_of
from tests.flow.ledger_world import a_store, load

BOTH = "people:\n  alice: {team: pay}\n  bob-b: {team: pay, aliases: [bob]}\n"
LEFT = "people:\n  alice: {team: pay}\n"
TEAM = LEFT.replace("pay", "web")


class Policies:
    """As they came into force, one after the other, each on record."""

    def __init__(self, folder: Path) -> None:
        self.archive = PolicyArchive(folder)
        self.present = PolicySet("")
        self.record = list(acts(OnRecord("v0"), self.present, {}, 0, b"r"))[:0]

    def come(self, access: str, day: float) -> None:
        files = {"access.yaml": access.encode()}
        found = load_policies(files)
        assert isinstance(found, PolicySet)
        self.archive.keep(found, files)
        self.record += acts(OnRecord(self.present.version), found, {}, at(day), b"r")
        self.present = found

    def names(self, store: DuckStore) -> KnownNames:
        return KnownNames(store, lambda: self.present, self.archive.files)


@pytest.fixture
def policies(tmp_path: Path) -> Policies:
    made = Policies(tmp_path)
    for day, access in ((-500, BOTH), (2, LEFT), (5, TEAM)):
        made.come(access, day)
    return made


@pytest.fixture
def store(tmp_path: Path, policies: Policies) -> Iterator[DuckStore]:
    with a_store(tmp_path) as found:
        load(found, an_organisation().answered())
        load(found, policies.record, "ledger")
        yield found


def an_organisation() -> Organisation:
    """Bob approves before he leaves, and after."""
    org = Organisation(services_of(a_service()))
    org.change("1", 0)
    org.deploy("d1", 0.5)
    org.change("2", 3)
    org.deploy("d2", 3.5)
    return org


def credited(store: DuckStore, names: KnownNames) -> float:
    org = an_organisation()
    Outcomes(store, lambda: org.services, names, lambda: at(30)).refresh()
    return float(sum(Fraction(credit) for (credit,) in store.read("SELECT credit FROM outcome_landings")))


def test_what_somebody_approved_before_leaving_goes_on_counting(store: DuckStore, policies: Policies) -> None:
    names = policies.names(store)
    assert names().before == {"bob": (at(2), "bob-b"), "bob-b": (at(2), "bob-b")}
    assert names() is names()
    assert credited(store, names) == 1
    assert policies.names(store)() == names(), "all of it is made of facts"


def test_a_set_that_is_not_on_record_yet_ends_the_last_one_later(store: DuckStore, policies: Policies) -> None:
    alone = "people:\n  carol: {team: pay}\n"
    policies.come(alone, 20)
    late = policies.names(store)
    assert late().before["alice"] == (EVER_US, "alice")
    load(store, policies.record[-1:], "later")
    assert late().before == {"bob": (at(2), "bob-b"), "bob-b": (at(2), "bob-b"), "alice": (at(20), "alice")}
    policies.come(BOTH, 25)
    load(store, policies.record[-1:], "latest")
    assert late().before == {"carol": (at(25), "carol")}, "whom the present set knows was never gone"


def test_before_anything_is_on_record_only_the_present_set_is_known(tmp_path: Path, policies: Policies) -> None:
    with a_store(tmp_path) as empty:
        assert policies.names(empty)() == Aliases({"alice": "alice"})


def test_without_the_files_only_the_present_set_is_known(store: DuckStore, policies: Policies) -> None:
    assert KnownNames(store, lambda: policies.present, lambda _: None)().before == {}
    assert KnownNames(store, lambda: policies.present, lambda _: {"access.yaml": b"{"})().before == {}


def test_files_that_cannot_be_read_now_are_tried_again(store: DuckStore, policies: Policies) -> None:
    broken = [True]

    def kept(version: str) -> dict[str, bytes] | None:
        if broken:
            raise OSError("no such device")
        return policies.archive.files(version)

    names = KnownNames(store, lambda: policies.present, kept)
    assert names().before == {}
    broken.clear()
    policies.present = replace(policies.present, access=replace(policies.present.access, names={"x": "alice"}))
    assert set(names().before) == {"bob", "bob-b"}


def test_each_file_is_read_once_and_only_so_many(
    store: DuckStore, policies: Policies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_names, "SETS_MAX", 1)
    asked: list[str] = []

    def kept(version: str) -> dict[str, bytes] | None:
        asked.append(version)
        return policies.archive.files(version)

    names = KnownNames(store, lambda: policies.present, kept)
    assert names().before == {}, "the newest of them has nobody who left"
    names()
    assert len(asked) == len(set(asked)) == 2


def test_who_is_erased_is_erased_from_earlier_sets_too_and_the_past_stays_as_it_was(
    tmp_path: Path, policies: Policies
) -> None:
    settings = Settings(data=tmp_path, policies=tmp_path / "in-force")
    journal = FileJournal(tmp_path / "journal", "ledger", SystemClock())
    journal.open()
    for line in (*an_organisation().answered(), *policies.record):
        journal.append(line)
    journal.close()
    erased = erase_person(settings, "bob-b", ["bob"], "law")
    found = open_store(tmp_path, 1)
    try:
        Loader(found, FileSegments(tmp_path / "journal")).catch_up()
        names = policies.names(found)
        assert set(names().before.values()) == {(at(2), erased.pseudonym)}
        assert not {"bob", "bob-b"} & names().before.keys()
        assert credited(found, names) == 1
    finally:
        found.close()
