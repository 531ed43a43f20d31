"""Relay: one admitted call, carried to the provider and back, metered as it passes, settled exactly once.

What users rely on:
- a call is settled before the last byte of its answer reaches the client, so who has an answer finds it on record;
- a client that hangs up on a stream hangs up on the provider too, at once; a whole answer that its client dropped is
  read to its end within `drain_s`, because the provider bills it and its usage stands at its end;
- an answer that breaks off is broken off for the client too.
"""

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final

import structlog

from proxy.dialects.dialect import FramedMeter, Reading
from proxy.gateway.admission import Admitted
from proxy.gateway.answer import MeteredAnswer
from proxy.gateway.answer_warnings import HEADER, warnings_of
from proxy.gateway.client import Client
from proxy.gateway.closing import close_call
from proxy.gateway.fallback import Attempts, Elsewhere
from proxy.gateway.faults import INTERNAL, STOPPING, outcome_of, refusal_of
from proxy.gateway.headers import HeaderLines, client_headers, text
from proxy.gateway.lease import Lease
from proxy.gateway.listing import EDIT, shown
from proxy.gateway.plane import Plane
from proxy.gateway.settlement import Ending
from proxy.gateway.throttling import allowance_lines
from proxy.gateway.translated import TranslatedMeter
from proxy.model.decision import Refusal
from proxy.model.entry import Outcome, Timing
from proxy.model.squeeze import Squeeze
from proxy.ports.upstream import AtOnce, TranslatedAnswer, UpstreamAnswer, UpstreamError, UpstreamRequest

log = structlog.get_logger("outlay.relay")

_REQUEST_ID_HEADERS: Final = (b"x-request-id", b"request-id", b"x-amzn-requestid", b"apim-request-id")
_CHANGED_BY_HIDING: Final = frozenset((b"content-length", b"content-encoding"))


class Relay:
    """One call in flight: `run` carries it from its opened line to its settled line, whatever happens between."""

    def __init__(
        self,
        plane: Plane,
        admitted: Admitted,
        request: UpstreamRequest,
        client: Client,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        """`elsewhere`: where the call may go to another provider if its own fails."""
        self._plane = plane
        self._admitted = admitted
        self._request = request
        self._client = client
        self._elsewhere = elsewhere
        self._lease = Lease(plane, admitted)
        self._answer: MeteredAnswer | None = None
        self._edits = admitted.edits
        self._hiding = False
        self._extensible = True
        """Plain bytes may follow what passed: it is neither compressed nor of a stated length."""
        self._stated_bytes = 0
        """The length of which the client is told; 0: none. A stream that has one ends with its last byte."""
        self._streamed = admitted.request.stream
        self._content_type = b""
        self._seen: bytes | None = None
        """What the meter gave of a piece that couldn't be passed on at once."""
        self._status = 0
        self._request_id = ""
        self._upstream_us = 0
        self._first_byte_us = 0
        self._started = False
        self._passing = False
        """The answer is under way."""
        self._settled = False
        self._whole = False
        """The answer came to its end, every byte of it metered."""
        self._client_gone = False
        self._draining: asyncio.TimerHandle | None = None
        """Ends the reading of a whole answer whose client is gone."""

    async def run(self) -> None:
        """Never leaves the call unsettled. Raises CancelledError only when the server itself stops."""
        task = asyncio.current_task()
        assert task is not None
        unwatch = self._client.when_gone(partial(self._left, task))
        try:
            await self._forward()
        except UpstreamError as error:
            await self._fault(error)
        except asyncio.CancelledError:
            await self._settle(Outcome.HANGUP if self._client_gone else Outcome.CUT)
            if not self._client_gone:
                await self._break_off(STOPPING)
                raise
            task.uncancel()
        except Exception:
            log.exception("relay failed", call_id=self._admitted.call.id)
            await self._settle(Outcome.CUT)
            await self._break_off(INTERNAL)
        finally:
            unwatch()
            if self._answer is not None:
                self._answer.close()
            if self._draining is not None:
                self._draining.cancel()

    def _left(self, task: "asyncio.Task[None]") -> None:
        """The client hung up. That never shows on sending, so its connection is watched during the whole call."""
        self._client_gone = True
        if self._streamed:
            self._give_up(task)
        else:
            drain_s = self._plane.drain_s
            self._draining = asyncio.get_running_loop().call_later(drain_s, self._give_up, task)

    def _give_up(self, task: "asyncio.Task[None]") -> None:
        if not self._settled or (self._streamed and self._passing):
            task.cancel()

    async def _forward(self) -> None:
        answer = arrived = await self._send()
        self._passing = True
        body = None
        try:
            if self._admitted.operation.lists is not None:
                seen = await shown(self._admitted, answer)
                if isinstance(seen, Refusal):
                    await self._settle(Outcome.PROVIDER_ERROR)
                    return await self._break_off(seen)
                answer, edited = seen
                if edited:
                    self._edits = (*self._edits, EDIT)
            lines = client_headers(answer.headers)
            metered = self._metered_answer(answer, dict(lines))
            await self._client.start(answer.status, self._client_lines(lines))
            self._started = True
            if self._streamed:
                return await self._pass_events(answer, metered)
            body = answer.at_once() if isinstance(answer, AtOnce) else None
            if body is None:
                await self._pass_body(answer, metered)
            else:
                await self._pass_whole(body, metered)
        finally:
            self._passing = False
            if body is None:
                await arrived.close()

    async def _send(self) -> UpstreamAnswer:
        attempts = Attempts(self._plane, self._admitted, self._request, self._elsewhere)
        if self._plane.watching is not None and self._admitted.seen is not None:
            # Once this turn of the loop is over the request is on its way, and the answer takes longer than looking.
            asyncio.get_running_loop().call_soon(self._plane.watching.look, self._admitted.call, self._admitted.seen)
        try:
            return await attempts.send()
        finally:
            if attempts.failed:
                # Whoever was asked last is who the call is settled for.
                self._admitted = attempts.admitted
                self._lease = Lease(self._plane, self._admitted)
                self._edits = (*self._admitted.edits, *attempts.failed)

    def _metered_answer(self, answer: UpstreamAnswer, headers: dict[bytes, bytes]) -> MeteredAnswer:
        """Read status and headers, and set the meter up for what they announce."""
        admitted = self._admitted
        self._status = answer.status
        self._upstream_us = self._elapsed_us()
        self._request_id = _first_text(headers, _REQUEST_ID_HEADERS)
        content_type = headers.get(b"content-type", b"").lower()
        self._content_type = content_type
        self._streamed = admitted.dialect.streams(admitted.operation, content_type)
        encoding = headers.get(b"content-encoding", b"")
        hide = admitted.hide_usage and self._streamed
        meter = admitted.dialect.meter(admitted.operation, admitted.request, content_type=content_type, hide_usage=hide)
        if isinstance(meter, FramedMeter):
            meter.headers(headers)
        if admitted.translated and isinstance(answer, TranslatedAnswer):
            meter = TranslatedMeter(meter, answer)
            self._edits = (*self._edits, *(f"without {name}" for name in answer.without))
        edit = admitted.operation.answer_edit if answer.status == 200 else ""
        hiding, room = hide or bool(edit), self._plane.answers
        self._answer = MeteredAnswer(meter, encoding, admitted.call.id, hiding=hiding, room=room)
        self._hiding = (hide or bool(edit)) and self._answer.readable
        if not self._hiding:
            self._extensible = not (encoding or b"content-length" in headers)
            self._stated_bytes = int(headers.get(b"content-length", 0))
        if self._hiding and edit:
            self._edits = (*self._edits, edit)
        if self._hiding and encoding:
            self._edits = (*self._edits, "content-encoding")
        return self._answer

    def _client_lines(self, lines: HeaderLines) -> HeaderLines:
        """Those of the answer, with ours."""
        if self._hiding:
            lines = [line for line in lines if line[0] not in _CHANGED_BY_HIDING]
        lines.append((b"x-outlay-call-id", self._admitted.call.id.encode()))
        if throttles := self._admitted.verdict.throttles:
            left = self._plane.throttling.allowances(throttles, self._plane.clock)
            lines += allowance_lines(self._admitted.dialect, left, lines)
        if warnings := warnings_of(self._admitted, self._plane.watching):
            lines.append((HEADER, warnings))
        if self._edits:
            lines.append((b"x-outlay-edited", ", ".join(self._edits).encode()))
        return lines

    async def _pass_events(self, answer: UpstreamAnswer, metered: MeteredAnswer) -> None:
        """Each piece goes on as it comes; the one with the protocol's last event, or that makes the answer as long as
        it said, waits for settlement."""
        left = self._stated_bytes
        pieces = answer.pieces(self._pass_now) if isinstance(answer, AtOnce) and not left else answer.chunks()
        async for chunk in pieces:
            seen, self._seen = self._seen, None
            if seen is None:
                self._first_byte_us = self._first_byte_us or self._elapsed_us()
                seen = metered.feed(chunk)
            left -= len(chunk)
            if metered.ended:
                await self._settle()
            elif left == 0:
                metered.finish()
                await self._settle()
            elif not self._lease.covers(metered.output_bytes):
                refusal = await self._lease.extend(metered.output_bytes, lambda: metered.reading().texts)
                if refusal is not None:
                    return await self._end_at_cap(refusal, metered.tail())
            if out := seen if self._hiding else chunk:
                await self._client.write(out)
        rest = metered.finish()
        await self._settle()
        await self._client.end(rest if self._hiding else b"")

    def _pass_now(self, chunk: bytes) -> bool:
        """Pass a piece of a stream on where nothing must be waited for. False: it was metered, and no more."""
        metered = self._answer
        assert metered is not None
        if not self._first_byte_us:
            self._first_byte_us = self._elapsed_us()
        seen = metered.feed(chunk)
        if not metered.ended and self._lease.covers(metered.output_bytes):
            out = seen if self._hiding else chunk
            if not out or self._client.write_now(out):
                return True
        self._seen = seen
        return False

    async def _pass_body(self, answer: UpstreamAnswer, metered: MeteredAnswer) -> None:
        """One piece is held back all the time, so that the last one is known, and settled, before it is sent."""
        held = b""
        async for chunk in answer.chunks():
            self._first_byte_us = self._first_byte_us or self._elapsed_us()
            seen = metered.feed(chunk)
            if not (out := seen if self._hiding else chunk):
                continue
            if held and not self._client_gone:
                await self._client.write(held)
            held = out
        rest = metered.finish()
        self._whole = True
        await self._settle(Outcome.HANGUP if self._client_gone else None)
        if not self._client_gone:
            await self._client.end(held + rest if self._hiding else held)

    async def _pass_whole(self, body: bytes, metered: MeteredAnswer) -> None:
        """All of it is here: it goes on in one piece, behind its settlement."""
        if body:
            self._first_byte_us = self._upstream_us or self._elapsed_us()
        seen = metered.feed(body)
        rest = metered.finish()
        self._whole = True
        await self._settle(Outcome.HANGUP if self._client_gone else None)
        if not self._client_gone:
            await self._client.end(seen + rest if self._hiding else body)

    def _outcome(self, answer: MeteredAnswer, reading: Reading) -> Outcome:
        """Of an answer that came to its end in HTTP's own terms."""
        if self._status >= 400 or reading.failed:
            return Outcome.PROVIDER_ERROR
        if self._streamed and self._admitted.operation.priced and not reading.complete and answer.readable:
            return Outcome.CUT
        return Outcome.OK

    async def _settle(self, outcome: Outcome | None = None, cut_by: Squeeze | None = None) -> None:
        """Close the call on record, once; without an `outcome` it is the answer's own.

        A client still there waits until its tokens are counted."""
        if self._settled:
            return
        self._settled = True
        answer = self._answer
        reading = answer.reading() if answer is not None else None
        if outcome is None:
            assert answer is not None
            assert reading is not None
            outcome = self._outcome(answer, reading)
        timing = Timing(self._upstream_us, self._first_byte_us, self._elapsed_us())
        readable = answer is None or answer.readable
        hold = self._lease.hold
        ending = Ending(outcome, self._status, reading, self._request_id, hold, timing, self._edits, readable, cut_by)
        counting = close_call(self._plane, self._admitted, ending, self._jobs(ending))
        if counting is not None and not self._client_gone:
            await asyncio.shield(counting)

    def _jobs(self, ending: Ending) -> Reading | None:
        """The reading, where it says something of work in the background and can be relied on: what was read of half
        an answer would count for the whole."""
        reading = ending.reading
        if reading is None or not (reading.jobs or reading.names):
            return None
        return reading if self._whole and ending.readable and ending.status == 200 else None

    async def _end_at_cap(self, refusal: Refusal, tail: bytes | None) -> None:
        """`tail`: what completes a frame of which a part has passed; None: it is not complete yet."""
        admitted = self._admitted
        await self._settle(Outcome.CAPPED, refusal.squeeze)
        if not self._extensible or tail is None:
            return self._client.abort()
        error = admitted.dialect.stream_error(
            admitted.operation, refusal, admitted.call.id, content_type=self._content_type
        )
        await self._client.end(tail + error)

    async def _fault(self, error: UpstreamError) -> None:
        """The provider failed: say so in the dialect's shape where no answer has begun, else break it off too."""
        log.warning("provider failed", call_id=self._admitted.call.id, fault=error.fault, detail=str(error))
        if self._answer is not None:
            self._answer.finish()
        await self._settle(Outcome.HANGUP if self._client_gone else outcome_of(error, started=self._started))
        await self._break_off(refusal_of(error, self._admitted.provider.name))

    async def _break_off(self, refusal: Refusal) -> None:
        if self._client_gone:
            return
        if self._started:
            self._client.abort()
        else:
            await self._client.refuse(refusal, self._admitted.call.id)

    def _elapsed_us(self) -> int:
        return self._plane.clock.monotonic_us() - self._admitted.opened_monotonic_us


def _first_text(headers: Mapping[bytes, bytes], names: Iterable[bytes]) -> str:
    """The first of the named headers that is there, as bounded text; '' where none is."""
    return next((text(headers, name) for name in names if name in headers), "")
