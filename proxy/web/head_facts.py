"""HeadFacts: what the head of a request says by the rules in force: who calls, where it goes, what is sent there.

The same head says the same until other rules are in force or its key has come to its end, so it is worked out once for
the calls of a connection that begin with it (same_head): that is a fifth of what a small call costs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from starlette.types import Scope

from proxy.dialects.dialect import Dialect
from proxy.gateway.batched import to_be_read
from proxy.gateway.headers import OF_THE_CONTENT, lookup, upstream_headers
from proxy.gateway.rules import Rules
from proxy.gateway.standing import Head
from proxy.model.decision import Reason, Refusal
from proxy.model.identity import Identity
from proxy.policy.identify import identify
from proxy.policy.keys import digest
from proxy.ports.upstream import SentLines
from proxy.web.call_scope import RAW_TARGET
from proxy.web.credentials import presented
from proxy.web.request_body import declared_length
from proxy.web.routing import Route, Unrouted, route
from proxy.web.same_head import SAME, SameHead

_ENDLESS_US: Final = 2**63
_TWICE: Final = {
    name: Refusal(
        400,
        Reason.BAD_REQUEST,
        f"The request has two {name.decode()}s, so its body can be read in two ways. Send one.",
    )
    for name in OF_THE_CONTENT
}


class HeadFacts:
    def __init__(self, scope: Scope, rules: Rules, dialects: Sequence[Dialect], now_us: int) -> None:
        self.rules = rules
        self.method: str = scope["method"]
        self.lines: list[tuple[bytes, bytes]] = scope["headers"]
        headers = lookup(self.lines)
        self.length = declared_length(headers)
        """Of the body that came with this head the first time: see `facts_of`."""
        headers.pop(b"content-length", None)  # as it is another one the next time
        self.headers: Mapping[bytes, bytes] = headers
        self.caller = presented(self.headers, raw_target(scope))
        self.route: Route | Unrouted = route(self.method, self.caller.target, self.headers, rules.policies, dialects)
        self.identity: Identity | Refusal | None = None
        """None: it leads nowhere, so nobody is looked for."""
        self.until_us = _ENDLESS_US
        """When that is to be asked again."""
        self.refusal: Refusal | None = None
        """Why the call must not go on, whatever its body."""
        self.head = Head(self.headers)
        """As admission knows it."""
        self._sent: dict[tuple[bytes, bytes] | None, SentLines] = {}
        if isinstance(self.route, Route):
            self._identify(now_us)
            self._read(self.route)

    def _identify(self, now_us: int) -> None:
        now = datetime.fromtimestamp(now_us / 1e6, UTC)
        self.identity = identify(self.rules.policies, digest(self.caller.key), now)
        expires = None if isinstance(self.identity, Refusal) else self.rules.expires(self.identity.key_id)
        if expires is not None:
            self.until_us = int(expires.timestamp() * 1e6)

    def _read(self, found: Route) -> None:
        operation = found.operation
        if to_be_read(self.rules, operation):
            operation = replace(operation, body_read=True)
            self.route = replace(found, operation=operation)
        if operation.body_read:
            names = [name for name, _ in self.lines]
            self.refusal = next((_TWICE[name] for name in OF_THE_CONTENT if names.count(name) > 1), None)

    def sent(self, credential: tuple[bytes, bytes] | None) -> SentLines:
        """The header lines that go to the provider, with the credential that it needs of ours."""
        lines = self._sent.get(credential)
        if lines is None:
            own, key = self.caller.own_credential, self.caller.key
            lines = SentLines(upstream_headers(self.lines, self.headers, credential, own=own, key=key))
            # Two at most are asked for again and again: with the provider's credential, and without any.
            self._sent = {credential: lines, **dict(list(self._sent.items())[:1])}
        return lines


def facts_of(scope: Scope, rules: Rules, dialects: Sequence[Dialect], now_us: int) -> tuple[HeadFacts, int | None]:
    """What the head says, and the length of the body as it states it."""
    same: SameHead | None = scope.get(SAME)
    if same is None:
        facts = HeadFacts(scope, rules, dialects, now_us)
        return facts, facts.length
    known: HeadFacts | None = same.known
    if known is None or known.rules is not rules or now_us >= known.until_us:
        known = same.known = HeadFacts(scope, rules, dialects, now_us)
    return known, int(scope["headers"][same.at][1])


def raw_target(scope: Scope) -> bytes:
    """Path and query byte for byte, as the request line had them."""
    raw: bytes = scope.get(RAW_TARGET, b"")
    if raw.startswith(b"/"):
        return raw
    query: bytes = scope["query_string"]
    path: bytes = scope["raw_path"]
    return path + b"?" + query if query else path
