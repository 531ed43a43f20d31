"""One call among those that a websocket carries: its lease while it runs, its settlement when it ends."""

import asyncio

from proxy.dialects.socket import Turn
from proxy.gateway.admitted import Admitted
from proxy.gateway.closing import close_call
from proxy.gateway.lease import Lease
from proxy.gateway.plane import Plane
from proxy.gateway.settlement import Ending
from proxy.model.decision import Refusal
from proxy.model.entry import Outcome, Timing
from proxy.model.squeeze import Squeeze


class SocketCall:
    def __init__(self, plane: Plane, admitted: Admitted, turn: Turn, request_id: str) -> None:
        """`request_id`: the provider's own, of the handshake."""
        self.admitted = admitted
        self._plane = plane
        self._turn = turn
        self._request_id = request_id
        self._lease = Lease(plane, admitted)
        self._answered = False
        self._first_us = 0
        self._settled = False

    async def grow(self) -> Refusal | None:
        """A message of the answer has come. Why the call must end here, where no budget has room for more."""
        if not self._answered:
            self._answered, self._first_us = True, self._elapsed_us()
        output_bytes = self._turn.output_bytes
        if self._lease.covers(output_bytes):
            return None
        return await self._lease.extend(output_bytes, lambda: self._turn.reading().texts)

    def settle(self, outcome: Outcome | None = None, cut_by: Squeeze | None = None) -> "asyncio.Task[None] | None":
        """Once; without an `outcome` it is the answer's own. Gives what still counts tokens."""
        if self._settled:
            return None
        self._settled = True
        reading, status = self._turn.reading(), self._turn.status
        if outcome is None:
            outcome = Outcome.PROVIDER_ERROR if reading.failed else Outcome.OK
        if not self._answered and outcome is Outcome.CUT:
            outcome = Outcome.UNANSWERED
        ending = Ending(
            outcome=outcome,
            status=status if self._answered else 0,
            reading=reading,
            request_id=self._request_id,
            hold=self._lease.hold,
            timing=Timing(self._first_us, self._first_us, self._elapsed_us()),
            edits=(),
            cut_by=cut_by,
        )
        return close_call(self._plane, self.admitted, ending)

    def _elapsed_us(self) -> int:
        return self._plane.clock.monotonic_us() - self.admitted.opened_monotonic_us
