"""Routing of websockets: which dialect and conversation a path means. What no dialect knows is not forwarded."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from proxy.dialects.dialect import Dialect, UnreadableError
from proxy.dialects.socket import Conversation, SocketDialect
from proxy.gateway.socket_place import no_websocket
from proxy.model.decision import Reason, Refusal
from proxy.policy.types import PolicySet
from proxy.web.routing import is_plain

_NOWHERE: Final = "outlay carries no websocket at this path: docs/contract.md lists those it can meter."


@dataclass(frozen=True, slots=True)
class SocketRoute:
    dialect: Dialect
    conversation: Conversation
    prefix: str
    """The provider named in the path; '' where none is."""
    target: bytes
    """Path and query at the provider."""


@dataclass(frozen=True, slots=True)
class NoSocket:
    dialect: Dialect
    """In whose shape to say so."""
    refusal: Refusal


def socket_route(
    target: bytes, headers: dict[bytes, bytes], policies: PolicySet, dialects: Sequence[Dialect]
) -> SocketRoute | NoSocket:
    path = target.partition(b"?")[0]
    if not is_plain(path) or not target.isascii():
        return NoSocket(dialects[0], no_websocket(_NOWHERE))
    first, _, rest = path[1:].partition(b"/")
    mounted = [each for each in dialects if first and each.mount.encode() == first]
    named = policies.providers.get(first.decode("ascii"))
    prefix = ""
    speakers: Sequence[Dialect] = [each for each in dialects if not each.mount]
    if mounted or named is not None:
        target, path = target[len(first) + 1 :], b"/" + rest
        speakers = mounted or [each for each in dialects if named is not None and each.name == named.dialect]
        prefix = "" if mounted or named is None else named.name
    for dialect in speakers:
        if isinstance(dialect, SocketDialect):
            try:
                conversation = dialect.socket(path.decode("ascii"), target, headers)
            except UnreadableError as error:
                return NoSocket(dialect, Refusal(400, Reason.BAD_REQUEST, str(error)))
            if conversation is not None:
                return SocketRoute(dialect, conversation, prefix, target)
    return NoSocket(next(iter(speakers), dialects[0]), no_websocket(_NOWHERE))
