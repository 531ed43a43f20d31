"""The newest turn of a growing conversation, which is all of it that can be waste."""

from __future__ import annotations

from .conversation import Conversation
from .evidence import Evidence
from .hashing import Keyed
from .judge import Judge
from .pingpong import says_nothing_new
from .reading import Reading
from .reruns import Reruns
from .sight import Sight
from .toolloops import POLLS_MAX, Repetition, is_result, repetition, turn_of
from .words import ask_of, new_words

PRODS_FREE = 26
PROD_CHARS_MAX = 60
"""A person may well say "continue" some two dozen times on end while a long text is written."""


def judge_turn(
    sight: Sight, reading: Reading, conversation: Conversation, keyed: Keyed, reruns: Reruns, judge: Judge
) -> bool:
    """Whether the turn is a poll that was let pass."""
    turn = turn_of(sight.call_id, sight.at_us, reading.fresh, keyed)
    result_chars = reading.chars(said=True) if is_result(reading.fresh) else 0
    again = repetition(conversation, turn, reading.fresh)
    if reruns.again(conversation, turn, result_chars) and again is None:
        again = Repetition("tool_loop", (), waiting=False)
    conversation.took(turn)
    _judge_exchange(sight, reading, conversation, keyed, judge)
    reruns.step(sight, conversation, turn, result_chars, judge)
    if again is None:
        if conversation.loop is not None:
            conversation.loop.take(1.0, sight.at_us)
        return False
    if again.waiting and conversation.polls < POLLS_MAX:
        conversation.polls += 1
        return True
    loop = conversation.loop = conversation.loop or Evidence()
    loop.add(1.0, sight.at_us, sight.call_id)
    judge.weigh(again.waste_class, loop, again.earlier)
    return False


def _judge_exchange(sight: Sight, reading: Reading, conversation: Conversation, keyed: Keyed, judge: Judge) -> None:
    _count_prods(reading, conversation, keyed)
    stale = says_nothing_new(conversation, reading.fresh, keyed)
    if stale or conversation.prods > PRODS_FREE:
        echo = conversation.echo = conversation.echo or Evidence()
        echo.add(1.0, sight.at_us, sight.call_id)
        judge.weigh("ping_pong", echo)
    elif conversation.echo is not None and (stale is not None or len(reading.fresh) > 1):
        conversation.echo.take(1.0, sight.at_us)


def _count_prods(reading: Reading, conversation: Conversation, keyed: Keyed) -> None:
    """Turns in a row whose caller's part is short, and says nothing that such turns did not say before."""
    if is_result(reading.fresh) or reading.chars(said=True) > PROD_CHARS_MAX:
        conversation.prods = 0
        return
    ask = ask_of("\n".join(text for role, text in reading.fresh if role != "assistant"), keyed)
    new = new_words(ask, conversation.prodded)
    conversation.prods = max(0, conversation.prods - 2) if new else conversation.prods + 1
    conversation.prodded |= ask
