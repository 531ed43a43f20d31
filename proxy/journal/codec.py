"""The line codec: entries to bytes and back.

A line is `{"v":1,"t":"settled", …}` and a newline: the version of the format, the type, and the fields of the
dataclass, nested as they are. Whatever `encode` gives is valid UTF-8 JSON within the bounds of `bounds`, and
DuckDB loads it as exactly one row.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from proxy.journal.bounds import LINE_BYTES_MAX, bounded, clean, within
from proxy.journal.lines import LINE_TYPES, Line

VERSION: Final = 1
"""Of the lines written. This version and the one before can be read."""
UNKNOWN_TYPE: Final = "no line type"
"""How the message begins about a line that may be of a newer program."""


class LineError(ValueError):
    """A line that can't be read: torn, rotten, or of no known type. The message holds none of its content."""


class NewerLineError(LineError):
    """A line of a format newer than this program."""


def encode(line: Line) -> bytes:
    """One line with its newline, whatever the strings and numbers are: they are brought within bounds."""
    try:
        fields = _ENCODER.encode(line)
    except UnicodeEncodeError:
        fields = _ENCODER.encode(bounded(line))
    else:
        if not (clean(fields) and within(line)):
            fields = _ENCODER.encode(bounded(line))
    return _BEGIN[type(line)] + fields[1:] + b"\n"


def decode(line: bytes) -> Line:
    """The line, with or without its newline.

    Raises NewerLineError, or LineError where it is no whole line of a known type and version.
    """
    if len(line) > LINE_BYTES_MAX:
        raise LineError(f"longer than {LINE_BYTES_MAX} bytes")
    try:
        label = _LABEL.decode(line)
        if label.v > VERSION:
            raise NewerLineError(f"format version {label.v}, newer than {VERSION}, the newest this program reads")
        decoder = _DECODERS.get(label.v, {}).get(label.t)
        if decoder is None:
            raise LineError(f"{UNKNOWN_TYPE} {label.t[:20]!r} in format version {label.v}")
        return decoder.decode(line)
    except msgspec.ValidationError:
        raise LineError("JSON, but not with the fields of a line") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise LineError("not one whole JSON object in UTF-8") from None


class _Label(msgspec.Struct):
    v: int
    t: str


def _as_dict(value: object) -> dict[object, object]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a journal line can't hold {type(value).__name__}")


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_as_dict)
_BEGIN: Final = {kind: f'{{"v":{VERSION},"t":"{name}",'.encode() for name, kind in LINE_TYPES.items()}
_LABEL: Final = msgspec.json.Decoder(_Label)
_DECODERS: Final[Mapping[int, Mapping[str, msgspec.json.Decoder[Line]]]] = {
    1: {name: msgspec.json.Decoder(kind) for name, kind in LINE_TYPES.items()},
}
"""By format version, then line type. A version to come adds its own here and keeps the one before."""
