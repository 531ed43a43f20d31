"""Recorded facts in a Parquet file, read with DuckDB in batches: memory doesn't grow with the calls."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

import duckdb

from proxy.policy.match import TAG
from proxy.policy.rules import DIMENSIONS, RuleSet
from proxy.replay.facts import Before, Kind, Row
from proxy.replay.fault import FactsError

KINDS_MAX: Final = 200_000
"""Some 300 MB. Rules that divide calls by a tag which is another for each call go beyond it."""
BATCH_ROWS: Final = 10_000
SLICE_ROWS: Final = 50_000
"""Read at a time, where calls come evenly."""
MEMORY_LIMIT: Final = "512MB"
_ALWAYS: Final = ("project", "provider", "model", "dialect")
_FLAGS: Final = ("stream", "refused", "job", "free", "unpriced", "unlimitable", "moved")


class DuckFacts:
    """Fulfils replay.facts.Facts. Use it as a context."""

    def __init__(self, file: Path, rules: RuleSet) -> None:
        """`rules` decide which dimensions are looked at. Raises FactsError."""
        self._dimensions = dimensions_of(rules)
        columns = [_column(place, name) for place, name in enumerate(self._dimensions)]
        tags = {f"tag_{n}": name.removeprefix(TAG) for n, name in enumerate(self._dimensions) if name.startswith(TAG)}
        self._columns = ", ".join((*columns, *_FLAGS))
        self._values: dict[str, object] = {"file": str(file), **tags}
        self._base = duckdb.connect(":memory:", config={"threads": 1, "memory_limit": MEMORY_LIMIT})
        try:
            ((self._calls,),) = self._read("SELECT count(*) FROM read_parquet($file) WHERE replayed", named=False)
        except BaseException:
            self._base.close()
            raise

    def __enter__(self) -> "DuckFacts":
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    @property
    def calls(self) -> int:
        return int(self._calls)

    def kinds(self) -> Mapping[int, Kind]:
        """Raises FactsError."""
        found: dict[int, Kind] = {}
        query = f"SELECT DISTINCT hash({self._columns}), {self._columns} FROM read_parquet($file)"  # noqa: S608  # columns
        for row in self._read(f"{query} LIMIT {KINDS_MAX + 1}"):
            values = row[1 : 1 + len(self._dimensions)]
            if row[0] in found:
                raise FactsError("two kinds of calls have the same hash; this should never be seen")
            found[row[0]] = Kind(dict(zip(self._dimensions, values, strict=True)), *row[1 + len(self._dimensions) :])
        if len(found) > KINDS_MAX:
            raise FactsError(
                f"the rules divide these calls into more than {KINDS_MAX:,} kinds (by {', '.join(self._dimensions)}). "
                "Replay a shorter time, or without rules on tags that are another for each call."
            )
        return found

    def before(self) -> Iterator[Before]:
        sums = "sum(cost_pico)::HUGEINT, sum(tokens)::HUGEINT, sum(calls)::BIGINT, sum(refused_calls)::BIGINT"
        query = (
            f"SELECT hash({self._columns}) AS kind, opened_us, {sums} FROM read_parquet($file) "  # noqa: S608  # columns
            "WHERE NOT replayed GROUP BY ALL ORDER BY opened_us, kind"
        )
        return map(Before._make, self._batches(query))

    def each(self) -> Iterator[Row]:
        # In the order of the file, which is that of admission: one thread keeps it. By slices of time, since DuckDB
        # puts all that a query gives into memory; those of a slice are found by the statistics of the file's parts.
        query = (
            f"SELECT hash({self._columns}), opened_us, settled_us, cost_pico, tokens, "  # noqa: S608  # columns
            "hold_pico, hold_input, hold_output, expected_tokens, output_max, context_tokens, details "
            "FROM read_parquet($file) WHERE replayed AND opened_us >= $from_us AND opened_us < $to_us"
        )
        span = "SELECT coalesce(min(opened_us), 0), coalesce(max(opened_us), 0) FROM read_parquet($file) WHERE replayed"
        ((first_us, last_us),) = self._read(span, named=False)
        step_us = (last_us - first_us) // (self.calls // SLICE_ROWS + 1) + 1
        for from_us in range(first_us, last_us + 1, step_us):
            yield from self._batches(query, from_us=from_us, to_us=from_us + step_us)

    def _batches(self, query: str, **values: int) -> Iterator[Any]:
        try:
            cursor = self._base.cursor()
            cursor.execute(query, {**self._values, **values})
            while rows := cursor.fetchmany(BATCH_ROWS):
                yield from rows
        except duckdb.Error as error:
            raise FactsError(f"the facts can't be read: {error}") from error

    def _read(self, query: str, *, named: bool = True) -> Sequence[tuple[Any, ...]]:
        values = self._values if named else {"file": self._values["file"]}
        try:
            return self._base.execute(query, values).fetchall()
        except duckdb.Error as error:
            raise FactsError(f"the facts can't be read: {error}") from error


def dimensions_of(rules: RuleSet) -> tuple[str, ...]:
    """Those that some rule asks about, and those that every replay needs; in order."""
    named = {name for rule in (*rules.budgets, *rules.limits, *rules.models) for name in rule.scope.conditions}
    per = [each.per for each in rules.budgets] + [each.per for each in rules.limits]
    return tuple(sorted({*_ALWAYS, *named, *chain.from_iterable(per)}))


def _column(place: int, name: str) -> str:
    if name.startswith(TAG):
        return f"coalesce(tags[$tag_{place}], '')"
    if name not in DIMENSIONS:
        raise FactsError(f"{name[:80]!r} is nothing that facts tell")
    return f'"{name}"'
