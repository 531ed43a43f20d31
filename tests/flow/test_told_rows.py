"""What was told before is known again in a real database, by an index and not by looking through everything."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.adapters.store_duckdb import DATABASE_FILE, DuckStore
from proxy.ledger.schema import migrate
from proxy.ledger.statements import numbered, statement
from proxy.ledger.told_rows import AT_ONCE, key_of
from tests.fakes import facts
from tests.flow.ledger_world import a_store, load

slow = settings(max_examples=10)
IDS = st.sampled_from(["", "a", "b", "c:0", 'with "quotes" and \\ and é', "mirror:1"])


@slow
@given(st.lists(st.lists(IDS, max_size=6), max_size=4))
def test_of_each_id_the_first_line_that_ever_came_stays(tmp_path: Path, batches: list[list[str]]) -> None:
    first: dict[str, int] = {}
    with TemporaryDirectory(dir=tmp_path) as folder, a_store(Path(folder)) as store:
        for number, ids in enumerate(batches):
            lines = [facts.a_told(id_, at_us=100 * number + at) for at, id_ in enumerate(ids)]
            for line in lines:
                first.setdefault(line.id, line.at_us)
            assert load(store, lines, node=f"n{number}").progress.quarantined == 0
        assert dict(store.read("SELECT id, at_us FROM told")) == first
        assert store.read("SELECT count(*) FROM told") == [(len(first),)]


def test_a_database_of_before_knows_again_what_it_was_told(tmp_path: Path) -> None:
    ids = ["github:d1:0", 'é"']
    store = DuckStore(tmp_path / DATABASE_FILE)
    with store.transaction() as change:
        change.execute("CREATE TABLE schema_version (version INTEGER NOT NULL, applied_us BIGINT NOT NULL)")
        change.execute("INSERT INTO schema_version VALUES (12, 1)")
        for number, name in numbered():
            if number <= 12:
                change.execute(statement(name))
        told = "INSERT INTO told SELECT 7, 'n', 1, 1, 0, $id, 5, 's', 'd', 'x', 0, '', '', false, false, '', MAP {}"
        for id_ in ids:
            change.execute(told, {"id": id_})
    migrate(store, 1)
    assert store.read("SELECT key, load FROM told_keys ORDER BY key") == sorted((key_of(id_), 7) for id_ in ids)
    load(store, [facts.a_told(id_) for id_ in [*ids, "new"]])
    assert dict(store.read("SELECT id, at_us FROM told")) == {ids[0]: 5, ids[1]: 5, "new": facts.OPENED_US}
    store.close()


def test_two_ids_of_one_key_are_two(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        with store.transaction() as change:
            change.execute("INSERT INTO told_keys VALUES ($key, 1)", {"key": key_of("new")})
        load(store, [facts.a_told("new"), facts.a_told("new")])
        assert store.read("SELECT count(*) FROM told") == [(1,)]


def test_as_many_ids_as_are_looked_up_at_once_are_found_by_the_index(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        with store.transaction() as change:
            change.execute("INSERT INTO told_keys SELECT i * 1000003, 1 FROM range(100000) AS t(i)")
        listed = ", ".join(str(i * 1000003) for i in range(AT_ONCE))
        ((_, plan),) = store.read(f"EXPLAIN ANALYZE SELECT key, load FROM told_keys WHERE key IN ({listed})")
        assert "Index Scan" in plan or "INDEX_SCAN" in plan.upper().replace(" ", "_")
