"""Errors of every provider are told in OpenAI's shape."""

import json
from typing import Any

import pytest

from proxy.adapters.translation_errors import MESSAGE_CHARS_MAX, in_openai_shape


@pytest.mark.parametrize(
    ("status", "body", "message", "kind", "code"),
    [
        (400, {"type": "error", "error": {"type": "invalid_request_error", "message": "No."}}, "No.", "invalid_request_error", "invalid_request_error"),
        (429, {"error": {"code": 429, "message": "Slow.", "status": "RESOURCE_EXHAUSTED"}}, "Slow.", "rate_limit_error", "RESOURCE_EXHAUSTED"),
        (404, [{"error": {"code": 404, "message": "Gone.", "status": "NOT_FOUND"}}], "Gone.", "not_found_error", "NOT_FOUND"),
        (403, {"message": "Not yours."}, "Not yours.", "permission_error", None),
        (401, {"Message": "Who?"}, "Who?", "authentication_error", None),
        (529, {"error": {"type": "overloaded_error", "message": "Full."}}, "Full.", "server_error", "overloaded_error"),
        (418, {"error": "tea"}, "The provider answered with status 418.", "invalid_request_error", None),
        (500, [], "The provider answered with status 500.", "server_error", None),
        (500, {"error": {"message": 5, "type": []}}, "The provider answered with status 500.", "server_error", None),
    ],
)  # fmt: skip
def test_the_words_are_found(status: int, body: Any, message: str, kind: str, code: str | None) -> None:
    told = json.loads(in_openai_shape(status, json.dumps(body).encode()))
    assert told == {"error": {"message": message, "type": kind, "param": None, "code": code}}


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"null", b'"text"'])
def test_what_is_no_error_object_is_told_by_its_status(body: bytes) -> None:
    assert "status 502" in json.loads(in_openai_shape(502, body))["error"]["message"]


def test_words_are_bounded() -> None:
    body = json.dumps({"error": {"message": "x" * 100_000}}).encode()
    assert len(json.loads(in_openai_shape(400, body))["error"]["message"]) == MESSAGE_CHARS_MAX
