"""Waiting: calls that would fit if others gave back what they hold, first in, first out for each account.

Whoever gives something back runs the attempts of those who wait, so that nobody who comes later takes the room first.
Room that is too small for the first may go to others, for a while; then it is kept for the first, for a while: so
neither holds the other up for long. Streams that have begun go before calls that have not, and nobody overtakes them:
ending an answer in its middle is worse than beginning one late.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from proxy.policy.charge import Account

CALLS_WAITING_MAX: Final = 1000
"""Beyond them, a call is told at once to come back later."""
WAIT_S: Final = 10.0
"""Agents wait minutes for an answer, and their SDKs repeat a call that was told to come back."""
OVERTAKING_S: Final = 4.0
"""Those who fit may overtake the first so long."""
KEPT_S: Final = 3.0
"""Then all that is given back is kept for it so long; and so on, in turns."""


class Lack(NamedTuple):
    """What a call has no room for now."""

    account: Account
    """That is too small."""
    needed: int
    """There, in its budget's unit."""
    left: int = 0
    """There, for calls that have not begun; 0 where nobody has looked."""


Attempt = Callable[[], Lack | None]
"""Tries to get room. None: it is through, with room or a refusal."""


class GoneError(Exception):
    """The caller hung up while its call waited."""


@dataclass(slots=True, eq=False)
class _Waiter:
    attempt: Attempt
    done: "asyncio.Future[None]"
    begun: bool
    account: Account
    """Where it stands."""
    needed: int
    """There, when it last tried."""
    left: int = 0
    """There, when it last tried."""


@dataclass(slots=True, eq=False)
class _Line:
    """Those who wait for one account; never empty."""

    begun_s: float
    timer: "asyncio.TimerHandle"
    """When those behind the first have their turn again."""
    waiters: list[_Waiter] = field(default_factory=list)


class Waiting:
    def __init__(
        self,
        calls_max: int = CALLS_WAITING_MAX,
        wait_s: float = WAIT_S,
        overtaking_s: float = OVERTAKING_S,
        kept_s: float = KEPT_S,
    ) -> None:
        self._max = calls_max
        self._wait_s = wait_s
        self._overtaking_s = overtaking_s
        self._turn_s = overtaking_s + kept_s
        self._lines: dict[Account, _Line] = {}

    @property
    def calls(self) -> int:
        return sum(len(line.waiters) for line in self._lines.values())

    @property
    def nobody(self) -> bool:
        return not self._lines

    def line_at(self, accounts: Iterable[Account]) -> Account | None:
        """The first of these accounts that somebody waits for who must not be overtaken now; None: there is none."""
        if not self._lines:
            return None
        return next((account for account in accounts if self._is_kept(account)), None)

    async def turn(
        self,
        lack: Lack,
        attempt: Attempt,
        *,
        begun: bool = False,
        gone: Callable[[], Awaitable[None]] | None = None,
    ) -> bool:
        """Wait until the attempt is through. False: there was no room in time, or too many wait. `lack`: why it isn't
        through yet.

        Raises GoneError where `gone` returns first. Who is cancelled here may have got its room already.
        """
        if self.calls >= self._max:
            return False
        waiter = _Waiter(attempt, asyncio.get_running_loop().create_future(), begun, lack.account, lack.needed)
        self._join(waiter)
        leaving = asyncio.ensure_future(gone()) if gone is not None else None
        watched = {waiter.done} if leaving is None else {waiter.done, leaving}
        try:
            finished, _ = await asyncio.wait(watched, timeout=self._wait_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if leaving is not None:
                leaving.cancel()
            if self._leave(waiter):
                # Those behind it may need less, and have had only it in their way.
                self._serve(waiter.account)
        if waiter.done.done():
            waiter.done.result()
            return True
        if leaving in finished:
            raise GoneError
        return False

    @property
    def anybody(self) -> bool:
        """Waits for room."""
        return bool(self._lines)

    def freed(self, accounts: Iterable[Account] | None = None) -> None:
        """Something was given back to these accounts; None: perhaps to any. Those in front try again."""
        if self._lines:
            for account in list(self._lines) if accounts is None else accounts:
                self._serve(account)

    def _is_kept(self, account: Account) -> bool:
        """Whether what is free there is kept for the first who waits."""
        line = self._lines.get(account)
        if line is None:
            return False
        waited_s = asyncio.get_running_loop().time() - line.begun_s
        return line.waiters[0].begun or waited_s % self._turn_s >= self._overtaking_s

    def _serve(self, account: Account) -> None:
        while (line := self._lines.get(account)) and not self._waits_on(line.waiters[0]):
            pass
        if line is None or self._is_kept(account):
            return
        left = line.waiters[0].left
        for waiter in line.waiters[1:]:
            # An attempt weighs the whole call: with a thousand in the line, only those try who may fit.
            if waiter.needed <= left:
                left = waiter.left if self._waits_on(waiter) else left - waiter.needed

    def _waits_on(self, waiter: _Waiter) -> bool:
        """It tries. True: it has no room, and waits on where it stood."""
        account = waiter.account
        try:
            lack = waiter.attempt()
        except Exception as error:
            self._leave(waiter)
            waiter.done.set_exception(error)
            return False
        if lack is not None:
            waiter.needed, waiter.left = lack.needed, lack.left
            if lack.account == account:
                return True
        self._leave(waiter)
        if lack is None:
            waiter.done.set_result(None)
        else:
            waiter.account = lack.account
            self._join(waiter)
        return False

    def _again(self, account: Account) -> None:
        """The first has had its time: those behind it may be served."""
        line = self._lines.get(account)
        if line is not None:
            line.timer = asyncio.get_running_loop().call_later(self._turn_s, self._again, account)
            self._serve(account)

    def _join(self, waiter: _Waiter) -> None:
        account = waiter.account
        line = self._lines.get(account)
        if line is None:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(self._turn_s, self._again, account)
            line = self._lines[account] = _Line(loop.time(), timer)
        place = sum(other.begun for other in line.waiters) if waiter.begun else len(line.waiters)
        line.waiters.insert(place, waiter)

    def _leave(self, waiter: _Waiter) -> bool:
        """False: it had left before."""
        line = self._lines.get(waiter.account)
        if line is None or waiter not in line.waiters:
            return False
        line.waiters.remove(waiter)
        if not line.waiters:
            line.timer.cancel()
            del self._lines[waiter.account]
        return True
