"""`outlay serve`: both planes as processes of their own under one small supervisor.

A plane that dies is started again, sooner or later by how often it died; the other plane doesn't notice. A plane that
says it can't work as configured (exit code 2) takes everything down, because nobody would see it fail in silence.

The data port's listening socket belongs to the supervisor, so connections wait in it while no gateway accepts, and
SIGUSR2 renews both planes without one lost: the ledger is started anew, and each gateway is replaced by a new process
(of the program as it is installed by then) under the node's other name, since two can't write to one folder of the
journal (ADR 14).
"""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

import structlog

from proxy.app.handover import CLOSED, GO, LOADED
from proxy.settings import Settings

log = structlog.get_logger("outlay.supervisor")

FAILED: Final = 1
MISCONFIGURED: Final = 2
RESTART_WAIT_MAX_S: Final = 10.0
STEADY_S: Final = 30.0
"""A plane that ran this long starts afresh without a wait."""
KILL_AFTER_S: Final = 30.0
"""Beyond the graceful stop's own limit: what was cut off is counted and settled within it."""
LOADED_S: Final = 60.0
"""How long a new gateway may take to load, before the old one goes on instead."""
CLOSED_S: Final = 5.0
"""How long the old one may take to close its door, before the new one opens all the same."""
OTHER: Final = "b"
"""Behind a node's name: its other name, under which every second gateway writes."""


@dataclass(slots=True)
class Plane:
    name: str
    module: str
    settings: Settings
    arguments: tuple[str, ...] = ()
    renewable: bool = False
    """It takes over from the process before it."""
    restartable: bool = False
    """A renewal stops it and starts it again: nobody waits for it."""
    wanted: bool = False
    """Its end: it is started again at once, and nothing is wrong."""
    process: asyncio.subprocess.Process | None = None
    talk: socket.socket | None = None
    """With the process, about handing over."""
    replaced: asyncio.Event = field(default_factory=asyncio.Event)
    """Another process has taken the place of the one that is kept."""
    leaving: list[asyncio.subprocess.Process] = field(default_factory=list)
    """Processes that were replaced, and bring their last calls to an end."""
    failures: int = 0
    started: float = field(default=0.0)


class Supervisor:
    """Runs planes until it is told to stop. `on_ready` is called once everything has answered its health check."""

    def __init__(self, planes: list[Plane], stop_s: float) -> None:
        self._planes = planes
        self._stop_s = stop_s
        self._stopping = asyncio.Event()
        self._renewing: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._code = 0
        self.patient = True
        """False: a plane that ends by itself isn't started again, but takes everything down, and is told of in
        `fallen`."""
        self.fallen: tuple[str, int] | None = None
        """The plane that everything was stopped for, with its exit code."""

    async def run(self, on_start: Callable[[], None]) -> int:
        """Exit code: 0 after a stop that was asked for, 2 where a plane is misconfigured, 1 where one fell and nobody
        was patient."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_stop)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            # A terminal that closes sends it more than once: it is never a second signal.
            loop.add_signal_handler(signal.SIGHUP, self._stopping.set)
        loop.add_signal_handler(signal.SIGUSR2, self._told_to_renew)
        keepers = [asyncio.create_task(self._keep(plane)) for plane in self._planes]
        on_start()
        await self._stopping.wait()
        log.info("stopping", wait_max_s=self._stop_s)
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait([self._renewing])
        # Gateways first: the ledger then still loads their last lines.
        for plane in self._planes:
            await asyncio.gather(*(self._stop(plane, process) for process in (plane.process, *plane.leaving)))
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        return self._code

    def stop(self) -> None:
        """Begin the stop, as a signal does."""
        self._told_to_stop()

    def _told_to_stop(self) -> None:
        """A second signal doesn't wait for calls in flight: each plane hears it again."""
        if self._stopping.is_set():
            for plane in self._planes:
                for process in (plane.process, *plane.leaving):
                    _terminate(process)
        self._stopping.set()

    def _told_to_renew(self) -> None:
        if self._stopping.is_set() or (self._renewing is not None and not self._renewing.done()):
            log.warning("already renewing, or stopping")
            return
        self._renewing = asyncio.create_task(self._renew())

    async def _keep(self, plane: Plane) -> None:
        while not self._stopping.is_set():
            if plane.process is None:
                plane.started = time.monotonic()
                plane.process, plane.talk = await _begun(plane, plane.settings)
                _tell(plane.talk)
            code = FAILED if plane.process is None else await _ended(plane, plane.process)
            if self._stopping.is_set():
                return
            if code is None:
                continue
            plane.process = None
            _close(plane.talk)
            if plane.wanted:
                plane.wanted = False
                continue
            if code == MISCONFIGURED or not self.patient:
                self._code = MISCONFIGURED if code == MISCONFIGURED else FAILED
                self.fallen = (plane.name, code)
                self._stopping.set()
                return
            await self._pause(plane, code)

    async def _pause(self, plane: Plane, code: int) -> None:
        ran_s = time.monotonic() - plane.started
        plane.failures = 0 if ran_s > STEADY_S else plane.failures + 1
        wait_s = min(RESTART_WAIT_MAX_S, 0.1 * 2**plane.failures) if plane.failures else 0.0
        log.error("plane stopped, starting it again", name=plane.name, code=code, ran_s=round(ran_s, 1), wait_s=wait_s)
        await asyncio.sleep(wait_s)

    async def _renew(self) -> None:
        """Start the ledger anew, which reads what gateways of the version before wrote, then replace the gateways, one
        after the other; where a new one doesn't come up, what is there goes on."""
        for plane in self._planes:
            if plane.restartable and plane.process is not None:
                plane.wanted = True
                await self._stop(plane, plane.process)
        for plane in self._planes:
            if plane.renewable and not await self._replaced(plane):
                log.error("not renewed: the new gateway did not come up, the old one goes on", name=plane.name)
                return
        log.info("gateways renewed")

    async def _replaced(self, plane: Plane) -> bool:
        old, talk = plane.process, plane.talk
        if old is None or old.returncode is not None:
            return False
        settings = replace(plane.settings, node=_other(plane.settings.node), predecessor=plane.settings.node)
        new, with_new = await _begun(plane, settings)
        if new is None:
            return False
        try:
            loaded = await _heard(with_new, LOADED, LOADED_S)
        except asyncio.CancelledError:
            new.kill()
            raise
        if not loaded or plane.process is not old:
            _close(with_new)
            _terminate(new)
            self._see_off(plane, new)
            return False
        plane.process, plane.talk, plane.started = new, with_new, time.monotonic()
        plane.replaced.set()
        # Should it die later, the next one goes on from its own journal.
        plane.settings = replace(settings, predecessor="")
        plane.leaving.append(old)
        _terminate(old)
        if not await _heard(talk, CLOSED, CLOSED_S):
            log.warning("the old gateway takes long to close", name=plane.name)
        _close(talk)
        _tell(with_new)
        self._see_off(plane, old)
        return True

    def _see_off(self, plane: Plane, process: asyncio.subprocess.Process) -> None:
        async def seen_off() -> None:
            await self._stop(plane, process)
            if process in plane.leaving:
                plane.leaving.remove(process)

        task = asyncio.create_task(seen_off())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _stop(self, plane: Plane, process: asyncio.subprocess.Process | None) -> None:
        if process is None or process.returncode is not None:
            return
        if process not in plane.leaving:
            _terminate(process)
        try:
            await asyncio.wait_for(process.wait(), self._stop_s + KILL_AFTER_S)
        except TimeoutError:
            log.error("plane did not stop, killed", name=plane.name)
            process.kill()
            await process.wait()


async def _begun(plane: Plane, settings: Settings) -> tuple[asyncio.subprocess.Process | None, socket.socket | None]:
    """None: there is no memory, file, process or thread for it at this moment."""
    try:
        return await _started(plane, settings)
    except (OSError, RuntimeError) as error:
        log.error("plane can't be started", name=plane.name, why=str(error))
        return None, None


async def _started(plane: Plane, settings: Settings) -> tuple[asyncio.subprocess.Process, socket.socket | None]:
    """Raises OSError, RuntimeError."""
    ours = theirs = None
    if plane.renewable:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        settings = replace(settings, handover_fd=theirs.fileno())
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # what lies in the folder where it was started is no module of ours
            "-m",
            plane.module,
            *plane.arguments,
            env={**os.environ, **settings.environ()},
            # Planes speak on stderr; what the stand-in says on stdout is meant for scripts.
            stdout=asyncio.subprocess.DEVNULL,
            # Ctrl-C in a terminal goes to a whole group, and would stop the planes all at once, in any order.
            process_group=0,
            pass_fds=[each for each in (settings.listen_fd, settings.handover_fd) if each and plane.renewable],
        )
    except BaseException:
        _close(ours)
        raise
    finally:
        if theirs is not None:
            theirs.close()
    return process, ours


async def _ended(plane: Plane, process: asyncio.subprocess.Process) -> int | None:
    """Its exit code; None: another has taken its place, and is to be kept from now on, while this one may still bring
    its last calls to an end."""
    plane.replaced.clear()
    waits = [asyncio.ensure_future(process.wait()), asyncio.ensure_future(plane.replaced.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waits:
            each.cancel()
    return process.returncode if plane.process is process else None


async def _heard(talk: socket.socket | None, word: bytes, within_s: float) -> bool:
    """Whether a process said so, in time and before it ended."""
    if talk is None:
        return False
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(within_s):
            while said := await loop.sock_recv(talk, 1):
                if said == word:
                    return True
    except (TimeoutError, OSError):
        return False
    return False


def _tell(talk: socket.socket | None) -> None:
    if talk is not None:
        with suppress(OSError):
            talk.send(GO)


def _close(talk: socket.socket | None) -> None:
    if talk is not None:
        talk.close()


def _terminate(process: asyncio.subprocess.Process | None) -> None:
    if process is not None and process.returncode is None:
        process.terminate()


def _other(node: str) -> str:
    return node.removesuffix(OTHER) if node.endswith(OTHER) else node + OTHER


def planes(settings: Settings, stand_in_port: int = 0) -> list[Plane]:
    """The processes of one machine: as many gateways as workers, one ledger, and the stand-in where it has a port."""
    alone = replace(settings, supervisor_pid=os.getpid(), listen_fd=0)
    gateways = [
        Plane(
            f"gateway-{number}",
            "proxy.app.gateway",
            replace(alone, node=f"{settings.node}-{number}", listen_fd=settings.listen_fd),
            renewable=settings.listen_fd > 0,
        )
        for number in range(settings.workers)
    ]
    ledger = Plane("ledger", "proxy.app.ledger", alone, restartable=True)
    if not stand_in_port:
        return [*gateways, ledger]
    stand_in = Plane("stand-in", "proxy.standin", alone, ("--port", str(stand_in_port), "--parent", str(os.getpid())))
    return [*gateways, ledger, stand_in]
