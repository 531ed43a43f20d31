"""Connection: how a command reaches the ledger.

In this order: the data folder that the command line names; the server that OUTLAY_URL names; the one that
`outlay login` remembers; the server of this data folder, over its socket; and where none runs, the database itself,
opened for the moment. Each speaks the same HTTP.
"""

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import httpx

from proxy.cli.configured import NO, UNTRIED, stop
from proxy.cli.fetching import fetched
from proxy.cli.foreign import foreign, refusal
from proxy.cli.login_file import LoginFileError, read_login
from proxy.ledger.people import OS_USER_HEADER
from proxy.ports.local_socket import socket_address
from proxy.settings import Settings, config_folder, os_user

TIMEOUT_S: Final = 60.0
FETCH_S: Final = 660.0
"""The longest silence before a large answer: longer than the ledger takes to write it."""
LEDGER_SOCKET: Final = "ledger.sock"
LOCAL_URL: Final = "http://ledger"
CONNECT_S: Final = 2.0
_ANSWER_IS_NO: Final = (403, 404, 409)

Parameters = Sequence[tuple[str, str]]


class Ledger(Protocol):
    """A ledger that can be asked."""

    @property
    def name(self) -> str:
        """What messages call it: its URL, or the folder that it is of."""
        ...

    def send(self, method: str, path: str, parameters: Parameters, body: Any = None) -> httpx.Response:
        """`body`: what goes as JSON; None for nothing. Raises httpx.HTTPError where no answer comes."""
        ...

    def fetch(self, path: str, parameters: Parameters, into: Path, step: Callable[[int], None]) -> httpx.Response:
        """Write a large answer into a file, piece by piece; `step` is told the bytes so far. What is no success is in
        the answer itself. Raises httpx.HTTPError, OSError."""
        ...


@dataclass(frozen=True, slots=True)
class Remote:
    """Over HTTP, from any machine; or over the socket, from this one."""

    client: httpx.Client
    name: str

    def send(self, method: str, path: str, parameters: Parameters, body: Any = None) -> httpx.Response:
        return self.client.request(method, path, params=list(parameters), json=body)

    def fetch(self, path: str, parameters: Parameters, into: Path, step: Callable[[int], None]) -> httpx.Response:
        with self.client.stream("GET", path, params=list(parameters), timeout=FETCH_S) as answer:
            if not answer.is_success:
                answer.read()
                return answer
            with into.open("wb") as file:
                for chunk in answer.iter_bytes():
                    file.write(chunk)
                    step(file.tell())
        return answer


@dataclass(frozen=True, slots=True)
class Opened:
    """The application itself, over a database that this process holds."""

    application: Any
    name: str

    def send(self, method: str, path: str, parameters: Parameters, body: Any = None) -> httpx.Response:
        return asyncio.run(self._send(method, path, parameters, body))

    async def _send(self, method: str, path: str, parameters: Parameters, body: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.application)
        async with httpx.AsyncClient(
            transport=transport, base_url=LOCAL_URL, timeout=TIMEOUT_S, headers=_who()
        ) as client:
            return await client.request(method, path, params=list(parameters), json=body)

    def fetch(self, path: str, parameters: Parameters, into: Path, step: Callable[[int], None]) -> httpx.Response:
        return asyncio.run(fetched(self.application, LOCAL_URL, path, parameters, into, step))


def ask(
    settings: Settings,
    path: str,
    parameters: Parameters,
    *,
    here: bool = False,
    method: str = "GET",
    body: Any = None,
) -> httpx.Response:
    """The ledger's answer, or an exit that says why there is none: 1 where the answer is no, else 2.

    here: only the data folder's own, as a command line that names one means it.
    """
    with connection(settings, here=here) as ledger:
        try:
            answer = ledger.send(method, path, parameters, body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            stop(no_answer(ledger, error), UNTRIED)
    if who := foreign(answer, ledger.name, dict(parameters).get("format", "json")):
        stop(who, UNTRIED)
    if answer.is_success:
        return answer
    stop(refusal(answer, ledger.name), NO if answer.status_code in _ANSWER_IS_NO else UNTRIED)


def no_answer(ledger: Ledger, error: Exception) -> str:
    return f"no answer from {ledger.name}: {error or type(error).__name__}. Is outlay running there, and reachable?"


@contextmanager
def connection(settings: Settings, *, here: bool = False) -> Iterator[Ledger]:
    """The ledger to ask, open for as long as the context. Exits with 2 where there is none."""
    url, key = ("", "") if here else _server(settings)
    if url:
        with remote(url, key) as client:
            yield Remote(client, url)
    elif listening(settings.data / LEDGER_SOCKET):
        transport = httpx.HTTPTransport(uds=socket_address(settings.data / LEDGER_SOCKET))
        options: dict[str, Any] = {"base_url": LOCAL_URL, "timeout": TIMEOUT_S, "trust_env": False}
        with httpx.Client(transport=transport, headers=_who(), **options) as client:
            yield Remote(client, _local(settings))
    else:
        with _opened(settings) as ledger:
            yield ledger


def _local(settings: Settings) -> str:
    return f"the ledger of {settings.data}"


def _who() -> dict[str, str]:
    """Who gives the command, for what goes on record: said to the ledger of this machine alone."""
    name = os_user()
    return {OS_USER_HEADER: name} if key_like(name) else {}


def remote(url: str, key: str) -> httpx.Client:
    """A client of a control plane elsewhere. The key goes in a header, never in a URL."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S)


def address(url: str) -> bool:
    """Whether it can be the address of a control plane."""
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    more = parts.username or parts.query or parts.fragment or any(map(str.isspace, url))
    return parts.scheme in ("http", "https") and named and not more


def key_like(key: str) -> bool:
    """Whether it can stand in a header. The `outlay_…` of a page, pasted, can't."""
    return key.isascii() and key.isprintable()


def _server(settings: Settings) -> tuple[str, str]:
    """URL and key of the server to ask; ('', '') for the one of this machine."""
    try:
        login = read_login(config_folder())
    except LoginFileError as error:
        stop(str(error), UNTRIED)
    if settings.url:
        url = settings.url.rstrip("/")
        key = settings.key or (login.key if login and login.url == url else "")
        if not key:
            stop(f"OUTLAY_URL is {url}, but there is no key for it: set OUTLAY_KEY, or `outlay login {url}`", UNTRIED)
        if not address(url):
            stop(f"OUTLAY_URL is {url}, which is no URL of a control plane; write it as https://HOST:4142", UNTRIED)
        if not key_like(key):
            stop("OUTLAY_KEY is no outlay key: it has characters that no key has", UNTRIED)
        return url, key
    return (login.url, settings.key or login.key) if login else ("", "")


def listening(path: Path) -> bool:
    """Whether a process listens on a socket of the data folder. One that a killed process left behind doesn't count."""
    try:
        with socket.socket(socket.AF_UNIX) as attempt:
            attempt.settimeout(CONNECT_S)
            attempt.connect(socket_address(path))
    except OSError:
        return False
    return True


@contextmanager
def _opened(settings: Settings) -> Iterator[Ledger]:
    # Imported here: DuckDB and the server's parts are heavy, and most commands go to a server.
    from proxy.app import logs
    from proxy.app.ledger_local import NoLedgerError, local_ledger
    from proxy.ledger.loader import LoadingStoppedError
    from proxy.ports.store import StoreError

    logs.configure(replace(settings, log_level="warning"), "command")
    try:
        with local_ledger(settings) as application:
            yield Opened(application, _local(settings))
    except NoLedgerError as error:
        stop(
            f"{error}, and no server is known. Run this where outlay serves (or with --data), or name a server: "
            "`outlay login URL`, or OUTLAY_URL and OUTLAY_KEY",
            UNTRIED,
        )
    except (StoreError, LoadingStoppedError, OSError) as error:
        stop(str(error), UNTRIED)
