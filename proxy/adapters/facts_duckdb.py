"""Recorded facts in a Parquet file, read with DuckDB in batches: memory doesn't grow with the calls."""

import re
import tempfile
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

import duckdb

from proxy.policy.match import TAG
from proxy.policy.rules import DIMENSIONS, RuleSet
from proxy.policy.windows import SLOT_US
from proxy.replay.facts import BURST_US, Before, Burst, Kind, Row, Sum, Surplus
from proxy.replay.fault import FactsError

KINDS_MAX: Final = 200_000
"""Some 300 MB. Rules that divide calls by a tag which is another for each call go beyond it."""
BATCH_ROWS: Final = 10_000
SLICE_ROWS: Final = 50_000
"""Read at a time, where calls come evenly."""
MEMORY_LIMIT: Final = "128MB"
TOUCH_US: Final = 60_000_000
LONG_US: Final = 3600 * 1_000_000
"""Calls that take longer count as if they were always in flight, in what is at most in flight at once."""
_ALWAYS: Final = ("project", "provider", "model", "dialect")
_FLAGS: Final = ("stream", "refused", "job", "free", "unpriced", "unlimitable", "moved")


class DuckFacts:
    """Fulfils replay.facts.Facts. Use it as a context."""

    def __init__(self, file: Path, rules: RuleSet) -> None:
        """`rules` decide which dimensions are looked at. Raises FactsError."""
        self._dimensions = dimensions_of(rules)
        columns = [_column(place, name) for place, name in enumerate(self._dimensions)]
        tags = {f"tag_{n}": name.removeprefix(TAG) for n, name in enumerate(self._dimensions) if name.startswith(TAG)}
        self._values: dict[str, object] = {"file": str(file), **tags}
        # What doesn't fit the limit goes there; else into a folder of DuckDB's own where the command was started.
        self._scratch = tempfile.TemporaryDirectory(prefix="outlay-")
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": 1,
            "memory_limit": MEMORY_LIMIT,
            "temp_directory": self._scratch.name,
        }
        self._base = duckdb.connect(":memory:", config=config)
        try:
            ((self._calls,),) = self._read("SELECT count(*) FROM read_parquet($file) WHERE replayed", named=False)
            told = {name for name, *_ in self._read("DESCRIBE SELECT * FROM read_parquet($file)", named=False)}
        except BaseException:
            self._close()
            raise
        # Facts of an older server don't tell it.
        redundant = "redundant" if rules.redundancy and "redundant" in told else "false"
        self._columns = ", ".join((*columns, *_FLAGS, redundant))

    def __enter__(self) -> "DuckFacts":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        self._base.close()
        self._scratch.cleanup()

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
        for from_us, to_us in self._slices():
            yield from self._batches(query, from_us=from_us, to_us=to_us)

    def span(self) -> tuple[int, int]:
        query = (
            "SELECT coalesce(min(opened_us), 0), coalesce(max(opened_us), 0) FROM read_parquet($file) WHERE replayed"
        )
        ((first_us, last_us),) = self._read(query, named=False)
        return first_us, last_us

    def sums(self, starts: Sequence[int]) -> Iterator[Sum]:
        first = starts[0] // SLOT_US
        slots = range(first, self.span()[1] // SLOT_US + 1)
        places = [bisect_right(starts, slot * SLOT_US) - 1 for slot in slots]
        query = (
            f"SELECT hash({self._columns}) AS kind, $places[opened_us // {SLOT_US} - {first} + 1] AS place, "  # noqa: S608  # columns
            "sum(cost_pico)::HUGEINT, sum(tokens)::HUGEINT, count(*) FROM read_parquet($file) "
            "WHERE replayed AND opened_us >= $from_us AND opened_us < $to_us GROUP BY ALL ORDER BY place"
        )
        for from_us, to_us in self._slices():
            yield from map(Sum._make, self._batches(query, from_us=from_us, to_us=to_us, places=places))

    def surplus(self, per: tuple[str, ...]) -> Iterator[Surplus]:
        # By all calls that were in flight at some moment of a minute, as if they all had been at once; those that take
        # long, as if they always were.
        query = f"""
            WITH touching AS (
                SELECT {self._instance(per)} AS instance,
                    unnest(CASE WHEN settled_us - opened_us > {LONG_US} THEN [NULL]
                        ELSE range(opened_us // {TOUCH_US}, greatest(opened_us, settled_us) // {TOUCH_US} + 1)
                        END) AS place,
                    greatest(0, hold_pico - cost_pico) AS pico,
                    greatest(0, hold_input + hold_output - tokens) AS tokens
                FROM read_parquet($file) WHERE replayed AND NOT job
            ), summed AS (
                SELECT instance, place, sum(pico)::HUGEINT AS pico, sum(tokens)::HUGEINT AS tokens
                FROM touching GROUP BY ALL
            )
            SELECT instance,
                coalesce(max(pico) FILTER (place IS NOT NULL), 0) + coalesce(max(pico) FILTER (place IS NULL), 0),
                coalesce(max(tokens) FILTER (place IS NOT NULL), 0) + coalesce(max(tokens) FILTER (place IS NULL), 0)
            FROM summed GROUP BY ALL
        """  # noqa: S608  # columns
        return (Surplus(tuple(instance), pico, tokens) for instance, pico, tokens in self._batches(query))

    def bursts(self, per: tuple[str, ...]) -> Iterator[Burst]:
        # By spans of BURST_US, each taken together with the one before it.
        query = f"""
            WITH calls AS (
                SELECT {self._instance(per)} AS instance, opened_us // {BURST_US} AS opened,
                    CASE WHEN settled_us - opened_us > {LONG_US} THEN opened_us
                        ELSE greatest(opened_us, settled_us) END // {BURST_US} AS settled,
                    settled_us - opened_us > {LONG_US} AS lasting,
                    expected_tokens AS expected, greatest(0, tokens - expected_tokens) AS above
                FROM read_parquet($file) WHERE replayed AND NOT job
            ), spread AS (
                SELECT instance, opened, settled, expected, above, lasting,
                    unnest(range(opened, settled + 2)) AS place
                FROM calls
            ), summed AS (
                SELECT instance, place,
                    count(*) FILTER (place <= opened + 1) AS requests,
                    sum(if(place <= opened + 1, expected, 0) + if(place >= settled, above, 0))::HUGEINT AS tokens,
                    count(*) FILTER (place <= settled) AS at_once
                FROM spread GROUP BY ALL
            ), always AS (
                SELECT instance, sum(above)::HUGEINT AS tokens, count(*) AS at_once
                FROM calls WHERE lasting GROUP BY ALL
            )
            SELECT summed.instance, max(requests), max(summed.tokens) + coalesce(any_value(always.tokens), 0),
                max(summed.at_once) + coalesce(any_value(always.at_once), 0)
            FROM summed LEFT JOIN always USING (instance) GROUP BY ALL
        """  # noqa: S608  # columns
        return (Burst(tuple(instance), *rest) for instance, *rest in self._batches(query))

    def _instance(self, per: tuple[str, ...]) -> str:
        columns = [_column(self._dimensions.index(name), name) for name in per]
        return f"[{', '.join(columns)}]" if columns else "[]::VARCHAR[]"

    def _slices(self) -> Iterator[tuple[int, int]]:
        """Of time, [from, to): what is read at once."""
        first_us, last_us = self.span()
        step_us = (last_us - first_us) // (self.calls // SLICE_ROWS + 1) + 1
        return ((from_us, from_us + step_us) for from_us in range(first_us, last_us + 1, step_us))

    def _batches(self, query: str, **values: object) -> Iterator[Any]:
        try:
            cursor = self._base.cursor()
            given = {**self._values, **values}
            # DuckDB takes none that it isn't asked for.
            cursor.execute(query, {name: value for name, value in given.items() if re.search(rf"\${name}\b", query)})
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
    every = (*rules.budgets, *rules.limits, *rules.models, *rules.redundancy)
    named = {name for rule in every for name in rule.scope.conditions}
    per = [each.per for each in rules.budgets] + [each.per for each in rules.limits]
    per += [each.per for each in rules.redundancy]
    return tuple(sorted({*_ALWAYS, *named, *chain.from_iterable(per)}))


def _column(place: int, name: str) -> str:
    if name.startswith(TAG):
        return f"coalesce(tags[$tag_{place}], '')"
    if name not in DIMENSIONS:
        raise FactsError(f"{name[:80]!r} is nothing that facts tell")
    return f'"{name}"'
