"""Policy archive: `data/policies/`, every policy set that was ever in force, by its version.

Lines of the journal name a version, and years later somebody asks by which rules a call was decided. The same place
says which set was in force last, so that a server that restarts in the middle of a bad change comes up with that.

    data/policies/<version>/…    the files as they were, without keys.yaml
    data/policies/<version>/.commit    the commit they came from, where one is known: the last they were in force at
    data/policies/in-force       the version in force
    data/policies/keys.yaml      the keys in force
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex
from typing import Final

from proxy.policy import keys_yaml
from proxy.policy.load import load
from proxy.policy.types import PolicySet

FOLDER: Final = "policies"
IN_FORCE: Final = "in-force"
COMMIT: Final = ".commit"


class PolicyArchive:
    def __init__(self, data: Path) -> None:
        self._folder = data / FOLDER

    def keep(self, policies: PolicySet, files: Mapping[str, bytes]) -> None:
        """Keep a set that comes into force. Every process of a machine may do so at once. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        place = self._folder / policies.version
        if not place.exists():
            self._keep_files(place, policies.commit, files)
        elif policies.commit and policies.commit != self._commit(policies.version):
            _write(place / COMMIT, policies.commit.encode())
        _write(self._folder / keys_yaml.FILE, files.get(keys_yaml.FILE, b""))
        _write(self._folder / IN_FORCE, f"{policies.version}\n".encode())

    def _keep_files(self, place: Path, commit: str, files: Mapping[str, bytes]) -> None:
        temporary = place.with_name(f".{place.name}.{token_hex(4)}")
        temporary.mkdir(mode=0o700)
        kept = {name: content for name, content in files.items() if name != keys_yaml.FILE}
        try:
            for name, content in {**kept, COMMIT: commit.encode()}.items():
                _write(temporary / name, content)
            temporary.rename(place)
        except OSError:
            shutil.rmtree(temporary, ignore_errors=True)
            if not place.exists():
                raise

    def files(self, version: str) -> dict[str, bytes] | None:
        """The files of a version, None where it was never kept."""
        place = self._folder / version
        if not version.isalnum() or not place.is_dir():
            return None
        return {path.name: path.read_bytes() for path in sorted(place.iterdir()) if path.suffix == ".yaml"}

    def load(self, version: str) -> PolicySet | None:
        """The set of a version, without keys; None where it was never kept or this program can't read it any more."""
        files = self.files(version)
        loaded = load(files, commit=self._commit(version)) if files is not None else []
        return loaded if isinstance(loaded, PolicySet) else None

    def last(self) -> dict[str, bytes] | None:
        """The files last in force, keys included; None where there are none."""
        try:
            files = self.files((self._folder / IN_FORCE).read_text().strip())
            return None if files is None else {**files, keys_yaml.FILE: (self._folder / keys_yaml.FILE).read_bytes()}
        except OSError:
            return None

    def in_force(self) -> tuple[str, str, dict[str, str]] | None:
        """Version, commit and texts of the set last in force, without keys; None where none was ever kept."""
        try:
            version = (self._folder / IN_FORCE).read_text().strip()
            files = self.files(version)
        except OSError:
            return None
        if files is None:
            return None
        return version, self._commit(version), {name: content.decode() for name, content in files.items()}

    def _commit(self, version: str) -> str:
        try:
            return (self._folder / version / COMMIT).read_text()
        except OSError:
            return ""


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    except OSError:
        # It is tried again and again: what a full disk has of it must not pile up.
        temporary.unlink(missing_ok=True)
        raise
