"""Expiry: the end of holds whose call nobody will settle any more.

That takes a fault of ours, so each is logged, counted and put on record as a crash would leave it: at its last hold,
estimated. A call that still runs never expires, however long it takes, since it keeps its owner alive.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

import structlog

from proxy.gateway.owners import Owners
from proxy.gateway.plane import Plane
from proxy.gateway.recovery import crashed
from proxy.ports.counters import HeldCall, Spent
from proxy.ports.journal import JournalUnavailableError

log = structlog.get_logger("outlay.expiry")

LOOK_S: Final = 10.0
GRACE_S: Final = 60.0
"""From when the owner was first seen gone."""


class Expiry:
    def __init__(self, plane: Plane, owners: Owners, held: Callable[[], Iterable[HeldCall]]) -> None:
        """`held`: every call in flight, the oldest first."""
        self.expired = 0
        """Holds ended this way, ever."""
        self._plane = plane
        self._owners = owners
        self._held = held
        self._gone_us: dict[str, int] = {}
        """When an owner was first seen gone, monotonic."""

    @property
    def oldest_s(self) -> float:
        """Age of the oldest hold; 0: there is none."""
        oldest = next(iter(self._held()), None)
        return max(0.0, (self._plane.clock.now_us() - oldest.call.opened_us) / 1e6) if oldest else 0.0

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                self.look()
            except Exception:
                # A hold that can't be ended now is looked at again.
                log.exception("looking for holds without a call failed")

    def look(self) -> None:
        """Settle the calls whose owner has been gone for the grace."""
        now_us = self._plane.clock.monotonic_us()
        held = {each.call.id: each for each in self._held()}
        self._owners.keep(held)
        self._gone_us = {id_: self._gone_us.get(id_, now_us) for id_ in held if self._owners.gone(id_)}
        for id_, since_us in list(self._gone_us.items()):
            if now_us - since_us >= GRACE_S * 1e6:
                self._settle(held[id_])

    def _settle(self, held: HeldCall) -> None:
        plane, call, hold = self._plane, held.call, held.hold
        entry = crashed(call, hold, plane.clock.now_us())
        log.error("a call ended without a settlement, settled at its hold", call_id=call.id)
        try:
            plane.journal.append(entry)
        except JournalUnavailableError:
            # The journal owes this line and writes it first when it can; else the next start settles at the hold.
            log.error("settlement not written", call_id=call.id)
        tokens = hold.input_tokens + hold.output_tokens
        self.expired += 1
        plane.counters.settle(call.id, Spent(hold.cost_pico, tokens))
        plane.throttling.settle(call.id, tokens, plane.clock)
        plane.waiting.freed()
        plane.observe(entry)
