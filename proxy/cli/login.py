"""`outlay login`: remembers a server and the key for it, for report commands on this machine."""

import sys
from typing import Annotated
from urllib.parse import urlsplit

import httpx
import typer

from proxy.cli.configured import NO, UNTRIED, configured, stop
from proxy.cli.connection import address, key_like, remote
from proxy.cli.key_file import forget_key, renew_key
from proxy.cli.login_file import Login, forget_login, write_login
from proxy.cli.target import gateway_of
from proxy.model.visible import visible
from proxy.settings import config_folder

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def login(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL", help="The control plane, e.g. https://outlay.example.com:4142", show_default="OUTLAY_URL"
        ),
    ] = "",
    key_stdin: Annotated[bool, typer.Option("--key-stdin", help="Read the key from standard input.")] = False,
    logout: Annotated[bool, typer.Option("--logout", help="Forget what was remembered.")] = False,
) -> None:
    """Remember a server and your key for it. The key is asked for without echo; a command line would keep it."""
    if logout:
        try:
            forget_key(config_folder())
            remembered = forget_login(config_folder())
        except OSError as error:
            stop(f"can't forget: {error}", UNTRIED)
        typer.echo("Forgotten." if remembered else "Nothing was remembered.")
        return
    given = url or configured().url
    if not given:
        stop("at which server? outlay login https://HOST:4142", UNTRIED)
    server = _server(given)
    # Without a terminal nobody can be asked: then it is what is piped in.
    asked = not key_stdin and sys.stdin.isatty()
    key = (typer.prompt("outlay key", hide_input=True) if asked else sys.stdin.readline()).strip()
    if not key:
        stop("no key was given: type it on a terminal, or pipe it in with --key-stdin", UNTRIED)
    said = _whoami(server, key)
    try:
        path = write_login(config_folder(), Login(server, key, gateway_of(server, said)))
        renew_key(config_folder(), key)
    except OSError as error:
        stop(f"can't remember: {error}", UNTRIED)
    name, role = (visible(str(said.get(each))) for each in ("name", "role"))
    typer.echo(f"Logged in at {server} as {name} ({role}). Remembered in {path}.")


def _server(url: str) -> str:
    """The URL as it is remembered, or an exit where it is none."""
    if not address(url):
        stop(f"{url!r} is no URL of a control plane; write it as https://HOST:4142", UNTRIED)
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        typer.echo("Warning: over http:// anybody on the way can read the key. Use https://.", err=True)
    return url.rstrip("/")


def _whoami(server: str, key: str) -> dict[str, object]:
    """What the server says about the key, or an exit that says why it is not taken."""
    if not key_like(key):
        stop("that is no outlay key", NO)
    try:
        with remote(server, key) as client:
            answer = client.get("/v1/whoami")
    except httpx.HTTPError as error:
        stop(f"no answer from {server}: {error or type(error).__name__}", UNTRIED)
    if answer.status_code == 401:
        stop(f"{server} does not take this key: it is wrong, expired or revoked", NO)
    try:
        said: dict[str, object] = answer.json()
        if said["server"] == "outlay":
            return said
    except (ValueError, KeyError, TypeError):
        pass
    stop(f"{server} is no outlay control plane (its port is 4142 by default)", UNTRIED)
