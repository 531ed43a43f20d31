"""Listing: a list of models shows those that its caller may use, and a model that is kept from the caller isn't there.

Where a rule could hide something, the answer is read whole before its first byte passes: entries are taken out of it,
and else not a byte changes. One that can't be read is refused, since it might show what it must not.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from proxy.dialects.dialect import UnreadableError
from proxy.dialects.model_entries import without
from proxy.gateway.admission import Admitted
from proxy.gateway.hidden_models import denied_at
from proxy.metering.content import ExpansionError, UnreadableContentError, decoded_request
from proxy.model.decision import Reason, Refusal
from proxy.policy.model_access import governed
from proxy.policy.types import Provider
from proxy.ports.upstream import RawHeaders, UpstreamAnswer

EDIT: Final = "models"
LIST_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of a list of models, decompressed too. The longest known (hundreds of models with their prices) has below 1 MB."""
_OF_THE_BYTES: Final = frozenset((b"content-length", b"content-encoding", b"etag", b"content-md5", b"digest"))
"""Headers that are not true of an edited body."""


@dataclass(slots=True)
class WholeAnswer:
    """Fulfils UpstreamAnswer: one that has been read."""

    status: int
    headers: RawHeaders
    body: bytes

    async def chunks(self) -> AsyncIterator[bytes]:
        if self.body:
            yield self.body

    async def close(self) -> None:
        return


async def shown(admitted: Admitted, answer: UpstreamAnswer) -> tuple[UpstreamAnswer, bool] | Refusal:
    """The answer as the caller may see it, and whether something was taken out. Raises UpstreamError."""
    lists = admitted.operation.lists
    if lists is None or lists.model or not 200 <= answer.status < 300:
        return answer, False
    if not governed(admitted.rules.policies.rules, admitted.call):
        return answer, False
    try:
        raw = await _read(answer)
        headers = {name.lower(): value for name, value in answer.headers}
        content = decoded_request(raw, headers.get(b"content-encoding", b""), LIST_BYTES_MAX)
        if content is None:
            raise UnreadableError("outlay doesn't know its content-encoding")
        edited = without(content, _usable(admitted, lists.prefix))
    except (UnreadableError, UnreadableContentError, ExpansionError) as error:
        return _unreadable(admitted.provider, str(error))
    if edited is content:
        return WholeAnswer(answer.status, answer.headers, raw), False
    kept = [line for line in answer.headers if line[0].lower() not in _OF_THE_BYTES]
    return WholeAnswer(answer.status, [*kept, (b"content-length", b"%d" % len(edited))], edited), True


def _usable(admitted: Admitted, prefix: str) -> Callable[[str], bool]:
    rules, call, provider = admitted.rules, admitted.call, admitted.provider
    return lambda name: denied_at(rules, call, provider, name.removeprefix(prefix)) is None


async def _read(answer: UpstreamAnswer) -> bytes:
    """Raises UnreadableError where it is too long."""
    pieces, size = [], 0
    async for chunk in answer.chunks():
        size += len(chunk)
        if size > LIST_BYTES_MAX:
            raise UnreadableError(f"it is longer than {LIST_BYTES_MAX} bytes")
        pieces.append(chunk)
    return b"".join(pieces)


def _unreadable(provider: Provider, why: str) -> Refusal:
    return Refusal(
        502,
        Reason.PROVIDER_UNREACHABLE,
        f"Rules keep some models from you, and the list of models of the provider '{provider.name}' can't be read "
        f"({why}), so it isn't shown. Models can be used without it.",
    )
