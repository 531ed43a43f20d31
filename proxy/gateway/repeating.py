"""Repeating: a call that is given the answer to another one, which is the same, and doesn't go to the provider.

It is on record as any call, at no cost and without usage, since the provider neither did nor billed anything for it;
what it would have cost stands beside as saved. It is settled before the last byte of its answer, as every call.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

import structlog

from proxy.gateway.admitted import Admitted
from proxy.gateway.answer_warnings import HEADER, warnings_of
from proxy.gateway.client import Client, HeaderLines
from proxy.gateway.closing import put_on_record
from proxy.gateway.faults import INTERNAL, STOPPING
from proxy.gateway.headers import OUTLAY_PREFIX
from proxy.gateway.kept_answers import KeptAnswer
from proxy.gateway.plane import Plane
from proxy.gateway.recording import Follower
from proxy.gateway.settlement import FREE
from proxy.gateway.sharing import COALESCE, SERVE
from proxy.gateway.throttling import allowance_lines
from proxy.model.decision import Refusal
from proxy.model.entry import Outcome, Settled, Timing
from proxy.model.found import REPEATS_MAX
from proxy.model.usage import NO_USAGE, Served
from proxy.policy.redundancy_rules import CLASSES_OF

log = structlog.get_logger("outlay.repeating")

SERVED: Final = b"x-outlay-served"
REPEATS: Final = b"x-outlay-repeats"
EDITED: Final = b"x-outlay-edited"
PIECE_BYTES: Final = 64 * 1024
"""Of a kept answer, so much is given at once."""
_OK: Final = 200


class Carried(Protocol):
    """What carries a call from its opened line to its settled line."""

    async def run(self) -> None: ...


async def carried(plane: Plane, admitted: Admitted, client: Client, relay: Callable[[Client], Carried]) -> None:
    """See the call through: by another's answer where it has one, else by `relay`, noting its answer for others."""
    same, sharing = admitted.same, plane.sharing
    if same is None or sharing is None:
        return await relay(client).run()
    if same.kept is not None:
        sharing.served += 1
        return await Repeat(plane, admitted, client).serve(same.kept)
    if same.follower is not None:
        sharing.coalesced += 1
        return await Repeat(plane, admitted, client).follow(same.follower)
    try:
        await relay(sharing.noting(admitted, same, client)).run()
    finally:
        sharing.over(admitted.call.id)


class Repeat:
    """One such call."""

    def __init__(self, plane: Plane, admitted: Admitted, client: Client) -> None:
        self._plane = plane
        self._admitted = admitted
        self._client = client
        self._settled = False
        self._started = False
        self._gone = False
        self._first_byte_us = 0
        self._status = 0

    async def serve(self, kept: KeptAnswer) -> None:
        """Give a kept answer. Raises CancelledError only when the server itself stops."""
        try:
            await self._give(kept)
        except asyncio.CancelledError:
            self._settle_served(kept, Outcome.CUT)
            await self._break_off(STOPPING)
            raise
        except Exception:
            log.exception("repeat failed", call_id=self._admitted.call.id)
            self._settle_served(kept, Outcome.CUT)
            await self._break_off(INTERNAL)

    async def _give(self, kept: KeptAnswer) -> None:
        assert kept.body is not None
        assert self._admitted.same is not None
        pieces = [kept.body[at : at + PIECE_BYTES] for at in range(0, len(kept.body), PIECE_BYTES)] or [b""]
        age = (b"age", b"%d" % self._admitted.same.age_s)
        edited = [(EDITED, ", ".join(kept.edits).encode())] if kept.edits else []
        await self._start(_OK, [*kept.headers, *edited, age, (SERVED, b"cache")])
        for piece in pieces[:-1]:
            await self._client.write(piece)
        self._settle_served(kept, Outcome.OK)
        await self._client.end(pieces[-1])

    async def follow(self, follower: Follower) -> None:
        """Give another call's answer as it comes. Raises CancelledError only when the server itself stops."""
        task = asyncio.current_task()
        assert task is not None
        watcher = asyncio.create_task(self._watch(task))
        try:
            await self._pass(follower)
        except asyncio.CancelledError:
            self._settle_led(follower, Outcome.HANGUP if self._gone else Outcome.CUT)
            if not self._gone:
                await self._break_off(STOPPING)
                raise
            task.uncancel()
        except Exception:
            log.exception("repeat failed", call_id=self._admitted.call.id)
            self._settle_led(follower, Outcome.CUT)
            await self._break_off(INTERNAL)
        finally:
            watcher.cancel()
            follower.leave()

    async def _watch(self, task: "asyncio.Task[None]") -> None:
        await self._client.gone()
        self._gone = True
        task.cancel()

    async def _pass(self, follower: Follower) -> None:
        leader = follower.recording
        if not await follower.begun():
            self._settle_led(follower)
            return await self._break_off(leader.refusal or INTERNAL)
        lines = [line for line in leader.headers if line[0] == EDITED or not line[0].startswith(OUTLAY_PREFIX)]
        await self._start(leader.status, [*lines, (SERVED, b"coalesced")])
        while (piece := await follower.piece()) is not None:
            if leader.entry is not None:
                # It was settled before this piece passed, so this may be the last one.
                self._settle_led(follower)
            await self._client.write(piece)
        if not follower.whole:
            self._settle_led(follower, Outcome.CUT)
            return self._client.abort()
        self._settle_led(follower)
        await self._client.end()

    async def _start(self, status: int, lines: HeaderLines) -> None:
        admitted, plane = self._admitted, self._plane
        assert admitted.same is not None
        lines.append((REPEATS, admitted.same.repeats.encode()))
        lines.append((b"x-outlay-call-id", admitted.call.id.encode()))
        if throttles := admitted.verdict.throttles:
            lines += allowance_lines(admitted.dialect, plane.throttling.allowances(throttles, plane.clock), lines)
        if warnings := warnings_of(admitted, plane.watching):
            lines.append((HEADER, warnings))
        self._status, self._first_byte_us = status, self._elapsed_us()
        self._started = True
        await self._client.start(status, lines)

    async def _break_off(self, refusal: Refusal) -> None:
        if self._gone:
            return
        if self._started:
            self._client.abort()
        else:
            await self._client.refuse(refusal, self._admitted.call.id)

    def _settle_served(self, kept: KeptAnswer, outcome: Outcome) -> None:
        self._settle(outcome, "served", kept.cost_pico, kept.served, kept.edits)

    def _settle_led(self, follower: Follower, outcome: Outcome | None = None) -> None:
        """As the call that it follows was; `outcome`: where it came to another end by itself."""
        led = follower.recording.entry
        if led is None:
            return self._settle(outcome or Outcome.UNANSWERED, "coalesced", 0, Served(), ())
        served = replace(led.served, request_id="")
        self._settle(outcome or led.outcome, "coalesced", led.cost.total_pico, served, led.edits)

    def _settle(self, outcome: Outcome, action: str, saved_pico: int, served: Served, edits: tuple[str, ...]) -> None:
        """Once."""
        if self._settled:
            return
        self._settled = True
        plane, admitted = self._plane, self._admitted
        entry = Settled(
            call=admitted.call,
            settled_us=plane.clock.now_us(),
            outcome=outcome,
            status=self._status,
            usage=NO_USAGE,
            served=served,
            cost=FREE,
            estimated=False,
            timing=Timing(0, self._first_byte_us, self._elapsed_us()),
            edits=edits,
            matched=admitted.matched,
            shadow=tuple(map(str, admitted.verdict.shadow)),
            ask=admitted.ask,
        )
        if plane.watching is not None:
            entry = plane.watching.told(entry, admitted.seen, admitted.verdict.redundancy)
        put_on_record(plane, admitted, self._marked(entry, action, saved_pico), None)

    def _marked(self, entry: Settled, action: str, saved_pico: int) -> Settled:
        """With whose answer it was, what that saved, and what kind of repeat it is, where nothing worse was found."""
        same = self._admitted.same
        assert same is not None
        found = {"class": CLASSES_OF[SERVE if action == "served" else COALESCE][0], **entry.found}
        found |= {"action": action} | ({"saved_pico": saved_pico} if saved_pico else {})
        repeats = (*[each for each in entry.repeats if each != same.repeats], same.repeats)
        return replace(entry, found=found, repeats=repeats[-REPEATS_MAX:])

    def _elapsed_us(self) -> int:
        return self._plane.clock.monotonic_us() - self._admitted.opened_monotonic_us
