"""Policy snapshot: the policy files of one moment, as bytes.

A folder that is swapped as a whole is read as a whole. Where it is a link (git-sync), or its files are links through
`..data` (a Kubernetes volume), that link is followed once, and every file is read from where it led: a swap between
two files can't mix two sets. Elsewhere a snapshot may be torn; PolicyFolder waits until it stays the same.
"""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proxy.adapters.git_head import at_work, commit_of
from proxy.policy import keys_yaml
from proxy.policy.document import FILE_BYTES_MAX
from proxy.policy.load import load
from proxy.policy.types import Mistake, PolicySet

FILES_MAX: Final = 100
STRAY_KEYS: Final = f"./{keys_yaml.FILE}"
"""A keys.yaml in the folder while keys live elsewhere."""
VOLUME: Final = "..data"
"""The link of a Kubernetes volume that is swapped when its content changes. The links of the files go through it, and
those of new files are made only after the swap."""
HOLDS: Final = (".hold", ".~tmp~")
"""While one of these stands in the folder, it is being changed: the first is for scripts, the second is rsync's own
(`--delay-updates`)."""
_ENDINGS: Final = (".yaml", ".yml")

Stamp = tuple[str, int, int, int, int]
"""Of one file: name, inode, size, times of change of content and of the file itself in ns."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    files: Mapping[str, bytes]
    unreadable: tuple[Mistake, ...]
    """Files that are there and can't be read: as good as a mistake in them."""
    commit: str = ""
    """Of the git work tree that the files were read from; '' where there is none."""
    held: str = ""
    """The path that says that somebody is in the middle of changing the folder; '' where nobody says so."""

    def digest(self) -> bytes:
        hashed = hashlib.sha256(self.commit.encode())
        for name, content in sorted(self.files.items()):
            hashed.update(f"{name}\0{len(content)}\0".encode())
            hashed.update(content)
        hashed.update("\0".join(str(mistake) for mistake in self.unreadable).encode())
        return hashed.digest()


def take_snapshot(folder: Path, keys_file: Path) -> Snapshot:
    """Read every policy file of the folder, and the keys from where they live."""
    files: dict[str, bytes] = {}
    unreadable: list[Mistake] = []
    place = folder.resolve()
    commit, held = commit_of(place), _held(place)
    try:
        paths = dict(_paths(place, _keys_place(folder, place, keys_file)))
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
    return Snapshot(files, tuple(unreadable), commit, held or _held(place))


def take_stamps(folder: Path, keys_file: Path) -> tuple[Stamp, ...]:
    """What changes whenever a file or the commit does, without reading any file: links are followed, so a swapped
    folder shows too."""
    place = folder.resolve()
    head = (f"{_held(place)}\0{commit_of(place)}", 0, 0, 0, 0)
    try:
        return (head, *[_stamp(name, path) for name, path in _paths(place, _keys_place(folder, place, keys_file))])
    except OSError:
        return (head,)


def _held(place: Path) -> str:
    held = next((place / name for name in HOLDS if os.path.lexists(place / name)), None) or at_work(place)
    return str(held or "")


def _keys_place(folder: Path, place: Path, keys_file: Path) -> Path:
    """Keys that live in the folder are read from where the folder's link led, as all its files are."""
    return place / keys_file.name if keys_file.parent == folder else keys_file


def _paths(place: Path, keys_file: Path) -> Iterator[tuple[str, Path]]:
    """Policy files with their places."""
    found = _swapped(place)
    for name in filter(is_policy_file, os.listdir(place)):
        if name not in found and not _through_volume(place / name):
            found[name] = place / name
    keys = found.get(keys_file.name, keys_file) if keys_file.parent == place else keys_file
    for name in sorted(filter(is_policy_file, found))[:FILES_MAX]:
        if name != keys_yaml.FILE and not found[name].is_dir():
            yield name, found[name]
    yield keys_yaml.FILE, keys
    stray = found.get(keys_yaml.FILE, place / keys_yaml.FILE)
    if stray.is_file() and not (keys.exists() and stray.samefile(keys)):
        yield STRAY_KEYS, stray


def _swapped(place: Path) -> dict[str, Path]:
    """The files of a Kubernetes volume, each where `..data` leads to now; none where the folder is no such volume."""
    data = place / VOLUME
    if not data.is_symlink():
        return {}
    now = data.resolve()
    return {path.name: path for path in now.iterdir()} if now.is_dir() else {}


def _through_volume(path: Path) -> bool:
    return path.is_symlink() and os.readlink(path).startswith(f"{VOLUME}/")


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
