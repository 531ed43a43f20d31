"""Loading, for as long as the ledger runs: passes of the loader in a thread, close behind the journal."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

import structlog

from proxy.ledger.loader import Loader, LoadingStoppedError
from proxy.ports.store import StoreError, StoreLostError

log = structlog.get_logger("outlay.loader")

IDLE_S: Final = 0.25
"""Between passes that find nothing."""
BUSY_S: Final = 0.5
"""Between passes that find something: a transaction costs as much for one line as for a thousand."""
BEHIND_LINES: Final = 5000
"""A pass that loads more than this is followed by the next at once."""
RETRY_S: Final = 1.0


class Loading:
    """The task. `failing` says what went wrong in the last pass, '' where nothing did."""

    def __init__(
        self,
        loader: Loader,
        failed: Callable[[], None],
        to_be_rebuilt: Callable[[], str] = lambda: "",
        retry_s: float = RETRY_S,
    ) -> None:
        """`to_be_rebuilt`: why the database must be made anew, which the next start does; '': it needn't."""
        self.failing = ""
        self.fatal = False
        """True: only a new process can go on."""
        self._loader = loader
        self._failed = failed
        self._to_be_rebuilt = to_be_rebuilt
        self._retry_s = retry_s
        self._stopping = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "loader")
        """Of its own: those that all others share may be busy with reports, copies and rebuilds for minutes."""

    async def run(self) -> None:
        """Until `stop`, or a failure that a further pass can't mend."""
        try:
            while not self._stopping.is_set() and not self.fatal:
                wait_s = await self._pass()
                if wait_s:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._stopping.wait(), wait_s)
        finally:
            self._thread.shutdown(wait=False)

    def stop(self) -> None:
        self._stopping.set()

    async def _pass(self) -> float:
        """One pass; gives how long to wait for the next."""
        damage = self._to_be_rebuilt()
        if damage:
            self.failing, self.fatal = damage, True
            log.error("database damaged: it is made anew at the next start", why=damage)
            return 0.0
        try:
            lines = await asyncio.get_running_loop().run_in_executor(self._thread, self._loader.run_once)
        except Exception as error:
            # Loading must outlive whatever one pass runs into; what can't be outlived ends the process, aloud.
            self.failing = f"{type(error).__name__}: {error}"
            self.fatal = isinstance(error, StoreLostError | LoadingStoppedError)
            self._failed()
            expected = isinstance(error, StoreError | OSError | LoadingStoppedError)
            log.error("loading failed", why=self.failing, fatal=self.fatal, exc_info=not expected)
            return 0.0 if self.fatal else self._retry_s
        self.failing = ""
        if lines > BEHIND_LINES:
            return 0.0
        return BUSY_S if lines else IDLE_S
