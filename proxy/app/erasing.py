"""Erasing a person: one name, everywhere in a data folder, while no server runs on it.

What to do is written down first (`erasing.json`), each step can be repeated, and no step changes a sum: a run that was
cut off leaves a folder that works, and the next one goes on with the same pseudonyms. The last step forgets whose they
were.
"""

import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from proxy.adapters.clock import SystemClock
from proxy.adapters.counters_file import PREFIX, SUFFIX
from proxy.adapters.detector_file import UnusableError, told
from proxy.adapters.grants_file import FILE as GRANTS_FILE
from proxy.adapters.journal_erase import ErasedLines, erase_segments
from proxy.adapters.journal_file import FileJournal
from proxy.adapters.journal_folder import FolderLock, sync_folder
from proxy.adapters.journal_segments import FileSegments, node_folders
from proxy.adapters.policy_archive import FOLDER as ARCHIVE
from proxy.adapters.policy_archive import IN_FORCE
from proxy.adapters.policy_snapshot import is_policy_file
from proxy.adapters.store_duckdb import DATABASE_FILE, SCRATCH_FOLDER
from proxy.app.ledger_wiring import JOURNAL_FOLDER, NODE
from proxy.app.names_of_person import names_of_person
from proxy.app.opening import MARK_FILE, open_store
from proxy.journal.erasing import Names, pseudonym
from proxy.ledger.erasing import erase_rows, left
from proxy.ledger.loader import Loader
from proxy.ledger.people import operator
from proxy.model.entry import Act
from proxy.policy import keys_yaml
from proxy.policy.keys_edit import keys_in
from proxy.settings import Settings, os_user

PENDING_FILE: Final = "erasing.json"
PERSON_ERASED: Final = "person_erased"
"""Kind of the act that puts it on record."""
COPY_S: Final = 4 * 3600.0
READ_S: Final = 600.0
NAME: Final = re.compile(r"[^\W_][\w.@+/-]*")
_OWNED: Final = "SELECT owner, count(*) FROM calls WHERE owner_kind = 'person' GROUP BY owner"
_TAKEN: Final = "SELECT DISTINCT owner FROM calls UNION SELECT DISTINCT owner FROM calls_rolled"


class NotErasableError(Exception):
    """Something must be done first; the message says what."""


class _Pending(msgspec.Struct, frozen=True):
    person: str
    pseudonyms: dict[str, str]
    reason: str
    versions: dict[str, str] = {}
    """Of policy sets that named the person, with those that take their place."""


@dataclass(frozen=True, slots=True)
class Erased:
    pseudonym: str
    calls: int
    """Of the person, in the database."""
    journal: ErasedLines
    files: tuple[str, ...]
    """Other files that were changed or dropped."""
    left: Mapping[str, int]
    """Rows by table in which the name stands as part of the name of something else."""


@dataclass(frozen=True, slots=True)
class Erasable:
    """What erasing a person would erase."""

    names: tuple[str, ...]
    """The person's own first."""
    known: frozenset[str]
    """Of them, those that nobody gave: an access.yaml has them for the person."""
    unclear: Mapping[str, tuple[str, ...]]
    """Names that are left, since an access.yaml has them with others that may be somebody else's."""
    calls: Mapping[str, int]
    """On record one by one in the database, by name."""
    sets: int
    """Different access.yaml that name the person."""
    resumed: bool
    """An earlier run was cut off: its names stand."""


def erasable(settings: Settings, person: str, aliases: Iterable[str]) -> Erasable:
    """Raises NotErasableError, StoreError, OSError."""
    given = [person, *aliases]
    began = _began(settings.data)
    found = names_of_person(settings, [*given, *(began.pseudonyms if began else ())])
    names = tuple(dict.fromkeys(began.pseudonyms if began else (*given, *found.names)))
    if began and began.person != person:
        raise _somebody_else(settings.data)
    _check_policies(settings, list(names))
    _check_asides(settings.data)
    store = open_store(settings.data, 0)
    try:
        calls = {str(owner): int(count) for owner, count in store.read(_OWNED, None, READ_S) if owner in names}
    finally:
        store.close()
    known = frozenset(found.names) & frozenset(names)
    return Erasable(names, known, found.unclear, calls, found.sets, resumed=began is not None)


def erase_person(settings: Settings, person: str, aliases: Iterable[str], reason: str) -> Erased:
    """Raises NotErasableError, NoPseudonymError, JournalLockedError, StoreError, LoadingStoppedError, OSError."""
    clock = SystemClock()
    data = settings.data
    _check_policies(settings, [person, *aliases])
    _check_asides(data)
    with _alone(data / JOURNAL_FOLDER):
        names, reason = _pending(data, person, aliases, reason)
        calls, remaining = _database(data, names, clock)
        lines = erase_segments(data / JOURNAL_FOLDER, names)
        files = [*_policies(settings, names), *_states(data, names), *_unfinished(settings, names), *_scratch(data)]
    now = names.pseudonyms[names.person]
    actor = names.within(operator(os_user()).name)
    _on_record(data, clock, actor, names.within(reason), now, calls, lines)
    (data / PENDING_FILE).unlink()
    return Erased(now, calls, lines, tuple(files), remaining)


def _check_policies(settings: Settings, wanted: list[str]) -> None:
    """Who may still call would be on record under the name again."""
    for name in wanted:
        if not NAME.fullmatch(name):
            raise NotErasableError(f"{name[:80]!r} is no name that a person can have in access.yaml")
    names = Names(wanted[0], dict.fromkeys(wanted, ""))
    for path in _live(settings):
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if names.stands_in(line):
                raise NotErasableError(f"{path}:{number} still names {_standing(line, wanted)}: take that out first")
    if settings.keys_file.exists():
        keys = keys_in(settings.keys_file.read_text())
        valid = [key.id for key in keys.values() if key.owner in wanted and not key.revoked]
        if valid:
            raise NotErasableError(f"{wanted[0]} still has keys: `outlay keys revoke {valid[0]}` first")


def _standing(line: str, wanted: list[str]) -> str:
    """Which of them stands in a line."""
    return next(name for name in wanted if Names(name, {name: ""}).stands_in(line))


def _check_asides(data: Path) -> None:
    for path in sorted(data.glob(f"{DATABASE_FILE}.*")):
        if path.name not in (f"{DATABASE_FILE}.wal", MARK_FILE):
            raise NotErasableError(f"{path} is a database moved away, which may hold the name: remove it first")


def _live(settings: Settings) -> Iterator[Path]:
    folder = settings.policies
    for name in sorted(filter(is_policy_file, os.listdir(folder) if folder.is_dir() else ())):
        if (folder / name).is_file() and name != keys_yaml.FILE:
            yield folder / name


@contextmanager
def _alone(journal: Path) -> Iterator[None]:
    """As the only writer of every node. Raises JournalLockedError where a server runs."""
    with ExitStack() as stack:
        for folder in node_folders(journal):
            lock = FolderLock(folder)
            lock.acquire()
            stack.callback(lock.release)
        yield


def _pending(data: Path, person: str, aliases: Iterable[str], reason: str) -> tuple[Names, str]:
    """What is to be done, on disk before anything is; what an earlier run began comes first."""
    found = _began(data)
    if found is None:
        pseudonyms = _pseudonyms(data, [person, *aliases])
        found = _Pending(person, pseudonyms, reason, dict(_versions(data, Names(person, pseudonyms))))
        _write(data / PENDING_FILE, msgspec.json.encode(found))
    if found.person != person:
        raise _somebody_else(data)
    return Names(person, found.pseudonyms, found.versions), found.reason


def _began(data: Path) -> _Pending | None:
    """What a run that was cut off wrote down."""
    path = data / PENDING_FILE
    return msgspec.json.decode(path.read_bytes(), type=_Pending) if path.exists() else None


def _somebody_else(data: Path) -> NotErasableError:
    return NotErasableError(f"erasing somebody else was cut off: repeat that first ({data / PENDING_FILE} says who)")


def _versions(data: Path, names: Names) -> Iterator[tuple[str, str]]:
    """A version is a hash of the files: who guesses the name could put it back into them and see."""
    for place in sorted((data / ARCHIVE).glob("[!.]*/")):
        if any(names.stands_in(path.read_text(errors="replace")) for path in place.glob("*.yaml")):
            yield place.name, secrets.token_hex(len(place.name))[: len(place.name)]


def _pseudonyms(data: Path, wanted: list[str]) -> dict[str, str]:
    store = open_store(data, 0)
    try:
        taken = {owner for (owner,) in store.read(_TAKEN, None, READ_S)}
    finally:
        store.close()
    made: dict[str, str] = {}
    for name in wanted:
        made[name] = pseudonym(name, {*taken, *made.values()}, secrets.choice)
    return made


def _database(data: Path, names: Names, clock: SystemClock) -> tuple[int, Mapping[str, int]]:
    """The rows; then the file written anew, since old blocks keep what stood in them."""
    beside = data / f".{DATABASE_FILE}.erasing"
    for cut_off in data.glob(f"{beside.name}*"):
        cut_off.unlink()
    store = open_store(data, clock.now_us())
    try:
        Loader(store, FileSegments(data / JOURNAL_FOLDER), clock.now_us).catch_up()
        calls = erase_rows(store, names)
        remaining = left(store, names, READ_S)
        store.copy(beside, COPY_S)
    finally:
        store.close()
    (data / f"{DATABASE_FILE}.wal").unlink(missing_ok=True)
    os.replace(beside, data / DATABASE_FILE)
    # All of it was read to be copied, so it is whole.
    (data / MARK_FILE).unlink(missing_ok=True)
    sync_folder(data)
    return calls, remaining


def _policies(settings: Settings, names: Names) -> Iterator[str]:
    """Every policy set that was in force, and the owners of keys that were revoked."""
    kept = sorted((settings.data / ARCHIVE).rglob("*.yaml"))
    for path in [*kept, *([settings.keys_file] if settings.keys_file.exists() else [])]:
        text = path.read_text(errors="surrogateescape")
        if names.stands_in(text):
            mode = path.stat().st_mode & 0o777
            _write(path, names.within(text).encode(errors="surrogateescape"), mode)
            yield str(path)
    for version, to in names.versions.items():
        place = settings.data / ARCHIVE / version
        if place.exists():
            place.rename(place.with_name(to))
    in_force = settings.data / ARCHIVE / IN_FORCE
    if in_force.exists() and (version := in_force.read_text().strip()) in names.versions:
        _write(in_force, f"{names.version(version)}\n".encode())


def _states(data: Path, names: Names) -> Iterator[str]:
    """Counters and grants by their own names; what the detector remembers of callers goes as a whole."""
    for path in [*sorted(data.glob(f"{PREFIX}*{SUFFIX}")), *filter(Path.exists, [data / GRANTS_FILE])]:
        content = path.read_bytes()
        done = msgspec.json.encode(_renamed(msgspec.json.decode(content), names))
        if done != content:
            _write(path, done)
            yield str(path)
    for path in sorted(data.glob("redundancy-*.state")):
        if _remembers(path, names):
            path.unlink()
            yield str(path)


def _remembers(path: Path, names: Names) -> bool:
    try:
        return any(names.stands_in(line.decode(errors="replace")) for line in told(path))
    except UnusableError:
        return True


def _unfinished(settings: Settings, names: Names) -> Iterator[str]:
    """What killed processes left beside the files that they were writing."""
    data, keys = settings.data, settings.keys_file
    left = [*data.glob(".*"), *data.glob(f"{PREFIX}*.new"), *(data / ARCHIVE).rglob(".*")]
    left += keys.parent.glob(f".{keys.name}.*")
    for path in sorted(filter(Path.is_file, left)):
        packed = path.name.endswith(".state.new")
        if packed or names.stands_in(path.read_bytes().decode(errors="replace")):
            path.unlink()
            yield str(path)


def _scratch(data: Path) -> Iterator[str]:
    """All of it, with what rebuilds of outcomes left there: the next one makes that anew."""
    for path in sorted((data / SCRATCH_FOLDER).glob("*")):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
        yield str(path)


def _renamed(value: Any, names: Names) -> Any:
    if isinstance(value, str):
        return names.exact(value)
    if isinstance(value, list):
        return [_renamed(each, names) for each in value]
    return {key: _renamed(each, names) for key, each in value.items()} if isinstance(value, dict) else value


def _on_record(
    data: Path, clock: SystemClock, actor: str, reason: str, now: str, calls: int, lines: ErasedLines
) -> None:
    journal = FileJournal(data / JOURNAL_FOLDER, NODE, clock)
    journal.open()
    at_us = clock.now_us()
    try:
        journal.append(
            Act(
                id=f"act_{at_us // 1000:012x}{secrets.token_hex(8)}",
                at_us=at_us,
                actor=actor,
                kind=PERSON_ERASED,
                subject=now,
                reason=reason,
                details={"calls": str(calls), "lines": str(lines.lines), "segments": str(lines.segments)},
            )
        )
    finally:
        journal.close()


def _write(path: Path, content: bytes, mode: int = 0o600) -> None:
    """In its place, whole and on disk, or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    sync_folder(path.parent)
