"""The lease of one call: its hold, raised in steps while a stream is metered, each step on record before it counts.

A step is a whole lease; near a cap it is whatever still fits. Once nothing fits, the tokens that passed are counted
rather than their bytes, so that a stream ends when its hold is used, not when its bytes might have used it.
"""

from collections.abc import Callable, Sequence
from math import ceil
from typing import Final

import structlog

from proxy.gateway.admitted import Admitted
from proxy.gateway.faults import CAPPED
from proxy.gateway.holding import held_at
from proxy.gateway.over_budget import cut
from proxy.gateway.plane import Plane
from proxy.gateway.reserving import lacking
from proxy.gateway.waiting import Lack
from proxy.metering.estimate import LEASE_TOKENS, extended, unseen_output
from proxy.model.call import Hold
from proxy.model.decision import Refusal
from proxy.model.entry import Extended
from proxy.policy.charge import Shortfall
from proxy.ports.journal import JournalUnavailableError

log = structlog.get_logger("outlay.lease")

TRIES_MAX: Final = 8
"""Of finding what still fits: each time it is less, by the budget that was in the way."""
STEP_TOKENS_MIN: Final = 16
"""Less than that isn't reserved by itself: each step is a line of the journal."""

Texts = Callable[[], Sequence[str]]


def no_texts() -> Sequence[str]:
    """Of an answer whose words aren't known."""
    return ()


class Lease:
    def __init__(self, plane: Plane, admitted: Admitted) -> None:
        self.hold = admitted.hold
        self.cut_by = ""
        """Name of the budget that had no room for more, once `extend` has said so."""
        self._plane = plane
        self._admitted = admitted
        call = admitted.call
        self._output_tokens_max = admitted.rules.prices.limits(call.provider, admitted.model).output_tokens_max
        self._unseen_tokens = unseen_output(admitted.request)
        self._counted_bytes = 0
        self._counted_tokens = 0
        """What those bytes come to at most, by a count."""

    def covers(self, output_bytes: int) -> bool:
        """Whether the hold covers the output so far. Bytes that weren't counted are taken for tokens: none is shorter
        than a byte."""
        passed = self._counted_tokens + output_bytes - self._counted_bytes
        if passed + self._unseen_tokens <= self.hold.output_tokens:
            # As `_needed` would say; this is asked after each piece of a stream.
            return True
        return self._needed(output_bytes) <= self.hold.output_tokens

    async def extend(self, output_bytes: int, texts: Texts = no_texts) -> Refusal | None:
        """Raise the hold until it covers the output so far; where only other calls' holds are in the way, wait for
        them to give back. Why the answer must end here, where there is no room. `texts`: the output, for counting."""
        if self._raised(output_bytes) or await self._count(output_bytes, texts):
            return None
        hold = self._priced(self._needed(output_bytes, lease_tokens=1))
        if self._above_ceiling(hold):
            return CAPPED
        short = self._extended(hold)
        if short is not None and short.waiting_helps and await self._turn(short, output_bytes):
            return None
        if short is None:
            return None
        self.cut_by = short.charge.budget.name
        return cut(short)

    def _needed(self, output_bytes: int, lease_tokens: int = LEASE_TOKENS) -> int:
        admitted = self._admitted
        if not admitted.operation.priced:
            return 0
        passed = self._counted_tokens + output_bytes - self._counted_bytes
        return extended(admitted.request, self.hold.output_tokens, passed, self._output_tokens_max, lease_tokens)

    def _raised(self, output_bytes: int) -> bool:
        """Raise the hold by a whole lease, or by what fits of it. True: it covers the output so far."""
        held, tokens = self.hold.output_tokens, self._needed(output_bytes)
        least = min(STEP_TOKENS_MIN, tokens - held)
        for _ in range(TRIES_MAX):
            if tokens < held + least:
                break
            hold = self._priced(tokens)
            room = self._room(hold)
            if room is None:
                break
            tokens = held + room
        return self.covers(output_bytes)

    def _room(self, hold: Hold) -> int | None:
        """Raise the hold to that. None: done; else how many tokens more than it has would fit, by what was in the
        way."""
        before = self.hold
        more = hold.output_tokens - before.output_tokens
        ceiling = self._admitted.verdict.cost_max_pico
        if self._above_ceiling(hold) and ceiling is not None:
            return more * max(0, ceiling - before.cost_pico) // (hold.cost_pico - before.cost_pico)
        short = self._extended(hold)
        if short is None:
            return None
        budget = short.charge.budget
        left = short.balance.left - (0 if budget.on_cap == "finish" else budget.reserve)
        growth = short.charge.takes(hold) - short.charge.takes(before)
        return min(more - 1, more * max(0, left) // growth)

    def _above_ceiling(self, hold: Hold) -> bool:
        ceiling = self._admitted.verdict.cost_max_pico
        return ceiling is not None and hold.cost_pico > max(ceiling, self.hold.cost_pico)

    async def _count(self, output_bytes: int, texts: Texts) -> bool:
        """Count the output so far. True: the hold covers it. Estimated: by our tokenizer, and how far the model's
        provider was seen to report more than that."""
        said = texts()
        size = sum(len(text.encode("utf-8", "replace")) for text in said)
        if not said or size > output_bytes:
            return False
        model = self._admitted.model
        count = await self._plane.tokens.count(model, said)
        if count.guessed:
            return False
        tokens = min(size, ceil(count.tokens * self._plane.calibration.factor(model)))
        self._counted_bytes, self._counted_tokens = size, tokens
        return self.covers(output_bytes)

    async def _turn(self, short: Shortfall, output_bytes: int) -> bool:
        """True: it got the room."""
        got = False

        def attempt() -> Lack | None:
            nonlocal got
            got = self._raised(output_bytes)
            found = None if got else self._extended(self._priced(self._needed(output_bytes, lease_tokens=1)))
            got = found is None
            return lacking(found) if found is not None and found.waiting_helps else None

        return await self._plane.waiting.turn(lacking(short), attempt, begun=True) and got

    def _extended(self, hold: Hold) -> Shortfall | None:
        """Reserve it, and put it on record at once."""
        call_id = self._admitted.call.id
        short = self._plane.counters.extend(call_id, hold)
        if short is not None:
            return short
        try:
            self._plane.journal.append(Extended(call_id, self._plane.clock.now_us(), hold))
        except JournalUnavailableError:
            # The stream goes on: it is metered in memory, and its settlement has the journal's reserve to draw on.
            log.error("extension not written", call_id=call_id)
        self.hold = hold
        return None

    def _priced(self, output_tokens: int) -> Hold:
        admitted = self._admitted
        request, input_tokens = admitted.request, self.hold.input_tokens
        return held_at(admitted.rules, admitted.call, admitted.model, request, input_tokens, output_tokens)[0]
