"""Model entries: taken out of a list of models, every other byte of it as it was.

OpenAI and Anthropic list under `data`, Gemini and some look-alikes under `models`, some as a bare array.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from proxy.metering.json_object import NO_JSON, ObjectReader, UnreadableError, members

_LISTS: Final = ("data", "models", "tunedModels")
_NAMES: Final = ("id", "slug", "name")
"""Where an entry has its name; the first that is there."""
_LIST: Final = ObjectReader(_LISTS, exact=False)
_entries: Final = msgspec.json.Decoder(list[msgspec.Raw] | None).decode
_entry: Final = msgspec.json.Decoder(dict[str, Any]).decode


def without(body: bytes, shown: Callable[[str], bool]) -> bytes:
    """The list with only the entries whose names are `shown`; `body` itself where that is all of them.

    An entry without a name that can be read is not shown. Raises UnreadableError where no list is found.
    """
    try:
        pieces, at = [], 0
        for start, end in _lists(body):
            pieces += [body[at:start], _filtered(body[start:end], shown)]
            at = end
    except NO_JSON:
        raise UnreadableError("The list of models can't be read.") from None
    edited = b"".join((*pieces, body[at:]))
    return body if edited == body else edited


def _lists(body: bytes) -> Iterator[tuple[int, int]]:
    """Where each list of models begins and ends."""
    stripped = body.strip()
    if stripped.startswith(b"["):
        start = body.index(b"[")
        yield start, start + len(stripped)
        return
    values = _LIST.read(body)
    found = [member for member in members(body, values) if any(_LIST.same(member.key, name) for name in _LISTS)]
    if not found and values:
        # Gemini leaves an empty list out, and then says nothing at all.
        raise UnreadableError("The answer has no list of models.")
    for member in found:
        yield member.start, member.end


def _filtered(listed: bytes, shown: Callable[[str], bool]) -> bytes:
    entries = _entries(listed) or ()
    places, at = [], 0
    for entry in entries:
        at = listed.index(bytes(entry), at)
        places.append((at, at + len(bytes(entry))))
        at = places[-1][1]
    kept = [place for place in places if (name := _name(listed[slice(*place)])) and shown(name)]
    if len(kept) == len(places):
        return listed
    # What stands around and between the entries stays: the first gap, then one gap before each that is kept.
    edges = listed[: places[0][0]], listed[places[-1][1] :]
    return edges[0] + _joined(listed, places, kept) + edges[1]


def _joined(listed: bytes, places: list[tuple[int, int]], kept: list[tuple[int, int]]) -> bytes:
    gap = listed[places[0][1] : places[1][0]] if len(places) > 1 else b""
    return gap.join(listed[start:end] for start, end in kept)


def _name(entry: bytes) -> str:
    try:
        told = _entry(entry)
    except NO_JSON:
        return ""
    return next((value for name in _NAMES if isinstance(value := told.get(name), str) and value), "")
