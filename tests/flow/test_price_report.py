"""The price report on a real database: which price, since when, and what its change did, to the pico-dollar."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from proxy.adapters.store_duckdb import DuckStore
from proxy.ledger.people import OPERATOR, Viewer
from proxy.ledger.prices import PriceReport, prices
from proxy.ledger.selection import ParameterError, selection
from proxy.model.calendar import microseconds
from proxy.model.entry import Cost, Settled
from proxy.model.identity import OwnerKind, Role
from proxy.model.money import pico_to_usd
from proxy.model.usage import KINDS, NO_USAGE, Usage
from proxy.policy.load import load as load_policies
from proxy.policy.types import PolicySet
from proxy.web.price_document import price_document, price_sheet
from tests.fakes import facts
from tests.flow.ledger_world import a_store, load

START = datetime(2026, 3, 10, tzinfo=UTC)
NOW_US = microseconds(datetime(2026, 4, 2, tzinfo=UTC))
USD = 10**12
M = 10**6
"""Pico-dollars a token at a dollar per million."""
OLD, NEW = "litellm-1.1:openai/m:aaaaaaaa", "litellm-1.2:openai/m:bbbbbbbb"


def call(day: float, price: str, usage: Usage, rates: dict[str, int], **given: Any) -> Settled:
    """A call so many days after the start, priced at these rates (pico-dollars a unit)."""
    by_kind = {kind: getattr(usage, kind) * rates[kind] for kind in KINDS if getattr(usage, kind)}
    unpriced = price == "ceiling" or "!" in price
    at_us = microseconds(START + timedelta(days=day))
    settled = facts.a_settled(f"call_{day}_{price}_{len(given)}", **{"opened_us": at_us, "model": "m", **given})
    return replace(
        settled,
        usage=usage,
        served=replace(settled.served, model="", service_tier=""),
        cost=Cost(sum(by_kind.values()), by_kind, price, unpriced),
        settled_us=at_us + 1,
    )


def text(day: float, price: str, rate: int, **given: Any) -> Settled:
    return call(day, price, Usage(input_text=1000), {"input_text": rate}, **given)


@pytest.fixture
def report(tmp_path: Path) -> Iterator[Any]:
    with a_store(tmp_path) as store:

        def made(*entries: Settled, viewer: Viewer = OPERATOR, **parameters: str) -> PriceReport:
            if entries:
                load(store, entries)
            return asked(store, viewer, **parameters)

        yield made


def asked(store: DuckStore, viewer: Viewer, **parameters: str) -> PriceReport:
    given = {"since": "2026-03-01", "until": "2026-04-01", **parameters}
    return prices(store, selection(list(given.items()), {}, NOW_US), viewer, 30)


def document(report: PriceReport) -> dict[str, Any]:
    return price_document(report, None)


def test_a_model_at_one_price_is_one_row_without_a_change(report: Any) -> None:
    found = document(report(text(0, OLD, 2 * M), text(9, OLD, 2 * M)))
    (row,) = found["rows"]
    assert (row["provider"], row["model"], row["price"], row["list"]) == ("openai", "m", OLD, "litellm-1.1")
    assert (row["first_used"], row["last_used"]) == ("2026-03-10T00:00:00+00:00", "2026-03-19T00:00:00+00:00")
    assert (row["calls"], row["prompt_tokens"], row["cost_usd"]) == (2, 2000, "0.004")
    assert (row["previous_price"], row["cost_change_usd"], row["add"]) == ("", "0.00", "")
    assert found["price_lists"] == ["litellm-1.1"]
    assert found["notes"] == []


def test_a_change_is_the_cost_less_what_the_price_before_would_have_cost(report: Any) -> None:
    usage = Usage(input_text=1000, cache_read=500, output_text=100)
    before = {"input_text": 2 * M, "cache_read": M, "output_text": 8 * M}
    after = {"input_text": 3 * M, "cache_read": M // 2, "output_text": 10 * M}
    entries = [
        call(0, OLD, Usage(input_text=7, cache_read=3, output_text=1), before),
        call(5, NEW, usage, after),
        call(6, NEW, usage, after),
    ]
    old, new = document(report(*entries))["rows"]
    assert old["previous_price"] == ""
    assert (new["price"], new["previous_price"], new["first_used"]) == (NEW, OLD, "2026-03-15T00:00:00+00:00")
    # A million such calls: 1,000 x $3 + 500 x $0.50 + 100 x $10 = $4,250; before, 2,000 + 500 + 800 = $3,300.
    assert (new["cost_usd"], new["cost_at_previous_price_usd"]) == ("0.0085", "0.0066")
    assert new["cost_change_usd"] == "0.0019"
    assert document(report())["notes"] == ["One change of price: $0.0019 more than at the prices before."]


def test_a_price_that_comes_back_is_a_change_of_its_own(report: Any) -> None:
    rows = document(report(text(0, OLD, 4 * M), text(1, f"{NEW}+deal", 3 * M), text(2, OLD, 4 * M)))["rows"]
    assert [(row["price"], row["previous_price"]) for row in rows] == [
        (OLD, ""),
        (f"{NEW}+deal", OLD),
        (OLD, f"{NEW}+deal"),
    ]
    assert [row["cost_change_usd"] for row in rows] == ["0.00", "-0.001", "0.001"]


def test_the_first_price_is_compared_with_the_one_before_the_period(report: Any) -> None:
    (row,) = document(report(text(0, OLD, 2 * M), text(20, NEW, 3 * M), since="2026-03-20"))["rows"]
    assert (row["price"], row["previous_price"], row["cost_change_usd"]) == (NEW, OLD, "0.001")


def test_the_same_rates_on_a_newer_list_are_no_change(report: Any) -> None:
    newer = OLD.replace("1.1", "1.2")
    (row,) = document(report(text(0, OLD, 2 * M), text(5, newer, 2 * M)))["rows"]
    assert (row["price"], row["calls"], row["previous_price"]) == (OLD, 2, "")


@pytest.mark.parametrize(
    ("other", "given"),
    [
        (f"{NEW}@flex", {}),
        (f"{NEW}>272k", {}),
        (f"{NEW}*us", {}),
        (NEW, {"provider": "elsewhere"}),
        (NEW, {"model": "other"}),
    ],
)
def test_prices_that_hold_side_by_side_do_not_follow_each_other(report: Any, other: str, given: dict[str, str]) -> None:
    rows = document(report(text(0, OLD, 2 * M), text(1, other, 3 * M, **given), text(2, OLD, 2 * M)))["rows"]
    assert len(rows) == 2
    assert all(not row["previous_price"] for row in rows)


def test_images_of_another_size_are_another_price_not_a_change(report: Any) -> None:
    entries = [
        replace(text(day, price, rate), served=replace(facts.a_settled().served, model="", variant=variant))
        for day, price, rate, variant in ((0, OLD, 2, "low/1-x-1"), (1, NEW, 3, "hd/1-x-1"), (2, OLD, 2, "low/1-x-1"))
    ]
    rows = document(report(*entries))["rows"]
    assert [(row["variant"], row["calls"]) for row in rows] == [("hd/1-x-1", 1), ("low/1-x-1", 2)]


def test_a_kind_that_was_not_used_before_counts_as_unchanged_and_is_named(report: Any) -> None:
    new = call(1, NEW, Usage(input_text=1000, web_search=2), {"input_text": 3 * M, "web_search": USD // 100})
    found = document(report(text(0, OLD, 2 * M), new))
    row = found["rows"][1]
    assert (row["cost_change_usd"], row["not_compared"]) == ("0.001", "web_search")
    assert any("not_compared" in note for note in found["notes"])


def test_an_old_rate_is_told_by_the_call_with_the_most_of_a_kind(report: Any) -> None:
    """Rates below a pico-dollar a unit are rounded away in small calls; the largest one tells them best."""
    tiny = [call(day, OLD, Usage(input_text=1), {"input_text": 0}) for day in (0, 0.1)]
    large = replace(
        call(0.2, OLD, Usage(input_text=10**6), {"input_text": 0}), cost=Cost(250_000, {"input_text": 250_000}, OLD)
    )
    new = call(5, NEW, Usage(input_text=10**9), {"input_text": 1})
    row = document(report(*tiny, large, new))["rows"][1]
    assert row["cost_at_previous_price_usd"] == "0.00025"


def test_what_has_no_price_is_shown_with_an_entry_to_add(report: Any) -> None:
    ceiling = {"input_text": 30 * M, "output_text": 180 * M, "web_search": 35 * USD // 1000}
    usage = Usage(input_text=1000, output_text=10, web_search=1)
    entries = [
        call(0, "ceiling", usage, ceiling),
        call(1, f"{OLD}!web_search", Usage(input_text=5, web_search=2), {**ceiling, "input_text": M}, model="n"),
        text(2, OLD, 2 * M, model="priced"),
    ]
    found = document(report(*entries))
    unpriced, partly, priced = found["rows"]
    assert unpriced["add"] == (
        "{provider: openai, model: m, usd_per_million: {input: 30, output: 180}, web_search_usd_per_thousand: 35}"
    )
    assert (unpriced["unpriced_calls"], unpriced["unpriced_cost_usd"]) == (1, "0.0668")
    assert (partly["unpriced_cost_usd"], partly["cost_usd"]) == ("0.07", "0.070005")
    assert partly["add"] == "{provider: openai, model: n, web_search_usd_per_thousand: 35}"
    assert (priced["unpriced_calls"], priced["add"]) == (0, "")
    assert (found["total"]["unpriced_calls"], found["total"]["unpriced_cost_usd"]) == (2, "0.1368")
    assert "2 of 3 calls" in found["notes"][0]


@pytest.mark.parametrize("model", ["m", "a: b", "é{}", "'", '"', "on", "#", "org/model:1"])
def test_the_entry_to_add_is_a_valid_price_that_changes_no_bill(report: Any, model: str) -> None:
    rates = {
        "input_text": 30 * M,
        "output_images": 6 * USD // 10,
        "input_audio_ms": M,
        "input_characters": 180 * M,
        "cache_write_1h": 30 * M,
    }
    (run,) = report(call(0, "ceiling", Usage(**dict.fromkeys(rates, 60_000)), rates, model=model)).runs
    document_ = f"prices:\n  - {document(report())['rows'][0]['add']}\n"
    providers = "providers: {openai: {dialect: openai, base_url: 'https://api.openai.com', api_key: {env: K}}}"
    policies = load_policies({"prices.yaml": document_.encode(), "providers.yaml": providers.encode()})
    assert isinstance(policies, PolicySet), policies
    (rule,) = policies.prices.rules
    assert (rule.provider, rule.model) == ("openai", model)
    assert {kind: usd * M for kind, usd in rule.rates_usd_per_million.items()} == run.ceiling_rates == rates


def test_the_total_is_the_sum_of_the_rows_and_the_sheet_has_the_same_figures(report: Any) -> None:
    found = report(text(0, OLD, 2 * M), text(1, NEW, 3 * M), text(2, "ceiling", 30 * M, model="n"))
    total, sheet = document(found)["total"], price_sheet(found, document(found))
    names = [column.name for column in sheet.columns]
    for name, value in total.items():
        figures = sum(row[names.index(name)] for row in sheet.rows)
        assert value == (figures if isinstance(value, int) else pico_to_usd(figures))
    assert names == list(document(found)["rows"][0])


def test_a_developer_sees_the_prices_of_own_calls(report: Any) -> None:
    report(text(0, OLD, 2 * M), text(1, NEW, 3 * M, owner="bob", model="n"))
    bob = report(viewer=Viewer("bob", OwnerKind.PERSON, Role.DEVELOPER))
    assert [row["model"] for row in document(bob)["rows"]] == ["n"]
    assert document(bob)["notes"] == ["Your own calls only."]
    assert len(document(report(viewer=Viewer("bob", OwnerKind.PERSON, Role.FINANCE)))["rows"]) == 2


def test_filters_narrow_it_but_not_to_persons(report: Any) -> None:
    report(text(0, OLD, 2 * M), text(1, NEW, 3 * M, model="n"))
    assert [row["model"] for row in document(report(model="n"))["rows"]] == ["n"]
    for wrong in ({"user": "bob"}, {"session": "s"}, {"by": "model"}, {"compare": "previous"}):
        with pytest.raises(ParameterError):
            report(**wrong)


def test_calls_that_cost_nothing_by_nature_are_not_in_it(report: Any) -> None:
    free = replace(text(0, OLD, 2 * M), usage=NO_USAGE, cost=Cost(0, {}, ""))
    found = document(report(free, facts.a_refused("call_r")))
    assert (found["rows"], found["total"]["calls"]) == ([], 0)
