"""The scope of a call, as ASGI has it, with keys of our own."""

import re
from typing import Any, Final
from urllib.parse import unquote

import httptools

RAW_TARGET: Final = "outlay.raw_target"
"""Scope key of the request target exactly as it came; ASGI itself loses a bare '?'."""
FULL: Final = "outlay.full"
"""Scope key: the connection came above the limit, and the request is to be turned away."""
_PLAIN_PATH: Final = re.compile(rb"/[A-Za-z0-9_:./-]*").fullmatch
"""A target that is nothing but a path, and that without escapes."""
ASGI: Final = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "root_path": ""}


def target(raw: bytes) -> dict[str, Any]:
    """A request's target, for its scope. Raises HttpParserInvalidURLError."""
    if _PLAIN_PATH(raw):
        return {"path": raw.decode("ascii"), "raw_path": raw, "query_string": b"", RAW_TARGET: raw}
    parsed = httptools.parse_url(raw)
    path = unquote(parsed.path.decode("ascii"))
    return {"path": path, "raw_path": parsed.path, "query_string": parsed.query or b"", RAW_TARGET: raw}
