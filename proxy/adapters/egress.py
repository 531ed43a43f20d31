"""Egress: through which proxy a connection leaves, and whose certificates it trusts."""

import os
import ssl
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Literal

import certifi
from yarl import URL


class ProxyError(ValueError):
    """A proxy that can't be used; the message names it without its credential."""


def proxy_for(origin: URL, proxies: Mapping[str, str]) -> URL | None:
    """The proxy for connections to `origin`; None: directly.

    `proxies` holds what the environment says under 'http', 'https', 'all' and 'no'. This machine itself is always
    reached directly: a company's proxy would look for a local model server on its own machine. Raises ProxyError.
    """
    text = proxies.get(origin.scheme) or proxies.get("all")
    if not text or _exempt(origin, proxies.get("no", "")):
        return None
    return proxy_url(text)


def proxy_url(text: str) -> URL:
    """A proxy as the environment names it, the scheme left out or not. Raises ProxyError."""
    try:
        proxy = URL(text if "://" in text else f"http://{text}")
        proxy.port  # noqa: B018  # read for its check
    except ValueError:
        raise ProxyError("a proxy's address can't be read") from None
    if proxy.scheme not in ("http", "https") or not proxy.raw_host:
        raise ProxyError(f"proxy {proxy.scheme}://{proxy.raw_host or ''}: only http and https proxies are supported")
    return proxy


def _exempt(origin: URL, exemptions: str) -> bool:
    host = (origin.host or "").rstrip(".").lower()
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(_covers(entry.strip().lower(), host, address, origin.port) for entry in exemptions.split(","))


def _covers(entry: str, host: str, address: IPv4Address | IPv6Address | None, port: int | None) -> bool:
    """One entry of NO_PROXY: '*', a host with its subdomains ('example.com', '.example.com'), an address or a network
    ('10.0.0.0/8'), the first three with a port or without."""
    if address is not None and "/" in entry:
        try:
            return address in ip_network(entry, strict=False)
        except ValueError:
            return False
    name, colon, wanted = entry.rpartition(":")
    if colon and wanted.isdigit() and (":" not in name or name.endswith("]")):
        entry = name if int(wanted) == port else ""
    entry = entry.strip("[]").removeprefix("*.").removeprefix(".")
    return bool(entry) and (entry in ("*", host) or host.endswith("." + entry))


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def trusted() -> ssl.SSLContext | Literal[True]:
    """What TLS connections trust: this machine's certificates (SSL_CERT_FILE and SSL_CERT_DIR included).

    True stands for the context that aiohttp holds in memory anyway and that says just this; a context of its own,
    with certifi's list, only where the machine has no certificates at all (a bare container).
    """
    paths = ssl.get_default_verify_paths()
    if paths.cafile or (paths.capath and os.listdir(paths.capath)):
        return True
    context = ssl.create_default_context(cafile=certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context
