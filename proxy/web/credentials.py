"""The caller's credential: where SDKs put it, and what must not go upstream with the call.

Forms: `authorization: Bearer`, `x-api-key`, `x-goog-api-key`, `api-key`, `?key=`; or `x-outlay-key`, and then the
provider credential that the client sent beside it is the caller's own and passes untouched.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from proxy.gateway.headers import CREDENTIAL_HEADERS, OUTLAY_KEY_HEADER

KEY_MARK: Final = b"outlay_"
_QUERY_KEY: Final = b"key="


@dataclass(frozen=True, slots=True)
class Presented:
    """What a call presents. `key` is a secret: it is looked up and forgotten."""

    key: bytes
    """b'' where there is none."""
    own_credential: bool
    """True: the client's own provider credential goes upstream."""
    target: bytes
    """Path and query to forward: without an outlay key in it."""


def presented(headers: Mapping[bytes, bytes], target: bytes) -> Presented:
    """The credential of a call. Among several, the one that is outlay's own wins."""
    values = [_bearer(headers[name]) for name in CREDENTIAL_HEADERS if name in headers]
    query_key, stripped = _from_query(target)
    own = headers.get(OUTLAY_KEY_HEADER, b"").strip()
    if own:
        # An outlay key in the place of a provider's credential is nobody's own credential.
        theirs = bool(values or query_key) and not any(KEY_MARK in value for value in [*values, query_key])
        return Presented(own, own_credential=theirs, target=target if theirs else stripped)
    found = [value for value in [*values, query_key] if value]
    key = next((value for value in found if value.startswith(KEY_MARK)), found[0] if found else b"")
    return Presented(key, own_credential=False, target=stripped)


def _bearer(value: bytes) -> bytes:
    scheme, _, rest = value.strip().partition(b" ")
    return rest.strip() if rest and scheme.lower() == b"bearer" else value.strip()


def _from_query(target: bytes) -> tuple[bytes, bytes]:
    """The value of `key=` in the query, and the target without it. Everything else keeps its bytes."""
    path, mark, query = target.partition(b"?")
    if _QUERY_KEY not in query:
        return b"", target
    parts = query.split(b"&")
    keys = [part for part in parts if part.startswith(_QUERY_KEY)]
    if not keys:
        return b"", target
    kept = b"&".join(part for part in parts if not part.startswith(_QUERY_KEY))
    return keys[0][len(_QUERY_KEY) :], path + mark + kept if kept else path
