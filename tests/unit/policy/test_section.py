"""Typed reading of settings: what each kind accepts."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from proxy.policy.document import read_document
from proxy.policy.mistakes import Mistakes
from proxy.policy.section import Section, duration_s, is_name, moment

SETTINGS = {name: f"{name}: example" for name in ("text", "list", "flag", "time", "price", "day")}


def section(text: str) -> tuple[Section, Mistakes]:
    mistakes = Mistakes("x.yaml")
    table = read_document(text, mistakes)
    assert table is not None
    return Section(table, SETTINGS, mistakes, "a thing"), mistakes


def test_reading_goes_on_after_a_mistake_and_collects_them_all() -> None:
    read, mistakes = section("text: [1]\nflag: maybe\ntime: soon\nprice: much\nday: never\nlist: one\n")
    assert read.text("text") == ""
    assert read.flag("flag") is False
    assert read.duration_s("time", 7.0) == 7.0
    assert read.decimal("price") is None
    assert read.moment("day") is None
    assert read.words("list") == []
    assert [mistake.line for mistake in mistakes.found] == [1, 2, 3, 4, 5, 6]
    assert all(mistake.example for mistake in mistakes.found)


def test_what_is_not_written_has_its_default_and_is_no_mistake() -> None:
    read, mistakes = section("{}")
    assert read.text("text") == ""
    assert read.duration_s("time", 7.0) == 7.0
    assert read.decimal("price") is None
    assert read.texts("list") == ()
    assert not mistakes.found


@pytest.mark.parametrize("nothing", ["", "~", "null"])
def test_a_setting_with_nothing_behind_it_is_one_mistake_even_where_it_is_required(nothing: str) -> None:
    read, mistakes = section(f"text: {nothing}\n")
    assert not read.require("text")
    assert [(each.line, each.column) for each in mistakes.found] == [(1, 1)]
    assert "text has nothing behind it" in mistakes.found[0].message


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("30s", 30), ("10m", 600), ("2h", 7200), ("1d", 86400), ("10", 0), ("-1s", 0)]
)
def test_a_time_has_its_unit_behind_it(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2027-01-01", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2027-01-01T12:30:00", datetime(2027, 1, 1, 12, 30, tzinfo=UTC)),
        ("2027-01-01T12:30:00Z", datetime(2027, 1, 1, 12, 30, tzinfo=UTC)),
        ("2027-01-01T12:30:00+02:00", datetime(2027, 1, 1, 10, 30, tzinfo=UTC)),
    ],
)
def test_a_day_begins_at_midnight_utc(text: str, expected: datetime) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize("text", ["2027-02-30", "tomorrow", "", "0001-01-01T00:00:00+14:00"])
def test_what_is_no_moment_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        moment(text)


@pytest.mark.parametrize("text", ["0", "0.15", "1000000", "10.000000000001"])
def test_prices_are_exact_decimals(text: str) -> None:
    read, _ = section(f"price: {text}")
    assert read.decimal("price") == Decimal(text)


@pytest.mark.parametrize("text", ["1e3", "NaN", "Infinity", "-0", "+1", "1000001", "0x10", "1_000", "٣"])
def test_numbers_that_could_surprise_are_mistakes(text: str) -> None:
    read, mistakes = section(f"price: {text}")
    assert read.decimal("price") is None
    assert len(mistakes.found) == 1


@pytest.mark.parametrize("name", ["alice", "alice@example.com", "team/sub", "bób", "2fast", "a_b-c.d+e"])
def test_names(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", "-a", "_a", "a b", "a,b", "a\nb", "(other people)", "a" * 101, "a*"])
def test_what_no_name_may_be(name: str) -> None:
    assert not is_name(name)
