"""Routing: which dialect and operation a path means. What no dialect knows is not forwarded."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import unquote_to_bytes

from proxy.dialects.dialect import Dialect, Operation
from proxy.dialects.socket import SocketDialect
from proxy.model.decision import Reason, Refusal
from proxy.model.fact import fact
from proxy.policy.types import PolicySet, Provider

PASSED: Final = Operation("passed", priced=False, body_read=False)
"""A path that an admin named in `passes:`: forwarded, on record as a call, not read and not priced."""

DECODINGS_MAX: Final = 3
"""How often a path may have been percent-encoded, where its plain spelling is looked for."""
OVERRIDES: Final = (b"x-http-method-override", b"x-http-method", b"x-method-override")
"""Headers by which some servers take a request for one of another method."""
IN_QUERY: Final = (b"$http", b"$req", b"$ct")
"""How Google's servers take method, headers, body and its type from a query: `$httpMethod`, `$httpHeaders`, `$req`."""
_OVERRIDING: Final = frozenset(OVERRIDES)
_PLAIN_PATH: Final = re.compile(rb"(?:/[A-Za-z0-9_:-]++)++").fullmatch
"""Nearly every path: nothing in it could be read in two ways."""
_PARAMETERS: Final = re.compile(rb";[^/]*")
_SLASHES: Final = re.compile(rb"/+")


@fact(frozen=True, slots=True)
class Route:
    dialect: Dialect
    operation: Operation
    prefix: str
    """The provider named in the path; '' where none is."""
    target: bytes
    """Path and query at the provider."""


@dataclass(frozen=True, slots=True)
class Unrouted:
    dialect: Dialect
    """In whose shape to say so."""
    refusal: Refusal


def route(
    method: str, target: bytes, headers: Mapping[bytes, bytes], policies: PolicySet, dialects: Sequence[Dialect]
) -> Route | Unrouted:
    """Where a call goes. `dialects` in order of preference; the first gives the shape of errors nobody else claims."""
    path, _, query = target.partition(b"?")
    preferred = _preferred(dialects, headers)
    if headers.get(b"upgrade", b"").lower() == b"websocket":
        return Unrouted(preferred[0], _WEBSOCKET)
    plain = is_plain(path)
    if not plain or overridden(query, headers):
        return Unrouted(preferred[0], _OVERRIDDEN if plain else _unknown(method, path))
    first, _, rest = path[1:].partition(b"/")
    name = first.decode("ascii")
    mounted = next((each for each in dialects if each.mount == name), None) if name else None
    if mounted is not None:
        operation = mounted.operation(method, "/" + rest.decode("ascii"))
        found = operation and Route(mounted, operation, "", target[len(first) + 1 :])
        return found or Unrouted(mounted, _unknown(method, path, _sidestep(mounted, b"/" + rest)))
    provider = policies.providers.get(name)
    if provider is not None:
        return _prefixed(method, provider, b"/" + rest, target[len(first) + 1 :], dialects)
    text = path.decode("ascii")
    for dialect in preferred:
        if dialect.mount:
            continue
        operation = dialect.operation(method, text)
        if operation is not None:
            return Route(dialect, operation, "", target)
    return Unrouted(preferred[0], _unknown(method, path, _sidestep(preferred[0], path)))


def _preferred(dialects: Sequence[Dialect], headers: Mapping[bytes, bytes]) -> Sequence[Dialect]:
    """Those whose marker the call carries come first."""
    marked = [dialect for dialect in dialects if dialect.marker_header in headers]
    return [*marked, *(dialect for dialect in dialects if dialect not in marked)] if marked else dialects


def _prefixed(
    method: str, provider: Provider, path: bytes, target: bytes, dialects: Sequence[Dialect]
) -> Route | Unrouted:
    dialect = next((each for each in dialects if each.name == provider.dialect), dialects[0])
    text = path.decode("ascii")
    operation = dialect.operation(method, text)
    named = any(method == verb and fnmatchcase(text, glob) for verb, glob in provider.passes)
    if operation is None and named and not _disguised(dialect, method, path):
        operation = PASSED
    if operation is None:
        return Unrouted(dialect, _unknown(method, path, _sidestep(dialect, path)))
    return Route(dialect, operation, provider.name, target)


def _disguised(dialect: Dialect, method: str, path: bytes) -> bool:
    """True for another spelling of a priced path, which a lenient provider serves as that one: by a wide glob in
    `passes:` it would be had for nothing."""
    plain = path
    for _ in range(DECODINGS_MAX):
        plain = unquote_to_bytes(plain)
    plain = _SLASHES.sub(b"/", _PARAMETERS.sub(b"", plain)).rstrip(b"/").lower()
    operation = dialect.operation(method, plain.decode("latin-1"))
    return operation is not None and operation.priced


def is_plain(path: bytes) -> bool:
    """False for what could mean another path at the provider than here: dot segments, backslashes, non-ASCII."""
    if _PLAIN_PATH(path):
        return True
    if not path.startswith(b"/") or not path.isascii():
        return False
    decoded = unquote_to_bytes(path) if b"%" in path else path
    if b"\\" in decoded or any(byte < 0x20 for byte in decoded):
        return False
    return not any(segment in (b".", b"..") for segment in decoded.split(b"/"))


def overridden(query: bytes, headers: Mapping[bytes, bytes]) -> bool:
    """True where the provider could take the request for another than the one that stands there."""
    if not _OVERRIDING.isdisjoint(headers):
        return True
    if not query:
        return False
    names = (unquote_to_bytes(part.partition(b"=")[0]) for part in query.split(b"&"))
    return b"$" in unquote_to_bytes(query) and any(name.lower().startswith(IN_QUERY) for name in names)


def _sidestep(dialect: Dialect, path: bytes) -> str:
    return dialect.sidestep(path.decode("ascii")) if isinstance(dialect, SocketDialect) else ""


def _unknown(method: str, path: bytes, why: str = "") -> Refusal:
    """`why`: a sentence of the dialect's on this very path."""
    shown = path[:200].decode("latin-1")
    return Refusal(
        404,
        Reason.UNKNOWN_PATH,
        f"outlay forwards no {method} {shown}: it forwards only what it can meter. {why}"
        "docs/contract.md lists the paths; an admin can let one pass unmetered by name (`passes:` in providers.yaml).",
    )


_OVERRIDDEN: Final = Refusal(
    400,
    Reason.BAD_REQUEST,
    "outlay forwards a request only as the one that stands there: send its method, headers and body as such, without "
    f"{', '.join(name.decode() for name in OVERRIDES)}, $httpMethod, $httpHeaders, $req or $ct.",
)
_WEBSOCKET: Final = Refusal(
    404, Reason.WEBSOCKET, "outlay carries no websockets here. The same calls work over plain HTTP and SSE."
)
