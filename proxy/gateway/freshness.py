"""Freshness: what a caller's `cache-control` says of answers that were given before (RFC 9111, section 5.2.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from proxy.gateway.headers import text


@dataclass(frozen=True, slots=True)
class Freshness:
    age_max_s: float = inf
    """How old an answer may be; 0: the call wants one of its own."""
    storable: bool = True
    """False: no use is made of its answer beyond the call, nor of another's for it."""


def freshness(headers: Mapping[bytes, bytes]) -> Freshness:
    said = text(headers, b"cache-control").lower() or text(headers, b"pragma").lower()
    if not said:
        return Freshness()
    directives = dict(part.strip().partition("=")[::2] for part in said.split(","))
    if "no-store" in directives:
        return Freshness(0, storable=False)
    age = directives.get("max-age", "").strip('"')
    if "no-cache" in directives or "max-age" not in directives:
        return Freshness(0 if "no-cache" in directives else inf)
    return Freshness(int(age) if age.isascii() and age.isdigit() else 0)
