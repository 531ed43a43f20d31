"""Ask: what rules weigh of a call beside its dimensions, as it came. Numbers and names of models and tiers, no text.

It stands on the line of a call that was weighed, so that a replay weighs it as the gateway did, and what another model
or a lower output limit would hold by the same functions. There it is a flat table that leaves out what is as usual.
"""

from collections.abc import Mapping
from operator import attrgetter
from typing import Any, Final

from proxy.model.call import Hold, Request
from proxy.model.fact import fact
from proxy.model.usage import NO_USAGE, Usage

Recorded = Mapping[str, int | str]
"""An Ask on its line."""
BESIDE_TEXT: Final = (
    *("input_audio", "input_image", "output_audio", "output_image"),
    *("input_audio_ms", "input_characters", "output_images"),
)
"""Kinds of usage that a request itself says or lets one guess."""


_beside: Final = attrgetter(
    *("input_tokens_unseen", "choices", "web_searches_max", "background", "spoken"),
    *("service_tier", "region", "speed", "variant"),
)
_USUAL: Final = (0, 1, 0, False, False, "", "", "", "")


@fact(frozen=True, slots=True)
class Ask:
    request: Request
    """Its numbers; of quantities beside text, `fixed` or `guessed`, whichever is held, stands in `fixed`."""
    hold: Hold
    """Without any rule's change."""
    expected_tokens: int
    """What it was expected to read and write, for rate limits."""
    priced: bool = True
    free: bool = False
    output_limited: bool = True
    """As in policy.verdict.Asked."""
    sent: str = ""
    """Model that a rule put in the place of the call's own; '' for none."""


def recorded(ask: Ask) -> dict[str, int | str]:
    """The ask as it stands on a line."""
    request, hold = ask.request, ask.hold
    found: dict[str, int | str] = {
        "hold_pico": hold.cost_pico,
        "hold_input": hold.input_tokens,
        "hold_output": hold.output_tokens,
        "expected": ask.expected_tokens,
        "input_bytes": request.input_bytes,
    }
    if request.output_tokens_max is not None:
        found["output_max"] = request.output_tokens_max
    if request.thinking_tokens_max is not None:
        found["thinking_max"] = request.thinking_tokens_max
    sold = request.guessed if request.fixed is NO_USAGE or request.fixed == NO_USAGE else request.fixed
    if sold is not NO_USAGE and sold != NO_USAGE:
        found.update((kind, amount) for kind in BESIDE_TEXT if (amount := getattr(sold, kind)))
    if ask.priced and not ask.free and ask.output_limited and not ask.sent and _beside(request) == _USUAL:
        return found
    rest = (
        ("unseen", request.input_tokens_unseen, 0),
        ("choices", request.choices, 1),
        ("searches", request.web_searches_max, 0),
        ("background", int(request.background), 0),
        ("spoken", int(request.spoken), 0),
        ("unpriced", int(not ask.priced), 0),
        ("free", int(ask.free), 0),
        ("unlimitable", int(not ask.output_limited), 0),
        ("tier", request.service_tier, ""),
        ("region", request.region, ""),
        ("speed", request.speed, ""),
        ("variant", request.variant, ""),
        ("sent", ask.sent, ""),
    )
    for name, value, usual in rest:
        if value != usual:
            found[name] = value
    return found


def ask_of(found: Mapping[str, Any], model: str, stream: bool) -> Ask:
    """The ask of a line. What doesn't stand there, or is None, is as usual."""
    known = {name: value for name, value in found.items() if value is not None}
    request = Request(
        model=model,
        stream=stream,
        choices=known.get("choices", 1),
        output_tokens_max=known.get("output_max"),
        thinking_tokens_max=known.get("thinking_max"),
        service_tier=known.get("tier", ""),
        region=known.get("region", ""),
        speed=known.get("speed", ""),
        input_bytes=known.get("input_bytes", 0),
        input_tokens_unseen=known.get("unseen", 0),
        web_searches_max=known.get("searches", 0),
        background=bool(known.get("background")),
        fixed=Usage(**{kind: known[kind] for kind in BESIDE_TEXT if kind in known}),
        spoken=bool(known.get("spoken")),
        variant=known.get("variant", ""),
    )
    return Ask(
        request,
        Hold(known.get("hold_pico", 0), known.get("hold_input", 0), known.get("hold_output", 0)),
        known.get("expected", 0),
        priced=not known.get("unpriced"),
        free=bool(known.get("free")),
        output_limited=not known.get("unlimitable"),
        sent=known.get("sent", ""),
    )
