"""Ever new, long contexts sent for an answer that does not depend on them ("say ok").

A classification also gives one word for a long document, but its words differ from document to document, and its
question names what to look for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from .bounds import OWNERS_MAX, Recent
from .canonical import canonical, compact
from .evidence import Evidence
from .hashing import Keyed
from .judge import Judge
from .reading import Reading
from .sight import Answer, Sight

CONTEXT_CHARS_MIN = 3_000
REPLY_TOKENS_MAX = 24
REPLY_CHARS_MAX = 80
QUESTION_CHARS_MAX = 200
TRIVIAL_WORDS_MAX = 6
QUESTIONS_MAX = 64
_WORD = re.compile(r"\w+")
_EMPTY_WORDS = """
ok okay okey done hello hi pong ping ready understood received acknowledged ack sure thanks noted gotit roger fine
good 1 .
"""
_EMPTY_ANSWERS = frozenset(_EMPTY_WORDS.split())


NOISE = "noise"
NOISE_WORD_CHARS_MIN = 40
"""Random bytes in letters come in lines without a space."""


def is_noise(text: str) -> bool:
    """Whether a text is mostly one long word after the other: base64, hex, no language and no data."""
    return len(text) >= NOISE_WORD_CHARS_MIN * (text.count(" ") + text.count("\n") + 1)


@dataclass(slots=True)
class Habit:
    """One owner's calls with long contexts: questions that were answered with an empty word, and how often."""

    questions: dict[int, int] = field(default_factory=dict)
    evidence: Evidence = field(default_factory=Evidence)


@dataclass(frozen=True, slots=True)
class Question:
    """The first and the last line of a call with a long context, as far as they ask next to nothing."""

    owner: str
    keys: frozenset[int]
    stale: bool = False
    """Its long context was seen before, or is noise: then any short answer will do, not only an empty one."""


class Contexts:
    __slots__ = ("_habits", "_keyed")

    def __init__(self, keyed: Keyed) -> None:
        self._keyed = keyed
        self._habits: Recent[str, Habit] = Recent(OWNERS_MAX)

    def judge(self, sight: Sight, reading: Reading, stale: bool, judge: Judge) -> Question | None:
        """What a call asks about its long context, if that is next to nothing. `stale`: it was seen before."""
        if not reading.fresh:
            return None
        said = sight.messages[-1][1]
        noise = len(said) >= CONTEXT_CHARS_MIN and is_noise(said)
        if not noise and reading.chars() < CONTEXT_CHARS_MIN:
            return None
        keys = {self._keyed.text(NOISE)} if noise else set(self._trivial(reading.fresh[-1][1].strip()))
        question = Question(sight.owner, frozenset(keys), stale or noise)
        habit = self._habits.get(sight.owner) if question.keys else None
        if habit is not None and not question.keys.isdisjoint(habit.questions):
            judge.weigh("trivial_context", habit.evidence)
        return question if question.keys else None

    def answered(self, question: Question, call_id: str, answer: Answer) -> None:
        """Learn whether the answer depended on the context: an empty word never does."""
        if answer.output_tokens > REPLY_TOKENS_MAX or len(answer.reply) > REPLY_CHARS_MAX:
            return
        habit = self._habits.get(question.owner)
        empty = compact(canonical(answer.reply)).strip(".!?") in _EMPTY_ANSWERS
        if not empty and not question.stale:
            return
        if habit is None:
            habit = Habit()
            self._habits.put(question.owner, habit)
        if empty or not question.keys.isdisjoint(habit.questions):
            habit.evidence.add(1.0, answer.ended_us, call_id)
        if len(habit.questions) > QUESTIONS_MAX:
            habit.questions = {key: times for key, times in habit.questions.items() if times > 1}
        for key in question.keys:
            habit.questions[key] = habit.questions.get(key, 0) + 1

    def _trivial(self, text: str) -> Iterator[int]:
        """Keys of those of its ends that are short lines of few words."""
        first = text[: QUESTION_CHARS_MAX + 1].split("\n", 1)[0]
        last = text[-QUESTION_CHARS_MAX - 1 :].rsplit("\n", 1)[-1]
        for line in (first, last):
            if len(line) <= QUESTION_CHARS_MAX:
                words = {word for word in _WORD.findall(line) if not word[0].isdigit()}
                if 0 < len(words) <= TRIVIAL_WORDS_MAX:
                    yield self._keyed.text(" ".join(sorted(words)))
