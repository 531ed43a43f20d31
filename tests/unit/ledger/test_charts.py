import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.ledger.charts import BARS_MAX, SERIES_MAX, Chart, NoChartError, Series, decimals, shortened, spend_chart
from proxy.model.money import PICO_PER_USD


def document(by, rows, since="2026-03-01T00:00:00+00:00", until="2026-03-06T00:00:00+00:00"):
    return {"by": by, "rows": rows, "since": since, "until": until, "tz": "UTC", "notes": []}


def all_money(chart):
    return sum(sum(series.values) for series in chart.series)


names = st.sampled_from([f"p{number:02d}" for number in range(40)] + [""])
amounts = st.decimals(0, 1000, places=12).map(str)
days = st.integers(1, 5).map(lambda day: f"2026-03-0{day}")


@given(st.dictionaries(st.tuples(days, names), amounts, max_size=60))
def test_a_chart_over_time_shows_all_money(cells):
    rows = [{"day": day, "project": name, "cost_usd": usd} for (day, name), usd in cells.items()]
    chart = spend_chart(document(["day", "project"], rows))
    assert all_money(chart) == sum(Decimal(usd) for usd in cells.values()) * PICO_PER_USD
    assert len(chart.series) <= SERIES_MAX
    assert chart.labels == ("2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05")


@given(st.dictionaries(names, amounts, max_size=60), st.sampled_from(["project", "user"]))
def test_a_chart_of_rows_shows_all_money(cells, by):
    rows = [{by: name, "cost_usd": usd} for name, usd in cells.items()]
    chart = spend_chart(document([by], rows))
    assert all_money(chart) == sum(Decimal(usd) for usd in cells.values()) * PICO_PER_USD
    assert len(chart.labels) <= BARS_MAX


@pytest.mark.parametrize(
    "rows", [[{"a": "", "b": "x"}, {"a": "(none)", "b": "x"}], [{"a": "x / y", "b": "z"}, {"a": "x", "b": "y / z"}]]
)
def test_rows_that_read_the_same_lose_no_money(rows):
    chart = spend_chart(document(["a", "b"], [{**row, "cost_usd": "1", "previous_cost_usd": "2"} for row in rows]))
    assert [series.values for series in chart.series] == [(2 * PICO_PER_USD,), (4 * PICO_PER_USD,)]


def test_persons_stand_by_name_and_projects_by_money():
    costs = {"carol": "1.0", "alice": "2.0", "bob": "9.0"}
    for by, order in (("user", ("alice", "bob", "carol")), ("project", ("bob", "alice", "carol"))):
        rows = [{by: name, "cost_usd": usd} for name, usd in costs.items()]
        assert spend_chart(document([by], rows)).labels == order


def test_the_period_before_stands_beside():
    rows = [{"project": "a", "cost_usd": "1.0", "previous_cost_usd": "3.0"}]
    now, before = spend_chart(document(["project"], rows)).series
    assert (now.values, before.values) == ((PICO_PER_USD,), (3 * PICO_PER_USD,))


@pytest.mark.parametrize(
    ("by", "since", "said"),
    [
        (["day", "month"], "2026-03-01T00:00:00+00:00", "one axis of time"),
        (["hour"], "2026-01-01T00:00:00+00:00", "more than a chart shows"),
    ],
)
def test_what_can_not_be_drawn_says_what_can(by, since, said):
    with pytest.raises(NoChartError, match=said):
        spend_chart(document(by, [], since))


def test_a_chart_is_made_from_json_alone():
    assert spend_chart(json.loads(json.dumps(document([], [{"cost_usd": "1.50"}])))).labels == ("all",)


def test_long_names_that_begin_alike_still_differ():
    names = [f"a-project-with-a-long-name-{number:02d}" for number in range(30)]
    assert len({shortened(name, 20) for name in names}) == 30
    assert {len(shortened(name, 20)) for name in names} == {20}
    assert shortened("short", 20) == "short"


@pytest.mark.parametrize(
    ("usd", "many", "few"), [("0.000021", 6, 6), ("0.05", 4, 4), ("3", 2, 2), ("150", 2, 0), ("0", 6, 6)]
)
def test_amounts_have_decimals_enough_to_say_something(usd, many, few):
    chart = Chart("", "", ("a",), (Series("spend", (int(Decimal(usd) * PICO_PER_USD),)),), over_time=False)
    assert (decimals(chart), decimals(chart, cents=False)) == (many, few)
