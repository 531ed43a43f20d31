"""Outcome facts: what a rebuild of outcomes is made from, all of the same state of the ledger, as files.

The database writes them by itself, however large they are: nothing of them stands in this process's memory.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Final

import msgspec

from proxy.ledger.statements import statement
from proxy.model.told import Told
from proxy.outcomes.definition import DAY_US, HOUR_US
from proxy.outcomes.quarters import WEEK_US, Frozen, read
from proxy.ports.store import Store

BASELINES_FROZEN: Final = "baselines_frozen"
"""Kind of the act that puts baselines of a quarter on record; the quarter's begin is its subject."""
TIMEOUT_S: Final = 600.0
MONDAY_US: Final = 4 * DAY_US
"""The first Monday since the epoch."""
SCRATCH_FOLDER: Final = "scratch"
"""Beside the database, which makes it."""
TOLD_FILE: Final = "told.jsonl"
SPENDS_FILE: Final = "spends.jsonl"
RUNS_FILE: Final = "runs.jsonl"
SESSIONS_FILE: Final = "sessions.jsonl"
EVER_US: Final = 2**62
_BASELINES: Final = "SELECT at_us, subject, details FROM acts WHERE kind = $kind ORDER BY at_us, id"
_TOLD: Final = msgspec.json.Decoder(Told)


@dataclass(frozen=True, slots=True)
class OutcomeFacts:
    store: Store
    load: int
    """Facts of later transactions are left out."""
    after: int = 0
    """The load up to which shares were made before."""
    open_us: int = -EVER_US
    """Of weeks that begin before, single calls are no longer there: only those that came after `after` are new."""

    def told(self, folder: Path) -> int:
        """Lines written."""
        return self._write("outcome_told", folder / TOLD_FILE)

    def spent(self, folder: Path, weeks: Sequence[int] | None) -> int:
        """Calls of the weeks that begin then; None: of all. Lines written that have to be attributed."""
        of = of_weeks(weeks)
        since_us, until_us = (min(weeks), max(weeks) + WEEK_US) if weeks else (-EVER_US, EVER_US)
        values = of | {"since_us": since_us, "until_us": until_us, "monday_us": MONDAY_US, "week_us": WEEK_US}
        values |= {"after": self.after, "open_us": self.open_us}
        self._write("outcome_runs", folder / RUNS_FILE, **values)
        return self._write("outcome_spends", folder / SPENDS_FILE, **values, hour_us=HOUR_US)

    def sessions(self, folder: Path) -> int:
        return self._write("outcome_sessions", folder / SESSIONS_FILE)

    def touched(self) -> list[int]:
        """Weeks of the calls that came since."""
        values = {"horizon": self.load, "after": self.after, "monday_us": MONDAY_US, "week_us": WEEK_US}
        return [week_us for (week_us,) in self.store.read(statement("outcome_touched"), values, TIMEOUT_S)]

    def recorded(self) -> dict[int, dict[str, Frozen]]:
        """Baselines on record: of each service and quarter what was recorded first."""
        found: dict[int, dict[str, Frozen]] = defaultdict(dict)
        for at_us, subject, details in self.store.read(_BASELINES, {"kind": BASELINES_FROZEN}):
            for service, text in details.items():
                found[int(subject)].setdefault(service, Frozen(read(service, text), at_us))
        return dict(found)

    def _write(self, name: str, file: Path, **values: object) -> int:
        return self.store.export_lines(statement(name), {"horizon": self.load, **values}, file, TIMEOUT_S)


def of_weeks(weeks: Sequence[int] | None) -> dict[str, object]:
    """As statements take them."""
    return {"all": weeks is None, "weeks": list(weeks or [0])}


@contextmanager
def told_lines(store: Store, load: int = EVER_US) -> Iterator[Callable[[], Iterator[Told]]]:
    """What gives everything told, as often as it is called, in the order in which it happened."""
    with TemporaryDirectory(dir=store.path.parent / SCRATCH_FOLDER, prefix="told-") as name:
        OutcomeFacts(store, load).told(Path(name))
        file = (Path(name) / TOLD_FILE).open("rb")
    # Its name is gone by now: a kill leaves nothing behind.
    with file:
        yield lambda: _decoded(file)


def read_told(folder: Path) -> Iterator[Told]:
    """In the order in which it happened, each line once."""
    with (folder / TOLD_FILE).open("rb") as file:
        yield from _decoded(file)


def _decoded(file: BinaryIO) -> Iterator[Told]:
    file.seek(0)
    return map(_TOLD.decode, file)
