"""Git process: git run on one bare repository of ours, so that nothing of what others wrote there is ever executed.

Its environment is made from nothing: no configuration of the machine or the user, no hooks, no helpers, no prompts,
and only the transports that the address needs. There is no work tree, so no filter, attribute or submodule of the
repository's own comes into force. Credentials stand in the environment of the process alone.
"""

import os
import selectors
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

TIMEOUT_S: Final = 60.0
"""Of a look into what is on this disk."""
OUTPUT_BYTES_MAX: Final = 64 * 1024 * 1024
CHUNK_BYTES: Final = 64 * 1024
STDERR_BYTES_MAX: Final = 4096
WHY_CHARS_MAX: Final = 300
TICK_S: Final = 0.5
EMPTY_CONFIG: Final = os.devnull

CONFIG: Final[Mapping[str, str]] = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.attributesFile": os.devnull,
    "core.pager": "cat",
    "core.quotePath": "true",
    "core.logAllRefUpdates": "false",
    "core.bigFileThreshold": "64m",
    "attr.tree": "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "credential.helper": "",
    "fetch.recurseSubmodules": "false",
    "submodule.recurse": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "log.showSignature": "false",
    "safe.directory": "*",
    "diff.renameLimit": "1000",
}
"""On every run. The tree of `attr.tree` is the empty one: newer gits read a bare repository's own attributes else. A
redirect would carry a credential to another host. A file above `bigFileThreshold` is told as binary."""

PASSED_ON: Final = ("PATH", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy",
                    "all_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "CURL_CA_BUNDLE",
                    "TMPDIR", "SYSTEMROOT")  # fmt: skip
"""All that git gets of our own environment."""


class GitError(Exception):
    """Git could not do what was asked; the message says why, and holds no credential."""

    def __init__(self, message: str, code: int = 0) -> None:
        """`code`: what git ended with; 0 where it did not end by itself."""
        super().__init__(message)
        self.code = code


class GitStoppedError(GitError):
    """We are stopping."""


class TooMuchError(GitError):
    """The output is longer than it may be."""


class Git:
    """Runs git. May be used from several threads; `stop` ends what runs, and nothing runs after it."""

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        *,
        protocols: Sequence[str] = (),
        access: Mapping[str, str] | None = None,
        config: Mapping[str, str] | None = None,
        hidden: Sequence[str] = (),
    ) -> None:
        """`access`: variables for the transport; `config`: more of git's own, credentials among them; `hidden`: what
        must stand in no message."""
        self.folder = folder
        self._environ = _environ(folder, environ, protocols, {**CONFIG, **(config or {})}) | dict(access or {})
        self._hidden = tuple(each for each in hidden if each)
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            _kill(process)

    def run(
        self,
        *arguments: str,
        given: bytes = b"",
        timeout_s: float = TIMEOUT_S,
        bytes_max: int = OUTPUT_BYTES_MAX,
        watch: Callable[[], None] | None = None,
    ) -> bytes:
        """What it prints. `watch` is called twice a second, and ends it by raising. Raises GitError."""
        with self.stream(*arguments, given=given, timeout_s=timeout_s, bytes_max=bytes_max, watch=watch) as chunks:
            return b"".join(chunks)

    def says(self, *arguments: str) -> bool:
        """True: it ended with 0, False: with 1. Raises GitError."""
        try:
            self.run(*arguments)
        except GitError as error:
            if error.code != 1:
                raise
            return False
        return True

    @contextmanager
    def stream(
        self,
        *arguments: str,
        given: bytes = b"",
        timeout_s: float = TIMEOUT_S,
        bytes_max: int = OUTPUT_BYTES_MAX,
        watch: Callable[[], None] | None = None,
    ) -> Iterator[Iterator[bytes]]:
        """What it prints, as it comes. Left early, it is ended. Raises GitError, from the iterator too."""
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stderr:
            stdin.write(given)
            stdin.seek(0)
            process = self._start(arguments, stdin, stderr)
            try:
                yield self._chunks(process, stderr, timeout_s, bytes_max, watch)
            finally:
                _kill(process)
                process.wait()
                if process.stdout:
                    process.stdout.close()
                with self._lock:
                    self._running.discard(process)

    def _start(self, arguments: Sequence[str], stdin: IO[bytes], stderr: IO[bytes]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopped:
                raise GitStoppedError("stopping")
            try:
                process = subprocess.Popen(
                    ["git", "--no-pager", *arguments],
                    stdin=stdin, stdout=subprocess.PIPE, stderr=stderr,
                    env=self._environ, cwd=self.folder, start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                missing = isinstance(error, FileNotFoundError) and self.folder.is_dir()
                raise GitError(
                    "git is not installed" if missing else f"git can't be started: {error.strerror}"
                ) from error
            self._running.add(process)
            return process

    def _chunks(
        self,
        process: subprocess.Popen[bytes],
        stderr: IO[bytes],
        timeout_s: float,
        bytes_max: int,
        watch: Callable[[], None] | None,
    ) -> Iterator[bytes]:
        deadline_s = time.monotonic() + timeout_s
        size = 0
        for chunk in _read(process, deadline_s, watch):
            size += len(chunk)
            if size > bytes_max:
                raise TooMuchError(f"git prints more than {bytes_max // 1024 // 1024} MB")
            yield chunk
        try:
            code = process.wait(max(0.1, deadline_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise _timed_out() from None
        if code:
            if self._stopped:
                raise GitStoppedError("stopping")
            raise self._failed(code, stderr)

    def _failed(self, code: int, stderr: IO[bytes]) -> GitError:
        end = stderr.seek(0, os.SEEK_END)
        stderr.seek(max(0, end - STDERR_BYTES_MAX))
        lines = stderr.read(STDERR_BYTES_MAX).decode("utf-8", "replace").splitlines()
        said = [line.strip() for line in lines if line.strip()]
        telling = next((line for line in said if line.startswith(("fatal:", "error:", "ERROR"))), "")
        why = telling or (said[-1] if said else f"git ended with {code}")
        for secret in self._hidden:
            why = why.replace(secret, "…")
        return GitError("".join(each if each.isprintable() else " " for each in why)[:WHY_CHARS_MAX], code)


def _environ(
    folder: Path, environ: Mapping[str, str], protocols: Sequence[str], config: Mapping[str, str]
) -> dict[str, str]:
    kept = {name: environ[name] for name in PASSED_ON if name in environ}
    fixed = {
        "GIT_DIR": str(folder),
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": EMPTY_CONFIG,
        "GIT_CONFIG_SYSTEM": EMPTY_CONFIG,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "SSH_ASKPASS": "true",
        "SSH_ASKPASS_REQUIRE": "never",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_ALLOW_PROTOCOL": ":".join(protocols) or "none",
        "LC_ALL": "C",
        "TZ": "UTC",
        "GIT_CONFIG_COUNT": str(len(config)),
    }
    for at, (name, value) in enumerate(config.items()):
        fixed[f"GIT_CONFIG_KEY_{at}"] = name
        fixed[f"GIT_CONFIG_VALUE_{at}"] = value
    return kept | fixed


def _read(process: subprocess.Popen[bytes], deadline_s: float, watch: Callable[[], None] | None) -> Iterator[bytes]:
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        looked_s = time.monotonic()
        while True:
            now_s = time.monotonic()
            if now_s > deadline_s:
                raise _timed_out()
            if watch and now_s - looked_s >= TICK_S:
                watch()
                looked_s = now_s
            if not selector.select(min(TICK_S, deadline_s - now_s)):
                continue
            chunk = os.read(descriptor, CHUNK_BYTES)
            if not chunk:
                return
            yield chunk


def _timed_out() -> GitError:
    return GitError("git took longer than it may")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """With all that it started: transports are processes of their own."""
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
