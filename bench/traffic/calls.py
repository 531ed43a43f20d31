"""Calls, and the conversations they are turns of."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from .prices import LIST, cost_usd, dialect, tokens

CACHE_LIFE_S: Final = 300
CACHE_TOKENS_MIN: Final = 1024
GAVE_UP: Final = 599
"""The status that stands for a client that hung up: what it had been sent until then is billed."""


class Slice(NamedTuple):
    """A part of a kept text, `chars` long."""

    kept: str
    start: int
    end: int | None
    chars: int


Text = str | tuple[str | Slice, ...]
Turn = tuple[str, Text]
"""(role, text)"""


def length(text: Text) -> int:
    if isinstance(text, str):
        return len(text)
    return sum(len(part) if isinstance(part, str) else part.chars for part in text)


class Kept(NamedTuple):
    """A text that several calls send."""

    id: str
    text: str

    @property
    def whole(self) -> Slice:
        return Slice(self.id, 0, None, len(self.text))

    def cut(self, start: int, chars: int) -> Slice:
        end = min(len(self.text), start + chars)
        return Slice(self.id, start, end, end - start)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends, and how."""

    user: str
    project: str
    model: str
    session: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    caches: bool = False
    """Marks its prompts for the provider's cache, as agents do."""

    def but(self, **changes: Any) -> "Caller":
        return replace(self, **changes)


@dataclass(slots=True, eq=False)
class Call:
    caller: Caller
    at_s: float
    ended_s: float
    base: "Call | None"
    turns: tuple[tuple[str, Text | None], ...]
    """What the base has not; None stands for the base's reply."""
    status: int
    reply: Text
    fresh: int
    read: int
    written: int
    output: int
    cost_usd: float
    chars: int
    endpoint: str = "chat"
    serial: int = -1
    """Its place in the spool, once it is there."""

    @property
    def reply_hash(self) -> str | None:
        if self.status != 200 or self.endpoint != "chat":
            return None
        return hashlib.blake2b(repr(self.reply).encode(), digest_size=6).hexdigest()


class Talk:
    """A conversation: each call says all before it, and what is new."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.last: Call | None = None

    @property
    def ended_s(self) -> float:
        assert self.last is not None
        return self.last.ended_s

    def say(self, at_s: float, *turns: Turn, reply: Text = "Done.", out: int | None = None, status: int = 200) -> Call:
        """The next call. `out`: tokens of the answer, else by its length. After a failure the same base is taken again,
        so the caller repeats the turns that failed."""
        base = self.last
        chars = sum(length(text) for _, text in turns)
        new: tuple[tuple[str, Text | None], ...] = turns
        if base is not None:
            chars += base.chars + length(base.reply)
            new = (("assistant", None), *turns)
            at_s = max(at_s, base.ended_s + 0.05)
        call = _priced(self.caller, at_s, base, new, chars, reply, out, status)
        if status == 200:
            self.last = call
        return call


def _priced(
    caller: Caller, at_s: float, base: Call | None, turns: tuple[tuple[str, Text | None], ...], chars: int, reply: Text,
    out: int | None, status: int,
) -> Call:  # fmt: skip
    """The call with its usage: what a base of the last five minutes had is read from the cache."""
    output = max(1, tokens(length(reply)) if out is None else out)
    if status not in (200, GAVE_UP):
        call = Call(caller, at_s, at_s + 0.3, base, turns, status, "", 0, 0, 0, 0, 0.0, chars)
        return call
    prompt, read, written = tokens(chars), 0, 0
    if base is not None and at_s - base.at_s < CACHE_LIFE_S:
        before = tokens(base.chars)
        read = before if before >= CACHE_TOKENS_MIN else 0
    if caller.caches and LIST[caller.model].cache_write:
        written = max(0, prompt - read - 4)
    fresh = max(1, prompt - read - written)
    usd = cost_usd(caller.model, fresh, read, written, output)
    ended_s = at_s + 0.5 + prompt / 40_000 + output / 70
    return Call(caller, at_s, ended_s, base, turns, status, reply, fresh, read, written, output, usd, chars)


def ask(
    caller: Caller, at_s: float, *turns: Turn, reply: Text = "Done.", out: int | None = None, status: int = 200
) -> Call:
    """A call that stands alone."""
    return Talk(caller).say(at_s, *turns, reply=reply, out=out, status=status)


def embed(caller: Caller, at_s: float, text: Text) -> Call:
    """The embedding of a text."""
    fresh = tokens(length(text))
    usd = cost_usd(caller.model, fresh, 0, 0, 0)
    call = Call(caller, at_s, at_s + 0.2, None, (("input", text),), 200, "", fresh, 0, 0, 0, usd, length(text))
    call.endpoint = "embeddings"
    return call


def request(call: Call) -> dict[str, Any]:
    """As the file has it, but for `base`, which only the order of time can tell."""
    caller = call.caller
    return {
        "ts": round(call.at_s, 2),
        "user": caller.user,
        "project": caller.project,
        "session": caller.session,
        "endpoint": call.endpoint,
        "dialect": dialect(caller.model),
        "model": caller.model,
        "params": dict(caller.params),
        "headers": dict(caller.headers),
        "delta": [[role, text if text is None else stored(text)] for role, text in call.turns],
    }


def response(call: Call) -> dict[str, Any]:
    return {
        "finished_ts": round(call.ended_s, 2),
        "status": call.status,
        "reply": stored(call.reply),
        "reply_hash": call.reply_hash,
        "input_tokens": call.fresh,
        "cache_read_tokens": call.read,
        "cache_write_tokens": call.written,
        "output_tokens": call.output,
        "cost_usd": call.cost_usd,
    }


def stored(text: Text) -> str | list[Any]:
    if isinstance(text, str):
        return text
    return [part if isinstance(part, str) else [part.kept, part.start, part.end] for part in text]
