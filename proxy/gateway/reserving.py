"""Reserving: room for a call in every budget that applies, at once or in its turn; or why there is none."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from proxy.gateway.over_budget import no_turn, over_budget, warning
from proxy.gateway.throttling import Throttled, Throttling
from proxy.gateway.waiting import Lack, Waiting
from proxy.model.call import Call, Hold
from proxy.model.decision import Refusal
from proxy.model.fact import fact
from proxy.policy.charge import Shortfall
from proxy.policy.verdict import Shadow, Verdict
from proxy.ports.clock import Clock
from proxy.ports.counters import NOTHING, Counters, Reserved


@fact(frozen=True, slots=True)
class Weighed:
    """A call as it stands at one moment: its time of admission, and what the rules say then."""

    call: Call
    verdict: Verdict


Weigh = Callable[[], Weighed]
"""The call as of now."""
Gone = Callable[[], Awaitable[None]]
Lighten = Callable[[Shortfall], Awaitable[Weighed | Refusal | None]]
"""The call, made to need less; None: it can't be. Each call can be made so only a few times."""


@dataclass(frozen=True, slots=True)
class Reserving:
    counters: Counters
    clock: Clock
    waiting: Waiting = field(default_factory=Waiting)
    throttling: Throttling = field(default_factory=Throttling)

    async def reserve(
        self, weighed: Weighed, weigh: Weigh, gone: Gone | None, lighten: Lighten | None = None
    ) -> tuple[Weighed, Refusal | None]:
        """The call as it was reserved, what shadow rules would have said included; or the refusal. Rate limits are
        asked first, and what they gave is given back where a budget refuses.

        Raises GoneError.
        """
        throttled = self._throttled(weighed)
        if throttled.refusal is not None:
            return shadowed(weighed, throttled.shadow), throttled.refusal
        refusal: Refusal | None = None
        kept = False
        try:
            found = self._at_once(weighed)
            if isinstance(found, Reserved):
                weighed = _with_shadows(weighed, found)
            else:
                weighed, refusal = await self._room(weighed, found, weigh, gone, lighten)
            kept = refusal is None
        finally:
            if not kept:
                self.throttling.give_back(weighed.call.id)
        return shadowed(weighed, throttled.shadow), refusal

    async def _room(
        self,
        weighed: Weighed,
        found: Reserved | Refusal | Shortfall | Lack,
        weigh: Weigh,
        gone: Gone | None,
        lighten: Lighten | None,
    ) -> tuple[Weighed, Refusal | None]:
        """In every budget, where there is none at once."""
        waited = False
        while True:
            if isinstance(found, Shortfall) and found.waiting_helps and not waited:
                found = lacking(found)
            if isinstance(found, Lack):
                weighed, found = await self._in_turn(found, weighed, weigh, gone)
                waited = True
            lighter = await lighten(found) if lighten is not None and isinstance(found, Shortfall) else None
            if isinstance(lighter, Refusal):
                return weighed, lighter
            if lighter is None:
                return self._told(weighed, found)
            weighed, found = lighter, self._asked(lighter)

    def take(self, weighed: Weighed) -> tuple[Weighed, Refusal | None]:
        """Of a call that the provider has begun: it is counted, and if it doesn't fit it must end."""
        call, verdict = weighed.call, weighed.verdict
        throttled = self._throttled(weighed)
        found = self.counters.reserve(call, verdict.weight.hold, verdict.charges)
        if not isinstance(found, Reserved):
            self.counters.take(call, verdict.weight.hold, verdict.charges)
        weighed, refusal = self._told(weighed, found)
        return shadowed(weighed, throttled.shadow), throttled.refusal or refusal

    def give_back(self, call_id: str) -> None:
        """Of a call that was never sent."""
        self.throttling.give_back(call_id)
        accounts = self.counters.accounts_of(call_id)
        self.counters.settle(call_id, NOTHING)
        self.waiting.freed(accounts)

    def move(self, before: Weighed, after: Weighed) -> Weighed | None:
        """Another provider takes the call, so that other budgets and limits may apply. Given back with what shadow
        rules would have done, here or there. None: they have no room for it now, and all stays as it was."""
        accounts = self.counters.accounts_of(before.call.id)
        self.counters.settle(before.call.id, NOTHING)
        throttled = self._rethrottled(before, after)
        if throttled.refusal is None:
            found = self._asked(after)
            if isinstance(found, Reserved):
                self.waiting.freed(accounts)
                return _with_shadows(shadowed(after, (*before.verdict.shadow, *throttled.shadow)), found)
            self._rethrottled(after, before)
        self.counters.take(before.call, before.verdict.weight.hold, before.verdict.charges)
        return None

    def _rethrottled(self, before: Weighed, after: Weighed) -> Throttled:
        """What they gave before stays given where they refuse."""
        if before.verdict.throttles == after.verdict.throttles:
            return Throttled()
        self.throttling.give_back(before.call.id)
        throttled = self._throttled(after)
        if throttled.refusal is not None:
            self._throttled(before)
        return throttled

    def _throttled(self, weighed: Weighed) -> Throttled:
        verdict = weighed.verdict
        return self.throttling.take(weighed.call.id, verdict.throttles, verdict.weight.expected_tokens, self.clock)

    def warning(self, weighed: Weighed) -> str:
        """Of a call that has its room."""
        near = self.counters.near(weighed.call.id)
        return warning(near) if near else ""

    def _at_once(self, weighed: Weighed) -> Reserved | Refusal | Shortfall | Lack:
        """Nobody overtakes those for whom room is kept; who can't fit at all needn't wait to learn that."""
        call, verdict = weighed.call, weighed.verdict
        hold, charges = verdict.weight.hold, verdict.charges
        if self.waiting.nobody:
            return self.counters.reserve(call, hold, charges)
        needed = {charge.account: takes for charge in charges if (takes := charge.takes(hold))}
        line = self.waiting.line_at(needed)
        if line is None:
            return self.counters.reserve(call, hold, charges)
        return self.counters.shortfall(call, hold, charges) or Lack(line, needed[line])

    async def _in_turn(
        self, lack: Lack, weighed: Weighed, weigh: Weigh, gone: Gone | None
    ) -> tuple[Weighed, Reserved | Refusal | Shortfall]:
        found: Reserved | Refusal | Shortfall | None = None

        def attempt() -> Lack | None:
            nonlocal weighed, found
            weighed = weigh()
            found = self._asked(weighed)
            return lacking(found) if isinstance(found, Shortfall) and found.waiting_helps else None

        try:
            if not await self.waiting.turn(lack, attempt, gone=gone) or found is None:
                weighed = weigh()
                found = self._asked(weighed)
        except asyncio.CancelledError:
            self.give_back(weighed.call.id)
            raise
        return weighed, found

    def _asked(self, weighed: Weighed) -> Reserved | Refusal | Shortfall:
        return self.counters.reserve(weighed.call, weighed.verdict.weight.hold, weighed.verdict.charges)

    def _told(self, weighed: Weighed, found: Reserved | Refusal | Shortfall) -> tuple[Weighed, Refusal | None]:
        if isinstance(found, Refusal):
            return weighed, found
        if isinstance(found, Shortfall):
            told = no_turn(found) if found.waiting_helps else over_budget(found, weighed.call.opened_us)
            return weighed, told
        return _with_shadows(weighed, found), None


def lacking(short: Shortfall) -> Lack:
    """What must be given back before the call fits."""
    return Lack(short.charge.account, short.needed, short.balance.left - short.charge.budget.reserve)


def free(weighed: Weighed) -> Weighed:
    """The call, where the provider is not asked: it counts as a call, and takes no money and no tokens."""
    weight = replace(weighed.verdict.weight, hold=Hold(0, 0, 0), expected_tokens=0)
    return replace(weighed, verdict=replace(weighed.verdict, weight=weight))


def shadowed(weighed: Weighed, shadow: tuple[Shadow, ...]) -> Weighed:
    """What other rules in shadow mode would have done is part of the verdict too."""
    if not shadow:
        return weighed
    said = tuple(dict.fromkeys((*weighed.verdict.shadow, *shadow)))
    return replace(weighed, verdict=replace(weighed.verdict, shadow=said))


def _with_shadows(weighed: Weighed, reserved: Reserved) -> Weighed:
    """What budgets in shadow mode would have done is part of the verdict."""
    if not reserved.missed:
        return weighed
    missed = [each.charge.budget for each in reserved.missed if each.charge.budget.mode == "shadow"]
    if not missed:
        return weighed
    shadows = tuple([Shadow(budget.name, budget.action) for budget in missed if budget.action != "warn"])
    return shadowed(weighed, shadows)
