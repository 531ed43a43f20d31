"""Target: the gateway that this user's tools shall call, and the key for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx

from proxy.cli.configured import NO, UNTRIED, stop
from proxy.cli.login_file import LoginFileError, read_login
from proxy.settings import Settings, config_folder

GATEWAY_PORT: Final = 4141
ANSWER_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Target:
    gateway: str
    """Without a trailing slash."""
    control: str
    """The control plane, that knows whether the key is good."""
    key: str


def target(settings: Settings) -> Target:
    """From OUTLAY_URL and OUTLAY_KEY, else from `outlay login`, else this machine's server. Exits without a key."""
    try:
        login = read_login(config_folder())
    except LoginFileError as error:
        stop(str(error), UNTRIED)
    url = settings.url.rstrip("/")
    if login and (not url or url == login.url):
        key = settings.key or login.key
        return Target(settings.public_url.rstrip("/") or login.gateway or beside(login.url), login.url, key)
    local = urlsplit(settings.base_url)
    control = url or f"{local.scheme}://{_host(settings.base_url)}:{settings.ledger_port}"
    if not settings.key:
        stop(
            f"no key is known here: `outlay login {control}` remembers one, or set OUTLAY_KEY. "
            "`outlay keys create --user NAME --project PROJECT` makes one",
            UNTRIED,
        )
    if settings.public_url or not url:
        return Target(settings.base_url, control, settings.key)
    return Target(gateway_of(url, whoami(url, settings.key) or {}), control, settings.key)


def gateway_of(control: str, said: Mapping[str, object]) -> str:
    """The data plane, as its control plane says in /v1/whoami; by default the same host at port 4141."""
    port = said.get("gateway_port")
    return str(said.get("gateway") or "").rstrip("/") or beside(
        control, port if isinstance(port, int) else GATEWAY_PORT
    )


def beside(control: str, port: int = GATEWAY_PORT) -> str:
    """Another port on the host of the control plane."""
    return f"{urlsplit(control).scheme}://{_host(control)}:{port}"


def check(found: Target) -> None:
    """Exits where no gateway answers, or the key is known to be refused: the tools themselves say it less clearly.

    A control plane that doesn't answer is no reason to stop: the gateway works without it.
    """
    try:
        answer = httpx.get(f"{found.gateway}/healthz", timeout=ANSWER_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        stop(
            f"no gateway answers at {found.gateway} ({error or type(error).__name__}). Start one (`outlay serve`), or "
            "name it in OUTLAY_PUBLIC_URL",
            UNTRIED,
        )
    if answer.status_code != httpx.codes.OK:
        stop(f"what answers at {found.gateway} is no outlay gateway (status {answer.status_code})", UNTRIED)
    whoami(found.control, found.key)


def whoami(control: str, key: str) -> Mapping[str, object] | None:
    """What a control plane says of the key and of itself; None where it can't be asked. Exits on a refused key."""
    if not key.isascii() or not key.isprintable():
        stop("OUTLAY_KEY holds no outlay key", NO)
    try:
        answer = httpx.get(f"{control}/v1/whoami", headers={"authorization": f"Bearer {key}"}, timeout=ANSWER_S)
        said = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        stop(
            f"{control} does not take this key: it is wrong, expired or revoked. Another: `outlay login {control}`",
            NO,
        )
    return said if isinstance(said, dict) else None


def _host(url: str) -> str:
    host = urlsplit(url).hostname or ""
    return f"[{host}]" if ":" in host else host
