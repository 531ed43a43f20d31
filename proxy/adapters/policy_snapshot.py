"""Policy snapshot: the policy files of one moment, as bytes."""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proxy.policy import keys_yaml
from proxy.policy.document import FILE_BYTES_MAX
from proxy.policy.load import load
from proxy.policy.types import Mistake, PolicySet

FILES_MAX: Final = 100
STRAY_KEYS: Final = f"./{keys_yaml.FILE}"
"""A keys.yaml in the folder while keys live elsewhere."""
_ENDINGS: Final = (".yaml", ".yml")

Stamp = tuple[str, int, int, int, int]
"""Of one file: name, inode, size, times of change of content and of the file itself in ns."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    files: Mapping[str, bytes]
    unreadable: tuple[Mistake, ...]
    """Files that are there and can't be read: as good as a mistake in them."""

    def digest(self) -> bytes:
        hashed = hashlib.sha256()
        for name, content in sorted(self.files.items()):
            hashed.update(f"{name}\0{len(content)}\0".encode())
            hashed.update(content)
        hashed.update("\0".join(str(mistake) for mistake in self.unreadable).encode())
        return hashed.digest()


def take_snapshot(folder: Path, keys_file: Path) -> Snapshot:
    """Read every policy file of the folder, and the keys from where they live."""
    files: dict[str, bytes] = {}
    unreadable: list[Mistake] = []
    try:
        paths = dict(_paths(folder, keys_file))
    except OSError as error:
        return Snapshot({}, (Mistake("", 0, 0, f"the policy folder can't be read ({error.strerror})"),))
    for name, path in paths.items():
        try:
            content = _read(path)
            if name != STRAY_KEYS:
                files[name] = content
            elif _holds_keys(content):
                unreadable.append(Mistake(name, 0, 0, f"keys are read from {keys_file}: none of these is in force"))
        except FileNotFoundError:
            if name != keys_yaml.FILE or path.is_symlink():
                unreadable.append(Mistake(name, 0, 0, "the file is gone, or is a link to nothing"))
        except OSError as error:
            unreadable.append(Mistake(name, 0, 0, f"can't be read ({error.strerror or error})"))
    if not files and not unreadable:
        unreadable.append(Mistake("", 0, 0, "there is no policy file here; `outlay init` writes a starter set"))
    return Snapshot(files, tuple(unreadable))


def take_stamps(folder: Path, keys_file: Path) -> tuple[Stamp, ...]:
    """What changes whenever a file does, without reading any: links are followed, so a swapped folder shows too."""
    try:
        return tuple([_stamp(name, path) for name, path in _paths(folder, keys_file)])
    except OSError:
        return ()


def _paths(folder: Path, keys_file: Path) -> Iterator[tuple[str, Path]]:
    """Policy files with their places."""
    names = sorted(name for name in os.listdir(folder) if is_policy_file(name))
    for name in names[:FILES_MAX]:
        if name != keys_yaml.FILE and not (folder / name).is_dir():
            yield name, folder / name
    yield keys_yaml.FILE, keys_file
    stray = folder / keys_yaml.FILE
    if stray.is_file() and not (keys_file.exists() and stray.samefile(keys_file)):
        yield STRAY_KEYS, stray


def _holds_keys(content: bytes) -> bool:
    """Whoever revoked a key there would revoke nothing."""
    found = load({keys_yaml.FILE: content})
    return not isinstance(found, PolicySet) or bool(found.keys)


def is_policy_file(name: str) -> bool:
    """By its name. Hidden files and what editors leave behind (`x.yaml~`, `#x.yaml#`) are none."""
    return name.lower().endswith(_ENDINGS) and not name.startswith((".", "#"))


def _stamp(name: str, path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return (name, 0, 0, 0, 0)
    return (name, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _read(path: Path) -> bytes:
    """One byte beyond the limit is read too, so that the loader sees that the file is too large."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError("it is no regular file")
    with path.open("rb") as file:
        return file.read(FILE_BYTES_MAX + 1)
