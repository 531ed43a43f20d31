"""An agent that makes the same tool call and gets the same result again, and a caller who says the same again.

The same call with another result is work (edit, test, edit, test), and so is another call with the same result ("ok").
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Set
from heapq import nsmallest
from zlib import crc32

from proxy.model.fact import fact
from proxy.model.waste import WasteClass

from .bounds import HOUR_US
from .canonical import packed
from .conversation import Conversation, Turn
from .hashing import Keyed
from .sight import TOOL_CALL_MARK, TOOL_RESULT_MARK, Message

LINES_MAX = 16
SAME_RESULT_SHARE = 0.8
REPEATED_TURN_CHARS_MIN = 40
TELLING_LINES_MIN = 8
TELLING_TIMES_MIN = 3
"""A result of so many lines that came so often before is a loop whatever the calls were; a short notice is not."""
POLL_CHARS_MAX = 400
POLL_PAUSE_US = 4_000_000
POLLS_MAX = 22
_DURATION = re.compile(
    r"[0-9](?<![\w][0-9])[0-9]*(?:\.[0-9]+)?\s?(?:ms|µs|us|ns|s|sec|secs|seconds|m|min|mins|minutes|h)\b"
)
_LABELS = ("pid", "tid", "port", "elapsed", "took", "duration", "eta")
_NUMBERED = [(label, re.compile(rf"{label}\b[ :=]*[\d.]")) for label in _LABELS]
"""Without a look at what stands before: each begins with letters, which are searched for at a tenth of the price."""
_LABELLED = re.compile(rf"\b(?:{'|'.join(_LABELS)})\b[ :=]*[\d.]+")
_COMMENT_MARKS = ("#", "//", "--")
_COMMENT = re.compile(r"(?:\s#|\s//|\s--\s).*?(?=[\"'\n]|$)")
_PAUSE = re.compile(r"\bsleep\s+[\d.]+[smh]?")
_WAITING = re.compile(
    r"in.progress|pending|queued|running|waiting|building|processing|starting|not ready|deploying|scheduled"
    r"|\d+\s?%|\d+/\d+"
)


@fact(frozen=True, slots=True)
class Repetition:
    """`waiting`: it looks like polling for a state that will change."""

    waste_class: WasteClass
    earlier: tuple[str, ...]
    waiting: bool


def turn_of(call_id: str, at_us: int, fresh: tuple[Message, ...], keyed: Keyed) -> Turn:
    asked = "".join(text for role, text in fresh if role == "assistant")
    said = "\n".join(text for role, text in fresh if role != "assistant")
    call = _calls(asked)
    steady = _steady(said)
    return Turn(call_id, at_us, keyed.of(packed(call)), keyed.of(packed(steady)), _lines(steady, keyed))


def repetition(conversation: Conversation, turn: Turn, fresh: tuple[Message, ...]) -> Repetition | None:
    """How the newest turn repeats the ones before it, if it does."""
    said = "\n".join(text for role, text in fresh if role != "assistant")
    if is_result(fresh):
        lines = frozenset(turn.lines)
        alike = [old for old in conversation.turns if same_result(old, turn, lines)]
        earlier = [old for old in alike if old.asked == turn.asked]
        if not earlier and len(turn.lines) >= TELLING_LINES_MIN and len(alike) >= TELLING_TIMES_MIN:
            earlier = alike
        if not earlier:
            return None
        return Repetition("tool_loop", tuple(old.call_id for old in earlier), _waits(said, earlier[-1], turn))
    if len(said) < REPEATED_TURN_CHARS_MIN:
        return None
    same = tuple(old.call_id for old in conversation.turns if old.said == turn.said)
    return Repetition("repeated_turn", same, False) if same else None


def same_result(old: Turn, new: Turn, lines: Set[int]) -> bool:
    """`lines`: those of the new one."""
    if old.said == new.said:
        return True
    fewer, more = sorted((len(old.lines), len(new.lines)))
    if fewer < 4 or fewer < SAME_RESULT_SHARE * more:
        return False
    return sum(map(lines.__contains__, old.lines)) >= SAME_RESULT_SHARE * more


def _calls(asked: str) -> str:
    """The tool calls alone, without comments and pauses, or all that was said where there are none."""
    start = asked.find(TOOL_CALL_MARK)
    if start < 0:
        return asked
    call = asked[start:]
    if any([mark in call for mark in _COMMENT_MARKS]):  # noqa: C419 - a few, and quicker
        call = _COMMENT.sub("", call)
    return _PAUSE.sub("", call) if "sleep" in call else call


def _steady(said: str) -> str:
    """Without durations, and without what numbers a process or a port."""
    steady = _DURATION.sub("", said)
    for label, numbered in _NUMBERED:
        if label in steady and numbered.search(steady):
            return _LABELLED.sub("", steady)
    return steady


def is_result(fresh: tuple[Message, ...]) -> bool:
    return any(role == "tool" or text.startswith(TOOL_RESULT_MARK) for role, text in fresh)


def _waits(said: str, old: Turn, new: Turn) -> bool:
    paused = POLL_PAUSE_US <= new.at_us - old.at_us <= HOUR_US
    return paused and len(said) <= POLL_CHARS_MAX and _WAITING.search(said) is not None


def _lines(text: str, keyed: Keyed) -> array[int]:
    """Hashes of a sample of lines, chosen by what they are, so that a line put in shifts nothing."""
    lines = {line for line in text.encode("utf-8", "surrogatepass").split(b"\n") if line}
    if len(lines) > LINES_MAX:
        lines = set(nsmallest(LINES_MAX, lines, key=crc32))
    return array("I", keyed.shorts(lines))
