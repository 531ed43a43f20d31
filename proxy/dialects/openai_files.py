"""OpenAI files, uploads and batches: their paths and meters. None of these calls costs anything by itself."""

import re
from dataclasses import replace
from typing import Final

from proxy.dialects.dialect import Meter, Operation
from proxy.dialects.job_results import ResultsMeter
from proxy.dialects.meters import BodyMeter
from proxy.dialects.openai_batches import BatchListener, FileListener, read_result

UPLOAD: Final = Operation("file_upload", priced=False, body_read=False)
"""Makes a file: whole, or as the end of an upload in parts."""
FILES: Final = Operation("files", priced=False, body_read=False)
UPLOADS: Final = Operation("uploads", priced=False, body_read=False)
SUBMIT: Final = Operation("batch_submit", priced=False, body_read=False)
WHOLE: Final = replace(UPLOAD, batch=True)
BEGUN: Final = replace(UPLOADS, batch=True)
"""Begins an upload in parts."""
BATCHES: Final = Operation("batches", priced=False, body_read=False)
CONTENT: Final = "file_content"

PLACES: Final = {
    ("POST", "/files"): WHOLE,
    ("GET", "/files"): FILES,
    ("POST", "/uploads"): BEGUN,
    ("POST", "/batches"): SUBMIT,
    ("GET", "/batches"): BATCHES,
}
_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,200}", re.ASCII)
"""No escapes: a file has one spelling, or its results would count once for each."""
_TAILS: Final = {
    ("files", "GET", ()): FILES,
    ("files", "DELETE", ()): FILES,
    ("uploads", "POST", ("parts",)): UPLOADS,
    ("uploads", "POST", ("complete",)): UPLOAD,
    ("uploads", "POST", ("cancel",)): UPLOADS,
    ("batches", "GET", ()): BATCHES,
    ("batches", "POST", ("cancel",)): BATCHES,
}


def operation(method: str, path: str) -> Operation | None:
    """The operation at a path of files, uploads or batches without /v1 ('/files'); None for any other."""
    place = PLACES.get((method, path))
    if place is not None:
        return place
    what, _, rest = path[1:].partition("/")
    id_, *tail = rest.split("/")
    if not _ID.fullmatch(id_):
        return None
    if (what, method, tail) == ("files", "GET", ["content"]):
        return Operation(CONTENT, priced=False, body_read=False, resource=id_)
    return _TAILS.get((what, method, tuple(tail)))


def meter(operation: Operation) -> Meter | None:
    """The meter of an answer to one of these operations; None for any other."""
    if operation.name == CONTENT:
        return ResultsMeter(operation.resource, "", read_result)
    if operation.name == UPLOAD.name:
        return BodyMeter(FileListener())
    if operation.name in (SUBMIT.name, BATCHES.name):
        return BodyMeter(BatchListener(submits=operation.name == SUBMIT.name))
    return None
