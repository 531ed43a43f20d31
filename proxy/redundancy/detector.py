"""The detector: what of a call is known before it (early, late, or both as decide) and after it (learn).

Early is what must be known before the call goes upstream: exact and disguised repeats, in-flight twins, replays. Late
is what may be worked out while it runs: turns of a conversation, topics, contexts. Late must come before learn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from proxy.model.fact import fact

from .bounds import IN_FLIGHT_MAX, STATE_BYTES_MAX, Recent
from .contexts import Contexts, Habit, Question
from .conversation import Conversation, Turn
from .evidence import Evidence
from .exemptions import ExemptionLedger, note_batch
from .findings import Attribution, Exempted, ExemptionKind, Judgement
from .hashing import Keyed
from .judge import Judge
from .marks import Marks
from .prompts import Prompt, Prompts, Use
from .reading import Heard, Reader, Reading, Tail
from .repeats import LONG_CHARS_MIN, credit, judge_again, judge_replay, judge_shared
from .reruns import Rerun, Reruns, opening
from .sight import Answer, Sight
from .snapshot import Tables, Taking, lines
from .thresholds import Thresholds
from .topic import Topic
from .topics import Topics
from .turns import judge_turn
from .weight import Scales, weighed

_NEVER_TOPICS = frozenset({"embeddings"})
"""Operations that are told by the same words only: the same documents are indexed again each time they change."""


STATE_VERSION = 3
"""Of what state() gives: raise it when what one of the classes below remembers gets another meaning."""
_KEPT = (Evidence, Conversation, Turn, Heard, Tail, Prompt, Use, Topic, Habit, Rerun)
_SHARED = frozenset({Conversation, Topic})
"""Several tails are of one conversation; prompts and the index lead to one topic."""


_STAYING = frozenset({"Topics._short", "ExemptionLedger._rows"})
"""Tables whose rows are few, or counted."""


def _nothing_under_way(row: object) -> None:
    """Calls that ran while a state was written have ended since."""
    for use in row.uses.values() if isinstance(row, Prompt) else ():
        use.open = 0


@dataclass(slots=True)
class Open:
    """A call whose end was not seen yet."""

    use: Use
    project: str
    exempted: ExemptionKind | None
    judge: Judge
    question: Question | None = None


@fact(frozen=True, slots=True)
class Early:
    """A call between its two stages. Holds its text: let it go soon."""

    sight: Sight
    reading: Reading
    conversation: Conversation
    use: Use
    first_use: bool
    disguised: bool
    seen_before: bool
    call: Open

    @property
    def judgement(self) -> Judgement:
        return Judgement(self.sight.call_id, self.call.judge.findings(), self.call.exempted)


class Detector:
    """State of all owners; not thread-safe. `key` hashes all that is kept; a new key needs a new detector."""

    __slots__ = (
        "_contexts",
        "_exemptions",
        "_keyed",
        "_open",
        "_prompts",
        "_reader",
        "_reruns",
        "_thresholds",
        "_topics",
        "scales",
    )

    def __init__(self, key: bytes, thresholds: Thresholds | None = None, bytes_max: int = STATE_BYTES_MAX) -> None:
        self._keyed = Keyed(key)
        self._thresholds = thresholds or Thresholds()
        self._reader = Reader(self._keyed)
        self._prompts = Prompts()
        self._topics = Topics(self._keyed)
        self._contexts = Contexts(self._keyed)
        self._reruns = Reruns(self._keyed)
        self._exemptions = ExemptionLedger()
        self._open: Recent[str, Open] = Recent(IN_FLIGHT_MAX)
        self.scales = Scales(self._tables(), _STAYING, bytes_max)

    def decide(self, sight: Sight) -> Judgement:
        """Both stages at once."""
        return self.late(self.early(sight))

    def early(self, sight: Sight) -> Early:
        reading = self._reader.read(sight.owner, sight.messages)
        conversation = reading.known.conversation if reading.known is not None else Conversation()
        judge = Judge(self._thresholds, sight.at_us)
        prompt = self._prompts.seen(reading.whole)
        seen_before = prompt is not None
        if prompt is None:
            prompt = Prompt(sight.call_id, reading.parent, reading.chars() >= LONG_CHARS_MIN)
            self._prompts.keep(reading.whole, prompt)
        use = prompt.use(sight.owner)
        exempted = self._exemptions.of(sight, use, reading.raw) if use.calls else None
        if exempted is not None and self._marked(use, sight.at_us):
            exempted = None
        if seen_before and exempted is None:
            self._judge_repeat(sight, reading, prompt, use, conversation, judge)
        call = Open(use, sight.project, exempted, judge)
        disguised = bool(use.calls) and reading.raw != use.raw
        early = Early(sight, reading, conversation, use, not use.calls, disguised, seen_before, call)
        self._note(sight, prompt, use, reading)
        self._reader.keep(reading, conversation)
        self._open.put(sight.call_id, call)
        return early

    def late(self, early: Early) -> Judgement:
        sight, reading, call = early.sight, early.reading, early.call
        known = False
        opened = opening(reading, self._keyed) if reading.known is None else 0
        if reading.grows:
            if not early.seen_before:
                credit(sight, reading, self._prompts)
            if (
                judge_turn(sight, reading, early.conversation, self._keyed, self._reruns, call.judge)
                and call.exempted is None
            ):
                call.exempted = "polling"
        elif call.exempted is None and sight.evaluation is None and sight.operation not in _NEVER_TOPICS:
            known = self._topics.judge(
                sight, reading, early.use, early.first_use, call.judge, early.disguised, asked=opened
            )
        if reading.known is None:
            self._reruns.opened(sight, early.conversation, opened, call.judge)
            call.question = self._contexts.judge(sight, reading, known, call.judge)
        self.scales.called(reading.chars())
        return early.judgement

    def learn(self, call_id: str, answer: Answer) -> tuple[Attribution, ...]:
        """How a call ended; gives earlier calls that turned out to belong to a campaign."""
        call = self._open.pop(call_id)
        if call is None:
            return ()
        use = call.use
        use.open = max(0, use.open - 1)
        if not answer.failed:
            use.succeeded += 1
        elif answer.cost_pico:
            use.failed_paid += 1
        else:
            use.failed_free += 1
        if use.topic is not None:
            use.topic.answered(answer.cost_pico, answer.output_tokens)
        if call.question is not None and not answer.failed:
            self._contexts.answered(call.question, call_id, answer)
        if call.exempted is not None:
            self._exemptions.count(call.project, call.exempted, answer.cost_pico)
        return tuple(call.judge.attributions)

    def exempted(self) -> list[Exempted]:
        """Money let pass under exemptions, by project and kind, since the start."""
        return self._exemptions.report()

    def state(self) -> Iterator[bytes]:
        """All that is remembered, but for calls under way, as lines without text: some 20 us each (of marks some
        300), two seconds of work when full. Calls may be decided between one line and the next."""
        return lines(self._tables(), _KEPT, _SHARED)

    def restoring(self) -> Taking:
        """Takes the lines of a detector with the same key, to go on where that one was."""
        return Taking(self._tables(), _KEPT, _nothing_under_way)

    @property
    def bytes(self) -> int:
        """About how much memory all that is remembered takes: a sample of it is weighed. Some 15 ms of work."""
        return sum(weighed(table) if isinstance(table, Recent) else table.bytes for table in self._tables().values())

    def _tables(self) -> Tables:
        parts = (self._reader, self._prompts, self._topics, self._contexts, self._reruns, self._exemptions)
        found = ((f"{type(part).__name__}.{name}", getattr(part, name)) for part in parts for name in part.__slots__)
        return {name: table for name, table in found if isinstance(table, (Recent, Marks))}

    def _judge_repeat(
        self, sight: Sight, reading: Reading, prompt: Prompt, use: Use, conversation: Conversation, judge: Judge
    ) -> None:
        if use.calls:
            judge_again(sight, reading, prompt, use, judge)
        if not reading.grows:
            judge_shared(sight, reading, prompt, use, judge)
        judge_replay(sight, prompt, use, conversation, self._prompts, judge)

    def _marked(self, use: Use, at_us: int) -> bool:
        """A retry of what was waste is waste."""
        return use.evidence is not None and self._thresholds.reached("exact_repeat", use.evidence.faded(at_us))

    def _note(self, sight: Sight, prompt: Prompt, use: Use, reading: Reading) -> None:
        note_batch(sight, use)
        self._exemptions.note_evaluation(sight, use)
        use.calls += 1
        use.open += 1
        use.raw = reading.raw
        use.last_id = sight.call_id
        use.pause_us = sight.at_us - use.last_at_us
        use.last_at_us = prompt.last_at_us = sight.at_us
