"""Listening: what both planes put between their port and their application."""

from starlette.types import ASGIApp

from proxy.adapters.tls_files import TlsFiles
from proxy.model.network import networks
from proxy.settings import Settings
from proxy.web.trusted_proxies import TrustedProxies


def tls(settings: Settings) -> TlsFiles | None:
    """The certificate of the ports; None for plain HTTP. Raises TlsError."""
    return TlsFiles(settings.tls_cert, settings.tls_key) if settings.tls_cert else None


def fronted(application: ASGIApp, settings: Settings) -> ASGIApp:
    """The application as it stands behind the load balancers of the settings."""
    trusted = networks(settings.trusted_proxies)
    return TrustedProxies(application, trusted) if trusted else application
