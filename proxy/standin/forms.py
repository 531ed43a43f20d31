"""Forms: a multipart body as the fields of a request. Cut at its boundaries and nothing more: a second opinion."""

import re
from typing import Any, Final

from proxy.standin.protocol import File, WrongRequestError

TYPE: Final = "multipart/form-data"
_BOUNDARY: Final = re.compile(r'boundary="?([^";]+)')
_NAME: Final = re.compile(rb'name="([^"]*)"', re.IGNORECASE)


def read(body: bytes, content_type: str) -> dict[str, Any]:
    """Texts by name, a list where a name ends in '[]'; files as File. Raises WrongRequestError."""
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        raise WrongRequestError("the content-type names no boundary")
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode())
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise WrongRequestError("the form has no end")
    fields: dict[str, Any] = {}
    for piece in pieces[1:-1]:
        head, _, data = piece.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if name is None:
            raise WrongRequestError("a part of the form has no name")
        _put(fields, name[1].decode(), File(data) if b"filename=" in head else data.decode())
    return fields


def _put(fields: dict[str, Any], name: str, value: object) -> None:
    plain = name.removesuffix("[]")
    listed = plain != name
    if plain in fields and isinstance(fields[plain], list) is not listed:
        raise WrongRequestError(f"'{plain}' stands in the form as one value and as a list")
    if listed:
        fields.setdefault(plain, []).append(value)
    else:
        fields[name] = value


def files(value: object) -> list[bytes]:
    """The files in a field: one, or a list of them."""
    listed = value if isinstance(value, list) else [value]
    return [each.data for each in listed if isinstance(each, File)]
