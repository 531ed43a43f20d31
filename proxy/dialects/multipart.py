"""Multipart forms (RFC 7578), read for their facts: fields as the members of a JSON body would be, files as bytes.

A form in which two readers could see different calls is refused, as JSON is: a governed field that stands twice or as
a file, a part with two names, a part in a transfer encoding that only some readers undo.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Raw

from proxy.dialects.fields import Fields
from proxy.metering.json_object import UnreadableError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FORM: Final = b"multipart/form-data"
PARTS_MAX: Final = 256
"""Of one form. Real ones have at most about thirty: 16 images and a dozen fields."""
DIGEST_BYTES: Final = 16

_NAMES: Final = re.compile(rb";\s*+name\s*+\*?\d*+\*?\s*+=", re.IGNORECASE)
_FILE_NAMES: Final = re.compile(rb";\s*+filename\s*+\*", re.IGNORECASE)
"""The extended spelling (RFC 5987): older clients have no other for a name beyond ASCII."""
_BOUNDARIES: Final = re.compile(rb";\s*+boundary\s*+\*?\d*+\*?\s*+=", re.IGNORECASE)
_AS_THEY_ARE: Final = frozenset((b"", b"7bit", b"8bit", b"binary"))
_TRUE: Final = frozenset(("true", "1", "on", "yes", "t", "y"))
"""What form readers take for true."""
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class File:
    name: str
    """Of its field."""
    data: memoryview

    @property
    def member(self) -> bytes:
        """What stands for it in `Request.content`: a JSON member with a digest of its bytes."""
        digest = blake2b(self.data, digest_size=DIGEST_BYTES).hexdigest()
        return b'%b:"%b"' % (msgspec.json.encode(self.name), digest.encode())


@dataclass(frozen=True, slots=True)
class Form:
    fields: Fields
    """The governed ones."""
    files: tuple[File, ...]
    text_bytes: int
    """Of all fields that are no files."""


class FormReader:
    """Reads forms in which the fields `governed` may stand once only.

    `flags` and `numbers` are those of them that JSON would have as true or false, or as a number.
    """

    def __init__(self, governed: Iterable[str], *, flags: Iterable[str] = (), numbers: Iterable[str] = ()) -> None:
        self._governed = frozenset(governed)
        self._flags = frozenset(flags)
        self._numbers = frozenset(numbers)

    def read(self, body: bytes, content_type: bytes) -> Form:
        """Raises UnreadableError, with a sentence that says what is wrong."""
        values: dict[str, Raw] = {}
        files: list[File] = []
        text_bytes = 0
        for part in _parts(body, _boundary(content_type)):
            governed = self._governs(part.name)
            if part.file and governed:
                raise UnreadableError(f"The field '{part.name}' stands in the form as a file. Send it as a field.")
            if part.file:
                files.append(File(part.name, part.data))
                continue
            text_bytes += len(part.data)
            if governed:
                self._add(values, part)
        return Form(Fields(values), tuple(files), text_bytes)

    def _governs(self, name: str) -> bool:
        plain, bracket, _ = name.strip().casefold().partition("[")
        if bracket and plain.strip() in self._governed:
            # Some readers take 'model[]' for 'model'.
            raise UnreadableError(f"The field '{plain.strip()}' stands in the form as a list. Send it as one field.")
        return plain in self._governed

    def _add(self, values: dict[str, Raw], part: "_Part") -> None:
        name = part.name.strip().casefold()
        if name in values:
            raise UnreadableError(f"The field '{name}' stands twice in the form. Send it once.")
        try:
            text = str(part.data, "utf-8")
        except UnicodeDecodeError:
            raise UnreadableError(f"The field '{name}' is not UTF-8.") from None
        values[name] = Raw(self._json(name, text))

    def _json(self, name: str, text: str) -> bytes:
        stripped = text.strip()
        if name in self._flags:
            return b"true" if stripped.lower() in _TRUE else b"false"
        if name in self._numbers and _NUMBER.fullmatch(stripped):
            return stripped.encode()
        return msgspec.json.encode(text)


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    file: bool
    data: memoryview


class _Parts:
    """What the parser calls back."""

    def __init__(self) -> None:
        self.done: list[_Part] = []
        self.ended = False
        self._field = b""
        self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._pieces: list[memoryview] = []

    def calls(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self.on_part_begin,
            "on_header_field": self.on_header_field,
            "on_header_value": self.on_header_value,
            "on_header_end": self.on_header_end,
            "on_part_data": self.on_part_data,
            "on_part_end": self.on_part_end,
            "on_end": self.on_end,
        }

    def on_part_begin(self) -> None:
        if len(self.done) == PARTS_MAX:
            raise UnreadableError(f"The form has more than {PARTS_MAX} parts.")
        self._headers, self._pieces = {}, []

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        name = self._field.strip().lower()
        if name in self._headers:
            raise UnreadableError("A part of the form has a header twice.")
        self._headers[name] = self._value
        self._field = self._value = b""

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._pieces.append(memoryview(data)[start:end])

    def on_part_end(self) -> None:
        name, file = _disposition(self._headers)
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else memoryview(b"".join(pieces))
        self.done.append(_Part(name, file, data))

    def on_end(self) -> None:
        self.ended = True


def _disposition(headers: Mapping[bytes, bytes]) -> tuple[str, bool]:
    """The name of a part, and whether it is a file."""
    # Kept out of the start of the process: only multipart calls need it.
    from python_multipart.multipart import parse_options_header  # noqa: PLC0415

    stated = headers.get(b"content-disposition", b"")
    _, options = parse_options_header(stated)
    if b"name" not in options or len(_NAMES.findall(stated)) != 1:
        raise UnreadableError("A part of the form has no name, or more than one.")
    if headers.get(b"content-transfer-encoding", b"").strip().lower() not in _AS_THEY_ARE:
        raise UnreadableError("A part of the form has a content-transfer-encoding. Send its bytes as they are.")
    file = b"filename" in options or _FILE_NAMES.search(stated) is not None
    return options[b"name"].decode("utf-8", "replace"), file


def _boundary(content_type: bytes) -> bytes:
    from python_multipart.multipart import parse_options_header  # noqa: PLC0415  # as above

    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not boundary or len(_BOUNDARIES.findall(content_type)) != 1:
        raise UnreadableError("The content-type of the form names no boundary, or more than one.")
    return boundary


def _parts(body: bytes, boundary: bytes) -> list[_Part]:
    from python_multipart.exceptions import FormParserError  # noqa: PLC0415  # as above
    from python_multipart.multipart import MultipartParser  # noqa: PLC0415

    parts = _Parts()
    try:
        MultipartParser(boundary, parts.calls()).write(body)
    except FormParserError as error:
        raise UnreadableError(f"The form can't be read: {error}.") from None
    if not parts.ended:
        raise UnreadableError(f"The form breaks off (byte {len(body)}).")
    return parts.done
