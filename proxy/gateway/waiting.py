"""Waiting: calls that would fit if others gave back what they hold, first in, first out for each account.

Whoever gives something back runs the attempts of those who wait, so that nobody who comes later takes the room first.
Streams that have begun go before calls that have not: ending an answer in its middle is worse than beginning one late.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from proxy.policy.charge import Account

CALLS_WAITING_MAX: Final = 1000
"""Beyond them, a call is told at once to come back later."""
WAIT_S: Final = 10.0
"""Agents wait minutes for an answer, and their SDKs repeat a call that was told to come back."""

Attempt = Callable[[], Account | None]
"""Tries to get room. None: it is through, with room or a refusal; else the account that is too small now."""


class GoneError(Exception):
    """The caller hung up while its call waited."""


@dataclass(slots=True, eq=False)
class _Waiter:
    attempt: Attempt
    done: "asyncio.Future[None]"
    begun: bool


class Waiting:
    def __init__(self, calls_max: int = CALLS_WAITING_MAX, wait_s: float = WAIT_S) -> None:
        self._max = calls_max
        self._wait_s = wait_s
        self._queues: dict[Account, list[_Waiter]] = {}

    @property
    def calls(self) -> int:
        return sum(map(len, self._queues.values()))

    def line_at(self, accounts: Iterable[Account]) -> Account | None:
        """The first of these accounts that somebody waits for already; None: nobody does."""
        return next((account for account in accounts if account in self._queues), None) if self._queues else None

    async def turn(
        self,
        account: Account,
        attempt: Attempt,
        *,
        begun: bool = False,
        gone: Callable[[], Awaitable[None]] | None = None,
    ) -> bool:
        """Wait until the attempt is through. False: there was no room in time, or too many wait.

        Raises GoneError where `gone` returns first. Who is cancelled here may have got its room already.
        """
        if self.calls >= self._max:
            return False
        waiter = _Waiter(attempt, asyncio.get_running_loop().create_future(), begun)
        self._join(account, waiter)
        leaving = asyncio.ensure_future(gone()) if gone is not None else None
        watched = {waiter.done} if leaving is None else {waiter.done, leaving}
        try:
            finished, _ = await asyncio.wait(watched, timeout=self._wait_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            left = self._leave(waiter)
            if leaving is not None:
                leaving.cancel()
            for place in left:
                # Those behind it may need less, and have had only it in their way.
                self._serve(place)
        if waiter.done.done():
            waiter.done.result()
            return True
        if leaving in finished:
            raise GoneError
        return False

    def freed(self) -> None:
        """Something was given back: those in front try again."""
        for account in list(self._queues):
            self._serve(account)

    def _serve(self, account: Account) -> None:
        queue = self._queues.get(account)
        while queue:
            waiter = queue[0]
            try:
                short = waiter.attempt()
            except Exception as error:
                self._leave(waiter)
                waiter.done.set_exception(error)
                continue
            if short == account:
                return
            self._leave(waiter)
            if short is None:
                waiter.done.set_result(None)
            else:
                self._join(short, waiter)

    def _join(self, account: Account, waiter: _Waiter) -> None:
        queue = self._queues.setdefault(account, [])
        place = sum(other.begun for other in queue) if waiter.begun else len(queue)
        queue.insert(place, waiter)

    def _leave(self, waiter: _Waiter) -> list[Account]:
        """Where it stood."""
        left = [account for account, queue in self._queues.items() if waiter in queue]
        for account in left:
            self._queues[account].remove(waiter)
            if not self._queues[account]:
                del self._queues[account]
        return left
