"""What a call is taken to have consumed: reported, fixed by the request, measured, guessed, or held; in that order."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from proxy.dialects.dialect import Operation, Reading
from proxy.dialects.openai import OpenAI
from proxy.gateway.admission import Admitted
from proxy.gateway.rules import Rules
from proxy.gateway.settlement import Consumed, Ending, counted, held, known, settled
from proxy.model.call import Hold, Request
from proxy.model.entry import Cost, Outcome, Timing
from proxy.model.limits import ModelLimits
from proxy.model.usage import Served, Usage
from proxy.policy.types import PolicySet, Provider, Secret
from proxy.policy.verdict import Verdict, Weight
from proxy.ports.tokens import Count
from tests.fakes.facts import a_call
from tests.fakes.prices import by_bound
from tests.fakes.tokens import WordCounter

CHARACTERS = Usage(input_characters=40)
TIME = Usage(input_audio_ms=9000)
IMAGES = Usage(input_image=8000, output_image=4160)
HOLD = Hold(7, 100, 50)


class Recorded:
    """Fulfils ports.prices.Prices: remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Usage, Served]] = []

    def cost(self, provider: str, model: str, at_us: int, usage: Usage, served: Served) -> Cost:
        self.asked.append((usage, served))
        return Cost(1, {}, "x")

    bound = cost
    bound_of_text = by_bound

    def limits(self, provider: str, model: str) -> ModelLimits:
        return ModelLimits()


def admitted(request: Request, prices: Recorded | None = None) -> Admitted:
    return Admitted(
        call=a_call(),
        request=request,
        hold=HOLD,
        provider=Provider("openai", "openai", "http://p.test", Secret("none")),
        dialect=OpenAI(),
        operation=Operation("some"),
        rules=Rules(PolicySet("v"), prices or Recorded()),
        credential="",
        body=b"",
        edits=(),
        hide_usage=False,
        model="m",
        verdict=Verdict(Weight(Hold(0, 0, 0), priced=True)),
        opened_monotonic_us=0,
    )


def reading(**given: Any) -> Reading:
    shape: dict[str, Any] = {"usage": None, "final": False, "complete": True, "failed": False, "output_bytes": 0}
    return Reading(**{"served": Served(), **shape, **given})


def ending(outcome: Outcome = Outcome.OK, status: int = 200, read: Reading | None = None, **given: Any) -> Ending:
    return replace(Ending(outcome, status, read, "", HOLD, Timing(), ()), **given)


SOLD_BY_UNIT = Request("tts-1", fixed=CHARACTERS)


@pytest.mark.parametrize(
    ("end", "consumed"),
    [
        (ending(read=reading()), Consumed(CHARACTERS, estimated=False)),
        (ending(Outcome.HANGUP, read=reading(complete=False)), Consumed(CHARACTERS, estimated=True)),
        (ending(Outcome.CUT, read=reading(complete=False)), Consumed(CHARACTERS, estimated=True)),
        (ending(Outcome.UNANSWERED, 0, hold=Hold(7, 0, 0)), Consumed(CHARACTERS, estimated=True)),
        (ending(Outcome.UNREACHED, 0), Consumed(Usage(), estimated=False)),
        (ending(Outcome.PROVIDER_ERROR, 429, reading(complete=False)), Consumed(Usage(), estimated=False)),
        (
            ending(read=reading(usage=Usage(output_images=2), final=True)),
            Consumed(Usage(output_images=2), estimated=False),
        ),
    ],
)
def test_what_the_request_fixes_is_owed_once_an_answer_began(end: Ending, consumed: Consumed) -> None:
    assert known(admitted(SOLD_BY_UNIT), end) == consumed


async def test_what_was_measured_goes_before_what_was_guessed() -> None:
    call = admitted(Request("whisper-1", guessed=TIME, content=(b'"prompt":"a b"',)))
    read = reading(seen=Usage(input_audio_ms=8500), texts=("some words",))
    tokens = WordCounter()
    assert await counted(call, ending(read=read), tokens) == Consumed(Usage(input_audio_ms=8500), estimated=True)
    assert await counted(call, ending(read=reading()), tokens) == Consumed(TIME, estimated=True)
    assert tokens.asked == []


class SlowCounter(WordCounter):
    """What it is asked first takes too long, so many times."""

    def __init__(self, late: int) -> None:
        super().__init__()
        self.late = late

    async def count(self, model: str, texts: Sequence[str]) -> Count:
        found = await super().count(model, texts)
        return found if len(self.asked) > self.late else Count(15, guessed=True)


@pytest.mark.parametrize(("late", "output"), [(2, 3), (3, 15)])
async def test_what_could_not_be_counted_in_time_is_tried_again(late: int, output: int) -> None:
    reading = Reading(Usage(input_text=7), False, Served(), False, False, 13, texts=("one two three",))
    end = Ending(Outcome.HANGUP, 200, reading, "", HOLD, Timing(0, 0, 0), ())
    counter = SlowCounter(late)
    found = await counted(admitted(Request("m", stream=True)), end, counter)
    assert found == Consumed(Usage(input_text=7, output_text=output), estimated=True)
    assert len(counter.asked) == 3


async def test_beside_text_guesses_are_settled_as_estimates() -> None:
    call = admitted(Request("gpt-image-1", guessed=IMAGES, content=(b'"prompt":"a grey cat"',)))
    end = ending(Outcome.CUT, read=reading(complete=False))
    assert known(call, replace(end, readable=True, outcome=Outcome.CAPPED)) is None
    expected = replace(IMAGES, input_text=3)
    assert await counted(call, end, WordCounter()) == Consumed(expected, estimated=True)


def test_a_hold_holds_what_is_sold_beside_text() -> None:
    text = {"input_text": 100, "output_text": 50}
    assert held(Request("m"), HOLD).usage == Usage(**text)
    assert held(Request("m", guessed=IMAGES), HOLD).usage == replace(IMAGES, **text)
    assert held(Request("m", fixed=CHARACTERS), Hold(7, 0, 0)).usage == CHARACTERS


def test_the_variant_asked_for_prices_a_call_that_nobody_answered() -> None:
    prices = Recorded()
    request = Request("dall-e-3", fixed=Usage(output_images=1), variant="hd/1024-x-1792")
    settled(admitted(request, prices), ending(Outcome.UNANSWERED, 0), Consumed(request.fixed, estimated=True), 10**15)
    assert prices.asked == [(request.fixed, Served(variant="hd/1024-x-1792"))]
