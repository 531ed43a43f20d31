"""Prompts of Gemini, counted where no provider reported them."""

from typing import Any

import msgspec
import pytest

from proxy.dialects.gemini_parts import prompt_texts

CALL: dict[str, Any] = {"functionCall": {"name": "look", "args": {"at": 1}}}


def content(**members: Any) -> tuple[bytes, ...]:
    return tuple(b'"%b":%b' % (name.encode(), msgspec.json.encode(value)) for name, value in members.items())


@pytest.mark.parametrize(
    ("members", "texts", "framing"),
    [
        ({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}, ["user", "hi"], 6),
        ({"contents": [{"parts": [{"text": "hi"}]}]}, ["user", "hi"], 6),
        ({"contents": {"parts": {"text": "hi"}}}, ["user", "hi"], 6),
        (
            {"systemInstruction": {"parts": [{"text": "brief"}]}, "contents": [], "tools": [{"googleSearch": {}}]},
            ["system", "brief", '[{"googleSearch":{}}]'],
            6,
        ),
        (
            {"contents": [{"role": "model", "parts": [{**CALL, "thoughtSignature": "c2ln"}]}]},
            ["model", '{"functionCall":{"name":"look","args":{"at":1}}}'],
            6,
        ),
        ({"contents": [{"parts": [{"inlineData": {"data": "QUJD"}}]}]}, ["user"], 771),
        ({"content": {"parts": [{"text": "a"}]}}, ["a"], 0),
        (
            {"requests": [{"content": {"parts": [{"text": "a"}]}}, {"content": {"parts": [{"text": "b"}]}}]},
            ["a", "b"],
            0,
        ),
        ({"contents": [17, None, {"parts": [None, {}]}]}, None, None),
    ],
)
def test_texts_and_framing(members: dict[str, Any], texts: list[str] | None, framing: int | None) -> None:
    counted = prompt_texts(content(**members))
    if texts is not None:
        assert counted == (texts, framing)


def test_what_cannot_be_read_is_one_text() -> None:
    assert prompt_texts((b'"contents":[',)) == (['{"contents":[}'], 3)
