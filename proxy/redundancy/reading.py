"""A call's messages as hashes: where they continue an earlier call, what is new, and what the whole amounts to."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.model.fact import fact

from .bounds import TAILS_MAX, Recent
from .canonical import canonical, packed
from .conversation import Conversation
from .hashing import Keyed, Prefixes
from .sight import SYSTEM_ROLES, Message

_EDGE_CHARS = 40
_STEPS_BACK_MAX = 16
CANONICAL_CHARS_MAX = 48_000
"""Of history that is not known, only so much (the newest) is brought into canonical form; the rest counts as it is."""
_MEMO_MAX = 2_000


@fact(frozen=True, slots=True)
class Heard:
    """What was spoken so far, as hashes: of all in canonical form, of all as sent, and of the last message alone."""

    whole: int = 0
    raw: int = 0
    last: int = 0


@fact(frozen=True, slots=True)
class Tail:
    """The end of an earlier call. `whole`: hash of its prompt, system and all; `parent`: of the one before."""

    heard: Heard
    whole: int
    parent: int
    conversation: Conversation


@fact(frozen=True, slots=True)
class Reading:
    """`whole`: hash of system and messages in canonical form; `raw`: of both as sent; `parent`: whole of the call it
    continues. `fresh`: the messages that no earlier call of this owner had, in canonical form: all in a new
    conversation, none where the call repeats an end that is known. `system`: text as sent, given where the conversation
    is new."""

    whole: int
    raw: int
    parent: int
    end: int
    heard: Heard
    fresh: tuple[Message, ...] = ()
    system: str = ""
    known: Tail | None = None

    @property
    def grows(self) -> bool:
        return self.known is not None and bool(self.fresh)

    def chars(self, said: bool = False) -> int:
        """Length of what is fresh; with `said` without the assistant's part."""
        return sum([len(text) for role, text in self.fresh if not (said and role == "assistant")])


class Reader:
    __slots__ = ("_keyed", "_memo", "_raws", "_tails")

    def __init__(self, keyed: Keyed) -> None:
        self._keyed = keyed
        self._tails: Recent[int, Tail] = Recent(TAILS_MAX)
        self._memo: Recent[int, int] = Recent(_MEMO_MAX)
        self._raws: dict[int, int] = {}

    def read(self, owner: str, messages: Sequence[Message]) -> Reading:
        spoken = [message for message in messages if message[0] not in SYSTEM_ROLES]
        system = "\n".join([text for role, text in messages if role in SYSTEM_ROLES])
        system_raw = self._raw(system)
        system_whole = self._system(system, system_raw)
        ends = self._ends(owner, spoken)
        back, known = self._known(ends, spoken)
        if known is not None and not back:
            if self._keyed.chain(system_whole, known.heard.whole) == known.whole:
                raw = self._keyed.chain(system_raw, known.heard.raw)
                return Reading(known.whole, raw, known.parent, ends.of(0), known.heard, known=known)
            known = None
        before, fresh = (known.heard, spoken[-back:]) if known is not None else (Heard(), spoken)
        heard, read = self._hear(before, fresh)
        return Reading(
            whole=self._keyed.chain(system_whole, heard.whole),
            raw=self._keyed.chain(system_raw, heard.raw),
            parent=known.whole if known is not None else 0,
            end=ends.of(0) if spoken else 0,
            heard=heard,
            fresh=read,
            system="" if known is not None else system,
            known=known,
        )

    def keep(self, reading: Reading, conversation: Conversation) -> None:
        self._tails.put(reading.end, Tail(reading.heard, reading.whole, reading.parent, conversation))

    def _known(self, ends: Prefixes, spoken: Sequence[Message]) -> tuple[int, Tail | None]:
        """How many messages back an earlier call ended, and its end. Its last message is compared in full."""
        for back in range(len(ends)):
            known = self._tails.get(ends.of(back))
            if known is not None and known.heard.last == self._keyed.text(spoken[-1 - back][1]):
                return back, known
        return 0, None

    def _raw(self, system: str) -> int:
        """Its hash as sent, known again by this process's."""
        key = hash(system)
        known = self._raws.get(key)
        if known is None:
            if len(self._raws) >= _MEMO_MAX:
                self._raws.clear()
            known = self._raws[key] = self._keyed.text(system)
        return known

    def _system(self, text: str, raw: int) -> int:
        """Canonical hash of a system prompt: thousands of calls share one, so it is worked out once."""
        known = self._memo.get(raw)
        if known is None:
            known = self._keyed.of(packed(canonical(text)))
            self._memo.put(raw, known)
        return known

    def _ends(self, owner: str, spoken: Sequence[Message]) -> Prefixes:
        """Hashes of the conversation as of its last messages, newest first. A message stands for itself by length and
        edges: a tenth of the price of hashing it all, and a change inside an old message alone makes no new work."""
        marks = [f"{len(text)}\x00{text[:_EDGE_CHARS]}\x00{text[-_EDGE_CHARS:]}\x01" for _, text in spoken]
        first = max(0, len(marks) - _STEPS_BACK_MAX)
        return self._keyed.prefixes(owner + "\x02" + "".join(marks[:first]), marks[first:])

    def _hear(self, before: Heard, fresh: Sequence[Message]) -> tuple[Heard, tuple[Message, ...]]:
        """What was heard with `fresh` after `before`, and the fresh messages in canonical form."""
        read: list[Message] = []
        whole, raw, last = before.whole, before.raw, before.last
        starts = _first_within(fresh, CANONICAL_CHARS_MAX)
        for at, (role, text) in enumerate(fresh):
            part = last = self._keyed.text(text)
            raw = self._keyed.chain(raw, part)
            if at >= starts:
                plain = canonical(text)
                read.append((role, plain))
                part = self._keyed.of(packed(plain))
            whole = self._keyed.chain(whole, part)
        return Heard(whole, raw, last), tuple(read)


def _first_within(messages: Sequence[Message], chars_max: int) -> int:
    """Index of the first message from which on all together stay within `chars_max`."""
    chars = 0
    for at in range(len(messages) - 1, -1, -1):
        chars += len(messages[at][1])
        if chars > chars_max:
            return min(at + 1, len(messages) - 1)
    return 0
