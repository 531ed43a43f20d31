"""The lease of one call: its hold, raised in steps while a stream is metered, each step on record before it counts."""

import structlog

from proxy.gateway.admitted import Admitted
from proxy.gateway.faults import CAPPED
from proxy.gateway.holding import held_at
from proxy.gateway.over_budget import cut
from proxy.gateway.plane import Plane
from proxy.metering.estimate import extended
from proxy.model.call import Hold
from proxy.model.decision import Refusal
from proxy.model.entry import Extended
from proxy.policy.charge import Account, Shortfall
from proxy.ports.journal import JournalUnavailableError

log = structlog.get_logger("outlay.lease")


class Lease:
    def __init__(self, plane: Plane, admitted: Admitted) -> None:
        self.hold = admitted.hold
        self._plane = plane
        self._admitted = admitted
        call = admitted.call
        self._output_tokens_max = admitted.rules.prices.limits(call.provider, admitted.model).output_tokens_max

    def covers(self, output_bytes: int) -> bool:
        """Whether the hold covers the output so far (no token is shorter than a byte)."""
        return self._needed(output_bytes) <= self.hold.output_tokens

    async def extend(self, output_bytes: int) -> Refusal | None:
        """Raise the hold until it covers the output so far; where only other calls' holds are in the way, wait for
        them to give back. Why the answer must end here, where there is no room."""
        hold = self._priced(self._needed(output_bytes))
        ceiling = self._admitted.verdict.cost_max_pico
        if ceiling is not None and hold.cost_pico > ceiling:
            return CAPPED
        short = self._extended(hold)
        if short is not None and short.waiting_helps and await self._turn(short, hold):
            short = None
        return cut(short) if short is not None else None

    def _needed(self, output_bytes: int) -> int:
        admitted = self._admitted
        if not admitted.operation.priced:
            return 0
        return extended(admitted.request, self.hold.output_tokens, output_bytes, self._output_tokens_max)

    async def _turn(self, short: Shortfall, hold: Hold) -> bool:
        """True: it got the room."""
        got = False

        def attempt() -> Account | None:
            nonlocal got
            found = self._extended(hold)
            got = found is None
            return found.charge.account if found is not None and found.waiting_helps else None

        return await self._plane.waiting.turn(short.charge.account, attempt, begun=True) and got

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
