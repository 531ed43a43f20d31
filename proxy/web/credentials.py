"""The caller's credential: where SDKs put it, and what must not go upstream with the call.

Forms: `authorization: Bearer`, `x-api-key`, `x-goog-api-key`, `api-key`, `?key=`; an outlay key as the access key id of
an AWS signature, whose secret nobody looks at, since the call is signed anew; or `x-outlay-key`, and then the provider
credential that the client sent beside it is the caller's own and passes untouched.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

from proxy.gateway.headers import CREDENTIAL_HEADERS, KEY_MARK, OUTLAY_KEY_HEADER
from proxy.model.fact import fact

_QUERY_KEY: Final = b"key="
_SIGNATURE: Final = re.compile(rb"AWS4-HMAC-SHA256\s+Credential=(outlay_[^/,\s]*)/", re.IGNORECASE)


@fact(frozen=True, slots=True)
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
    queried, stripped = _from_query(target)
    values += queried
    own = headers.get(OUTLAY_KEY_HEADER, b"").strip()
    if own:
        # An outlay key in the place of a provider's credential is nobody's own credential.
        theirs = bool(values) and not any(KEY_MARK in value for value in values)
        return Presented(own, own_credential=theirs, target=_without(target if theirs else stripped, own))
    found = [value for value in values if value]
    key = next((value for value in found if value.startswith(KEY_MARK)), found[0] if found else b"")
    return Presented(key, own_credential=False, target=_without(stripped, key))


def _bearer(value: bytes) -> bytes:
    scheme, _, rest = value.strip().partition(b" ")
    signed = _SIGNATURE.match(value.strip()) if rest and scheme.upper() == b"AWS4-HMAC-SHA256" else None
    if signed:
        return signed[1]
    return rest.strip() if rest and scheme.lower() == b"bearer" else value.strip()


def _from_query(target: bytes) -> tuple[list[bytes], bytes]:
    """The values of `key=` in the query, and the target without them. Everything else keeps its bytes."""
    query = target.partition(b"?")[2]
    if not query:
        return [], target
    if _QUERY_KEY not in unquote_to_bytes(query):
        return [], target
    keys = [plain for part in query.split(b"&") if (plain := unquote_to_bytes(part)).startswith(_QUERY_KEY)]
    return [key[len(_QUERY_KEY) :] for key in keys], _cut(target, lambda part: part.startswith(_QUERY_KEY))


def _without(target: bytes, key: bytes) -> bytes:
    """The target without what holds the caller's outlay key, under whatever name."""
    if not key or b"?" not in target or key not in unquote_to_bytes(target):
        return target
    return _cut(target, lambda part: key in part)


def _cut(target: bytes, unwanted: Callable[[bytes], bool]) -> bytes:
    """The target without some parts of its query; `unwanted` is asked about each, its percent-encoding undone."""
    path, mark, query = target.partition(b"?")
    parts = query.split(b"&")
    kept = [part for part in parts if not unwanted(unquote_to_bytes(part))]
    if len(kept) == len(parts):
        return target
    return path + mark + b"&".join(kept) if kept else path
