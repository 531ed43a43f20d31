"""Hints: what of one's own calls repeated itself, and what to do about it. For oneself alone, whatever the role."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from proxy.ledger.campaigns import Campaign, campaigns
from proxy.ledger.people import Viewer
from proxy.ledger.scope import Scope
from proxy.ledger.selection import ParameterError
from proxy.ledger.waste import waste_query
from proxy.ledger.waste_asked import WasteAsked
from proxy.model.money import PICO_PER_USD
from proxy.ports.store import Store

EXAMPLES: Final = 3
"""Calls of each run that are named."""
_ADVICE: Final[Mapping[str, tuple[str, str]]] = {
    "exact_repeat": (
        "sent the same prompt {times} more after it had been answered",
        "Keep the answer. A script on a timer can look first whether what it asks about has changed.",
    ),
    "disguised_repeat": (
        "sent the same prompt {times} more, with a time, an id or other characters in it that change nothing",
        "Keep the answer, and leave out what changes from call to call: it also keeps the provider's prompt cache from "
        "working.",
    ),
    "near_repeat": (
        "asked much the same {times} more in other words",
        "Change what the first answer lacked, or go on in the same conversation instead of starting over.",
    ),
    "shared_repeat": (
        "sent a long prompt {times} that goes round between several callers",
        "Let one of you ask, and share the answer.",
    ),
    "in_flight_twin": (
        "sent the same call {times} more while the first was under way",
        "Wait for the first answer; see whether two places start the same work, and whether a timeout is too short.",
    ),
    "replayed_conversation": (
        "played {times} a conversation again that was had before",
        "Go on from where it ended, with its answers, instead of having them made anew.",
    ),
    "tool_loop": (
        "repeated one tool call {times} in a row with the same result",
        "Have the agent stop, or ask you, when a tool gives the same twice, and say in its instructions what to try "
        "instead.",
    ),
    "repeated_turn": (
        "repeated the same turn {times} in a conversation",
        "Say what is wrong with the answer: the same words again mostly give the same again.",
    ),
    "ping_pong": (
        "went back and forth {times} with nothing new in it",
        "Give the agents a point at which they are done, and a limit on turns.",
    ),
    "trivial_context": (
        "sent {times} a long text for a question that doesn't need it",
        "Leave the text out, or send only the part that the question is about.",
    ),
}
_OTHER: Final = ("repeated earlier work {times}", "See what the calls have in common.")


@dataclass(frozen=True, slots=True)
class Hint:
    says: str
    advice: str
    run: Campaign


def hints(store: Store, asked: WasteAsked, viewer: Viewer, timeout_s: float) -> tuple[Hint, ...]:
    """The latest run first. Raises ParameterError, QueryTimeoutError, StoreError."""
    if asked.selection.by:
        raise ParameterError("by", "hints have their own rows: one for each run of calls")
    asked = replace(asked, campaigns=True, examples=asked.examples or EXAMPLES)
    viewer = replace(viewer, projects=())
    query = waste_query(store, asked, viewer, timeout_s)
    runs = campaigns(query, asked, Scope(own_only=True, fold=False), viewer, ())
    return tuple(_hint(run) for run in sorted(runs, key=lambda run: run.last_us, reverse=True))


def _hint(run: Campaign) -> Hint:
    says, advice = _ADVICE.get(run.waste_class, _OTHER)
    times = "once" if run.calls == 1 else f"{run.calls:,} times"
    if run.agent:
        who = f"The agent {run.agent}"
    else:
        who = "An agent or a script" if run.waste_class in ("tool_loop", "ping_pong") else "You"
    return Hint(f"{who} {says.format(times=times)}: ${_dollars(run.cost_pico)}.", advice, run)


def _dollars(pico: int) -> str:
    """To the cent, or as many digits as make it more than nothing."""
    places = next((places for places in (2, 4, 6) if pico * 10**places >= PICO_PER_USD), 12 if pico else 2)
    return f"{pico / PICO_PER_USD:,.{places}f}"
