"""OpenAI's places: what a path beneath /v1 means, and who meters it. OpenAI, its look-alikes and Azure share them."""

from dataclasses import replace
from typing import Final
from urllib.parse import unquote

from proxy.dialects import openai_files, openai_operations
from proxy.dialects.dialect import Meter, ModelList, Operation
from proxy.model.call import Request

STORED: Final = Operation("responses_stored", priced=False, body_read=False)
"""Fetches, cancels or deletes a response whose work was metered when it was asked for."""
MODELS: Final = Operation("models", priced=False, body_read=False, lists=ModelList())

_STORED_TAILS: Final = {("GET", ()), ("DELETE", ()), ("POST", ("cancel",)), ("GET", ("input_items",))}


def operation(method: str, path: str) -> Operation | None:
    """The operation at a path without /v1 ('/chat/completions'); None where there is none."""
    posted = openai_operations.POSTED.get(path)
    if posted is not None and method == "POST":
        return posted
    if path == "/models" or path.startswith("/models/"):
        return model_list(path.removeprefix("/models").strip("/")) if method == "GET" else None
    if path.startswith("/responses/"):
        id_, *tail = path.removeprefix("/responses/").split("/")
        return STORED if id_ and (method, tuple(tail)) in _STORED_TAILS else None
    return openai_files.operation(method, path)


def model_list(model: str) -> Operation:
    """`model`: as the path has it, '' for the list of all."""
    return replace(MODELS, lists=ModelList(unquote(model))) if model else MODELS


def meter(operation: Operation, request: Request, content_type: bytes, *, hide_usage: bool) -> Meter:
    of_file = openai_files.meter(operation)
    return of_file or openai_operations.meter(operation, request, content_type, hide_usage=hide_usage)
