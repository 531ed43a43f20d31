"""Essence: what of a request's body decides its answer.

Left out is only what names the caller to the provider and comes back in no answer. The order of the top-level members
means nothing, so they are sorted; within them every byte counts, as a prompt is made of them.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw

from proxy.metering.json_object import NO_JSON, UnreadableError, members

_OF_THE_CALLER: Final = frozenset(("user", "safety_identifier", "prompt_cache_key"))
NOISE: Final[Mapping[str, frozenset[str]]] = {
    "chat": _OF_THE_CALLER,
    "completions": frozenset(("user",)),
    "embeddings": frozenset(("user",)),
    "messages": frozenset(("metadata",)),
    "converse": frozenset(("requestMetadata",)),
    "converse_stream": frozenset(("requestMetadata",)),
}
"""By operation. The answers of `responses` repeat theirs, so there it isn't noise."""
_members: Final = msgspec.json.Decoder(dict[str, Raw]).decode


def essence(operation: str, body: bytes) -> bytes:
    """`body`: decoded. What can't be taken apart is its own essence."""
    try:
        values = _members(body)
        keys = [member.key for member in members(body, values)]
    except (*NO_JSON, UnreadableError):
        return body
    if len(keys) != len(values):
        # One stands twice: who knows which of them is read.
        return body
    noise = NOISE.get(operation, frozenset())
    parts = [(key.encode("utf-8", "surrogatepass"), bytes(values[key])) for key in sorted(keys) if key not in noise]
    return msgspec.json.encode([[len(key), len(value)] for key, value in parts]) + b"".join(map(b"".join, parts))
