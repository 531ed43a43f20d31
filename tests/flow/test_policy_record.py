"""Policies and keys on record: each set that came into force and each change of a key is one act, once."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest

from proxy.adapters.keys_editors import editor, note
from proxy.app.policy_recording import PolicyRecording
from proxy.model.entry import Act
from proxy.model.identity import OwnerKind, Role
from proxy.policy.keys import digest
from proxy.policy.types import Key, PolicySet
from proxy.ports.journal import JournalUnavailableError
from tests.fakes.journal import FakeJournal
from tests.flow.ledger_world import a_store, load

FILES: Mapping[str, Mapping[str, bytes]] = {
    "v1": {"budgets.yaml": b"1", "access.yaml": b"1"},
    "v2": {"budgets.yaml": b"2", "models.yaml": b"1"},
}


def a_key(id_: str, **given: object) -> Key:
    plain = Key(id_, digest(id_.encode()), "alice", OwnerKind.PERSON, ("checkout", "search"))
    return replace(plain, **given)  # type: ignore[arg-type]  # as a test has them


def a_set(version: str, *keys: Key, commit: str = "") -> PolicySet:
    return PolicySet(version, commit=commit, keys={key.hash: key for key in keys})


class Recorder:
    """One ledger after another over the same record."""

    def __init__(self, store) -> None:
        self.store = store
        self.journal = FakeJournal()
        self.policies = a_set("v1")
        self.now_us = 1_800_000_000_000_000
        self._loads = 0
        self.start()

    def start(self, editor=lambda _: "") -> None:
        """A new process: what was written is loaded, nothing else is known."""
        if self.journal.entries:
            self._loads += 1
            load(self.store, self.journal.entries, f"ledger{self._loads}")
        self.journal = FakeJournal()
        self.recording = PolicyRecording(
            self.store, self.journal, lambda: self.policies, FILES.get, lambda: self.now_us, editor
        )

    async def look(self, policies: PolicySet) -> list[tuple[str, str]]:
        """Kind and subject of what is on record since the last look."""
        before, self.policies = len(self.journal.entries), policies
        self.now_us += 1_000_000
        await self.recording.look()
        assert self.journal.flushed_entries == len(self.journal.entries)
        return [(act.kind, act.subject) for act in self.journal.of(Act)[before:]]


@pytest.fixture
def recorder(tmp_path):
    with a_store(tmp_path) as store:
        yield Recorder(store)


async def test_a_first_start_puts_the_set_and_every_key_on_record_once(recorder):
    policies = a_set("v1", a_key("k_1"), a_key("k_2", revoked=True), commit="c" * 40)
    assert await recorder.look(policies) == [
        ("policies_in_force", "v1"),
        ("key_created", "k_1"),
        ("key_revoked", "k_2"),
    ]
    assert await recorder.look(policies) == []
    assert await recorder.look(replace(policies)) == []
    recorder.start()
    assert await recorder.look(replace(policies)) == []


async def test_a_change_of_the_rules_names_the_files_the_commit_and_what_was_before(recorder):
    await recorder.look(a_set("v1"))
    assert await recorder.look(a_set("v2", commit="d" * 40)) == [("policies_in_force", "v2")]
    act = recorder.journal.of(Act)[-1]
    assert act.actor == "policy files"
    assert act.details == {
        "before": "v1",
        "commit": "d" * 40,
        "access.yaml": "removed",
        "budgets.yaml": "changed",
        "models.yaml": "added",
    }


@pytest.mark.parametrize("restarted", [False, True])
async def test_what_becomes_of_a_key_is_on_record(recorder, restarted):
    async def became(*keys: Key) -> list[tuple[str, str]]:
        if restarted:
            recorder.start()
        return await recorder.look(a_set("v1", *keys))

    await recorder.look(a_set("v1", a_key("k_1"), a_key("k_2")))
    assert await became(a_key("k_1", role=Role.ADMIN), a_key("k_2")) == [("key_changed", "k_1")]
    assert recorder.journal.of(Act)[-1].details["role"] == "admin"
    expires = datetime(2027, 1, 1, tzinfo=UTC)
    assert await became(a_key("k_1", expires=expires), a_key("k_2")) == [("key_changed", "k_1")]
    assert await became(a_key("k_1", revoked=True), a_key("k_2")) == [("key_revoked", "k_1")]
    assert await became(a_key("k_2")) == [("key_removed", "k_1")]
    assert await became(a_key("k_2"), a_key("k_1")) == [("key_created", "k_1")]
    assert await became(a_key("k_2", hash=digest(b"another secret")), a_key("k_1")) == [("key_changed", "k_2")]


async def test_no_secret_and_no_whole_hash_is_on_record(recorder):
    await recorder.look(a_set("v1", a_key("k_1")))
    (_, act) = recorder.journal.of(Act)
    assert digest(b"k_1").startswith(act.details["hash"])
    assert digest(b"k_1") not in str(act)


async def test_what_can_not_be_written_is_written_later_and_once(recorder):
    recorder.journal.break_()
    with pytest.raises(JournalUnavailableError):
        await recorder.look(a_set("v1", a_key("k_1")))
    recorder.journal.heal()
    assert await recorder.look(a_set("v1", a_key("k_1"))) == [("policies_in_force", "v1"), ("key_created", "k_1")]


async def test_many_keys_are_all_on_record(recorder):
    keys = [a_key(f"k_{number}", projects=tuple(f"p{n}" for n in range(600))) for number in range(450)]
    assert len(await recorder.look(a_set("v1", *keys))) == 451
    recorder.start()
    assert await recorder.look(a_set("v1", *keys)) == []


async def test_who_gave_the_command_that_wrote_an_entry_stands_with_it_and_no_name_with_others(recorder, tmp_path):
    file = tmp_path / "keys.yaml"
    note(file, [a_key("k_1"), a_key("k_2")], "bob")
    recorder.start(partial(editor, file))
    await recorder.look(a_set("v1", a_key("k_1"), a_key("k_2", role=Role.ADMIN), a_key("k_3")))
    acts = {act.subject: act.details.get("by", "") for act in recorder.journal.of(Act)}
    assert acts == {"v1": "", "k_1": "bob", "k_2": "", "k_3": ""}, "k_2 was changed by another hand since"
