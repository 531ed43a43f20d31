"""Headers: what of a request goes upstream, what of an answer goes back, and what outlay reads for itself.

Everything passes in its order, duplicates kept, save what HTTP itself says belongs to one connection (RFC 9110
section 7.6.1), the caller's outlay credential, and outlay's own `x-outlay-…` headers, which are consumed.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Final

from proxy.model.fact import fact

HeaderLines = list[tuple[bytes, bytes]]

CREDENTIAL_HEADERS: Final = (b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key")
SIGNATURE_HEADERS: Final = (b"x-amz-date", b"x-amz-security-token", b"x-amz-content-sha256")
"""What AWS's clients send beside a signature in `authorization`; without that it means nothing."""
OUTLAY_KEY_HEADER: Final = b"x-outlay-key"
KEY_MARK: Final = b"outlay_"
"""How every outlay key begins."""
OUTLAY_PREFIX: Final = b"x-outlay-"

_CONNECTION_ONLY: Final = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade")
)
_NOT_UPSTREAM: Final = _CONNECTION_ONLY | {b"host", b"content-length", b"expect", b"proxy-authorization"}

OF_THE_CONTENT: Final = (b"content-type", b"content-encoding")
"""How the body is to be read."""

RANGES: Final = frozenset((b"range", b"if-range"))
"""What asks for a part of an answer."""

_NARROWING: Final = frozenset(
    b"x-outlay-project x-outlay-repo x-outlay-branch x-outlay-commit x-outlay-work-item x-outlay-session "
    b"x-outlay-justification x-outlay-tags".split()
)
_TRACEPARENT: Final = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-|$)")

NAME_CHARS_MAX: Final = 200
REASON_CHARS_MAX: Final = 500
TAGS_MAX: Final = 20
NAMES_KEPT: Final = 1000
"""Of headers, that are known again."""


@fact(frozen=True, slots=True)
class Narrowing:
    """What the caller says about a call in `x-outlay-…` headers: for grouping and narrowing, never for who pays."""

    project: str = ""
    repository: str = ""
    branch: str = ""
    commit: str = ""
    work_item: str = ""
    session: str = ""
    justification: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def lookup(lines: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by lower-cased name, the last line of a name wins: for reading, never for forwarding."""
    return dict(lines)


def upstream_headers(
    lines: Iterable[tuple[bytes, bytes]],
    headers: Mapping[bytes, bytes],
    credential: tuple[bytes, bytes] | None,
    *,
    own: bool,
    key: bytes,
) -> HeaderLines:
    """The header lines that go to the provider.

    `own`: the caller's own provider credential passes untouched. Else every credential of the caller is dropped, and
    `credential` put in, where the provider needs one. `key`: the caller's outlay key (not empty), which no provider may
    see wherever it stands.
    """
    lines = list(lines)
    dropped = _NOT_UPSTREAM
    if b"connection" in headers:
        # How a body is to be read is nobody's to drop on the way: its reader could find another call in it.
        dropped = dropped | connection_tokens(lines).difference(OF_THE_CONTENT)
    if not own:
        dropped = dropped.union(CREDENTIAL_HEADERS, SIGNATURE_HEADERS)
    kept = [
        line
        for line in lines
        if line[0] not in dropped and not line[0].startswith(OUTLAY_PREFIX) and key not in line[1]
    ]
    if own:
        # Of a header that stands twice only one line was looked at when the call was identified.
        kept = [line for line in kept if not (line[0] in CREDENTIAL_HEADERS and KEY_MARK in line[1])]
    if credential is not None:
        kept.append(credential)
    return kept


class _Names(dict[bytes, bytes]):
    """Names of an answer's headers as they came -> lower-cased, b'' for those that don't go back to the client. Most
    answers have the same ones."""

    def __missing__(self, name: bytes) -> bytes:
        lowered = name.lower()
        if lowered in _CONNECTION_ONLY or lowered.startswith(OUTLAY_PREFIX):
            lowered = b""
        if len(self) < NAMES_KEPT:
            self[name] = lowered
        return lowered


_NAMES: Final = _Names()


def client_headers(lines: Iterable[tuple[bytes, bytes]]) -> HeaderLines:
    """The header lines of an answer that go back to the client, lower-cased names in their order."""
    return [(name, line[1]) for line in lines if (name := _NAMES[line[0]])]


def connection_tokens(lines: Iterable[tuple[bytes, bytes]]) -> frozenset[bytes]:
    """Header names that the sender's own `connection` headers declare to be for this connection only."""
    tokens = b",".join([value for name, value in lines if name == b"connection"])
    return frozenset(token.strip().lower() for token in tokens.split(b","))


def narrowing(headers: Mapping[bytes, bytes]) -> Narrowing:
    """The caller's `x-outlay-…` headers, bounded. Unknown ones are ignored (and not forwarded either)."""
    if _NARROWING.isdisjoint(headers):
        return Narrowing()
    return Narrowing(
        project=text(headers, b"x-outlay-project"),
        repository=text(headers, b"x-outlay-repo"),
        branch=text(headers, b"x-outlay-branch"),
        commit=text(headers, b"x-outlay-commit"),
        work_item=text(headers, b"x-outlay-work-item"),
        session=text(headers, b"x-outlay-session"),
        justification=text(headers, b"x-outlay-justification", REASON_CHARS_MAX),
        tags=_tags(text(headers, b"x-outlay-tags", TAGS_MAX * NAME_CHARS_MAX)),
    )


def text(headers: Mapping[bytes, bytes], name: bytes, chars_max: int = NAME_CHARS_MAX) -> str:
    """A header's value as bounded text; bytes that are not UTF-8 are read as Latin-1, as HTTP once had it."""
    value = headers.get(name)
    if not value:
        return ""
    try:
        decoded = value[: 4 * chars_max].decode()
    except UnicodeDecodeError:
        decoded = value.decode("latin-1")
    return decoded.strip()[:chars_max]


def client_product(headers: Mapping[bytes, bytes]) -> str:
    """The product name of the user-agent, without its version: 'OpenAI/Python', 'claude-cli'."""
    agent = text(headers, b"user-agent")
    if not agent:
        return ""
    name, _, version = agent.split(" ", 1)[0].partition("/")
    return f"{name}/{version}" if version and not version[0].isdigit() else name


def retry_count(headers: Mapping[bytes, bytes]) -> int:
    """How often the client says it has tried this call before (`x-stainless-retry-count`)."""
    value = headers.get(b"x-stainless-retry-count", b"")
    return int(value) if value.isdigit() and len(value) < 6 else 0


def trace(headers: Mapping[bytes, bytes]) -> str:
    """The client's span by `traceparent` (W3C Trace Context, section 3.2), as 'trace id-span id'; '' for none."""
    found = _TRACEPARENT.match(headers.get(b"traceparent", b""))
    if found is None or not found[2].strip(b"0") or not found[3].strip(b"0") or found[1] == b"ff":
        return ""
    return f"{found[2].decode()}-{found[3].decode()}"


def _tags(listed: str) -> dict[str, str]:
    """'k=v,…' as a mapping; parts without a name or a value are dropped, the first of a name wins."""
    tags: dict[str, str] = {}
    for part in listed.split(",") if listed else ():
        name, _, value = part.partition("=")
        if name.strip() and value.strip() and len(tags) < TAGS_MAX:
            tags.setdefault(name.strip()[:NAME_CHARS_MAX], value.strip()[:NAME_CHARS_MAX])
    return tags
