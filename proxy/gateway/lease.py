"""The lease of one call: its hold, raised in steps while a stream is metered, each step on record before it counts."""

import structlog

from proxy.gateway.admission import Admitted
from proxy.gateway.holding import held_at
from proxy.metering.estimate import extended
from proxy.model.call import Hold
from proxy.model.entry import Extended
from proxy.ports.clock import Clock
from proxy.ports.counters import Counters
from proxy.ports.journal import Journal, JournalUnavailableError

log = structlog.get_logger("outlay.lease")


class Lease:
    def __init__(self, admitted: Admitted, counters: Counters, journal: Journal, clock: Clock) -> None:
        self.hold = admitted.hold
        self._admitted = admitted
        self._counters = counters
        self._journal = journal
        self._clock = clock
        call = admitted.call
        self._output_tokens_max = admitted.rules.prices.limits(call.provider, admitted.model).output_tokens_max

    def cover(self, output_bytes: int) -> bool:
        """See to it that the hold covers the output so far (no token is shorter than a byte).

        False: no budget has room for more, and the stream must end here.
        """
        if not self._admitted.operation.priced:
            return True
        tokens = extended(self._admitted.request, self.hold.output_tokens, output_bytes, self._output_tokens_max)
        if tokens <= self.hold.output_tokens:
            return True
        hold = self._priced(tokens)
        call_id = self._admitted.call.id
        if not self._counters.extend(call_id, hold):
            return False
        try:
            self._journal.append(Extended(call_id, self._clock.now_us(), hold))
        except JournalUnavailableError:
            # The stream goes on: it is metered in memory, and its settlement has the journal's reserve to draw on.
            log.error("extension not written", call_id=call_id)
        self.hold = hold
        return True

    def _priced(self, output_tokens: int) -> Hold:
        admitted = self._admitted
        request, input_tokens = admitted.request, self.hold.input_tokens
        return held_at(admitted.rules, admitted.call, admitted.model, request, input_tokens, output_tokens)[0]
