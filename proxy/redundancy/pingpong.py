"""Two sides that exchange words and no news: short turns whose words the conversation has all had before."""

from __future__ import annotations

from .conversation import Conversation
from .hashing import Keyed
from .sight import TOOL_CALL_MARK, TOOL_RESULT_MARK, Message
from .words import ask_of, new_words

TURN_CHARS_MAX = 700
NEW_SHARE_MAX = 0.2
VOCABULARY_BITS_MAX = 500
"""Of 2048: a fuller vocabulary would call everything known, so it starts again."""


def says_nothing_new(conversation: Conversation, fresh: tuple[Message, ...], keyed: Keyed) -> bool | None:
    """Whether both sides of the newest turn only said what was said before; None where it is no exchange of short
    words. A person's "continue" is short and known too, but the answer to it is not."""
    sides = [text for _, text in fresh]
    if len(sides) < 2 or any(len(text) > TURN_CHARS_MAX or _is_tool(text) for text in sides):
        return None
    if conversation.vocabulary.bit_count() > VOCABULARY_BITS_MAX:
        conversation.vocabulary = 0
    asks = [ask_of(text, keyed) for text in sides]
    stale = all(new_words(ask, conversation.vocabulary) <= NEW_SHARE_MAX * ask.bit_count() for ask in asks)
    for ask in asks:
        conversation.vocabulary |= ask
    return stale


def _is_tool(text: str) -> bool:
    return TOOL_CALL_MARK in text or text.startswith(TOOL_RESULT_MARK)
