"""Socket relay: one websocket, carried both ways, each call on it opened, metered and settled on its own.

What users rely on:
- messages pass unchanged and in order, at the pace of the side that reads them;
- a call is opened before its message goes upstream (one that the provider begins by itself: before the first message
  of it goes on to the client), and settled before the message that ends it does;
- a client that hangs up hangs up on the provider at once; a provider's close reaches the client with its code and
  reason, after every running call is settled;
- a stop lets running calls come to their end, then closes with 1001.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from proxy.dialects.dialect import Dialect, UnreadableError
from proxy.dialects.socket import Conversation, Turn
from proxy.gateway.admitted import Admitted
from proxy.gateway.plane import Plane
from proxy.gateway.socket_call import SocketCall
from proxy.model.decision import Reason, Refusal
from proxy.model.entry import Outcome
from proxy.ports.sockets import GOING_AWAY, INTERNAL, POLICY, Message, Socket, SocketClosedError, fitting, sendable

log = structlog.get_logger("outlay.socket")

STOPPING: Final = "outlay is being stopped"
_PUT_DOWN: Final = frozenset({Reason.INVALID_KEY, Reason.UNMETERABLE})
"""Refusals that concern whatever else the socket would carry."""


TurnAway = Callable[[Refusal], "tuple[Refusal, str]"]
"""Puts a refusal on record whose message could not be read; gives what to answer, and the call id."""


class ClientSocket(Socket, Protocol):
    stopping: asyncio.Event
    """Set when the server is being stopped."""


Admit = Callable[[Turn, bool], "Awaitable[Admitted | tuple[Refusal, str]]"]
"""Opens a turn's call, or refuses it; True: the provider has begun it already, so that it is opened in any case."""


@dataclass(frozen=True, slots=True)
class _End:
    """How a socket came to its end: what it means for the calls that run, and what to tell either side."""

    outcome: Outcome
    code: int
    reason: str = ""


class SocketRelay:
    def __init__(
        self,
        plane: Plane,
        dialect: Dialect,
        conversation: Conversation,
        *,
        client: ClientSocket,
        upstream: Socket,
        admit: Admit,
        turn_away: TurnAway,
        refused: Callable[[Refusal], None],
        request_id: str = "",
    ) -> None:
        self._plane = plane
        self._dialect = dialect
        self._conversation = conversation
        self._client = client
        self._upstream = upstream
        self._admit = admit
        self._turn_away = turn_away
        self._refused = refused
        self._request_id = request_id
        self._calls: dict[Turn, SocketCall] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    async def run(self) -> None:
        """Never leaves a call unsettled. Raises CancelledError only when the server itself stops."""
        tasks = [asyncio.create_task(work) for work in (self._up(), self._down(), self._stop())]
        end = _End(Outcome.CUT, GOING_AWAY, STOPPING)
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            # The client's word first, where both sides ended at the same moment.
            end = next(_end_of(task) for task in tasks if task in done)
        finally:
            for task in tasks:
                task.cancel()
            await self._finish(end)

    async def _finish(self, end: _End) -> None:
        code, reason = sendable(end.code), fitting(end.reason)
        # All of them before the first wait: a stop that waits no longer may end this task at any.
        counting = [task for call in self._calls.values() if (task := call.settle(end.outcome)) is not None]
        self._calls.clear()
        if end.outcome is Outcome.HANGUP:
            await self._upstream.close(code, reason)
            return await self._client.close(code, reason)
        if counting:
            await asyncio.wait(counting)
        await self._client.close(code, reason)
        await self._upstream.close(GOING_AWAY)

    async def _up(self) -> _End:
        """From the client to the provider."""
        while True:
            try:
                message = await self._client.receive()
            except SocketClosedError as error:
                return _End(Outcome.HANGUP, error.code, error.reason)
            end = await self._ask(message)
            if end is not None:
                return end

    async def _ask(self, message: Message) -> _End | None:
        """Pass a message of the client on, its call opened first, or say why not."""
        try:
            turn = self._conversation.asked(message.encode() if isinstance(message, str) else message)
        except UnreadableError as error:
            return await self._refuse(*self._turn_away(Refusal(400, Reason.BAD_REQUEST, str(error))), None)
        if turn is not None:
            admitted = await self._admit(turn, False)
            if not isinstance(admitted, Admitted):
                self._conversation.withdraw(turn)
                return await self._refuse(*admitted, turn)
            self._open(turn, admitted)
        try:
            await self._upstream.send(message)
        except SocketClosedError as error:
            return _End(Outcome.CUT, error.code, error.reason)
        return None

    def _open(self, turn: Turn, admitted: Admitted) -> SocketCall:
        call = self._calls[turn] = SocketCall(self._plane, admitted, turn, self._request_id)
        self._idle.clear()
        if self._plane.watching is not None and admitted.seen is not None:
            # Once this turn of the loop is over the message is on its way, or the answer's first one passed on.
            asyncio.get_running_loop().call_soon(self._plane.watching.look, admitted.call, admitted.seen)
        return call

    async def _refuse(self, refusal: Refusal, call_id: str, turn: Turn | None) -> _End | None:
        """Tell the client; the end of the socket where nothing else would be let through either."""
        self._refused(refusal)
        log.info("refused", call_id=call_id, status=refusal.status, reason=refusal.reason)
        body = self._dialect.refusal(refusal, call_id)
        try:
            await self._client.send(self._conversation.error(refusal, body, turn))
        except SocketClosedError as error:
            return _End(Outcome.HANGUP, error.code, error.reason)
        return _End(Outcome.CUT, POLICY, refusal.reason) if refusal.reason in _PUT_DOWN else None

    async def _down(self) -> _End:
        """From the provider to the client."""
        while True:
            try:
                message = await self._upstream.receive()
            except SocketClosedError as error:
                return _End(Outcome.CUT, error.code, error.reason)
            end = await self._meter(message)
            if end is not None:
                return end
            try:
                await self._client.send(message)
            except SocketClosedError as error:
                return _End(Outcome.HANGUP, error.code, error.reason)

    async def _meter(self, message: Message) -> _End | None:
        """What a message means for the calls, before it goes on. An end: it must not."""
        heard = self._conversation.heard(message.encode() if isinstance(message, str) else message)
        for turn in heard.begun:
            end = await self._begun(turn)
            if end is not None:
                return end
        call = self._calls.get(heard.grown) if heard.grown is not None else None
        if call is not None:
            refusal = await call.grow()
            if refusal is not None and heard.grown not in heard.ended:
                return await self._cap(call, refusal)
        for turn in heard.ended:
            ended = self._calls.pop(turn, None)
            await _counted(ended.settle() if ended is not None else None)
        if not self._calls:
            self._idle.set()
        return None

    async def _begun(self, turn: Turn) -> _End | None:
        """Open a call that the provider has begun. What no rule lets through ends here: it has begun to cost."""
        admitted = await self._admit(turn, True)
        if not isinstance(admitted, Admitted):
            end = await self._refuse(*admitted, turn)
            return end or _End(Outcome.CUT, POLICY, admitted[0].reason)
        call = self._open(turn, admitted)
        return await self._cap(call, admitted.refusal) if admitted.refusal is not None else None

    async def _cap(self, call: SocketCall, refusal: Refusal) -> _End:
        counting = call.settle(Outcome.CAPPED, refusal.squeeze)
        await self._upstream.close(GOING_AWAY)
        await _counted(counting)
        end = await self._refuse(refusal, call.admitted.call.id, None)
        return end or _End(Outcome.CUT, POLICY, refusal.reason)

    async def _stop(self) -> _End:
        await self._client.stopping.wait()
        await self._idle.wait()
        return _End(Outcome.CUT, GOING_AWAY, STOPPING)


async def _counted(task: "asyncio.Task[None] | None") -> None:
    """Wait for a settlement, which goes on also where this wait is cancelled."""
    if task is not None:
        await asyncio.shield(task)


def _end_of(task: "asyncio.Task[_End]") -> _End:
    """What a direction came to; a fault of ours ends the socket as one."""
    error = task.exception()
    if error is None:
        return task.result()
    log.error("socket failed", exc_info=error)
    return _End(Outcome.CUT, INTERNAL, "outlay failed; its log names the fault")
