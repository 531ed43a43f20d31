"""Certificates for tests, made by the openssl command once per session."""

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

NAMES = "DNS:localhost,DNS:provider.test,IP:127.0.0.1"


@dataclass(frozen=True, slots=True)
class Certificate:
    """Self-signed, so that it is its own authority."""

    pem: Path
    key: Path

    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem, self.key)
        return context

    def trusting(self) -> ssl.SSLContext:
        """For a client that trusts this certificate and no other."""
        return ssl.create_default_context(cafile=self.pem)


def certificate(folder: Path) -> Certificate:
    """Skips the test where this machine has no openssl command."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl command")
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    command = (
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -addext subjectAltName={NAMES}"
    )
    files = ["-keyout", str(made.key), "-out", str(made.pem)]
    subprocess.run([*command.split(), "-subj", "/CN=outlay test", *files], check=True, capture_output=True)
    return made
