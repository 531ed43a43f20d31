"""The store's contract, on real DuckDB files."""

import json
import os
import random
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from proxy.adapters.store_duckdb import DATABASE_FILE, DuckStore
from proxy.ledger.schema import migrate
from proxy.ledger.statements import numbered
from proxy.ports.store import (
    QueryTimeoutError,
    RejectedRowsError,
    StoreCorruptError,
    StoreError,
    StoreHeldError,
    StoreNewerError,
)

ENDLESS = "SELECT count(*) FROM range(10000000) AS a, range(10000000) AS b WHERE a.range + b.range = 7"


@pytest.fixture
def store(tmp_path):
    store = DuckStore(tmp_path / DATABASE_FILE)
    with store.transaction() as change:
        change.execute("CREATE TABLE kept (number BIGINT NOT NULL, word VARCHAR)")
    yield store
    store.close()


def numbers(store):
    return [number for (number,) in store.read("SELECT number FROM kept ORDER BY number")]


def insert(change, *values):
    for value in values:
        change.execute("INSERT INTO kept VALUES ($number, 'x')", {"number": value})


def test_a_transaction_is_there_as_a_whole(store):
    with store.transaction() as change:
        insert(change, 1, 2)
    assert numbers(store) == [1, 2]


def test_a_transaction_that_fails_leaves_nothing(store):
    def fail():
        with store.transaction() as change:
            insert(change, 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert numbers(store) == []


def test_after_a_statement_that_failed_the_store_goes_on(store):
    with pytest.raises(RejectedRowsError), store.transaction() as change:
        insert(change, 1, None)
    with pytest.raises(StoreError), store.transaction() as change:
        change.execute("SELECT nothing FROM nowhere")
    with store.transaction() as change:
        insert(change, 3)
    assert numbers(store) == [3]


def test_a_reader_sees_whole_transactions_only(store):
    with store.transaction() as change:
        insert(change, 1)
        assert numbers(store) == []
        assert change.execute("SELECT count(*) FROM kept") == [(1,)]
    assert numbers(store) == [1]


def test_readers_in_threads_go_on_while_a_transaction_is_open(store):
    found = []
    with store.transaction() as change:
        insert(change, 1)
        threads = [threading.Thread(target=lambda: found.append(numbers(store))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [[]] * 4


def test_rejected_rows_are_reported_without_what_they_hold(store):
    path = Path(store.path).with_name("rows.jsonl")
    path.write_text('{"number": "sk-secret"}\n')
    read = "INSERT INTO kept SELECT number, '' FROM read_json($file, columns = {'number': 'BIGINT'})"
    with pytest.raises(RejectedRowsError) as raised, store.transaction() as change:
        change.execute(read, {"file": str(path)})
    assert "sk-secret" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_what_is_staged_can_be_read_by_a_statement(store):
    with store.transaction() as change:
        for content, expected in ((b'{"n":1}\n{"n":2}\n', 3), (b'{"n":5}\n', 5)):
            file = change.stage("lines.jsonl", content)
            sql = "SELECT sum(n) FROM read_json($file, columns = {'n': 'BIGINT'})"
            assert change.execute(sql, {"file": file}) == [(expected,)]


def test_a_query_that_takes_too_long_is_stopped_and_the_store_goes_on(store):
    with pytest.raises(QueryTimeoutError):
        store.read(ENDLESS, timeout_s=0.05)
    assert numbers(store) == []


def test_stopping_one_query_stops_no_other(store):
    outcomes = []

    def slow():
        with pytest.raises(QueryTimeoutError):
            store.read(ENDLESS, timeout_s=0.05)
        outcomes.append("stopped")

    thread = threading.Thread(target=slow)
    thread.start()
    with store.transaction() as change:
        insert(change, *range(50))
    thread.join()
    assert (outcomes, len(numbers(store))) == (["stopped"], 50)


def test_what_was_committed_is_there_after_closing_and_opening(store):
    with store.transaction() as change:
        insert(change, 7)
    store.close()
    store.close()
    again = DuckStore(store.path)
    assert numbers(again) == [7]
    again.close()


def test_a_transaction_beside_others_holds_none_of_them_up(store):
    with store.transaction() as change:
        change.execute("CREATE TABLE derived (number BIGINT)")
    with store.beside() as aside:
        aside.execute("INSERT INTO derived SELECT * FROM range(1000)")
        with store.transaction() as change:
            insert(change, 1)
        assert numbers(store) == [1]
        assert store.read("SELECT count(*) FROM derived") == [(0,)]
    assert store.read("SELECT count(*) FROM derived") == [(1000,)]


def test_of_two_that_delete_the_same_rows_one_is_undone(store):
    with store.transaction() as change:
        insert(change, 1)

    def delete_the_same():
        with store.beside() as aside:
            aside.execute("DELETE FROM kept")
            with store.transaction() as change:
                change.execute("DELETE FROM kept WHERE number = 1")

    with pytest.raises(StoreError):
        delete_the_same()
    assert store.read("SELECT count(*) FROM kept") == [(1,)]
    with store.beside() as aside:
        aside.execute("DELETE FROM kept")
    assert numbers(store) == []


def test_closing_ends_a_transaction_beside_the_others(store):
    def slow():
        with store.beside() as aside:
            begun.set()
            aside.execute(ENDLESS)

    def outlive():
        with pytest.raises(StoreError, match="being closed"):
            slow()
        ended.set()

    begun, ended = threading.Event(), threading.Event()
    thread = threading.Thread(target=outlive)
    thread.start()
    begun.wait()
    store.close()
    thread.join()
    assert ended.is_set()


def test_queries_that_run_can_be_stopped_and_later_ones_are_answered(store, tmp_path):
    begun = tmp_path / "begun.parquet"
    ended = []

    def slow():
        with pytest.raises(QueryTimeoutError):
            store.export(ENDLESS, {}, begun, timeout_s=600)
        ended.append(begun)

    thread = threading.Thread(target=slow)
    thread.start()
    # The file is there a moment before the query runs, and only what runs is stopped.
    while thread.is_alive():
        store.interrupt()
        thread.join(0.05)
    assert ended
    with store.transaction() as change:
        insert(change, 7)
    assert numbers(store) == [7]


def test_rows_are_written_as_lines_of_json_for_their_owner_alone(store, tmp_path):
    with store.transaction() as change:
        insert(change, 2, 1)
    file = tmp_path / "rows.jsonl"
    sql = "SELECT number, MAP {'word': word} AS said, NULL AS nothing FROM kept WHERE number < $below ORDER BY number"
    assert store.export_lines(sql, {"below": 3}, file, timeout_s=60) == 2
    assert [json.loads(line) for line in file.read_text().splitlines()] == [
        {"number": 1, "said": {"word": "x"}, "nothing": None},
        {"number": 2, "said": {"word": "x"}, "nothing": None},
    ]
    assert file.stat().st_mode & 0o077 == 0


def test_closing_stops_the_queries_that_run(store, tmp_path):
    """However early it comes: each either ends with an error that says so or isn't begun."""
    begun = [tmp_path / f"{number}.parquet" for number in range(3)]
    outcomes = []

    def slow(file):
        with pytest.raises(StoreError, match="being closed"):
            store.export(ENDLESS, {}, file, timeout_s=60)
        outcomes.append(file)

    threads = [threading.Thread(target=slow, args=(file,)) for file in begun]
    for thread in threads:
        thread.start()
    while not all(file.exists() for file in begun):
        pass
    store.close()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == begun
    with pytest.raises(StoreError, match="being closed"):
        store.read("SELECT 1")
    DuckStore(store.path).close()


def test_nobody_else_may_read_the_file(store):
    assert store.path.stat().st_mode & 0o077 == 0
    assert (store.path.parent / "scratch").stat().st_mode & 0o077 == 0


def test_a_file_that_was_removed_is_missed_and_what_it_holds_can_still_be_copied(store, tmp_path):
    store.read("SELECT 1")
    assert not store.removed
    store.path.unlink()
    assert store.removed == f"{store.path} was removed while it was open"
    store.copy(tmp_path / "copy.duckdb", 30)
    assert (tmp_path / "copy.duckdb").stat().st_size > 0


def test_a_file_that_another_process_holds_is_refused_with_its_pid(tmp_path):
    path = tmp_path / DATABASE_FILE
    code = f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StoreHeldError, match=str(holder.pid)) as raised:
            DuckStore(path)
        assert raised.value.pid == holder.pid
        holder.stdin.close()


@pytest.mark.parametrize("content", [b"", b"hello " * 5000], ids=["empty", "text"])
def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path, content):
    path = tmp_path / DATABASE_FILE
    path.write_bytes(content)
    with pytest.raises(StoreCorruptError, match="Move it away"):
        DuckStore(path)
    assert path.read_bytes() == content


def test_a_damaged_database_is_named_so(store):
    store.close()
    data = bytearray(store.path.read_bytes())
    data[20] ^= 0xFF
    store.path.write_bytes(data)
    with pytest.raises(StoreCorruptError, match="damaged"):
        DuckStore(store.path)


def filled(store, times=1):
    """Some blocks of rows, in the file itself."""
    for _ in range(times):
        with store.transaction() as change:
            change.execute("INSERT INTO kept SELECT range, md5(range::VARCHAR) FROM range(20000)")
    store.close()


def hurt(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("harm", ["a block", "a shorter file"])
def test_a_query_that_meets_damage_says_so_and_the_store_remembers(store, harm):
    filled(store, 4)
    size = store.path.stat().st_size
    if harm == "a block":
        hurt(store.path, size - 1000)
    else:
        os.truncate(store.path, size // 2)
    damaged = DuckStore(store.path)
    assert damaged.damaged == ""
    with pytest.raises(StoreCorruptError):
        damaged.read("SELECT sum(number), max(word) FROM kept")
    assert damaged.damaged != ""
    damaged.close()


def test_an_error_of_another_kind_is_no_damage(store):
    with pytest.raises(StoreError):
        store.read("SELECT 'Corrupt' FROM nowhere")
    assert store.damaged == ""


CHECKPOINTING = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
connection.execute("CREATE TABLE IF NOT EXISTS kept (number BIGINT NOT NULL)")
((number,),) = connection.execute("SELECT coalesce(max(number), 0) FROM kept").fetchall()
while True:
    number += 1
    connection.execute("BEGIN; INSERT INTO kept VALUES (%d); COMMIT" % number)
    print(number, flush=True)
    if number % 3 == 0:
        connection.execute("CHECKPOINT")
"""


def test_a_kill_amid_commits_and_checkpoints_loses_no_transaction_that_was_through(tmp_path):
    """kill -9 as checkpoints follow one another: what the last one left half done is made good when it is opened."""
    path, dice, through = tmp_path / DATABASE_FILE, random.Random(4), 0
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", CHECKPOINTING, str(path)], stdout=subprocess.PIPE) as child:
            for _ in range(dice.randint(1, 40)):
                through = int(child.stdout.readline())
            child.kill()
            through = max([through, *map(int, child.stdout.read().split(b"\n")[:-1])])
    store = DuckStore(path)
    ((count, last),) = store.read("SELECT count(*), max(number) FROM kept")
    store.close()
    assert through > 20
    assert count == last
    assert last in (through, through + 1), "one may have been through that nobody was told of"


def test_a_log_that_is_torn_or_gone_leaves_an_earlier_state_whole(tmp_path):
    path = tmp_path / DATABASE_FILE
    code = CHECKPOINTING.replace("number % 3 == 0", "number == 3").replace("while True", "while number < 9")
    subprocess.run(
        [sys.executable, "-c", f"{code}\nimport os; os._exit(9)", str(path)], check=False, capture_output=True
    )
    log = Path(f"{path}.wal")
    whole = log.read_bytes()
    for cut in (len(whole) - 3, len(whole) // 2, 10):
        for file in (path, log):
            shutil.copy(file, tmp_path / f"{file.name}.kept")
        os.truncate(log, cut)
        store = DuckStore(path)
        found = numbers(store)
        store.close()
        assert found == list(range(1, len(found) + 1))
        assert 3 <= len(found) < 9
        for file in (path, log):
            shutil.copy(tmp_path / f"{file.name}.kept", file)


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        DuckStore(tmp_path / "file" / DATABASE_FILE)


def test_migrating_twice_changes_nothing(store):
    newest = numbered()[-1][0]
    assert migrate(store, 1) == migrate(store, 2) == newest
    assert store.read("SELECT version, applied_us FROM schema_version") == [(number, 1) for number, _ in numbered()]


def test_a_database_of_a_newer_program_is_left_alone(store):
    migrate(store, 1)
    with store.transaction() as change:
        change.execute("INSERT INTO schema_version VALUES (999, 1)")
    with pytest.raises(StoreNewerError, match="999"):
        migrate(store, 2)


def test_a_migration_that_fails_half_way_leaves_nothing(store):
    with store.transaction() as change:
        change.execute("CREATE TABLE quarantine (in_the_way BOOLEAN)")
    with pytest.raises(StoreError):
        migrate(store, 1)
    tables = store.read("SELECT table_name FROM information_schema.tables ORDER BY ALL")
    assert tables == [("kept",), ("quarantine",)]
