"""Fallback: where a provider fails before the first byte of its answer, the next one that the rules name is asked.

It stays one call with one id. It is held, metered and priced as what served it in the end, and carries each attempt
that failed among its edits ('fallback openai 503'), so it is on record and in `x-outlay-edited`. Nothing is tried again
after a byte has passed to the client, nor at the provider that failed.

What a failure is: a connection that was not made, or a status that says the provider is at fault. Neither is billed. A
provider that was sent the call and says nothing may still bill it, so such a call is not sent to another.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog

from proxy.gateway.admission import Admitted, Incoming
from proxy.gateway.plane import Plane
from proxy.ports.upstream import Fault, UpstreamAnswer, UpstreamError, UpstreamRequest

log = structlog.get_logger("outlay.fallback")

UNCONNECTED: Final = frozenset((Fault.DNS, Fault.CONNECT, Fault.TLS, Fault.CONNECT_TIMEOUT))
_OF_THE_PROVIDER: Final = UNCONNECTED | {Fault.READ_TIMEOUT, Fault.CUT}
"""Faults that say something of the provider's health."""
FALLBACK: Final = "fallback "
"""How the edit of a failed attempt begins; the provider's name and why follow."""
_OPEN: Final = "open"
"""Why a provider was not asked: it failed too often of late."""

Moved = tuple[Admitted, UpstreamRequest]
Elsewhere = Callable[[Admitted, str], Moved | None]
"""The call, admitted anew for the provider of that name. None: it can't go there, and stays admitted as it was."""


def may_fall_back(admitted: Admitted, incoming: Incoming) -> bool:
    """Whether the call may go to another provider than its own: not where the caller named the provider or brought a
    credential for it, nor where its body passes unread, or the provider goes on with it in the background."""
    named = bool(incoming.prefix) or incoming.own_credential
    once = not incoming.operation.body_read or incoming.operation.batch or admitted.request.background
    return bool(admitted.verdict.fallback) and not (named or once or admitted.translated)


class Attempts:
    """The ways of one call, one after the other. `admitted` is the call as it stands: what must be settled."""

    def __init__(
        self, plane: Plane, admitted: Admitted, request: UpstreamRequest, elsewhere: Elsewhere | None = None
    ) -> None:
        """`elsewhere` None: the call goes to its provider and to no other."""
        self.admitted = admitted
        self.failed: tuple[str, ...] = ()
        """The attempts before the one that counts, as they stand among the edits."""
        self._plane = plane
        self._request = request
        self._elsewhere = elsewhere
        self._left = list(admitted.verdict.fallback) if elsewhere is not None else []
        self._failed_statuses = admitted.verdict.fallback_on
        self._breakers = plane.breakers

    def send(self) -> Coroutine[Any, Any, UpstreamAnswer]:
        """The first answer that is no failure; else what the last provider that was asked came to. Raises
        UpstreamError."""
        return self._one_after_the_other() if self._left else self._ask()

    async def _one_after_the_other(self) -> UpstreamAnswer:
        if not self._breakers.allows(self._provider, self._now_us()):
            self._move(_OPEN)
        while True:
            try:
                answer = await self._ask()
            except UpstreamError as error:
                if error.fault not in UNCONNECTED or not self._move(str(error.fault)):
                    raise
                continue
            if answer.status not in self._failed_statuses or not self._move(str(answer.status)):
                return answer
            await answer.close()

    @property
    def _provider(self) -> str:
        return self.admitted.provider.name

    async def _ask(self) -> UpstreamAnswer:
        """Send, and note what comes of it for the provider's breaker."""
        try:
            answer = await self._plane.upstream.send(self._request)
        except BaseException as error:
            self._note(failed=isinstance(error, UpstreamError) and error.fault in _OF_THE_PROVIDER)
            raise
        if answer.status in self._failed_statuses:
            self._note(failed=True)
        else:
            self._breakers.succeeded(self._provider)
        return answer

    def _note(self, *, failed: bool) -> None:
        if failed:
            self._breakers.failed(self._provider, self._now_us())
        else:
            self._breakers.told_nothing(self._provider)

    def _move(self, why: str) -> bool:
        """On to the next provider that can take the call. False: there is none."""
        while self._left and self._elsewhere is not None:
            name = self._left.pop(0)
            if name == self._provider or not self._breakers.allows(name, self._now_us()):
                continue
            moved = self._elsewhere(self.admitted, name)
            if moved is None:
                self._breakers.told_nothing(name)
                continue
            log.warning("falling back", call_id=self.admitted.call.id, provider=self._provider, why=why, to=name)
            self.failed = (*self.failed, f"{FALLBACK}{self._provider} {why}")
            self.admitted, self._request = moved
            return True
        return False

    def _now_us(self) -> int:
        return self._plane.clock.monotonic_us()
