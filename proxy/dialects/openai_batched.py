"""OpenAI's batched calls: the lines of a file that is uploaded as a batch's input, each read as the call it will be."""

from collections.abc import Iterator
from typing import Final

from proxy.dialects import openai_operations
from proxy.dialects.dialect import Batched, Operation, UnreadableError
from proxy.dialects.fields import Fields
from proxy.dialects.multipart import FORM, FormReader
from proxy.dialects.openai_files import BEGUN
from proxy.metering.json_object import ObjectReader

PURPOSE: Final = "batch"
_FORM: Final = FormReader(("purpose",))
_UPLOAD: Final = ObjectReader(("purpose",))
_LINE: Final = ObjectReader(("url", "body"))
_HEADERS: Final = {b"content-type": b"application/json"}


def calls(operation: Operation, content: bytes, headers: dict[bytes, bytes]) -> Iterator[Batched]:
    """None of a file for another purpose. Raises UnreadableError, also for an upload in parts: a line may be in two."""
    if operation.name == BEGUN.name:
        if Fields(_UPLOAD.read(content)).text("purpose").strip().casefold() == PURPOSE:
            raise UnreadableError(
                "Rules are about the models of a batch, and a file in parts can't be read for them. "
                "Upload it whole (POST /v1/files)."
            )
        return
    content_type = headers.get(b"content-type", b"")
    if not content_type.lower().startswith(FORM):
        raise UnreadableError("A file is uploaded as a form (multipart/form-data).")
    form = _FORM.read(content, content_type)
    if form.fields.text("purpose").strip().casefold() != PURPOSE:
        return
    for file in form.files:
        for number, line in enumerate(bytes(file.data).splitlines(), 1):
            if line.strip():
                yield _call(f"Line {number} of the file", line)


def _call(where: str, line: bytes) -> Batched:
    try:
        fields = Fields(_LINE.read(line))
        url, body = fields.text("url"), fields.raw("body")
        operation = openai_operations.POSTED.get(url.removeprefix("/v1"))
        if operation is None:
            raise UnreadableError("its 'url' is none that outlay meters.")
        return Batched(where, operation, openai_operations.read(operation, body, _HEADERS), body)
    except UnreadableError as error:
        raise UnreadableError(f"{where}: {error}") from None
