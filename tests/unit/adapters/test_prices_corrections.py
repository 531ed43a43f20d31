"""Corrections of litellm's list: shipped with their source, and only while the list is as it was found."""

import json
from datetime import date
from decimal import Decimal

import pytest

from proxy.adapters.prices_corrections import Correction, corrections, shipped
from proxy.adapters.prices_litellm import FILE, installed_folder

WRONG = {"input_cost_per_token": Decimal("0.000002"), "mode": "chat"}
MENDED = corrections(
    [
        Correction(
            "v",
            ("m",),
            {"input_cost_per_token": Decimal("0.000002"), "output_cost_per_token": None},
            {"input_cost_per_token": Decimal("0.000003"), "mode": None},
            "https://example.com/pricing",
            "2026-11-21",
            "why",
        )
    ]
)


@pytest.mark.parametrize("name", ["m", "v/m"])
def test_a_correction_changes_what_was_found_wrong_and_shows_in_the_source(name: str) -> None:
    assert MENDED.corrected("v", name, WRONG, "list-1") == (
        {"input_cost_per_token": Decimal("0.000003")},
        "list-1~2026-11-21",
    )


@pytest.mark.parametrize(
    ("vendor", "name", "entry"),
    [
        ("v", "n", WRONG),
        ("w", "m", WRONG),
        ("v", "m", {"input_cost_per_token": Decimal("0.0000025")}),  # the list has been mended, or changed otherwise
        ("v", "m", {**WRONG, "output_cost_per_token": Decimal(1)}),
        ("v", "m", {}),
    ],
)
def test_anything_else_stays_as_the_list_has_it(vendor: str, name: str, entry: dict[str, object]) -> None:
    assert MENDED.corrected(vendor, name, entry, "list-1") == (entry, "list-1")


def test_every_shipped_correction_names_its_page_and_its_day() -> None:
    for each in shipped():
        assert each.source.startswith("https://")
        assert date.fromisoformat(each.read) <= date(2100, 1, 1)
        assert each.why


def test_every_shipped_correction_still_finds_the_installed_list_wrong() -> None:
    """One that doesn't is of no more use: take it out."""
    listed = json.loads((installed_folder() / FILE).read_bytes(), parse_float=Decimal)
    for each in shipped():
        for model in each.models:
            entry = listed.get(model) or listed[f"{each.vendor}/{model}"]
            assert each.fits(entry), model


def test_no_model_has_two_shipped_corrections() -> None:
    pairs = [(each.vendor, model) for each in shipped() for model in each.models]
    assert len(pairs) == len(set(pairs))
