"""Recovery: the settlement of a call that a crash left open."""

from proxy.model.call import Call, Hold
from proxy.model.entry import Cost, Outcome, Settled, Timing
from proxy.model.usage import Served, Usage


def crashed(call: Call, hold: Hold, now_us: int) -> Settled:
    """The call at its last hold, marked estimated: what passed after the last line before the crash is not known.

    The hold is the most the call was allowed to spend, so a budget is never undercharged. Its amount is split over
    input and output by their tokens, for want of a price.
    """
    return Settled(
        call=call,
        settled_us=max(now_us, call.opened_us),
        outcome=Outcome.CRASHED,
        status=0,
        usage=Usage(input_text=hold.input_tokens, output_text=hold.output_tokens),
        served=Served(),
        cost=Cost(hold.cost_pico, _by_kind(hold), price_id=""),
        estimated=True,
        timing=Timing(),
    )


def _by_kind(hold: Hold) -> dict[str, int]:
    tokens = hold.input_tokens + hold.output_tokens
    of_output = hold.cost_pico * hold.output_tokens // tokens if tokens else 0
    shares = {"input_text": hold.cost_pico - of_output, "output_text": of_output}
    return {kind: pico for kind, pico in shares.items() if pico}
