"""Listening: what both planes put between their port and their application."""

import resource
from typing import Final

import structlog
from starlette.types import ASGIApp

from proxy.adapters.tls_files import TlsFiles
from proxy.model.network import networks
from proxy.settings import Settings
from proxy.web.patience import Patience
from proxy.web.request_body import Pace
from proxy.web.trusted_proxies import TrustedProxies

log = structlog.get_logger("outlay.server")

FILES_KEPT: Final = 200
"""Open files that aren't connections: libraries, journal, sockets of the planes, pipes to children."""
FILES_MAX: Final = 65536


def tls(settings: Settings) -> TlsFiles | None:
    """The certificate of the ports; None for plain HTTP. Raises TlsError."""
    return TlsFiles(settings.tls_cert, settings.tls_key) if settings.tls_cert else None


def fronted(application: ASGIApp, settings: Settings) -> ASGIApp:
    """The application as it stands behind the load balancers of the settings."""
    trusted = networks(settings.trusted_proxies)
    return TrustedProxies(application, trusted) if trusted else application


def pace(settings: Settings) -> Pace:
    """How fast bodies must come."""
    return Pace(settings.body_idle_s, settings.body_rate_min)


def patience(settings: Settings) -> Patience:
    """What bounds the connections of the data port: no more of them than this process may open files."""
    files = _files()
    possible = max(1, (files - FILES_KEPT) // 2)
    if possible < settings.connections_max:
        log.warning("fewer connections than asked for: each call takes two files", files=files, connections=possible)
    return Patience(
        header_s=settings.header_s,
        answer_rate_min=settings.answer_rate_min,
        answers_bytes_max=settings.answers_bytes_max,
        connections_max=min(settings.connections_max, possible),
    )


def _files() -> int:
    """How many files this process may open: as many as it is allowed to ask for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(FILES_MAX, hard if hard != resource.RLIM_INFINITY else FILES_MAX)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return FILES_MAX if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        return soft
    return wanted
