"""Settings: environment and flags, frozen. The only reader of os.environ, provider keys by name included."""

import os
import pwd
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final, Self

from proxy.journal.positions import is_node
from proxy.model.network import networks

PREFIX: Final = "OUTLAY_"
PORT_MAX: Final = 65535
SD_LISTEN_FDS_START: Final = 3
"""The first socket that systemd hands to a service (sd_listen_fds(3))."""
CALLS_DAYS_MIN: Final = 35
_WORDS: Final = {
    "metrics_access": ("open", "key"),
    "without_journal": ("refuse", "pass"),
    "detector": ("on", "off"),
    "keep_until_backup": ("on", "off"),
    "log_level": ("debug", "info", "warning", "error"),
    "log_format": ("auto", "json", "text"),
}
_PUBLIC_URL: Final = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?/?", re.ASCII)
_REACHABLE: Final = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104  # compared, not bound
"""Where this machine reaches what listens on all addresses."""
_PROXY_KINDS: Final = ("http", "https", "all", "no")


class SettingsError(ValueError):
    """A setting that can't be used; the message names the variable and what would be right."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One field for each `OUTLAY_…` variable; the name of a variable is the field's name in capitals."""

    host: str = "127.0.0.1"
    port: int = 4141
    ledger_port: int = 4142
    policies: Path = Path("policies")
    data: Path = Path("data")
    tls_cert: Path | None = None
    """Certificate chain (PEM) for both ports; None: plain HTTP."""
    tls_key: Path | None = None
    """Its private key; None: it stands in the certificate's file."""
    public_url: str = ""
    """How clients reach the data port, where that isn't host and port: behind a load balancer, by a name."""
    trusted_proxies: str = ""
    """Addresses and networks of load balancers in front, with commas: only they are believed about the client."""
    keys: Path | None = None
    """keys.yaml, where it lives outside the policy folder."""
    admin_key: str = ""
    """An admin key given from outside; else the first start makes one."""
    workers: int = 1
    node: str = socket.gethostname()
    """Names this machine in the journal; a worker appends its number."""
    stand_in_port: int = 4140
    """Where `outlay serve --stand-in` runs the stand-in provider."""
    metrics_port: int = 0
    """Where a gateway on its own serves its metrics; 0: only on its socket in the data folder."""
    metrics_access: str = "open"
    """Who may read the ledger's /metrics: 'open' is anybody who can reach it, 'key' finance and admin keys."""
    without_journal: str = "refuse"
    """What becomes of calls while the journal can't be written: 'refuse' (503), or 'pass': forwarded and kept in memory
    until it can, as far as there is room."""
    journal_days: float = 0.0
    """How long journal segments are kept once they are loaded; 0: for good."""
    calls_days: float = 0.0
    """How long single calls are kept in the database; then sums stay in their place. 0: for good."""
    keep_until_backup: str = "off"
    """'on': what the two settings above would drop stays until `outlay backup` has it."""
    otlp_endpoint: str = ""
    """OpenTelemetry collector (OTLP over HTTP) that gets a span for each call, as in http://localhost:4318."""
    body_bytes_max: int = 64 * 1024 * 1024
    """What a dialect reads of one request, before and after decompression; more is a 413."""
    bodies_bytes_max: int = 512 * 1024 * 1024
    """What the bodies of all calls at once may take, before and after decompression; more is a 503."""
    calls_in_flight_max: int = 2000
    connections_max: int = 4000
    """Connections of callers at once, idle ones too; further calls get a 503."""
    header_s: float = 30.0
    """How long a client may take for the headers of a request."""
    body_idle_s: float = 30.0
    """The longest silence within a request's body."""
    body_rate_min: int = 1000
    """Bytes a second that a request's body must come with, over the time it is waited for; 0: any."""
    answer_rate_min: int = 100
    """Bytes a second that a client must take of an answer that waits for it; 0: anything at all."""
    answers_bytes_max: int = 256 * 1024 * 1024
    """What answers that wait for their clients may take; then the one that waits longest is cut off."""
    drain_s: float = 60.0
    """How long the answer to a dropped, non-streamed call is read for its usage."""
    detector: str = "on"
    """'off': the gateway compares no calls, so rules against redundancy find nothing; it spares CPU and memory."""
    stop_s: float = 30.0
    """How long a graceful stop waits for calls in flight."""
    log_level: str = "info"
    log_format: str = "auto"
    """'json', 'text', or 'auto': text on a terminal."""
    supervisor_pid: int = 0
    """Set by `outlay serve` for its planes: they stop when it is gone."""
    listen_fd: int = 0
    """The data port's socket, inherited from `outlay serve` or systemd; 0: the gateway makes its own."""
    handover_fd: int = 0
    """Set by `outlay serve`: a socket on which a gateway talks with it about handing over."""
    predecessor: str = ""
    """Set by `outlay serve`: the node that this one takes over from."""
    url: str = ""
    """For commands: the control plane of a server elsewhere."""
    key: str = ""
    """For commands: the key to read it with."""
    events_secret: str = ""
    """For `outlay deployments record`: the secret of a generic source in services.yaml."""

    @property
    def base_url(self) -> str:
        """Where clients reach the data port, without a slash at its end."""
        return self.public_url.rstrip("/") or self._url(self.port)

    @property
    def control_url(self) -> str:
        """Where this machine reaches the control port."""
        return self._url(self.ledger_port)

    def _url(self, port: int) -> str:
        host = _REACHABLE.get(self.host, self.host)
        return f"{'https' if self.tls_cert else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"

    @property
    def keys_file(self) -> Path:
        return self.keys or self.policies / "keys.yaml"

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, **flags: object | None) -> Self:
        """Flags win over the environment, the environment over defaults. A flag of None was not given.

        Raises SettingsError.
        """
        source = os.environ if environ is None else environ
        values: dict[str, object] = {}
        for field in fields(cls):
            text = source.get(PREFIX + field.name.upper())
            if text:
                values[field.name] = _parse(field.name, str(field.type), text)
        if source.get("LISTEN_PID") == str(os.getpid()) and source.get("LISTEN_FDS", "0") != "0":
            values.setdefault("listen_fd", SD_LISTEN_FDS_START)
        values.update({name: value for name, value in flags.items() if value is not None})
        settings = cls(**values)  # type: ignore[arg-type]  # parsed to the field's own type just above
        settings._check()
        return settings

    def _check(self) -> None:
        if 0 < self.calls_days < CALLS_DAYS_MIN:
            raise SettingsError(
                f"OUTLAY_CALLS_DAYS must be at least {CALLS_DAYS_MIN}: batches may take a month. 0 keeps all"
            )
        if self.workers < 1:
            raise SettingsError("OUTLAY_WORKERS must be at least 1")
        if not is_node(f"{self.node}-{self.workers}"):
            raise SettingsError(
                f"OUTLAY_NODE names a folder: letters, digits, '.', '_' and '-' (at most 90), not {self.node!r}"
            )
        for name in ("port", "ledger_port", "stand_in_port", "metrics_port"):
            port = getattr(self, name)
            if not 0 <= port <= PORT_MAX:
                raise SettingsError(f"{PREFIX}{name.upper()} must be a port, 0 to {PORT_MAX}, not {port}")
        if self.tls_key and not self.tls_cert:
            raise SettingsError("OUTLAY_TLS_KEY needs OUTLAY_TLS_CERT, the certificate that it belongs to")
        if self.public_url and not _PUBLIC_URL.fullmatch(self.public_url):
            raise SettingsError(
                "OUTLAY_PUBLIC_URL must be scheme and host, as in https://llm.example.com or http://10.0.0.5:4141, "
                f"not {self.public_url!r}"
            )
        try:
            networks(self.trusted_proxies)
        except ValueError as error:
            raise SettingsError(f"OUTLAY_TRUSTED_PROXIES: {error}; write 10.0.0.0/8, 192.0.2.7") from None
        for name, known in _WORDS.items():
            if getattr(self, name) not in known:
                said = f"{', '.join(repr(word) for word in known[:-1])} or {known[-1]!r}"
                raise SettingsError(f"{PREFIX}{name.upper()} must be {said}, not {getattr(self, name)!r}")

    def environ(self) -> dict[str, str]:
        """The variables that make a child process see these very settings, paths made absolute."""
        resolved = replace(
            self,
            policies=self.policies.resolve(),
            data=self.data.resolve(),
            **{name: path.resolve() for name in ("keys", "tls_cert", "tls_key") if (path := getattr(self, name))},
        )
        values = {field.name: getattr(resolved, field.name) for field in fields(self)}
        return {PREFIX + name.upper(): str(value) for name, value in values.items() if value not in (None, "")}


def secret_from_environ(name: str) -> str:
    """A provider credential by the name of its variable; '' where it is not set."""
    return os.environ.get(name, "").strip()


def os_user() -> str:
    """The user of this machine who gives a command: who called sudo, where somebody did; '' where none has a name."""
    try:
        return os.environ.get("SUDO_USER", "").strip() or pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return ""


def whole_environ() -> dict[str, str]:
    """All of it, for a command that somebody has us start."""
    return dict(os.environ)


def config_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where commands keep what they remember for this user: $XDG_CONFIG_HOME/outlay, or ~/.config/outlay."""
    source = os.environ if environ is None else environ
    home = source.get("XDG_CONFIG_HOME", "")
    # A relative path there is to be ignored, by the XDG base directory specification.
    return (Path(home) if Path(home).is_absolute() else Path.home() / ".config") / "outlay"


def proxies_from_environ(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """What HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY say, under 'http', 'https', 'all' and 'no'.

    The lower-case form of a name wins, as it does with curl and Python.
    """
    source = os.environ if environ is None else environ
    said = {kind: source.get(f"{kind}_proxy") or source.get(f"{kind}_proxy".upper(), "") for kind in _PROXY_KINDS}
    return {kind: text.strip() for kind, text in said.items() if text.strip()}


def _parse(name: str, kind: str, text: str) -> object:
    try:
        if "int" in kind:
            return int(text)
        if "float" in kind:
            return float(text)
    except ValueError:
        raise SettingsError(f"{PREFIX}{name.upper()} must be a number, not {text!r}") from None
    if name in _WORDS:
        return text.lower()
    return Path(text) if "Path" in kind else text
