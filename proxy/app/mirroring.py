"""Mirroring, for as long as the ledger runs: reads from mirrors what folding misses, and puts it on record.

What is missing is found anew from what was told, so that a restart loses nothing; the lines have the same ids whenever
they are read, so that nothing counts twice.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from proxy.adapters.git_access import access
from proxy.adapters.git_mirror import GitMirror, folder_of
from proxy.adapters.git_process import GitError, GitStoppedError
from proxy.app.mirror_kept import MirrorKept
from proxy.app.mirror_reading import line_of
from proxy.ledger.mirror_questions import Asked
from proxy.model.service import Mirror, Services
from proxy.outcomes.unread import MirrorState
from proxy.ports.journal import Journal, JournalUnavailableError

log = structlog.get_logger("outlay.mirrors")

FOLDER: Final = "mirrors"
"""In the data folder."""
LOOK_S: Final = 2.0
LOOK_S_MAX: Final = 60.0
SHARE: Final = 20
"""Folding takes at most a twentieth of the time."""
TURN_S: Final = 60.0
"""After so long it is asked anew what is wanted most: what is new goes before what is long past."""
AT_ONCE: Final = 2
"""Repositories that are read side by side."""


class Mirroring:
    """The task. It runs in the event loop; git, and reading what it says, in threads."""

    def __init__(
        self,
        *,
        ask: Callable[[], Asked],
        journal: Journal,
        services: Callable[[], Services],
        mirrors: Path,
        keys_from: Path,
        secret: Callable[[Mirror], str],
        environ: Mapping[str, str],
        now_us: Callable[[], int],
    ) -> None:
        """`ask`: what is wanted, blocking; `mirrors`: the folder for them; `keys_from`: what relative paths of ssh keys
        start from; `secret`: what a mirror's variable or file holds, '' where that is nothing; `environ`: of which git
        gets a few variables."""
        self._ask = ask
        self._journal = journal
        self._services = services
        self._mirrors = mirrors
        self._keys_from = keys_from
        self._secret = secret
        self._environ = environ
        self._now_us = now_us
        self._kept: dict[str, tuple[Mirror, str, MirrorKept]] = {}
        """With what it was made from: the entry, and the secret."""
        self._closed: dict[str, MirrorState] = {}
        """Of those that can't be opened."""
        self._busy: dict[str, asyncio.Task[int]] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    def states(self) -> tuple[MirrorState, ...]:
        """Of all mirrors in services.yaml, by repository."""
        known = {name: kept.state for name, (_, _, kept) in self._kept.items()} | self._closed
        return tuple(known.get(name) or MirrorState(name) for name in sorted(self._services().mirrors))

    async def run(self) -> None:
        """Until cancelled; what git does then is ended."""
        clock = asyncio.get_running_loop().time
        wait_s = LOOK_S
        try:
            while True:
                await asyncio.sleep(wait_s)
                began_s = clock()
                try:
                    await self.begin()
                except Exception:
                    # Looking must outlive whatever one look runs into.
                    log.exception("looking for what to read from mirrors failed")
                wait_s = min(LOOK_S_MAX, max(LOOK_S, SHARE * (clock() - began_s)))
        finally:
            self.stop()

    def stop(self) -> None:
        for _, _, kept in self._kept.values():
            kept.mirror.stop()

    async def look(self) -> int:
        """One look, with all that it leads to: the number of facts put on record."""
        return sum(await asyncio.gather(*await self.begin()))

    async def begin(self) -> list[asyncio.Task[int]]:
        """Find what there is to read, and begin to read it."""
        entries = self._services().mirrors
        for name in [each for each in self._kept if each not in entries and each not in self._busy]:
            del self._kept[name]
        self._closed = {name: state for name, state in self._closed.items() if name in entries}
        if not entries:
            return []
        asked = await asyncio.to_thread(self._ask)
        begun = []
        for name, entry in entries.items():
            kept = None if name in self._busy else self._opened(entry)
            if kept is not None and kept.is_due(asked):
                task = self._busy[name] = asyncio.create_task(self._read(kept, asked))
                task.add_done_callback(partial(self._free, name))
                begun.append(task)
        return begun

    def _free(self, name: str, _: asyncio.Task[int]) -> None:
        self._busy.pop(name, None)

    def _opened(self, entry: Mirror) -> MirrorKept | None:
        """None where what opens it is not there."""
        secret = self._secret(entry)
        known = self._kept.get(entry.repository)
        if known is not None and known[:2] == (entry, secret):
            return known[2]
        try:
            way = access(entry, secret, self._mirrors, self._keys_from)
        except GitError as error:
            now_us = self._now_us()
            if str(error) != self._closed.get(entry.repository, MirrorState("")).error:
                log.warning("a mirror can't be opened", repository=entry.repository, why=str(error))
            self._closed[entry.repository] = MirrorState(entry.repository, tried_us=now_us, error=str(error))
            return None
        self._closed.pop(entry.repository, None)
        folder = folder_of(self._mirrors, entry.repository, entry.url)
        kept = MirrorKept(GitMirror(entry, folder, way, self._environ), self._now_us)
        self._kept[entry.repository] = (entry, secret, kept)
        return kept

    async def _read(self, kept: MirrorKept, asked: Asked) -> int:
        written = 0
        clock = asyncio.get_running_loop().time
        try:
            async with self._turns:
                until_s = clock() + TURN_S
                while answers := await asyncio.to_thread(kept.answers, asked):
                    for question, facts in answers:
                        for fact in facts:
                            self._journal.append(line_of(fact, kept.mirror.repository, self._now_us()))
                        kept.done(question, len(facts))
                        written += len(facts)
                        await asyncio.sleep(0)
                    if clock() > until_s:
                        break
        except GitStoppedError:
            pass
        except JournalUnavailableError as error:
            log.error("what mirrors tell can't be recorded", why=str(error))
        except Exception:
            # One repository must not end the reading of the others.
            log.exception("reading a mirror failed", repository=kept.mirror.repository)
        return written
