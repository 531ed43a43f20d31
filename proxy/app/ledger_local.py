"""A ledger without a server: the database of a data folder, opened for one command and brought up to date."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from starlette.types import ASGIApp

from proxy.adapters.clock import SystemClock
from proxy.adapters.journal_file import FileJournal
from proxy.adapters.policy_snapshot import take_snapshot
from proxy.app.ledger_wiring import JOURNAL_FOLDER, NODE, Ledger
from proxy.app.opening import open_store
from proxy.model.entry import Entry
from proxy.policy.load import load
from proxy.policy.types import PolicySet
from proxy.settings import Settings
from proxy.web.control_auth import as_operator


class NoLedgerError(Exception):
    """There is no data folder to read."""


@contextmanager
def local_ledger(settings: Settings) -> Iterator[ASGIApp]:
    """The control plane's application over the data folder, for its operator.

    Everything on the journal is loaded first. Raises NoLedgerError, StoreError, LoadingStoppedError, OSError.
    """
    if not (settings.data / JOURNAL_FOLDER).is_dir():
        raise NoLedgerError(f"there is no data in {settings.data.resolve()}")
    clock = SystemClock()
    with ExitStack() as stack:
        store = open_store(settings.data, clock.now_us())
        stack.callback(store.close)
        journal = JournalOnDemand(lambda: FileJournal(settings.data / JOURNAL_FOLDER, NODE, clock))
        stack.callback(journal.close)
        policies = _policies(settings.policies, settings.keys_file)
        ledger = Ledger(settings, store, journal, lambda: policies)
        ledger.loader.catch_up()
        yield as_operator(ledger.application())


def _policies(folder: Path, keys_file: Path) -> PolicySet:
    """Who is known, for the rule about persons. Files with mistakes are the server's business; nobody is known then,
    and the rule holds by what the database says of each owner."""
    loaded = load(take_snapshot(folder, keys_file).files)
    return loaded if isinstance(loaded, PolicySet) else PolicySet(version="")


class JournalOnDemand:
    """Fulfils ports.journal.Journal. Opened by its first entry: a command that records nothing leaves no segment."""

    def __init__(self, make: Callable[[], FileJournal]) -> None:
        self._make = make
        self._journal: FileJournal | None = None

    @property
    def accepting(self) -> bool:
        return self._journal is None or self._journal.accepting

    def append(self, entry: Entry) -> None:
        if self._journal is None:
            journal = self._make()
            journal.open()
            self._journal = journal
        self._journal.append(entry)

    async def flushed(self) -> None:
        if self._journal is not None:
            await self._journal.flushed()

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()
