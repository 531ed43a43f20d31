"""TLS in: certificate and key from files, taken up anew when they change, so that a renewal needs no restart.

What does not load (half written, a key that belongs to another certificate) leaves the last good pair in force and is
tried again at the next look. Connections that stand keep what they were opened with.
"""

import asyncio
import ssl
from pathlib import Path
from typing import Final

import structlog

log = structlog.get_logger("outlay.tls")

LOOK_S: Final = 2.0
"""How often the files are looked at."""

Seen = tuple[tuple[int, int, int], ...]


class TlsError(Exception):
    """The pair can't be used; the message names the file and what is wrong with it."""


class TlsFiles:
    def __init__(self, certificate: Path, key: Path | None) -> None:
        """`key`: None where it stands in the certificate's file. Raises TlsError."""
        self._certificate = certificate
        self._key = key
        self._seen = self._stamp()
        self.context = self._newest = _loaded(certificate, key)
        """For the servers. It never changes, since handshakes may be under way: each begins by taking the newest."""
        self.context.sni_callback = self._begin

    async def watch(self, look_s: float = LOOK_S) -> None:
        """Look for changes until cancelled."""
        while True:
            await asyncio.sleep(look_s)
            try:
                await asyncio.to_thread(self.look)
            except Exception:
                # Watching must outlive whatever one look runs into.
                log.exception("looking at the certificate failed")

    def look(self) -> bool:
        """Take up a changed pair. True: one was."""
        try:
            stamp = self._stamp()
            if stamp == self._seen:
                return False
            self._newest = _loaded(self._certificate, self._key)
        except TlsError as error:
            log.warning("the changed certificate can't be used, the last one stays", why=str(error))
            return False
        self._seen = stamp
        log.info("certificate taken up", file=str(self._certificate))
        return True

    def _begin(self, handshake: ssl.SSLObject, _host: str | None, _context: ssl.SSLContext) -> None:
        """OpenSSL calls it for each client that begins, whether it names a host or not."""
        handshake.context = self._newest

    def _stamp(self) -> Seen:
        """Raises TlsError."""
        found = []
        for path in (self._certificate, self._key):
            if path is not None:
                try:
                    stat = path.stat()
                except OSError as error:
                    raise TlsError(f"{path}: {error.strerror}") from None
                found.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
        return tuple(found)


def _loaded(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """Raises TlsError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    pair = f"{certificate} with the key in {key or 'the same file'}"
    try:
        # Without this, OpenSSL would ask for a pass phrase on the terminal and wait.
        context.load_cert_chain(certificate, key, password=_no_pass_phrase)
    except ssl.SSLError as error:
        why = {"KEY_VALUES_MISMATCH": "the key belongs to another certificate"}.get(error.reason or "", error.reason)
        raise TlsError(f"{pair}: {why or 'not a certificate and key in PEM form'}") from None
    except (OSError, ValueError) as error:
        raise TlsError(f"{pair}: {getattr(error, 'strerror', None) or error}") from None
    return context


def _no_pass_phrase() -> str:
    raise ValueError("the key is encrypted with a pass phrase; store it without one, readable by this user only")
