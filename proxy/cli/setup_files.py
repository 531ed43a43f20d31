"""Set-up files: settings of tools written whole or not at all, remembered, and put back.

Beside each file stands what it was (`.before-outlay`). What was written is remembered by its digest: a file that nobody
touched since goes back to what it was, byte for byte; from one that was edited only outlay's own part is taken out.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from proxy.cli.tools.json_text import BrokenError
from proxy.cli.tools.settings_files import Reverted, SettingsFile, reverted
from proxy.cli.whole_file import write_whole

STATE_FILE: Final = "setup.json"
BACKUP: Final = ".before-outlay"
FILE_BYTES_MAX: Final = 4 * 1024 * 1024
_PRIVATE: Final = 0o600


class SetupFileError(Exception):
    """A file can't be read or written, or isn't what its tool reads: nothing was changed. The message names it."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was done to a file."""

    tool: str
    existed: bool
    digest: str
    """SHA-256 of what was written."""
    wrote: Sequence[Any] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """A file before and after, not written yet."""

    path: Path
    before: str | None
    """None where there is no file."""
    after: str | None
    """None where the file goes."""
    base: str = ""
    """Its text without outlay."""
    secret: bool = False
    kept: tuple[str, ...] = ()
    remembered: Remembered | None = field(default=None)
    """None once nothing of outlay is in it."""


class SetupFiles:
    """The files of one user. `folder`: outlay's own configuration folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._state = folder / STATE_FILE

    @property
    def in_use(self) -> bool:
        """Whether any file has something of outlay in it."""
        return bool(self._known())

    def base(self, path: Path) -> str:
        """A file's text without what outlay has put there; '' where there is none. Raises SetupFileError."""
        return self._reverted(path).text

    def plan(self, tool: str, file: SettingsFile) -> Change:
        """Raises SetupFileError."""
        before = _read(file.path)
        known = self._known().get(str(file.path))
        base = self.base(file.path)
        try:
            after = file.applied(base)
        except BrokenError as error:
            raise _broken(file.path, error) from None
        existed = known.existed if known else before is not None
        wrote = [[list(path), value] for path, value in file.wrote]
        remembered = Remembered(tool, existed, _digest(after), wrote)
        return Change(file.path, before, after, base, file.secret, remembered=remembered)

    def undoing(self, tool: str) -> Iterator[Change]:
        """Every file of a tool as it is without outlay. Raises SetupFileError."""
        for name, known in self._known().items():
            if known.tool == tool:
                path = Path(name)
                found = self._reverted(path)
                after = found.text if known.existed or found.text.strip() else None
                yield Change(path, _read(path), after, kept=found.kept)

    def write(self, changes: Sequence[Change]) -> None:
        """Raises SetupFileError."""
        state = self._known()
        for change in changes:
            try:
                self._write(change, state)
            except OSError as error:
                raise SetupFileError(f"{change.path}: {error.strerror or error}") from None

    def _write(self, change: Change, state: dict[str, Remembered]) -> None:
        backup = change.path.with_name(change.path.name + BACKUP)
        name = str(change.path)
        if change.remembered:
            if change.remembered.existed:
                write_whole(backup, change.base, _PRIVATE)
            state[name] = change.remembered
            self._remember(state)
            write_whole(change.path, change.after or "", _PRIVATE if change.secret else None)
            return
        if change.after is None:
            change.path.unlink(missing_ok=True)
        elif change.after != change.before:
            write_whole(change.path, change.after, None)
        if not change.kept:
            backup.unlink(missing_ok=True)
        state.pop(name, None)
        self._remember(state)

    def _reverted(self, path: Path) -> Reverted:
        text = _read(path)
        known = self._known().get(str(path))
        if text is None or known is None:
            return Reverted(text or "")
        before = (_read(path.with_name(path.name + BACKUP)) if known.existed else None) or ""
        if _digest(text) == known.digest:
            return Reverted(before)
        try:
            return reverted(text, before, [(tuple(where), value) for where, value in known.wrote])
        except BrokenError as error:
            raise _broken(path, error) from None

    def _known(self) -> dict[str, Remembered]:
        try:
            said = json.loads(self._state.read_text())
            return {name: Remembered(**each) for name, each in said.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError):
            raise SetupFileError(f"{self._state} can't be read; the files *{BACKUP} hold what was there") from None

    def _remember(self, state: dict[str, Remembered]) -> None:
        if state:
            text = json.dumps({name: asdict(each) for name, each in state.items()}, indent=2)
            write_whole(self._state, text + "\n", _PRIVATE)
        else:
            self._state.unlink(missing_ok=True)


def _read(path: Path) -> str | None:
    """The whole text, its line ends kept; None where there is no file. Raises SetupFileError."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SetupFileError(f"{path}: {error.strerror or error}") from None
    if len(data) > FILE_BYTES_MAX:
        raise SetupFileError(f"{path} is longer than {FILE_BYTES_MAX} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SetupFileError(f"{path}:{line}: this isn't UTF-8; nothing was changed") from None


def _broken(path: Path, error: BrokenError) -> SetupFileError:
    return SetupFileError(f"{path}:{error.line}: {error.why}. Nothing was changed; mend this and try again")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
