"""Details: the part of a recorded call that few replayed calls need, kept as one text until then."""

from dataclasses import dataclass
from typing import Final

import msgspec

from proxy.model.ask import Ask, ask_of
from proxy.model.call import Hold, Request
from proxy.model.usage import Served, Usage
from proxy.policy.redundancy_rules import Evidence
from proxy.replay.facts import Kind

NUMBERS: Final = (
    *("hold_pico", "hold_input", "hold_output", "expected", "input_bytes", "output_max", "thinking_max", "unseen"),
    *("choices", "searches", "background", "spoken", "unpriced", "free", "unlimitable"),
    *("input_audio", "input_image", "output_audio", "output_image"),
    *("input_audio_ms", "input_characters", "output_images"),
)
"""Of the ask, in the order of ledger/sql/replay_facts.sql."""
NAMES: Final = ("tier", "region", "speed", "variant", "sent")

_Text = tuple[list[int | None] | None, list[str | None] | None, list[int], tuple[str, str, str, str]]
_DECODER: Final = msgspec.json.Decoder(_Text)
FOUND: Final = "\n"
"""Stands before what was found of a call that repeats earlier work."""
_found: Final = msgspec.json.Decoder(tuple[str, int | None, int | None, int | None, int]).decode


@dataclass(frozen=True, slots=True)
class Details:
    ask: Ask
    usage: Usage
    served: Served


def found(text: str) -> tuple[Evidence, bool]:
    """Of a redundant kind: the strongest of what was found, and whether a justification came with the call."""
    waste_class, score, flagged, age_us, justified = _found(text.partition(FOUND)[2])
    return Evidence(waste_class, score or 0, bool(flagged), age_us or 0), bool(justified)


def read(text: str, kind: Kind, hold: Hold) -> Details:
    """Of a line from before asks were recorded, the call is taken to have asked for what it used."""
    numbers, names, usage, (tier, region, speed, variant) = _DECODER.decode(text.partition(FOUND)[0])
    used, model = Usage(*usage), kind.dimensions["model"]
    served = Served(service_tier=tier, region=region, speed=speed, variant=variant)
    if numbers is None or names is None:
        bare = Request(model=model, stream=kind.stream, input_bytes=used.prompt_tokens, variant=variant)
        tokens = used.prompt_tokens + used.output_tokens
        return Details(Ask(bare, hold, tokens, not kind.unpriced, kind.free, not kind.unlimitable), used, served)
    found = dict(zip((*NUMBERS, *NAMES), (*numbers, *names), strict=True))
    return Details(ask_of(found, model, kind.stream), used, served)
