"""What an entry of litellm's price list says of things that are no tokens: minutes, characters, images, pixels.

The list's fields mean different things by mode: `input_cost_per_second` is the audio's length for what transcribes, and
the rented machine's for some chat models. So a field is read only where its mode gives it the meaning wanted here. A
zero is no price: the list has zeros beside the unit that is really sold.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Final

from proxy.model.money import PICO_PER_USD, RATE_UNITS

Entry = Mapping[str, object]

MS_PER_S: Final = 1000
SIDE_MAX: Final = 100_000
"""Pixels. A longer one is no size."""
_SIZE: Final = re.compile(r"(?:^|/)(\d{1,6})-x-(\d{1,6})(?:/|$)")


def piece_rates(entry: Entry, variant: str) -> dict[str, Fraction]:
    """Kind of Usage -> exact rate. `variant` (or the entry's name) has the size that a price by the pixel needs."""
    read = _BY_MODE.get(str(entry.get("mode")))
    return {kind: usd * PICO_PER_USD * RATE_UNITS for kind, usd in read(entry, variant).items()} if read else {}


def _transcription(entry: Entry, _: str) -> dict[str, Fraction]:
    """By the second of audio. Where both sides have a price they are the same one twice (whisper-1)."""
    return _known(
        "input_audio_ms", _usd(entry, "input_cost_per_second", "output_cost_per_second"), Fraction(1, MS_PER_S)
    )


def _embedding(entry: Entry, _: str) -> dict[str, Fraction]:
    return _known("input_audio_ms", _usd(entry, "input_cost_per_audio_per_second"), Fraction(1, MS_PER_S))


def _speech(entry: Entry, _: str) -> dict[str, Fraction]:
    return _known("input_characters", _usd(entry, "input_cost_per_character"), Fraction(1))


def _images(entry: Entry, variant: str) -> dict[str, Fraction]:
    """By the image, which is exact; else by the pixel. OpenAI's entries have the price of what is made as 'input'."""
    whole = _usd(entry, "output_cost_per_image", "input_cost_per_image")
    if whole is not None:
        return _known("output_images", whole, Fraction(1))
    return _known("output_images", _usd(entry, "output_cost_per_pixel", "input_cost_per_pixel"), _pixels(variant))


def _pixels(variant: str) -> Fraction | None:
    size = _SIZE.search(variant)
    if size is None:
        return None
    width, height = int(size[1]), int(size[2])
    return Fraction(width * height) if 0 < width <= SIDE_MAX and 0 < height <= SIDE_MAX else None


def _known(kind: str, usd: Fraction | None, times: Fraction | None) -> dict[str, Fraction]:
    return {} if usd is None or times is None else {kind: usd * times}


def _usd(entry: Entry, *fields: str) -> Fraction | None:
    """The first of the fields that holds a price above zero, in dollars."""
    for field in fields:
        value = entry.get(field)
        if isinstance(value, int | Decimal) and not isinstance(value, bool) and value > 0:
            return Fraction(value)
    return None


_BY_MODE: Final[Mapping[str, Callable[[Entry, str], dict[str, Fraction]]]] = {
    "audio_transcription": _transcription,
    "audio_speech": _speech,
    "embedding": _embedding,
    "image_generation": _images,
    "image_edit": _images,
}
