"""The loader on real databases: every line once, whatever happens between."""

import random
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.journal.bounds import bounded
from proxy.journal.codec import encode
from proxy.journal.lines import Carried, Head
from proxy.ledger import loader as loader_module
from proxy.ledger.loader import LoadingStoppedError
from proxy.model.entry import Act, Attributed, Extended, Opened, Outcome, Refused, Settled, Stated
from proxy.model.told import Told
from proxy.model.usage import KINDS, Usage
from proxy.ports.store import StoreError
from tests.fakes import facts
from tests.fakes.segments import MemorySegments
from tests.flow.ledger_world import NOW_US, a_loader, a_store, everything, load, spent

slow = settings(max_examples=6)


@pytest.fixture
def store(tmp_path):
    with a_store(tmp_path) as store:
        yield store


def test_a_settled_line_is_a_row_with_everything_it_says(store):
    usage = Usage(**{kind: number for number, kind in enumerate(KINDS, 1)})
    settled = spent("call_1", usage, estimated=True, unpriced=True)
    load(store, [Head("n", 1, 1, 5), facts.an_opened(), settled])
    ((row,),) = store.read("SELECT calls FROM calls")
    call, served, timing = settled.call, settled.served, settled.timing
    named = {"commit_id": call.commit, "served_model": served.model, "unpriced": True, "price_id": "list:x"}
    for noun in (call, served, timing):
        for name in noun.__slots__:
            if name not in ("commit", "model"):
                assert row[name] == getattr(noun, name), name
    assert row["model"] == call.model
    assert {name: row[name] for name in named} == named
    assert {kind: row[kind] for kind in KINDS} == {kind: getattr(usage, kind) for kind in KINDS}
    assert {kind: row[f"cost_{kind}"] for kind in KINDS} == settled.cost.by_kind
    assert row["cost_pico"] == settled.cost.total_pico
    assert (row["refused"], row["outcome"], row["status"], row["estimated"]) == (False, "ok", 200, True)
    assert (row["settled_us"], row["edits"], row["matched"]) == (
        settled.settled_us,
        list(settled.edits),
        list(settled.matched),
    )
    line_offset = len(encode(Head("n", 1, 1, 5))) + len(encode(facts.an_opened()))
    assert (row["node"], row["boot"], row["number"], row["line_offset"]) == ("n", 1, 1, line_offset)


def test_a_refused_line_is_a_row_that_cost_nothing(store):
    load(store, [facts.a_refused()])
    ((row,),) = store.read("SELECT calls FROM calls")
    assert (row["refused"], row["outcome"], row["status"], row["cost_pico"]) == (True, "refused", 400, 0)
    assert (row["reason"], row["rule"]) == ("refused_by_policy", "budgets.yaml:3")
    assert row["message"] == "The budget is used up."


def test_an_act_is_a_row(store):
    load(store, [facts.an_act()])
    assert store.read("FROM acts") == [
        ("act_1", facts.OPENED_US, "bob", "rows_viewed", "alice", "invoice 17", {"report": "spend"})
    ]


def test_what_was_told_is_a_row_however_often_it_comes(store):
    first, again = facts.a_told(), facts.a_told(at_us=facts.OPENED_US + 5)
    loader = load(store, [first, again, facts.a_told("github:d1:1")])
    assert loader.progress.quarantined == 0
    load(store, [again, facts.a_told("github:d2:0")], node="other")
    rows = store.read("SELECT id, at_us, node, facts FROM told ORDER BY id")
    assert [row[0] for row in rows] == ["github:d1:0", "github:d1:1", "github:d2:0"]
    assert rows[0][1:] == (first.at_us, "n", dict(first.facts))


@slow
@given(st.lists(facts.entries, max_size=30))
def test_whatever_the_codec_writes_is_loaded_whole_and_as_it_was(tmp_path, entries):
    entries = [_named(entry, number) for number, entry in enumerate(map(bounded, entries))]
    with TemporaryDirectory(dir=tmp_path) as folder, a_store(Path(folder)) as store:
        progress = load(store, entries).progress
        assert (progress.quarantined, progress.lines) == (0, len(entries))
        calls = dict(store.read("SELECT id, calls FROM calls"))
        settled = [entry for entry in entries if isinstance(entry, Settled)]
        refused = [entry for entry in entries if isinstance(entry, Refused)]
        assert len(calls) == len(settled) + len(refused)
        for entry in settled:
            row = calls[entry.call.id]
            assert row["cost_pico"] == entry.cost.total_pico
            assert row["tags"] == entry.call.tags
            assert (row["justification"], row["session"]) == (entry.call.justification, entry.call.session)
            assert (row["retry"], row["status"], row["settled_us"]) == (
                entry.call.retry,
                entry.status,
                entry.settled_us,
            )
            assert (row["edits"], row["matched"]) == (list(entry.edits), list(entry.matched))
            assert row["shadow"] == list(entry.shadow)
            assert row["repeats"] == list(entry.repeats)
            assert {name: value for name, value in row["found"].items() if value is not None} == entry.found
            assert [row[kind] for kind in KINDS] == [getattr(entry.usage, kind) for kind in KINDS]
            assert [row[f"cost_{kind}"] for kind in KINDS] == [entry.cost.by_kind.get(kind, 0) for kind in KINDS]
        for entry in refused:
            assert (calls[entry.call.id]["message"], calls[entry.call.id]["refused"]) == (entry.message, True)
            assert calls[entry.call.id]["shadow"] == list(entry.shadow)
            assert calls[entry.call.id]["repeats"] == list(entry.repeats)
        attributed = [
            (entry.campaign, entry.waste_class, entry.at_us, id_)
            for entry in entries
            if isinstance(entry, Attributed)
            for id_ in entry.call_ids
        ]
        assert Counter(store.read("SELECT * EXCLUDE (load) FROM attributions")) == Counter(attributed)
        acts = {entry.id: entry for entry in entries if isinstance(entry, Act)}
        assert {id_: (reason, details) for id_, _, _, _, _, reason, details in store.read("FROM acts")} == {
            id_: (act.reason, act.details) for id_, act in acts.items()
        }
        told = {entry.id: (entry.occurred_us, entry.facts) for entry in entries if isinstance(entry, Told)}
        assert {id_: (at, said) for id_, at, said in store.read("SELECT id, occurred_us, facts FROM told")} == told
        opened = {entry.call.id: entry.hold.cost_pico for entry in entries if isinstance(entry, Opened)}
        assert dict(store.read("SELECT id, hold_pico FROM open_calls")) == opened


def _named(entry, number):
    """The same with an id of its own, wild as it was: one call is not settled twice here."""
    if isinstance(entry, Extended):
        return replace(entry, call_id=f"{number}{entry.call_id}"[:200])
    if isinstance(entry, Act | Told | Stated):
        return replace(entry, id=f"{number}{entry.id}"[:200])
    if isinstance(entry, Attributed):
        return entry
    return replace(entry, call=replace(entry.call, id=f"{number}:{entry.call.id}"[:200]))


def a_journal(seed, calls=25):
    """A plausible journal of one node: calls opened, extended, settled, refused, carried over a rotation."""
    dice = random.Random(seed)
    segments: list[list[bytes]] = [[encode(Head("n", 1, 1, 0))]]
    flying: dict[str, int] = {}
    for number in range(calls):
        call_id = f"call_{number}"
        at = {"opened_us": facts.OPENED_US + number * 1000}
        if dice.random() < 0.1:
            segments[-1].append(encode(replace(facts.a_refused(call_id), call=facts.a_call(call_id, **at))))
            continue
        segments[-1].append(encode(facts.an_opened(call_id, **at)))
        flying[call_id] = at["opened_us"]
        for flown in dice.sample(sorted(flying), min(len(flying), 2)):
            if dice.random() < 0.3:
                hold = facts.a_hold(dice.randrange(10**9))
                segments[-1].append(encode(Extended(flown, 5, hold)))
            elif dice.random() < 0.5:
                segments[-1].append(encode(spent(flown, opened_us=flying.pop(flown))))
        if dice.random() < 0.1:
            segments.append([encode(Head("n", 1, len(segments) + 1, 0))])
            segments[-1] += [
                encode(Carried(facts.a_call(flown, opened_us=at), facts.a_hold(7))) for flown, at in flying.items()
            ]
    return segments


class CrashError(Exception):
    """The process is gone."""


class CrashingStore:
    """The same store, in a process that is killed after so many statements."""

    def __init__(self, store, statements):
        self._store = store
        self.left = statements

    def read(self, *arguments):
        return self._store.read(*arguments)

    @property
    def path(self):
        return self._store.path

    @contextmanager
    def transaction(self):
        with self._store.transaction() as change:
            yield CrashingTransaction(change, self)


class CrashingTransaction:
    def __init__(self, change, store):
        self._change = change
        self._store = store

    def execute(self, sql, parameters=None):
        self._store.left -= 1
        if self._store.left < 0:
            raise CrashError
        return self._change.execute(sql, parameters)

    def stage(self, name, content):
        return self._change.stage(name, content)


@slow
@given(st.integers(0, 1000), st.lists(st.tuples(st.integers(1, 9000), st.integers(0, 12)), max_size=8))
def test_crashes_and_any_way_of_publishing_change_nothing(tmp_path, seed, steps):
    journal = a_journal(seed)
    expected = _loaded_at_once(tmp_path, journal)
    segments = _segments(journal)
    with TemporaryDirectory(dir=tmp_path) as folder, a_store(Path(folder)) as store:
        for more_bytes, statements in steps:
            for name, stored in segments.stored.items():
                if stored.synced < len(stored.data):
                    segments.publish(name, stored.synced + more_bytes)
                    break
            loader = a_loader(CrashingStore(store, statements), segments)
            try:
                loader.run_once()
            except CrashError:
                continue
        segments.sync()
        a_loader(store, segments).run_once()
        assert everything(store) == expected


def _segments(journal):
    segments = MemorySegments(read_bytes_max=9000)
    for number, lines in enumerate(journal, 1):
        segments.write_unsynced(lines, "n", 1, number)
    return segments


def _loaded_at_once(tmp_path, journal):
    segments = _segments(journal)
    segments.read_bytes_max = 1 << 30
    segments.sync()
    with TemporaryDirectory(dir=tmp_path) as folder, a_store(Path(folder)) as store:
        a_loader(store, segments).run_once()
        return everything(store)


def test_calls_in_flight_are_those_opened_and_not_yet_ended(store):
    segments = MemorySegments()
    loader = a_loader(store, segments)
    segments.write([encode(facts.an_opened(f"call_{n}")) for n in range(4)])
    loader.run_once()
    assert _in_flight(store) == {f"call_{n}": 3_000_000_000 for n in range(4)}
    crashed = replace(spent("call_1"), outcome=Outcome.CRASHED)
    more = [
        Extended("call_0", 5, facts.a_hold(5)),
        Extended("call_0", 6, facts.a_hold(9)),
        crashed,
        facts.a_refused("call_2"),
    ]
    segments.write(map(encode, more))
    loader.run_once()
    assert _in_flight(store) == {"call_0": 9, "call_3": 3_000_000_000}


def test_a_call_carried_over_a_rotation_is_in_flight_once_with_its_latest_hold(store):
    segments = MemorySegments()
    segments.write([encode(facts.an_opened("call_1"))])
    segments.write([encode(Carried(facts.a_call("call_1"), facts.a_hold(11)))], number=2)
    a_loader(store, segments).run_once()
    assert _in_flight(store) == {"call_1": 11}
    segments.write([encode(spent("call_1"))], number=2)
    a_loader(store, segments).run_once()
    assert _in_flight(store) == {}
    assert store.read("SELECT count(*) FROM quarantine") == [(0,)]


def _in_flight(store):
    return dict(store.read("SELECT id, hold_pico FROM open_calls"))


GOOD = [encode(spent(f"call_{n}")) for n in range(6)]
UNSTORABLE = [
    GOOD[0].replace(b'"settled_us":', b'"settled_us":"soon","x":'),
    GOOD[0].replace(b'"outcome":"ok",', b""),
    GOOD[0].replace(b'"status":200', b'"status":[200]'),
    GOOD[0].replace(b'"input_text":100,', b""),
    GOOD[0].replace(b'"id":"call_0",', b'"id":"call_0","id":"call_0",'),
    GOOD[0].replace(b"payments", b"pay\xff\xfements"),
    GOOD[0].replace(b"payments", b"pay\x00ments"),
    GOOD[0].replace(b'"total_pico":', b'"total_pico":99999999999999999999,"y":'),
    GOOD[0][: len(GOOD[0]) // 2] + b"\n",
    GOOD[0][:-1] + GOOD[1],
    b"not ours at all\n",
]


@pytest.mark.parametrize("bad", UNSTORABLE, ids=range(len(UNSTORABLE)))
def test_a_bad_line_is_quarantined_and_its_neighbours_are_loaded(store, bad):
    segments = MemorySegments()
    segments.write([*GOOD[2:4], bad, *GOOD[4:]])
    loader = a_loader(store, segments)
    assert loader.run_once() == 5
    assert store.read("SELECT id FROM calls ORDER BY id") == [(f"call_{n}",) for n in (2, 3, 4, 5)]
    ((node, offset, size, reason),) = store.read("SELECT node, line_offset, line_bytes, reason FROM quarantine")
    assert (node, offset, size) == ("n", len(GOOD[2] + GOOD[3]), len(bad) - 1)
    assert reason
    assert loader.progress.quarantined == 1
    assert loader.run_once() == 0
    assert a_loader(store, segments).run_once() == 0
    assert store.read("SELECT count(*) FROM quarantine") == [(1,)]


def test_the_quarantine_holds_nothing_of_the_line(store):
    segments = MemorySegments()
    segments.write([b'{"v":1,"t":"settled","call":{"id":"sk-secret","opened_us":"sk-secret"}}\n'])
    a_loader(store, segments).run_once()
    assert store.read("SELECT count(*) FROM quarantine") == [(1,)]
    assert "sk-secret" not in str(store.read("FROM quarantine"))


def test_many_bad_lines_among_many_good_ones_are_all_found(store):
    dice = random.Random(7)
    lines = [encode(spent(f"call_{n}", opened_us=facts.OPENED_US + n)) for n in range(100)]
    for n in range(0, 100, 17):
        lines.insert(dice.randrange(len(lines)), b'{"v":1,"t":"settled","call":{"id":"%d"}}\n' % n)
    segments = MemorySegments()
    segments.write(lines)
    a_loader(store, segments).run_once()
    assert store.read("SELECT count(*), count(DISTINCT id) FROM calls") == [(100, 100)]
    assert store.read("SELECT count(*) FROM quarantine") == [(6,)]


def test_lines_that_are_right_and_yet_not_loaded_stop_the_loader_before_they_are_all_lost(store):
    with store.transaction() as change:
        change.execute("ALTER TABLE calls ALTER retry TYPE TINYINT")
    segments = MemorySegments()
    segments.write([encode(spent(f"call_{n}", retry=1000)) for n in range(loader_module.REJECTIONS_MAX + 5)])
    with pytest.raises(LoadingStoppedError, match="fault of outlay"):
        a_loader(store, segments).run_once()
    assert store.read("SELECT count(*) FROM quarantine") == [(loader_module.REJECTIONS_MAX,)]


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "in two"])
def test_a_call_is_counted_once_even_if_two_lines_settle_it(store, together):
    first, second = spent("call_1", Usage(input_text=1)), spent("call_1", Usage(input_text=2))
    segments = MemorySegments()
    loader = a_loader(store, segments)
    segments.write(map(encode, [facts.an_opened(), first]))
    if not together:
        loader.run_once()
    segments.write(map(encode, [spent("call_2"), second]))
    loader.run_once()
    assert store.read("SELECT id, input_text FROM calls ORDER BY id") == [("call_1", 1), ("call_2", 100)]
    ((offset, reason),) = store.read("SELECT line_offset, reason FROM quarantine")
    assert offset == sum(len(encode(line)) for line in (facts.an_opened(), first, spent("call_2")))
    assert "call_1" in reason


def test_a_line_of_a_newer_program_makes_its_segment_wait_and_no_other(store):
    newer = encode(spent("call_2")).replace(b'{"v":1,', b'{"v":2,')
    segments = MemorySegments()
    segments.write([GOOD[1], newer, GOOD[3]], "a")
    segments.write([GOOD[4]], "b")
    loader = a_loader(store, segments)
    loader.run_once()
    assert store.read("SELECT id FROM calls ORDER BY id") == [("call_1",), ("call_4",)]
    (waiting,) = loader.progress.waiting
    assert "a/00000001-00000001" in waiting
    assert "Upgrade" in waiting
    assert loader.progress.current_until_us == 0
    assert store.read("SELECT count(*) FROM quarantine") == [(0,)]


def test_a_segment_that_is_gone_is_told_and_holds_up_no_other(store):
    segments = MemorySegments()
    segments.write([GOOD[1]], "a")
    segments.write([GOOD[4]], "b")
    segments.lose(("a", 1, 1))
    loader = a_loader(store, segments)
    loader.run_once()
    assert store.read("SELECT id FROM calls") == [("call_4",)]
    assert len(loader.progress.lost) == 1
    assert loader.progress.current_until_us == NOW_US - loader_module.SYNC_US


def test_progress_says_how_current_the_ledger_is(store):
    segments = MemorySegments()
    loader = a_loader(store, segments)
    assert loader.progress.current_until_us == 0
    loader.run_once()
    assert loader.progress.current_until_us == NOW_US - loader_module.SYNC_US


def test_a_loader_that_is_wrong_about_its_position_loads_nothing(store):
    segments = MemorySegments()
    segments.write(GOOD[:2])
    behind = a_loader(store, segments)
    behind.run_once()
    segments.write(GOOD[2:4])
    a_loader(store, segments).run_once()
    with pytest.raises(StoreError, match="position"):
        behind.run_once()
    assert behind.run_once() == 0
    assert store.read("SELECT count(*) FROM calls") == [(4,)]


def test_several_nodes_and_boots_are_loaded_side_by_side(store):
    segments = MemorySegments()
    for number, name in enumerate([("a", 1, 1), ("a", 1, 2), ("a", 2, 1), ("b", 9, 4)]):
        segments.write([GOOD[number]], *name)
    a_loader(store, segments).run_once()
    assert Counter(store.read("SELECT node, boot, number FROM calls")) == Counter(segments.stored.keys())
