"""What an entry of litellm's list says of minutes, characters, images and pixels."""

from decimal import Decimal

import pytest

from proxy.adapters.prices_pieces import SIDE_MAX, piece_rates

M = 10**12
"""A rate of a dollar for a million units."""


@pytest.mark.parametrize(
    ("entry", "variant", "rates"),
    [
        ({"mode": "audio_transcription", "input_cost_per_second": "0.0001"}, "", {"input_audio_ms": M // 10}),
        ({"mode": "audio_transcription", "output_cost_per_second": "0.0001"}, "", {"input_audio_ms": M // 10}),
        (
            {"mode": "audio_transcription", "input_cost_per_second": "0.0001", "output_cost_per_second": "0.0001"},
            "",
            {"input_audio_ms": M // 10},  # the same price on both sides is one price
        ),
        ({"mode": "audio_transcription", "input_cost_per_second": "0"}, "", {}),
        ({"mode": "chat", "input_cost_per_second": "0.011"}, "", {}),  # a rented machine
        ({"mode": "embedding", "input_cost_per_audio_per_second": "0.00014"}, "", {"input_audio_ms": 14 * M // 100}),
        ({"mode": "audio_speech", "input_cost_per_character": "0.000015"}, "", {"input_characters": 15 * M}),
        ({"mode": "chat", "input_cost_per_character": "0.000015"}, "", {}),
        ({"mode": "image_generation", "output_cost_per_image": "0.04"}, "", {"output_images": 40_000 * M}),
        ({"mode": "image_edit", "output_cost_per_image": "0.04"}, "", {"output_images": 40_000 * M}),
        ({"mode": "image_generation", "input_cost_per_image": "0.04"}, "", {"output_images": 40_000 * M}),
        (
            {"mode": "image_generation", "input_cost_per_image": "0.0011", "output_cost_per_image": "0.134"},
            "",
            {"output_images": 134_000 * M},
        ),
        (
            {"mode": "image_generation", "input_cost_per_image": "0", "output_cost_per_image": "0.008"},
            "",
            {"output_images": 8_000 * M},
        ),
        (
            {"mode": "image_generation", "input_cost_per_pixel": "0.00000005"},
            "1024-x-512",
            {"output_images": 26_214_400_000 * M // 1_000_000},
        ),
        (
            {"mode": "image_generation", "input_cost_per_pixel": "0.00000005", "output_cost_per_pixel": "0"},
            "azure/hd/1024-x-512/dall-e-3",
            {"output_images": 26_214_400_000 * M // 1_000_000},
        ),
        ({"mode": "image_generation", "input_cost_per_pixel": "0.00000005"}, "", {}),  # no size, no price
        ({"mode": "image_generation", "input_cost_per_pixel": "0.00000005"}, "hd/auto", {}),
        ({"mode": "image_generation", "input_cost_per_pixel": "0.00000005"}, "0-x-512", {}),
        ({"mode": "image_generation", "input_cost_per_pixel": "0.00000005"}, f"{SIDE_MAX + 1}-x-512", {}),
        (
            {"mode": "image_generation", "input_cost_per_image": "0.167", "input_cost_per_pixel": "0.000000159263611"},
            "high/1024-x-1024",
            {"output_images": 167_000 * M},  # by the image is exact, by the pixel is rounded
        ),
        ({"mode": "image_generation", "output_cost_per_image_token": "0.00004"}, "1024-x-1024", {}),
        ({"output_cost_per_image": "0.04"}, "", {}),
        ({"mode": "image_generation", "output_cost_per_image": "-0.04"}, "", {}),
        ({"mode": "image_generation", "output_cost_per_image": True}, "", {}),
    ],
)
def test_a_price_by_the_piece_is_read_where_the_mode_gives_it_that_meaning(
    entry: dict[str, str], variant: str, rates: dict[str, int]
) -> None:
    exact = {
        field: Decimal(value) if field != "mode" and value is not True else value for field, value in entry.items()
    }
    assert piece_rates(exact, variant) == rates
