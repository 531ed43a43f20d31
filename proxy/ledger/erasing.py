"""Erasing a person's name from the database's rows: the same words in the same fields as in the journal's lines."""

from collections.abc import Mapping
from typing import Final

from proxy.journal.erasing import KEY_ID, LOCALLY, OF_NOTICES, OWN, POLICY, STATE, Names
from proxy.ports.store import Store, Transaction

EXACT: Final = {
    "calls": ("owner",),
    "marked": ("owner",),
    "open_calls": ("owner",),
    "calls_rolled": ("owner",),
    "summed": ("owner",),
    "summed_lately": ("owner",),
    "acts": ("actor", "subject"),
}
WITHIN: Final = {
    "calls": ("key_id", "branch", "work_item", "repository", "message", "justification"),
    "marked": ("key_id", "branch", "work_item", "repository", "justification"),
    "open_calls": ("key_id",),
    "calls_rolled": ("key_id", "repository"),
    "summed": ("key_id", "repository"),
    "summed_lately": ("key_id", "repository"),
    "acts": ("reason",),
}
PAIRS: Final = {
    "calls": "tags",
    "marked": "tags",
    "open_calls": "tags",
    "calls_rolled": "tags",
    "acts": "details",
    "told": "facts",
}
"""Maps in whose values the names stand among other words."""
_MAPPED: Final = (
    "map_from_entries(list_transform(map_entries(details), lambda each: {'key': each.key, 'value': CASE WHEN "
)
_WITH_COLUMN: Final = """
SELECT table_name FROM duckdb_columns()
WHERE column_name = $name AND table_name IN (SELECT table_name FROM duckdb_tables())
"""
_ENTRIES: Final = "END}))"
DERIVED: Final = ("outcome_deployments", "outcome_changes", "outcome_landings", "outcome_weeks", "outcome_state")
"""Made anew by the next rebuild of outcomes."""


def erase_rows(store: Store, names: Names) -> int:
    """In one transaction; gives the calls that were the person's. No sum of anything changes. Raises StoreError."""
    with store.transaction() as change:
        ((calls,),) = change.execute("SELECT count(*) FROM calls WHERE owner = $name", {"name": names.person})
        _empty_own(change, names)
        _erase_hashes(change, names)
        for table, columns in EXACT.items():
            for column in columns:
                for name, pseudonym in names.pseudonyms.items():
                    change.execute(
                        f"UPDATE {table} SET {column} = $to WHERE {column} = $name",  # noqa: S608  # names of this module
                        {"name": name, "to": pseudonym},
                    )
        for table, columns in WITHIN.items():
            for column in columns:
                _replace(change, table, column, _words(column, names), _found(column, names))
        for column, begin in (("subject", KEY_ID), ("actor", LOCALLY)):
            named = f"starts_with({column}, '{begin}') AND {_found(column, names)}"
            _replace(change, "acts", column, _words(column, names), named)
        for table, column in PAIRS.items():
            found = f"len(list_filter(map_values({column}), lambda each: {_found('each', names)})) > 0"
            done = (
                f"map_from_entries(list_transform(map_entries({column}), "
                f"lambda each: {{'key': each.key, 'value': {_words('each.value', names)}}}))"
            )
            _replace(change, table, column, done, found)
        for table in DERIVED:
            change.execute(f"DELETE FROM {table}")  # noqa: S608
        return int(calls)


def _erase_hashes(change: Transaction, names: Names) -> None:
    """As in the journal's lines (`journal.erasing`), while the names still stand."""
    tables = change.execute(_WITH_COLUMN, {"name": POLICY})
    for version, to in names.versions.items():
        values = {"version": version, "to": to}
        for (table,) in tables:
            change.execute(f"UPDATE {table} SET {POLICY} = $to WHERE {POLICY} = $version", values)  # noqa: S608
        change.execute("UPDATE acts SET subject = $to WHERE subject = $version", values)
        before = f"{_MAPPED}each.value = $version THEN $to ELSE each.value {_ENTRIES}"
        change.execute(
            f"UPDATE acts SET details = {before} WHERE list_contains(map_values(details), $version)",  # noqa: S608
            values,
        )
    state = f"{_MAPPED}each.key = '{STATE}' THEN repeat('0', len(each.value)) ELSE each.value {_ENTRIES}"
    for name in names.pseudonyms:
        change.execute(
            f"UPDATE acts SET details = {state} WHERE map_extract(details, 'owner') = [$name]",  # noqa: S608
            {"name": name},
        )
    for begin in OF_NOTICES:
        change.execute(
            "UPDATE acts SET subject = $begin || repeat('0', len(subject) - len($begin)) "
            "WHERE starts_with(subject, $begin)",
            {"begin": begin},
        )


def left(store: Store, names: Names, timeout_s: float) -> Mapping[str, int]:
    """Rows of each table in which a name still stands as a word: part of the name of something else."""
    tables = store.read("SELECT table_name FROM duckdb_tables() WHERE NOT internal ORDER BY ALL", None, timeout_s)
    found = _found("each::VARCHAR", names)
    counts = {
        table: store.read(f"SELECT count(*) FROM {table} AS each WHERE {found}", None, timeout_s)  # noqa: S608
        for (table,) in tables
    }
    return {table: int(count) for table, ((count,),) in counts.items() if count}


def _empty_own(change: Transaction, names: Names) -> None:
    columns = ", ".join(f"{column} = ''" for column in OWN)
    for table, sets in (("calls", columns), ("marked", columns), ("open_calls", "session = ''")):
        change.execute(
            f"UPDATE {table} SET {sets} WHERE owner = $name AND owner_kind = 'person'",  # noqa: S608
            {"name": names.person},
        )


def _replace(change: Transaction, table: str, column: str, done: str, found: str) -> None:
    change.execute(f"UPDATE {table} SET {column} = {done} WHERE {found}")  # noqa: S608


def _words(expression: str, names: Names) -> str:
    """Twice each: names that share the blank between them are found one after the other."""
    for name, pseudonym in sorted(names.pseudonyms.items(), key=lambda pair: len(pair[0]), reverse=True):
        for _ in range(2):
            expression = f"regexp_replace({expression}, {_pattern(name)}, '\\1{pseudonym}\\3', 'g')"
    return expression


def _found(expression: str, names: Names) -> str:
    return "(" + " OR ".join(f"regexp_matches({expression}, {_pattern(name)})" for name in names.pseudonyms) + ")"


def _pattern(name: str) -> str:
    """Names have letters, digits and some marks only (journal.erasing.NAME): none ends a text of SQL."""
    plain = "".join(f"[{each}]" if not each.isalnum() and each != "_" else each for each in name)
    return f"'(?i)(^|[^\\pL\\pN])({plain})($|[^\\pL\\pN])'"
