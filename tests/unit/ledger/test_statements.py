"""The SQL files name every field of every line: a field added to a noun must be added here too."""

import re
from dataclasses import fields

import pytest

from proxy.journal.lines import LINE_TYPES
from proxy.ledger.batch import FORMATS, Kind
from proxy.ledger.statements import numbered, statement
from proxy.model.call import Call, Hold
from proxy.model.entry import Act, Cost, Refused, Settled, Stated, Timing
from proxy.model.told import Told
from proxy.model.usage import KINDS, Served

LOADED = {Kind.SETTLED: "settled", Kind.REFUSED: "refused", Kind.OPENED: "opened", Kind.CARRIED: "opened"}


def words(text):
    return set(re.findall(r"[a-z_0-9]+", re.sub(r"--.*", "", text)))


def test_every_type_of_line_has_its_kind():
    assert set(Kind) == set(LINE_TYPES)


@pytest.mark.parametrize("version", FORMATS)
@pytest.mark.parametrize("name", ["settled", "refused", "opened", "extended", "act", "told", "stated"])
def test_each_format_has_a_statement_for_each_line_that_is_loaded(version, name):
    assert "read_json($file" in statement(f"v{version}_{name}")


@pytest.mark.parametrize("name", ["v1_settled", "v1_refused", "v1_opened"])
def test_a_statement_reads_every_field_of_a_call(name):
    assert words(statement(name)) >= {field.name for field in fields(Call)}


@pytest.mark.parametrize(
    ("name", "nouns"),
    [
        ("v1_settled", (Settled, Served, Cost, Timing)),
        ("v1_refused", (Refused,)),
        ("v1_act", (Act,)),
        ("v1_told", (Told,)),
        ("v1_stated", (Stated,)),
        ("v1_opened", (Hold,)),
    ],
)
def test_a_statement_reads_every_field_of_its_line(name, nouns):
    elsewhere = {"names"}  # job_rows puts them into a table of their own
    assert words(statement(name)) >= {field.name for noun in nouns for field in fields(noun)} - elsewhere


def test_every_kind_of_usage_has_its_column_and_its_cost():
    table = words("".join(statement(name) for _, name in numbered()))
    assert table >= {*KINDS, *(f"cost_{kind}" for kind in KINDS)}
    settled = re.sub(r"--.*", "", statement("v1_settled"))
    for kind in KINDS:
        assert f"usage.{kind}" in settled
        assert f"cost.by_kind.{kind}" in settled


def test_the_kinds_stand_in_one_order_everywhere():
    schema = "".join(statement(name) for _, name in numbered())
    columns = re.findall(r"^(?:    |ALTER TABLE calls ADD COLUMN )(\w+) +BIGINT", schema, re.M)
    assert [name for name in columns if name in KINDS][: len(KINDS)] == list(KINDS)
    for prefix, pattern in (("", r"usage\.(\w+)"), ("cost_", r"by_kind\.(\w+)")):
        read = re.findall(pattern, statement("v1_settled").partition("FROM")[0])
        assert [f"{prefix}{name}" for name in read] == [f"{prefix}{kind}" for kind in KINDS]


def test_migrations_are_numbered_without_gaps():
    assert [number for number, _ in numbered()] == list(range(1, len(numbered()) + 1))


def test_nothing_is_ever_read_with_errors_ignored():
    for name in ("v1_settled", "v1_refused", "v1_opened", "v1_extended", "v1_act", "v1_told", "v1_stated"):
        assert "ignore_errors" not in statement(name)
