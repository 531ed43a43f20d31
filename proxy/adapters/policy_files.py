"""Policy files: the folder on disk, and the one set out of it that is in force.

A change counts when looks in a row find the same bytes for half a second and nobody says to be in the middle of it
(git's own lock, `.hold`), so half-copied folders, a `git pull` and Kubernetes' swapped links never take effect by
halves. A set with mistakes changes nothing; they stay visible until they are mended. Looking is a handful of stat
calls, four times a second: it works on every kind of folder, where notifications do not (network folders, links that
are swapped, exhausted watches).
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import structlog

from proxy.adapters.policy_archive import PolicyArchive
from proxy.adapters.policy_settling import SETTLED_LOOKS, Settling
from proxy.adapters.policy_snapshot import Snapshot, Stamp, take_snapshot, take_stamps
from proxy.policy import keys_yaml
from proxy.policy.load import keys_version, load, version
from proxy.policy.types import Mistake, PolicySet

LOOK_S: Final = 0.25
START_LOOKS_MAX: Final = 20
"""A first start waits for a folder that is changing, 5 s at most."""

log = structlog.get_logger("outlay.policies")


class PolicyFolder:
    def __init__(self, folder: Path, keys_file: Path, data: Path, *, look_s: float = LOOK_S) -> None:
        self.folder = folder
        self.keys_file = keys_file
        self._archive = PolicyArchive(data)
        self._look_s = look_s
        self._current: PolicySet | None = None
        self._stamps: tuple[Stamp, ...] = ()
        self._settling = Settling()
        self._mistakes: tuple[Mistake, ...] = ()
        self._held = ""
        self._owed: Snapshot | None = None
        """In force, but not yet kept: the data folder could not be written."""

    @property
    def current(self) -> PolicySet:
        """The set in force. `load_now` comes first."""
        if self._current is None:
            raise RuntimeError("no policy set is loaded: call load_now first")
        return self._current

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        """What is wrong with the files as they stand now, if anything. They are not in force then."""
        if not self._settling.waits:
            return self._mistakes
        waits = f"a change waits while {self._held} is there: once nobody is changing the folder, remove it"
        return (*self._mistakes, Mistake(str(self.folder), 0, 0, waits))

    def load_now(self) -> tuple[Mistake, ...]:
        """Put the folder's set in force, as a start does; where it has mistakes, the one that was in force last.

        So too where the folder is being changed at this moment: the change takes effect once it has settled.
        Gives the mistakes where neither is possible: there is nothing to start with then. Blocks while reading.
        """
        last = self._last_in_force()
        snapshot = self._first_look(patient=last is None)
        loaded = self._read(snapshot)
        if last is not None and isinstance(loaded, PolicySet) and self._changing(snapshot):
            self._settling.began(b"")
            self._current = last
            log.info("started with the policies that were in force last: the folder is changing", version=last.version)
            return ()
        if snapshot.held and last is None:
            return (Mistake(str(self.folder), 0, 0, f"the folder is being changed: {snapshot.held} is there"),)
        self._settling.began(snapshot.digest())
        self._take_up(snapshot, loaded)
        if self._current is not None:
            return ()
        self._current = last
        if last is None:
            return self.mistakes
        log.error("started with the policies that were in force last", version=last.version)
        return ()

    def look(self) -> PolicySet | None:
        """Look once for a change; gives the new set where one came into force. Blocks; not for the event loop."""
        self._pay()
        stamps = take_stamps(self.folder, self.keys_file)
        changed = stamps != self._stamps
        if not changed and not self._settling.reading:
            return None
        self._stamps = stamps
        snapshot = take_snapshot(self.folder, self.keys_file)
        self._held = snapshot.held
        if not self._settling.look(snapshot.digest(), changed=changed, held=bool(snapshot.held)):
            return None
        if self._known(snapshot):
            return None
        return self._take_up(snapshot, self._read(snapshot))

    async def watch(self, on_change: Callable[[PolicySet], Awaitable[None] | None]) -> None:
        """Look until cancelled; `on_change` is called in the event loop with each set that comes into force.

        What it gives is awaited. A look, and the load of what it finds, run in a thread.
        """
        while True:
            await asyncio.sleep(self._look_s)
            try:
                changed = await asyncio.to_thread(self.look)
                done = on_change(changed) if changed is not None else None
                if inspect.isawaitable(done):
                    await done
            except Exception:
                # Watching must outlive whatever one look runs into.
                log.exception("looking at the policy folder failed")

    def _first_look(self, *, patient: bool) -> Snapshot:
        """`patient`: look again for a while where the folder is changing."""
        for again in reversed(range(START_LOOKS_MAX if patient else 1)):
            self._stamps = take_stamps(self.folder, self.keys_file)
            snapshot = take_snapshot(self.folder, self.keys_file)
            if not again or not self._changing(snapshot):
                break
            time.sleep(self._look_s)
        return snapshot

    def _changing(self, snapshot: Snapshot) -> bool:
        """True where a start can't tell whether the folder is whole: a look needs another to compare with."""
        since = time.time_ns() - int((SETTLED_LOOKS - 1) * self._look_s * 1e9)
        return bool(snapshot.held) or any(since < max(times) for _, _, _, *times in self._stamps)

    def _known(self, snapshot: Snapshot) -> bool:
        """True for the very files in force, at another commit perhaps: nothing to load, only a label to put right."""
        current = self._current
        if current is None or snapshot.unreadable:
            return False
        if (version(snapshot.files), keys_version(snapshot.files)) != _versions(current):
            return False
        self._mistakes = ()
        if snapshot.commit != current.commit:
            self._current, self._owed = replace(current, commit=snapshot.commit), snapshot
            self._pay()
        return True

    def _take_up(self, snapshot: Snapshot, loaded: PolicySet | list[Mistake]) -> PolicySet | None:
        """Swap the set in, if it is whole and valid."""
        if isinstance(loaded, list):
            self._mistakes = tuple(self._placed(mistake) for mistake in loaded)
            for mistake in self._mistakes:
                log.error("policy mistake, nothing changed", where=_where(mistake), problem=mistake.message)
            return None
        self._mistakes = ()
        self._current = loaded
        self._owed = snapshot
        self._pay()
        for warning in map(self._placed, loaded.warnings):
            log.warning("policy warning", where=_where(warning), problem=warning.message)
        label = {"commit": loaded.commit} if loaded.commit else {}
        log.info("policies in force", version=loaded.version, keys=len(loaded.keys), **label)
        return loaded

    def _read(self, snapshot: Snapshot) -> PolicySet | list[Mistake]:
        loaded = load(snapshot.files, commit=snapshot.commit)
        strays = [*snapshot.unreadable, *self._lost_keys(snapshot)]
        if strays:
            return strays + (loaded if isinstance(loaded, list) else [])
        return loaded

    def _lost_keys(self, snapshot: Snapshot) -> list[Mistake]:
        """No command deletes keys.yaml. If it vanishes, a mount went away, and everybody would be locked out."""
        if self._current is None or not self._current.keys or keys_yaml.FILE in snapshot.files:
            return []
        return [Mistake(keys_yaml.FILE, 0, 0, "the file is gone; its keys stay valid (an empty file would end them)")]

    def _last_in_force(self) -> PolicySet | None:
        files = self._archive.last()
        loaded = load(files) if files is not None else None
        return loaded if isinstance(loaded, PolicySet) else None

    def _pay(self) -> None:
        """Keep the set in force. A full disk must not keep a rule from taking effect, so this is tried again."""
        if self._owed is None or self._current is None:
            return
        try:
            self._archive.keep(self._current, dict(self._owed.files))
            self._owed = None
        except OSError as error:
            log.error("the policy set in force could not be kept", version=self._current.version, error=str(error))

    def _placed(self, mistake: Mistake) -> Mistake:
        """The same mistake, its file named by its path."""
        path = self.keys_file if mistake.file == keys_yaml.FILE else self.folder / mistake.file
        return replace(mistake, file=str(path))


def _versions(policies: PolicySet) -> tuple[str, str]:
    return policies.version, policies.keys_version


def _where(mistake: Mistake) -> str:
    return f"{mistake.file}:{mistake.line}:{mistake.column}" if mistake.line else mistake.file
