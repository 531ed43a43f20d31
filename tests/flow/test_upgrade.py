"""What each version left on disk opens with the program of today, and its reports say the same.

Every file of tests/upgrade is a data folder that one version's own code wrote, with what its own reports said; see
bench/upgrade.py. `tables-NN` is the last version with NN as its database's schema; `closed-month` has a month that was
closed.
"""

import hashlib
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.adapters import counters_file, detector_file, grants_file
from proxy.adapters.clock import SystemClock
from proxy.adapters.journal_abandoned import settle_abandoned
from proxy.adapters.journal_file import FileJournal
from proxy.adapters.journal_folder import stored_segments
from proxy.adapters.journal_segments import FileSegments
from proxy.adapters.journal_whole import FIRST_FILE, mark_first, mark_new
from proxy.adapters.store_duckdb import DATABASE_FILE, DuckStore
from proxy.app.opening import open_or_rebuild, open_store
from proxy.journal.codec import encode
from proxy.journal.lines import SHAPE
from proxy.journal.positions import SegmentName
from proxy.ledger.loader import Loader
from proxy.ledger.people import OPERATOR, Directory
from proxy.ledger.schema import know_shape, migrate, shape_known
from proxy.ledger.selection import selection
from proxy.ledger.spend import spend
from proxy.ledger.spend_query import FIGURES
from proxy.ledger.statements import numbered
from proxy.model.money import pico_to_usd
from proxy.redundancy.detector import STATE_VERSION
from tests.fakes.segments import MemorySegments
from tests.flow.ledger_world import a_loader, a_store, spent
from tests.flow.month_world import MonthWorld

FOLDER = Path(__file__).resolve().parents[1] / "upgrade"
FIXTURES = sorted(path.name.removesuffix(".tar.xz") for path in FOLDER.glob("*.tar.xz"))
WHOLE = [("since", "2026-01-01"), ("until", "2028-01-01"), ("reason", "upgrade")]


@pytest.fixture(params=FIXTURES)
def folder(request, tmp_path):
    with tarfile.open(FOLDER / f"{request.param}.tar.xz") as packed:
        packed.extractall(tmp_path, filter="data")
    return tmp_path


def expected(folder):
    return json.loads((folder / "expected.json").read_text())


def loaded(folder):
    store = open_store(folder, 1)
    loader = Loader(store, FileSegments(folder / "journal"), SystemClock().now_us)
    loader.catch_up()
    assert (loader.progress.quarantined, loader.progress.waiting, loader.progress.lost) == (0, (), ())
    return store


def rows(store, by):
    asked = selection([("by", by), *WHOLE], {}, 1)
    for row in spend(store, asked, OPERATOR, Directory(), 30).rows:
        named = dict(zip(by.split(","), row.values, strict=True))
        figures = {name: getattr(row.figures, name) for name in FIGURES}
        yield {**named, **figures, "cost_usd": pico_to_usd(figures["cost_pico"])}


def said(store, reports):
    """Of each report the columns that were recorded."""
    return {
        by: [{name: row[name] for name in recorded[0]} for row in rows(store, by)] for by, recorded in reports.items()
    }


def test_every_schema_but_those_that_came_together_has_a_folder():
    """The newest is still being made. 8 and 9 came with 10, 13 after 14, and 15 with 16: no version had one as
    its last."""
    known = {int(name.removeprefix("tables-")) for name in FIXTURES if name.startswith("tables-")}
    released = {number for number, _ in numbered()[:-1]}
    assert released - known <= {8, 9, 13, 15}


def test_a_folder_opens_and_reports_what_it_reported(folder):
    recorded = expected(folder)["reports"]
    store = loaded(folder)
    try:
        assert said(store, recorded) == recorded
        assert store.read("SELECT max(version) FROM schema_version") == [(numbered()[-1][0],)]
    finally:
        store.close()


def test_steps_to_a_newer_schema_are_told_before_they_are_taken(folder):
    store = DuckStore(folder / DATABASE_FILE)
    told = []
    try:
        ((before,),) = store.read("SELECT max(version) FROM schema_version")
        newest = migrate(store, 1, lambda step, last: told.append((step, last)))
        migrate(store, 2, lambda step, last: told.append((step, last)))
    finally:
        store.close()
    assert told == [(step, newest) for step in range(before + 1, newest + 1)]


def test_its_journal_alone_says_the_same_to_the_ledger_of_today(folder):
    """An older gateway's lines: what a rolling update writes while it runs."""
    recorded = expected(folder)["reports"]
    for path in folder.glob("outlay.duckdb*"):
        path.unlink()
    store = loaded(folder)
    try:
        assert said(store, recorded) == recorded
    finally:
        store.close()


def test_a_month_that_an_older_version_closed_stays_and_more_of_it_can_still_come(tmp_path):
    """The database as that version left it, and its journal alone: the same bytes, the same corrections."""
    with tarfile.open(FOLDER / "closed-month.tar.xz") as packed:
        packed.extractall(tmp_path, filter="data")
    recorded = expected(tmp_path)
    [closed] = recorded["months"]
    world = MonthWorld(tmp_path, now="2026-12-10")
    try:
        for again in (world.rebuilt, lambda: None):
            assert hashlib.sha256(world.statement(closed["month"])).hexdigest() == closed["sha256"]
            assert recorded["statement_sha256"] == closed["sha256"]
            assert world.months()[closed["month"]] == closed
            assert world.ask("/v1/months/corrections").json()["rows"] == recorded["corrections"] != []
            assert world.ask("/v1/months/verify").json()["holds"]
            again()
        assert world.close_month("2026-11", "the next").status_code == 201
        assert world.ask("/v1/months/verify").json()["holds"]
        statement = json.loads(world.statement("2026-11"))
        assert (statement["previous"], statement["corrections"]["calls"]) == (closed["sha256"], 6)
        assert hashlib.sha256(world.statement(closed["month"])).hexdigest() == closed["sha256"]
    finally:
        world.close()


def test_a_call_that_its_gateway_left_open_is_settled_by_the_gateway_of_today(folder):
    [recovery] = [each for each in settle_abandoned(folder / "journal", SystemClock()) if each.settled]
    assert ([str(each.outcome) for each in recovery.settled], recovery.bad_lines) == (["crashed"], 0)
    store = loaded(folder)
    try:
        ((calls,),) = store.read("SELECT count(*) FROM calls WHERE NOT refused")
        assert calls == expected(folder)["total"]["calls"] + 1
        assert store.read("SELECT count(*) FROM open_calls") == [(0,)]
    finally:
        store.close()


def test_counters_and_grants_are_read_and_a_detectors_memory_is_used_or_left(folder):
    key = (folder / "hash.key").read_text()
    assert len(bytes.fromhex(key.strip())) == 32
    for path in folder.glob("counters-*.json"):
        assert counters_file.read(path) is not None
    if (folder / grants_file.FILE).exists():
        assert grants_file.GrantsFile(folder).look()
    for path in folder.glob("redundancy-*.state"):
        head = json.loads(next(detector_file.told(path)))
        lines = detector_file.read(path, STATE_VERSION, head["key"])
        if head["version"] == STATE_VERSION:
            assert sum(1 for _ in lines) > 0
        else:
            with pytest.raises(detector_file.UnusableError, match="another version"):
                next(lines)


def test_fields_that_a_newer_gateway_writes_are_passed_over_and_its_types_wait_for_a_newer_ledger(tmp_path):
    """Money is in fields that every version has; what this one doesn't know stays in the segment, which stays."""
    known = encode(spent("call_1"))
    newer = known[:-2] + b',"newer":{"field":[1]}}\n'
    segments = MemorySegments()
    segments.write([newer, b'{"v":1,"t":"newer","what":1}\n', encode(spent("call_2"))])
    with a_store(tmp_path) as store:
        loader = a_loader(store, segments)
        loader.catch_up()
        assert store.read("SELECT count(*), sum(cost_pico) FROM calls") == [(2, 2 * spent("call_1").cost.total_pico)]
        assert store.read("SELECT count(*) FROM quarantine") == [(1,)]
        assert "n/00000001-00000001" not in loader.loaded(), "retention would remove it"
        again = a_loader(store, segments)
        again.catch_up()
        assert (again.progress.quarantined, again.loaded()) == (1, {}), "this program still doesn't know it"


def test_what_an_older_ledger_did_not_know_is_loaded_by_the_ledger_of_today(tmp_path):
    """The old ledger put the line in quarantine and went on; the segment has it, and stays until it is loaded."""
    with tarfile.open(FOLDER / "newer-lines-older-ledger.tar.xz") as packed:
        packed.extractall(tmp_path, filter="data")
    store = open_store(tmp_path, 1)
    try:
        [(node, boot, number, reason)] = store.read("SELECT node, boot, number, reason FROM quarantine")
        assert "no line type 'told'" in reason
        loader = Loader(store, FileSegments(tmp_path / "journal"), SystemClock().now_us)
        assert store.read("SELECT count(*) FROM told") == [(0,)]
        loader.catch_up()
        assert store.read("SELECT kind, count(*) FROM told GROUP BY ALL") == [("artifact", 1)]
        assert (store.read("SELECT count(*) FROM quarantine"), loader.progress.quarantined) == ([(0,)], 0)
        assert f"{node}/{SegmentName(boot, number)}" in loader.loaded()
    finally:
        store.close()


def wrote(folder, shape, *entries):
    """A node's journal by a gateway of that shape."""
    journal = FileJournal(folder / "journal", "gateway", SystemClock())
    mark_new(folder, ["gateway"])
    journal.open()
    mark_first(folder / "journal" / "gateway", journal.place)
    for entry in entries:
        journal.append(entry)
    journal.close()
    [stored] = stored_segments(folder / "journal" / "gateway")
    content = stored.path.read_bytes()
    same_length = f'"shape":{shape}'.encode()
    assert content.count(f'"shape":{SHAPE}'.encode()) == 1
    stored.path.write_bytes(content.replace(f'"shape":{SHAPE}'.encode(), same_length))


MATCHED = replace(spent("call_1"), matched=("all",))


def as_an_older_ledger_left_it(folder, known):
    """It loaded the lines, and didn't know which rules applied."""
    store = open_store(folder, 1)
    Loader(store, FileSegments(folder / "journal")).catch_up()
    know_shape(store, known)
    with store.transaction() as change:
        change.execute("UPDATE calls SET matched = []")
    store.close()


def matched(folder):
    """After a start of the ledger of today."""
    store = open_or_rebuild(folder, 5)
    try:
        Loader(store, FileSegments(folder / "journal")).catch_up()
        return store.read("SELECT id, matched FROM calls ORDER BY id"), shape_known(store)
    finally:
        store.close()


def test_what_an_older_ledger_passed_over_in_lines_of_newer_gateways_is_loaded_once_it_is_upgraded(tmp_path):
    wrote(tmp_path, SHAPE, MATCHED, replace(spent("call_2"), matched=()))
    as_an_older_ledger_left_it(tmp_path, SHAPE - 1)
    assert matched(tmp_path) == ([("call_1", ["all"]), ("call_2", [])], SHAPE)
    assert len(list(tmp_path.glob("outlay.duckdb.older-*"))) == 1
    assert matched(tmp_path)[1] == SHAPE
    assert len(list(tmp_path.glob("outlay.duckdb.older-*"))) == 1, "once"


def test_where_the_journal_can_not_replace_the_database_it_stays_and_every_start_says_so(tmp_path):
    wrote(tmp_path, SHAPE, MATCHED)
    (tmp_path / "journal" / "gateway" / FIRST_FILE).unlink()
    as_an_older_ledger_left_it(tmp_path, SHAPE - 1)
    for _ in range(2):
        assert matched(tmp_path) == ([("call_1", [])], SHAPE - 1)


@pytest.mark.parametrize(("shape", "known"), [(SHAPE - 1, SHAPE - 1), (SHAPE, SHAPE), (SHAPE, SHAPE + 1)])
def test_an_upgrade_in_the_right_order_loads_nothing_anew(tmp_path, shape, known):
    wrote(tmp_path, shape, MATCHED)
    as_an_older_ledger_left_it(tmp_path, known)
    assert matched(tmp_path) == ([("call_1", [])], SHAPE)
