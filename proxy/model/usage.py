"""Usage: what one call consumed, in disjoint kinds.

Disjoint means that no token stands in two kinds, so a cost is a plain sum of kind times rate, and the kinds of
one side sum to the provider's own total (OpenAI's totals include cached tokens, Anthropic's exclude them:
the dialects normalise).
"""

from collections.abc import Iterable
from dataclasses import fields
from operator import attrgetter
from typing import Final

from proxy.model.fact import fact


@fact(frozen=True, slots=True)
class Usage:
    """Quantities of one call: tokens, save where the kind says otherwise."""

    input_text: int = 0
    """Fresh input: neither read from nor written to a prompt cache."""
    input_audio: int = 0
    input_image: int = 0
    cache_read: int = 0
    cache_read_audio: int = 0
    cache_write_5m: int = 0
    """Written to a prompt cache for the default time (5 minutes at Anthropic)."""
    cache_write_1h: int = 0
    output_text: int = 0
    """Visible output: text, tool calls, and thinking where the provider doesn't report it apart."""
    reasoning: int = 0
    """Hidden output, billed as output."""
    output_audio: int = 0
    output_image: int = 0
    web_search: int = 0
    """Server-side searches, each with a fee of its own."""
    input_audio_ms: int = 0
    """Milliseconds of audio, of a model that sells by time (whisper-1)."""
    input_characters: int = 0
    """Characters to speak, of a model that sells by them (tts-1)."""
    output_images: int = 0
    """Whole images, of a model that sells by the piece (imagen)."""

    @property
    def input_tokens(self) -> int:
        """Fresh input of every modality."""
        return self.input_text + self.input_audio + self.input_image

    @property
    def cache_read_tokens(self) -> int:
        return self.cache_read + self.cache_read_audio

    @property
    def cache_write_tokens(self) -> int:
        return self.cache_write_5m + self.cache_write_1h

    @property
    def output_tokens(self) -> int:
        """All output, reasoning included."""
        return self.output_text + self.reasoning + self.output_audio + self.output_image

    @property
    def prompt_tokens(self) -> int:
        """Everything the model read: what long-context price thresholds are compared with."""
        # Kind by kind: it is asked for six times a call.
        fresh = self.input_text + self.input_audio + self.input_image
        read = self.cache_read + self.cache_read_audio
        return fresh + read + self.cache_write_5m + self.cache_write_1h

    @property
    def by_unit(self) -> bool:
        """True for what is sold by time, character or piece: its text has no price."""
        return bool(self.input_audio_ms or self.input_characters or self.output_images)


NO_USAGE: Final = Usage()

KINDS: Final = tuple(field.name for field in fields(Usage))
"""The kinds in the order of the fields: the one list that price book, journal and ledger share."""
_QUANTITIES: Final = attrgetter(*KINDS)


def total(usages: Iterable[Usage]) -> Usage:
    """Kind by kind."""
    return Usage(*map(sum, zip(*map(_QUANTITIES, usages), strict=True)))


@fact(frozen=True, slots=True)
class Served:
    """What the answer says about how it was served; it decides the price. Empty text: not said."""

    model: str = ""
    service_tier: str = ""
    """'' and 'default' and 'standard' are the list price; else 'priority', 'flex', 'batch', …"""
    region: str = ""
    """Anthropic's `inference_geo`."""
    speed: str = ""
    variant: str = ""
    """Of what is sold by the piece: quality and size as price lists write them ('hd/1024-x-1792')."""
    request_id: str = ""
    """The provider's own id of the request (header or body), for its invoice and its support."""
