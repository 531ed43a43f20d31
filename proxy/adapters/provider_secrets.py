"""Provider secrets: credentials out of environment variables and files, never out of policy files."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from proxy.policy.types import Provider, Secret

FILE_BYTES_MAX: Final = 16 * 1024


class ProviderSecrets:
    """Fulfils the port Secrets."""

    def __init__(self, folder: Path, environ: Callable[[str], str]) -> None:
        """`folder`: what relative paths of `api_key: {file: …}` start from, the policy folder.

        `environ` gives the value of a variable, '' where it isn't set.
        """
        self._folder = folder
        self._environ = environ
        self._kept: dict[str, tuple[tuple[int, int, int], str]] = {}
        self._variables: dict[str, str] = {}
        """Those that were asked for and set. Nobody changes a running process's environment from outside, and to look
        it up is ten times as dear."""

    def secret(self, provider: Provider) -> str | None:
        """The credential to send: '' where none is needed, None where one is configured but absent or unusable.

        A file is read again when it changes (2 µs to look), so a rotated credential needs no restart.
        """
        source = provider.api_key
        if source.source in ("none", "aws"):
            return ""  # what AWS's library finds signs the call, on its way out
        return self.value(source)

    def value(self, source: Secret) -> str | None:
        """What a variable or a file holds; None where it holds nothing that can be used."""
        if source.source == "env" and (known := self._variables.get(source.name)):
            return known
        value = self._environ(source.name) if source.source == "env" else self._from_file(source.name)
        if not (value and value.isprintable() and value.isascii()):
            return None
        if source.source == "env":
            self._variables[source.name] = value
        return value

    def _from_file(self, name: str) -> str:
        path = self._folder / name
        try:
            found = os.stat(path)
            stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
            kept = self._kept.get(name)
            if kept is None or kept[0] != stamp:
                kept = self._kept[name] = (stamp, _read(path))
        except OSError:
            self._kept.pop(name, None)
            return ""
        return kept[1]


def _read(path: Path) -> str:
    """The first line, without white space around it; '' where the file holds something else."""
    with path.open("rb") as file:
        content = file.read(FILE_BYTES_MAX).strip()
    return "" if b"\n" in content else content.decode("utf-8", "replace")
