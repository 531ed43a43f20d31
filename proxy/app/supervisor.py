"""`outlay serve`: both planes as processes of their own under one small supervisor.

A plane that dies is started again, sooner or later by how often it died; the other plane doesn't notice. A plane that
says it can't work as configured (exit code 2) takes everything down, because nobody would see it fail in silence.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import structlog

from proxy.settings import Settings

log = structlog.get_logger("outlay.supervisor")

MISCONFIGURED: Final = 2
RESTART_WAIT_MAX_S: Final = 10.0
STEADY_S: Final = 30.0
"""A plane that ran this long starts afresh without a wait."""
KILL_AFTER_S: Final = 10.0
"""Beyond the graceful stop's own limit."""


@dataclass(slots=True)
class Plane:
    name: str
    module: str
    settings: Settings
    arguments: tuple[str, ...] = ()
    process: asyncio.subprocess.Process | None = None
    failures: int = 0
    started: float = field(default=0.0)


class Supervisor:
    """Runs planes until it is told to stop. `on_ready` is called once everything has answered its health check."""

    def __init__(self, planes: list[Plane], stop_s: float) -> None:
        self._planes = planes
        self._stop_s = stop_s
        self._stopping = asyncio.Event()
        self._code = 0

    async def run(self, on_start: Callable[[], None]) -> int:
        """Exit code: 0 after a stop that was asked for, 2 where a plane is misconfigured."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_stop)
        keepers = [asyncio.create_task(self._keep(plane)) for plane in self._planes]
        on_start()
        await self._stopping.wait()
        log.info("stopping", wait_max_s=self._stop_s)
        # Gateways first: the ledger then still loads their last lines.
        for plane in self._planes:
            await self._stop(plane)
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
                if plane.process is not None and plane.process.returncode is None:
                    plane.process.terminate()
        self._stopping.set()

    async def _keep(self, plane: Plane) -> None:
        while not self._stopping.is_set():
            plane.started = time.monotonic()
            plane.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                plane.module,
                *plane.arguments,
                env={**os.environ, **plane.settings.environ()},
                # Planes speak on stderr; what the stand-in says on stdout is meant for scripts.
                stdout=asyncio.subprocess.DEVNULL,
                # Ctrl-C in a terminal goes to a whole group, and would stop the planes all at once, in any order.
                process_group=0,
            )
            code = await plane.process.wait()
            if self._stopping.is_set():
                return
            if code == MISCONFIGURED:
                self._code = MISCONFIGURED
                self._stopping.set()
                return
            await self._pause(plane, code)

    async def _pause(self, plane: Plane, code: int) -> None:
        ran_s = time.monotonic() - plane.started
        plane.failures = 0 if ran_s > STEADY_S else plane.failures + 1
        wait_s = min(RESTART_WAIT_MAX_S, 0.1 * 2**plane.failures) if plane.failures else 0.0
        log.error("plane stopped, starting it again", name=plane.name, code=code, ran_s=round(ran_s, 1), wait_s=wait_s)
        await asyncio.sleep(wait_s)

    async def _stop(self, plane: Plane) -> None:
        process = plane.process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), self._stop_s + KILL_AFTER_S)
        except TimeoutError:
            log.error("plane did not stop, killed", name=plane.name)
            process.kill()
            await process.wait()


def planes(settings: Settings, stand_in_port: int = 0) -> list[Plane]:
    """The processes of one machine: as many gateways as workers, one ledger, and the stand-in where it has a port."""
    shared = replace(settings, supervisor_pid=os.getpid())
    gateways = [
        Plane(f"gateway-{number}", "proxy.app.gateway", replace(shared, node=f"{settings.node}-{number}"))
        for number in range(settings.workers)
    ]
    ledger = Plane("ledger", "proxy.app.ledger", shared)
    if not stand_in_port:
        return [*gateways, ledger]
    stand_in = Plane("stand-in", "proxy.standin", shared, ("--port", str(stand_in_port), "--parent", str(os.getpid())))
    return [*gateways, ledger, stand_in]
