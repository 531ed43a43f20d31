"""Errors of every provider are told in OpenAI's shape."""

import json
from typing import Any

import pytest

from proxy.adapters.translation_errors import MESSAGE_CHARS_MAX, in_openai_shape

INVALID = "invalid_request_error"
OF_ANTHROPIC = {"type": "error", "error": {"type": INVALID, "message": "No."}}
OF_GEMINI = {"error": {"code": 429, "message": "Slow.", "status": "RESOURCE_EXHAUSTED"}}
OF_GEMINIS_STREAMS = [{"error": {"code": 404, "message": "Gone.", "status": "NOT_FOUND"}}]
FULL = {"error": {"type": "overloaded_error", "message": "Full."}}
ODD = {"error": {"message": 5, "type": []}}


@pytest.mark.parametrize(
    ("status", "body", "message", "kind", "code"),
    [
        (400, OF_ANTHROPIC, "No.", INVALID, INVALID),
        (429, OF_GEMINI, "Slow.", "rate_limit_error", "RESOURCE_EXHAUSTED"),
        (404, OF_GEMINIS_STREAMS, "Gone.", "not_found_error", "NOT_FOUND"),
        (403, {"message": "Not yours."}, "Not yours.", "permission_error", None),
        (401, {"Message": "Who?"}, "Who?", "authentication_error", None),
        (529, FULL, "Full.", "server_error", "overloaded_error"),
        (418, {"error": "tea"}, "The provider answered with status 418.", INVALID, None),
        (500, [], "The provider answered with status 500.", "server_error", None),
        (500, ODD, "The provider answered with status 500.", "server_error", None),
    ],
)
def test_the_words_are_found(status: int, body: Any, message: str, kind: str, code: str | None) -> None:
    told = json.loads(in_openai_shape(status, json.dumps(body).encode()))
    assert told == {"error": {"message": message, "type": kind, "param": None, "code": code}}


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"null", b'"text"'])
def test_what_is_no_error_object_is_told_by_its_status(body: bytes) -> None:
    assert "status 502" in json.loads(in_openai_shape(502, body))["error"]["message"]


def test_words_are_bounded() -> None:
    body = json.dumps({"error": {"message": "x" * 100_000}}).encode()
    assert len(json.loads(in_openai_shape(400, body))["error"]["message"]) == MESSAGE_CHARS_MAX
