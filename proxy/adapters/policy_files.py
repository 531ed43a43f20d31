"""Policy files: the folder on disk, and the one set out of it that is in force.

A change counts when looks in a row find the same bytes for half a second, so half-copied folders, `git checkout` in
the middle and Kubernetes' swapped links never take effect by halves. A set with mistakes changes nothing; they stay
visible until they are mended. Looking is a handful of stat calls, four times a second: it works on every kind of
folder, where notifications do not (network folders, links that are swapped, exhausted watches).
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import structlog

from proxy.adapters.git_head import commit_of
from proxy.adapters.policy_archive import PolicyArchive
from proxy.adapters.policy_snapshot import Snapshot, Stamp, take_snapshot, take_stamps
from proxy.adapters.provider_secrets import ProviderSecrets
from proxy.policy import keys_yaml
from proxy.policy.load import load
from proxy.policy.types import Mistake, PolicySet

LOOK_S: Final = 0.25
SETTLED_LOOKS: Final = 3
"""So many in a row must find the same bytes. With the load of 10,000 keys that stays within the promised 2 s."""
RACY_NS: Final = 2_000_000_000
"""Files changed so recently are read again at each look: a second change may leave no trace in their times."""

__all__ = ["PolicyFolder", "ProviderSecrets"]

log = structlog.get_logger("outlay.policies")


class PolicyFolder:
    def __init__(self, folder: Path, keys_file: Path, data: Path, *, look_s: float = LOOK_S) -> None:
        self.folder = folder
        self.keys_file = keys_file
        self.mistakes: tuple[Mistake, ...] = ()
        """What is wrong with the files as they stand now, if anything. They are not in force then."""
        self._archive = PolicyArchive(data)
        self._look_s = look_s
        self._current: PolicySet | None = None
        self._stamps: tuple[Stamp, ...] = ()
        self._pending = b""
        """Digest of a change that is not settled yet, and in how many looks it was seen."""
        self._seen = 0
        self._settled = b""
        """Digest of the files last loaded, valid or not."""
        self._owed: Snapshot | None = None
        """In force, but not yet kept: the data folder could not be written."""

    @property
    def current(self) -> PolicySet:
        """The set in force. `load_now` comes first."""
        if self._current is None:
            raise RuntimeError("no policy set is loaded: call load_now first")
        return self._current

    def load_now(self) -> tuple[Mistake, ...]:
        """Put the folder's set in force, as a start does; where it has mistakes, the one that was in force last.

        Gives the mistakes where neither is possible: there is nothing to start with then. Blocks while reading.
        """
        stamps = take_stamps(self.folder, self.keys_file)
        snapshot = take_snapshot(self.folder, self.keys_file)
        self._stamps, self._settled = stamps, snapshot.digest()
        self._load(snapshot)
        if self._current is not None:
            return ()
        self._current = self._last_in_force()
        if self._current is None:
            return self.mistakes
        log.error("started with the policies that were in force last", version=self._current.version)
        return ()

    def look(self) -> PolicySet | None:
        """Look once for a change; gives the new set where one came into force. Blocks; not for the event loop."""
        self._pay()
        stamps = take_stamps(self.folder, self.keys_file)
        if stamps == self._stamps and not self._pending and not _recent(stamps):
            return None
        self._stamps = stamps
        snapshot = take_snapshot(self.folder, self.keys_file)
        digest = snapshot.digest()
        if digest == self._settled:
            self._pending = b""
            return None
        self._seen = self._seen + 1 if digest == self._pending else 1
        self._pending = digest
        if self._seen < SETTLED_LOOKS:
            return None
        self._pending, self._settled = b"", digest
        return self._load(snapshot)

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

    def _load(self, snapshot: Snapshot) -> PolicySet | None:
        """Swap the set in, if it is whole and valid and another than the one in force."""
        loaded = self._read(snapshot)
        if isinstance(loaded, list):
            self.mistakes = tuple(self._placed(mistake) for mistake in loaded)
            for mistake in self.mistakes:
                log.error("policy mistake, nothing changed", where=_where(mistake), problem=mistake.message)
            return None
        self.mistakes = ()
        if self._current and _versions(self._current) == _versions(loaded):
            return None
        self._current = loaded
        self._owed = snapshot
        self._pay()
        for warning in map(self._placed, loaded.warnings):
            log.warning("policy warning", where=_where(warning), problem=warning.message)
        label = {"commit": loaded.commit} if loaded.commit else {}
        log.info("policies in force", version=loaded.version, keys=len(loaded.keys), **label)
        return loaded

    def _read(self, snapshot: Snapshot) -> PolicySet | list[Mistake]:
        loaded = load(snapshot.files, commit=commit_of(self.folder))
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


def _recent(stamps: Sequence[Stamp]) -> bool:
    since = time.time_ns() - RACY_NS
    return any(changed > since or moved > since for _, _, _, changed, moved in stamps)


def _versions(policies: PolicySet) -> tuple[str, str]:
    return policies.version, policies.keys_version


def _where(mistake: Mistake) -> str:
    return f"{mistake.file}:{mistake.line}:{mistake.column}" if mistake.line else mistake.file
