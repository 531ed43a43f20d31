"""Answer key: what a call must have in common with another for the other's answer to be right for it.

That is all that goes to the provider, save headers that differ with each request and what of the body names the caller
only (see essence); and whose answers the call may be given, so that nobody comes to another's.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final

from proxy.dialects.essence import essence
from proxy.gateway.weighing import Weighing
from proxy.model.call import Call
from proxy.policy.redundancy_rules import CacheScope

NOISE: Final = frozenset(
    (
        *(b"cache-control", b"pragma", b"content-encoding", b"user-agent", b"date"),
        *(b"traceparent", b"tracestate", b"baggage", b"b3", b"sentry-trace", b"x-cloud-trace-context"),
        *(b"x-amzn-trace-id", b"x-request-id", b"x-client-request-id", b"x-correlation-id", b"idempotency-key"),
        *(b"amz-sdk-invocation-id", b"amz-sdk-request"),
        *(b"forwarded", b"via", b"x-real-ip", b"session-id", b"session_id", b"thread-id", b"x-session-id"),
        *(b"x-claude-code-session-id", b"x-claude-code-agent-id", b"x-codex-turn-metadata", b"x-openai-subagent"),
    )
)
"""Headers of one request or one session. The body is hashed as decoded, so its content-encoding tells nothing."""
NOISE_PREFIXES: Final = (b"x-stainless-", b"x-b3-", b"x-datadog-", b"x-forwarded-")


def scope_of(call: Call, scope: CacheScope) -> str:
    """Whose answers the call may be given: of a call without project or team, those of its key."""
    if scope == "user":
        return f"user:{call.owner_kind}:{call.owner}"
    if scope == "project" and call.project:
        return f"project:{call.project}"
    if scope == "team" and call.team:
        return f"team:{call.team}"
    return "organisation" if scope == "organisation" else f"key:{call.key_id}"


def digest(weighing: Weighing, call: Call, content: bytes) -> bytes:
    """Of everything that decides the answer. `content`: the body as it came, decoded."""
    sent, provider = weighing.sent, weighing.provider
    told = (call.dialect, call.operation, call.provider, call.account, provider.dialect, provider.base_url)
    body = content if sent.body is weighing.incoming.body else sent.body
    parts = [text.encode("utf-8", "surrogatepass") for text in (*told, call.model, sent.model, *sent.edits)]
    return _hash([*parts, sent.target, essence(call.operation, body), *_lines(weighing.incoming.sent_headers(None))])


def _lines(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
    for name, value in headers:
        if name not in NOISE and not name.startswith(NOISE_PREFIXES):
            yield name
            yield value


def _hash(parts: Iterable[bytes]) -> bytes:
    """Lengths stand before the parts, so that no byte can move from one to the next unnoticed."""
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(len(part).to_bytes(8))
        hashed.update(part)
    return hashed.digest()
