"""Details: the part of a recorded call that few replayed calls need, kept as one text until then."""

from typing import Final, NamedTuple

import msgspec

from proxy.metering.estimate import CHARACTERS_PER_TOKEN, context_tokens
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

_Written = tuple[list[int | None] | None, list[str | None] | None, list[int], tuple[str, str, str, str]]
_DECODER: Final = msgspec.json.Decoder(_Written)
_Line = tuple[list[int | None], list[str | None], str, bool]
_INPUT_AT: Final = NUMBERS.index("input_bytes")
_RARE_AT: Final = NUMBERS.index("unseen")
_NONE_RARE: Final[list[int | None]] = [None] * (len(NUMBERS) - _RARE_AT)
_NO_NAMES: Final[list[str | None]] = [None] * len(NAMES)


FOUND: Final = "\n"
"""Stands before what was found of a call that repeats earlier work."""
_found: Final = msgspec.json.Decoder(tuple[str, int | None, int | None, int | None, int]).decode


class Text(NamedTuple):
    """The numbers of an ask for text."""

    input_bytes: int
    output_max: int | None
    thinking_max: int | None


class Details:
    """What one call asked for and used. Of a call for text the whole ask is put together only where it is asked for."""

    __slots__ = (
        *("_ask", "_line", "choices", "free", "output_limited"),
        *("output_max", "sent", "served", "text", "usage"),
    )

    def __init__(self, ask: Ask | _Line, usage: Usage, served: Served) -> None:
        self._ask = ask if isinstance(ask, Ask) else None
        self._line = None if isinstance(ask, Ask) else ask
        self.usage: Final = usage
        self.served: Final = served
        self.text: Final = None if self._line is None else _text(*self._line[:2])
        """Set: it is a call for one answer in text, with nothing unusual about it."""
        plain = self.text is not None
        self.choices: Final = 1 if plain else self.ask.request.choices
        self.output_max: Final = self.text.output_max if self.text else self.ask.request.output_tokens_max
        self.free: Final = not plain and self.ask.free
        self.output_limited: Final = plain or self.ask.output_limited
        self.sent: Final = "" if plain else self.ask.sent

    @property
    def ask(self) -> Ask:
        if self._ask is None:
            assert self._line is not None
            numbers, names, model, stream = self._line
            self._ask = ask_of(dict(zip((*NUMBERS, *NAMES), (*numbers, *names), strict=True)), model, stream)
        return self._ask

    def context_tokens(self) -> int:
        return self.text.input_bytes // CHARACTERS_PER_TOKEN if self.text else context_tokens(self.ask.request)


def _text(numbers: list[int | None], names: list[str | None]) -> Text | None:
    if numbers[_RARE_AT:] != _NONE_RARE or names != _NO_NAMES:
        return None
    return Text(numbers[_INPUT_AT] or 0, numbers[_INPUT_AT + 1], numbers[_INPUT_AT + 2])


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
        ask = Ask(bare, hold, tokens, not kind.unpriced, kind.free, not kind.unlimitable)
        return Details(ask, used, served)
    return Details((numbers, names, model, kind.stream), used, served)
