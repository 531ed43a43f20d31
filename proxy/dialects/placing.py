"""Placing: one value put into a JSON body, every other byte as it was."""

from collections.abc import Sequence

import msgspec

from proxy.dialects.dialect import Splice
from proxy.metering.json_object import ObjectReader, UnreadableError, members

Place = Sequence[tuple[ObjectReader, str]]
"""The keys from the outermost object to the value, each with a reader that knows how its object spells keys."""


def spliced(body: bytes, place: Place, value: int | str, edit: str) -> Splice | None:
    """The edit that puts `value` at `place`; None where the body doesn't take it."""
    try:
        return Splice(placed(body, place, msgspec.json.encode(value)), edit)
    except UnreadableError:
        return None


def placed(body: bytes, place: Place, value: bytes) -> bytes:
    """The body with `value` (JSON) at `place`: in the stead of what stands there, else as a new first member.

    Raises UnreadableError where the body, or an object on the way, is none.
    """
    (reader, name), *deeper = place
    for member in members(body, reader.read(body)):
        if reader.same(member.key, name):
            inside = body[member.start : member.end]
            piece = _within(inside, deeper, value)
            return body[: member.start] + piece + body[member.end :]
    start = body.index(b"{") + 1
    comma = b"" if body[start:].lstrip()[:1] == b"}" else b","
    return body[:start] + b'"%b":%b' % (name.encode(), _within(b"null", deeper, value)) + comma + body[start:]


def _within(inside: bytes, deeper: Place, value: bytes) -> bytes:
    if not deeper:
        return value
    if inside == b"null":
        inside = b"{}"
    if not inside.startswith(b"{"):
        raise UnreadableError(f"What stands before '{deeper[0][1]}' is no object.")
    return placed(inside, deeper, value)
