"""What `outlay doctor` sees of the network: the planes on their ports, their certificate, the providers."""

import socket
import ssl
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import httpx

from proxy.adapters.tls_files import TlsError, TlsFiles
from proxy.cli.finding import Finding, counted
from proxy.cli.reachable import ALL
from proxy.ledger.conditions import GatewayState
from proxy.policy.types import Provider
from proxy.settings import Settings, proxies_from_environ

ANSWER_S: Final = 3.0
EXPIRY_NOTICE: Final = timedelta(days=14)
HTTP_OK: Final = 200
HTTP_UNAVAILABLE: Final = 503
AT_ONCE: Final = 16
NAMED_MAX: Final = 5
JOURNAL_MEND: Final = "make room on the disk of the data folder, or look at its rights; the gateway's log says why"
LEDGER_TELLS: Final = "the ledger tells it within seconds, once it runs and has loaded: outlay ledger"
_PORTS: Final = {"https": 443, "http": 80}


def certificate(settings: Settings) -> Iterator[Finding]:
    """Whether the certificate of the ports loads, and how long it holds."""
    path = settings.tls_cert
    if path is None:
        if settings.host not in ("127.0.0.1", "::1", "localhost"):
            what = f"outlay listens on {settings.host} in plain HTTP: callers' keys can be read on the way"
            yield Finding(
                "note", what, "set OUTLAY_TLS_CERT and OUTLAY_TLS_KEY, or put TLS in front (docs/deployment.md)"
            )
        return
    try:
        TlsFiles(path, settings.tls_key)
    except TlsError as error:
        yield Finding("wrong", f"certificate: {error}", "docs/deployment.md says what the files must hold")
        return
    ends = _not_after(str(path))
    if ends is None:
        yield Finding("ok", f"certificate {path} loads")
    elif ends < datetime.now(UTC):
        yield Finding(
            "wrong", f"certificate {path} expired on {ends:%Y-%m-%d}", "renew it; a new file is taken up at once"
        )
    elif ends < datetime.now(UTC) + EXPIRY_NOTICE:
        yield Finding("note", f"certificate {path} expires on {ends:%Y-%m-%d}", "renew it")
    else:
        yield Finding("ok", f"certificate {path} holds until {ends:%Y-%m-%d}")


def planes(settings: Settings) -> Iterator[Finding]:
    host = ALL.get(settings.host, settings.host)
    host = f"[{host}]" if ":" in host else host
    for name, port in (("gateway", settings.port), ("ledger", settings.ledger_port)):
        yield _plane(name, f"{'https' if settings.tls_cert else 'http'}://{host}:{port}")
    if settings.public_url:
        found = _plane("gateway", settings.public_url.rstrip("/"), verify=True)
        yield found if found.state == "ok" else Finding("wrong", f"OUTLAY_PUBLIC_URL: {found.what}", found.mend)


def gateways(states: Sequence[GatewayState]) -> Iterator[Finding]:
    """What gateways of this machine say of themselves, on their sockets."""
    for state in states:
        if not state.accepting or state.passing:
            does = "lets calls pass that a kill would lose" if state.passing else "refuses all calls"
            yield Finding("wrong", f"gateway {state.node} can't write its journal, and {does}", JOURNAL_MEND)
        if state.mistakes:
            what = f"gateway {state.node} goes by the last good policies: "
            yield Finding("wrong", f"{what}the files have {counted(state.mistakes, 'mistake')}", "outlay policy check")
        for budgets, what in (
            (state.withheld, "refuses the calls of"),
            (
                [name for name in state.waiting if name not in state.withheld],
                "goes by the last good policies until it has counted",
            ),
        ):
            if budgets:
                why = "what was spent there isn't known yet"
                yield Finding("wrong", f"gateway {state.node} {what} {_named(budgets)}: {why}", LEDGER_TELLS)


def _named(budgets: Sequence[str]) -> str:
    more = f" and {len(budgets) - NAMED_MAX} more" if len(budgets) > NAMED_MAX else ""
    return f"{'the budget' if len(budgets) == 1 else 'the budgets'} {', '.join(budgets[:NAMED_MAX])}{more}"


def reached(providers: Sequence[Provider]) -> Iterator[Finding]:
    """Whether the providers can be reached from here. Nothing is sent to them; behind a proxy, nothing is tried."""
    places = [_place(provider) for provider in providers]
    faults: dict[tuple[str, int], str] = {}
    if not proxies_from_environ():
        with ThreadPoolExecutor(AT_ONCE) as pool:
            faults = dict(zip(places, pool.map(_fault, places), strict=True))
    for provider, place in zip(providers, places, strict=True):
        what, fault = f"provider {provider.name} at {provider.base_url}", faults.get(place)
        if fault:
            yield Finding("note", f"{what} can't be reached: {fault}", "is its address right, and does it run?")
        else:
            yield Finding("ok", what)


def _place(provider: Provider) -> tuple[str, int]:
    parts = urlsplit(provider.base_url)
    return parts.hostname or "", parts.port or _PORTS[parts.scheme]


def _fault(place: tuple[str, int]) -> str:
    """What stands in the way of a connection; '' for nothing."""
    try:
        socket.create_connection(place, ANSWER_S).close()
    except OSError as error:
        return error.strerror or str(error) or type(error).__name__
    return ""


def _plane(name: str, base: str, *, verify: bool = False) -> Finding:
    """Asked over HTTP: something else may listen on the port. Here the certificate's name isn't looked at."""
    try:
        answer = httpx.get(f"{base}/readyz", timeout=ANSWER_S, trust_env=verify, verify=verify)
    except httpx.ConnectError as error:
        return _unconnected(name, base, error)
    except httpx.HTTPError as error:
        return Finding("wrong", f"what listens on {base} doesn't answer as a {name} ({type(error).__name__})")
    return _answered(name, base, answer)


def _answered(name: str, base: str, answer: httpx.Response) -> Finding:
    if answer.status_code == HTTP_UNAVAILABLE:
        return Finding("wrong", f"the {name} on {base} isn't ready", f"its log says why; curl {base}/readyz")
    if answer.status_code != HTTP_OK or not _is_plane(name, answer):
        return Finding("wrong", f"what listens on {base} is no outlay {name}", "take another port, or stop it")
    mistakes = _mistakes(name, answer)
    if mistakes:
        what = f"{name} on {base} goes by the last good policies: the files have {counted(mistakes, 'mistake')}"
        return Finding("wrong", what, "outlay policy check")
    failing = _failing_targets(name, answer)
    if failing:
        what = f"{name} on {base} can't deliver notices to {', '.join(failing)}"
        return Finding("wrong", what, f"outlay notify test {failing[0]}; curl {base}/readyz says why")
    return Finding("ok", f"{name} on {base} is ready")


def _unconnected(name: str, base: str, error: httpx.ConnectError) -> Finding:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if cause is not None:
        return Finding("wrong", f"{base} doesn't speak TLS as expected: {cause}", "outlay serve with these settings")
    return Finding("note", f"no {name} listens on {base}", f"outlay serve, or outlay {name}")


def _is_plane(name: str, answer: httpx.Response) -> bool:
    return answer.text == "ready\n" if name == "gateway" else '"lines_loaded"' in answer.text


def _mistakes(name: str, answer: httpx.Response) -> int:
    """What the ledger says of the policy files."""
    told = answer.json().get("policy_mistakes") if name == "ledger" else None
    return len(told) if isinstance(told, list) else 0


def _failing_targets(name: str, answer: httpx.Response) -> list[str]:
    """Whom the ledger last failed to tell."""
    told = answer.json().get("notices") if name == "ledger" else None
    targets = told.items() if isinstance(told, dict) else ()
    return [target for target, state in targets if isinstance(state, dict) and state.get("failing")]


def _not_after(path: str) -> datetime | None:
    """When a certificate expires. None: this Python can't tell; it decodes certificates in a private function alone."""
    decode = getattr(getattr(ssl, "_ssl", None), "_test_decode_cert", None)
    try:
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(decode(path)["notAfter"]), UTC) if decode else None
    except (ssl.SSLError, OSError, KeyError, ValueError):
        return None
