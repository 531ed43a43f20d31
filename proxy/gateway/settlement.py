"""Settlement: what a call is taken to have consumed, and the one entry that says so.

What the provider reported counts. Where it reported nothing, the prompt and what passed of the answer are counted and
the entry is marked `estimated`. What can't be known at all is settled at the hold.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from proxy.dialects.dialect import Reading
from proxy.gateway.admitted import Admitted
from proxy.metering.estimate import holding
from proxy.model.call import Hold, Request
from proxy.model.entry import Cost, Outcome, Settled, Timing
from proxy.model.fact import fact
from proxy.model.squeeze import Squeeze
from proxy.model.usage import NO_USAGE, Served, Usage
from proxy.ports.tokens import Count, TokenCounter

TRIES_MAX: Final = 3
"""Of counting a text. Each has the counter's own patience, and begins with a fresh process where one took too long."""
FREE: Final = Cost(total_pico=0, by_kind={}, price_id="free")
_LOST: Final = frozenset({Outcome.HANGUP, Outcome.CUT, Outcome.UNANSWERED})


@fact(frozen=True, slots=True)
class Ending:
    """How a call ended, as the relay saw it."""

    outcome: Outcome
    status: int
    """HTTP status of the provider's answer, 0 where there was none."""
    reading: Reading | None
    """What the meter saw; None: nothing of an answer came."""
    request_id: str
    hold: Hold
    """The last hold, extensions included."""
    timing: Timing
    edits: tuple[str, ...]
    readable: bool = True
    """False: bytes of the answer passed that could not be read."""
    cut_by: Squeeze | None = None
    """The budget that ended it; None: none did."""


@fact(frozen=True, slots=True)
class Consumed:
    usage: Usage
    estimated: bool


def known(admitted: Admitted, ending: Ending) -> Consumed | None:
    """What the call consumed, where that needs no counting; else None."""
    reading = ending.reading
    if not admitted.operation.priced or ending.outcome is Outcome.UNREACHED:
        return Consumed(Usage(), estimated=False)
    if reading is not None and reading.usage is not None and reading.final:
        return Consumed(reading.usage, estimated=False)
    if ending.status >= 400:
        # An error answer without usage is not billed by any provider we know of.
        return Consumed(Usage(), estimated=False)
    complete = reading is not None and reading.complete
    if admitted.request.fixed != NO_USAGE and reading is not None:
        return Consumed(admitted.request.fixed, estimated=not complete)
    lost = ending.outcome in _LOST and not admitted.request.stream and not complete
    unread = not ending.readable or (ending.outcome is Outcome.OK and not complete)
    if lost or unread or admitted.request.background:
        # A whole answer was lost before it could be read, passed unread (its encoding, its size), or goes on in the
        # background: only the hold bounds it.
        return held(admitted.request, ending.hold)
    return None


def held(request: Request, hold: Hold) -> Consumed:
    """All that the call was allowed to consume."""
    return Consumed(replace(holding(request, hold.input_tokens, hold.output_tokens), web_search=0), estimated=True)


async def counted(admitted: Admitted, ending: Ending, tokens: TokenCounter) -> Consumed:
    """What the call consumed, by counting: the input reported so far, else the prompt; the output that passed; beside
    text, what was measured of the answer, else what the request let one guess."""
    reading = ending.reading
    beside = admitted.request.guessed
    if reading is not None and reading.seen != NO_USAGE:
        beside = reading.seen
    if beside.by_unit:
        return Consumed(beside, estimated=True)
    texts: Sequence[str] = reading.texts if reading else ()
    output = await _tokens(tokens, admitted.call.model, texts)
    if ending.outcome is Outcome.CAPPED:
        # The piece that came to the cap was kept back; what passed before it was covered.
        output = min(output, ending.hold.output_tokens)
    if reading is not None and reading.usage is not None:
        return Consumed(replace(reading.usage, output_text=output), estimated=True)
    prompt, framing = admitted.dialect.prompt_texts(admitted.request.content)
    prompt_tokens = await _tokens(tokens, admitted.call.model, prompt) + framing
    return Consumed(replace(beside, input_text=prompt_tokens, output_text=output), estimated=True)


async def _tokens(tokens: TokenCounter, model: str, texts: Sequence[str]) -> int:
    """Nobody waits for a settlement as a stream waits for its lease: what couldn't be counted in time is tried again
    before a guess counts."""
    found = Count(0)
    for _ in range(TRIES_MAX if texts else 0):
        found = await tokens.count(model, texts)
        if not found.guessed:
            break
    return found.tokens


def settled(admitted: Admitted, ending: Ending, what: Consumed, now_us: int) -> Settled:
    """The closing entry of a call, priced by the rules that were in force when it was admitted."""
    call = admitted.call
    asked = Served(service_tier=admitted.request.service_tier, variant=admitted.request.variant)
    served = ending.reading.served if ending.reading else asked
    cost = FREE
    if admitted.operation.priced:
        cost = admitted.rules.prices.cost(call.provider, admitted.model, call.opened_us, what.usage, served)
    return Settled(
        call=call,
        settled_us=now_us,
        outcome=ending.outcome,
        status=ending.status,
        usage=what.usage,
        served=replace(served, request_id=ending.request_id) if ending.request_id else served,
        cost=cost,
        estimated=what.estimated,
        timing=ending.timing,
        edits=ending.edits,
        matched=admitted.matched,
        shadow=tuple(map(str, admitted.verdict.shadow)),
        ask=admitted.ask,
        squeezed=(*admitted.lightened.squeezed, *([ending.cut_by] if ending.cut_by else [])),
    )
