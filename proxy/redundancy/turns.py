"""The newest turn of a growing conversation, which is all of it that can be waste."""

from __future__ import annotations

from .conversation import Conversation
from .hashing import Keyed
from .judge import Judge
from .pingpong import says_nothing_new
from .reading import Reading
from .sight import Sight
from .toolloops import POLLS_MAX, repetition, turn_of


def judge_turn(sight: Sight, reading: Reading, conversation: Conversation, keyed: Keyed, judge: Judge) -> bool:
    """Whether the turn is a poll that was let pass."""
    turn = turn_of(sight.call_id, sight.at_us, reading.fresh, keyed)
    again = repetition(conversation, turn, reading.fresh)
    conversation.turns.append(turn)
    _judge_exchange(sight, reading, conversation, keyed, judge)
    if again is None:
        conversation.loop.take(1.0, sight.at_us)
        return False
    if again.waiting and conversation.polls < POLLS_MAX:
        conversation.polls += 1
        return True
    conversation.loop.add(1.0, sight.at_us, sight.call_id)
    judge.weigh(again.waste_class, conversation.loop, again.earlier)
    return False


def _judge_exchange(sight: Sight, reading: Reading, conversation: Conversation, keyed: Keyed, judge: Judge) -> None:
    stale = says_nothing_new(conversation, reading.fresh, keyed)
    if stale:
        conversation.echo.add(1.0, sight.at_us, sight.call_id)
        judge.weigh("ping_pong", conversation.echo)
    elif stale is not None or len(reading.fresh) > 1:
        conversation.echo.take(1.0, sight.at_us)
