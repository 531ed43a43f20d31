"""Preflight: what keeps a server from starting, said in words before any process of it runs.

A plane that finds the same by itself dies and is started again, and its words drown in the log.
"""

import socket
from collections.abc import Iterator, Sequence

import typer

from proxy.adapters.policy_archive import PolicyArchive
from proxy.adapters.tls_files import TlsError
from proxy.app.listening import tls
from proxy.cli.configured import UNTRIED, stop
from proxy.cli.policy_files import read_policies
from proxy.settings import Settings


def check_ports(host: str, ports: Sequence[tuple[int, str]]) -> None:
    """Exit where a port can't be had. `ports`: each with the setting that moves it."""
    taken = list(_taken(host, ports))
    if taken:
        stop("; ".join(taken), UNTRIED)


def check_apart(ports: Sequence[tuple[int, str]]) -> None:
    """Exit where two servers are to have one port: each finds it free before the other has begun."""
    for place, (port, setting) in enumerate(ports):
        other = next((name for before, name in ports[:place] if before == port and port), "")
        if other:
            stop(f"{other} and {setting} are both {port}; each needs a port of its own", UNTRIED)


def check_certificate(settings: Settings) -> None:
    """Exit where the certificate of the ports can't be used."""
    try:
        tls(settings)
    except TlsError as error:
        stop(f"{error} (OUTLAY_TLS_CERT, OUTLAY_TLS_KEY)", UNTRIED)


def check_policies(settings: Settings) -> None:
    """Exit with every mistake where the files can't be used and no set was in force before."""
    read = read_policies(settings)
    if not isinstance(read, list) or PolicyArchive(settings.data).last() is not None:
        return
    for mistake in read:
        typer.echo(str(mistake), err=True)
    stop(f"{settings.policies} can't be used as it is, and no set was in force before: nothing is started", UNTRIED)


def _taken(host: str, ports: Sequence[tuple[int, str]]) -> Iterator[str]:
    for port, setting in ports:
        try:
            family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, socket.SOCK_STREAM) as attempt:
                attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                attempt.bind(address)
        except OSError as error:
            yield f"can't listen on {host}:{port} ({error.strerror or error}); {setting} takes another port"
