"""Delivering: each target is told of each thing once, and none waits for another.

At least once: what was delivered goes on the ledger's journal right behind the delivery, so that a restart repeats
nothing; a kill between the two makes that one message come twice, and none is ever missed for it. Nothing is queued:
what waits is found anew at each look, from facts.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from secrets import token_bytes
from threading import Thread
from typing import Final

import structlog

from proxy.ledger.notices import folded, noticed, told
from proxy.model.entry import Act
from proxy.policy.types import Secret, Target
from proxy.ports.journal import Journal, JournalUnavailableError
from proxy.ports.notices import Notice, NotSentError, Sender
from proxy.ports.store import Store

log = structlog.get_logger("outlay.notices")

RETRY_S: Final = 60.0
RETRY_S_MAX: Final = 3600.0
MESSAGES_MAX: Final = 20
"""To one target within MESSAGES_S, so that nobody is flooded; the rest follows."""
MESSAGES_S: Final = 60.0
STOP_S: Final = 2.0
AGAIN_US: Final = 3600 * 1_000_000
"""A state that ended and comes back sooner is told when this time is over, if it lasts: no flapping is passed on."""


@dataclass(slots=True)
class Delivery:
    """Of one target."""

    waiting: int = 0
    """Notices that it is to be told and was not."""
    sent: int = 0
    failures: int = 0
    """Ever, in this process."""
    in_a_row: int = 0
    why: str = ""
    """What went wrong at the last try; '' where nothing did."""
    next_us: int = 0
    """Nothing is tried before."""
    began_us: int = 0
    messages: int = 0
    """Since `began_us`."""
    task: "asyncio.Task[None] | None" = None
    thread: Thread | None = field(default=None, repr=False)


class Delivering:
    """To all targets. It runs in the event loop; each delivery has a thread of its own, that no stop waits for."""

    def __init__(
        self,
        *,
        store: Store,
        journal: Journal,
        sender: Sender,
        address: Callable[[Secret], str | None],
        now_us: Callable[[], int],
    ) -> None:
        self._store = store
        self._journal = journal
        self._sender = sender
        self._address = address
        self._now_us = now_us
        self._told: dict[tuple[str, str], int] | None = None
        self._unrecorded: deque[Act] = deque()
        self._deliveries: dict[str, Delivery] = {}

    @property
    def deliveries(self) -> Mapping[str, Delivery]:
        """By the target's name."""
        return self._deliveries

    async def recall(self) -> None:
        """Learn what was told before this process began. Raises StoreError."""
        if self._told is None:
            self._told = await asyncio.to_thread(told, self._store)

    async def start(self, targets: Iterable[Target], notices: Sequence[Notice]) -> list[asyncio.Task[None]]:
        """Begin telling each target what it was not told; one that is still being told is left to that. After
        `recall`."""
        names = set()
        tasks = []
        for target in targets:
            names.add(target.name)
            delivery = self._deliveries.setdefault(target.name, Delivery())
            if delivery.task is None or delivery.task.done():
                delivery.task = asyncio.create_task(self._tell(target, notices, delivery))
                tasks.append(delivery.task)
        for gone in self._deliveries.keys() - names:
            del self._deliveries[gone]
        await self._record()
        return tasks

    async def stop(self) -> None:
        """Give deliveries under way a moment, so that what they deliver is on record; no longer, whatever hangs."""
        tasks = [delivery.task for delivery in self._deliveries.values() if delivery.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_S)

    async def _tell(self, target: Target, notices: Sequence[Notice], delivery: Delivery) -> None:
        try:
            due = [each for each in notices if _wants(target, each) and self._due(target, each)]
            delivery.waiting = len(due)
            for message, keys in folded(due):
                if not self._may(delivery) or not await self._sent(target, message, delivery):
                    return
                delivery.waiting -= len(keys)
                await self._delivered(target, message, keys)
        except Exception:
            # One target's telling must outlive whatever it runs into, and nobody awaits it.
            log.exception("telling failed", target=target.name)

    def _due(self, target: Target, notice: Notice) -> bool:
        """Whether the target is still to be told of it."""
        assert self._told is not None
        at = self._told.get((target.name, notice.key))
        if notice.ends:
            begun = self._told.get((target.name, notice.ends))
            return begun is not None and (at is None or at < begun)
        if notice.ended_by and at is not None:
            ended = self._told.get((target.name, notice.ended_by), 0)
            return ended > at and self._now_us() - at >= AGAIN_US
        return at is None

    def _may(self, delivery: Delivery) -> bool:
        now_us = self._now_us()
        if delivery.next_us > now_us or (delivery.thread is not None and delivery.thread.is_alive()):
            return False
        if now_us - delivery.began_us >= MESSAGES_S * 1e6:
            delivery.began_us, delivery.messages = now_us, 0
        delivery.messages += 1
        return delivery.messages <= MESSAGES_MAX

    async def _sent(self, target: Target, notice: Notice, delivery: Delivery) -> bool:
        address = self._address(target.url)
        try:
            if not address:
                raise NotSentError("its variable or file holds no address")
            await _apart(delivery, lambda: self._sender.send(address, notice))
        except Exception as error:
            # Whatever a service's plugin runs into is the failure of one delivery. Its words may hold the address.
            delivery.why = str(error) if isinstance(error, NotSentError) else type(error).__name__
            wait_s = min(RETRY_S * 2.0**delivery.in_a_row, RETRY_S_MAX)
            delivery.in_a_row = min(delivery.in_a_row + 1, 30)
            delivery.failures += 1
            delivery.next_us = self._now_us() + int(wait_s * 1e6)
            log.error(
                "a notice was not delivered",
                target=target.name,
                notice=notice.title,
                why=delivery.why,
                again_in_s=wait_s,
            )
            return False
        delivery.in_a_row, delivery.why, delivery.next_us = 0, "", 0
        delivery.sent += 1
        log.info("told", target=target.name, notice=notice.title)
        return True

    async def _delivered(self, target: Target, message: Notice, keys: Sequence[str]) -> None:
        assert self._told is not None
        for key in keys:
            act = noticed(target.name, key, message.title, self._now_us(), token_bytes(8))
            self._told[target.name, key] = act.at_us
            self._unrecorded.append(act)
        # At once: a kill before it is on record would tell it twice.
        await self._record()

    async def _record(self) -> None:
        """Put deliveries on record; what can't be written now is written at the next look."""
        try:
            while self._unrecorded:
                self._journal.append(self._unrecorded[0])
                self._unrecorded.popleft()
            await self._journal.flushed()
        except JournalUnavailableError as error:
            log.error("a delivery is not on record yet, a restart now would repeat it", why=str(error))


def _wants(target: Target, notice: Notice) -> bool:
    """Whether a target is told of it at all."""
    meant = notice.audience == "all" or (notice.audience == "persons") is target.persons
    return meant and notice.kind in target.on and (not notice.level or notice.level >= target.min_level)


async def _apart(delivery: Delivery, work: Callable[[], None]) -> None:
    """Do it in a thread of its own, one that ends with the process: a service that never ends its answer holds up
    neither other targets nor a stop. Raises what the work raises."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        error: BaseException | None = None
        try:
            work()
        except Exception as raised:
            # Raised again where it is awaited.
            error = raised
        with suppress(RuntimeError):  # of a loop that is closed: nobody waits for it any more
            loop.call_soon_threadsafe(settle, error)

    delivery.thread = Thread(target=run, name="notice", daemon=True)
    delivery.thread.start()
    await done
    delivery.thread = None
