"""Embeddings and moderations: requests read, usage heard in the ways in which servers report it."""

import json
from typing import Any

import pytest

from proxy.dialects.dialect import UnreadableError
from proxy.dialects.openai_embeddings import listener, read
from proxy.dialects.prompt import prompt_texts
from proxy.metering.estimate import first_hold
from proxy.model.usage import Usage


@pytest.mark.parametrize(
    ("value", "texts", "tokens"),
    [("hello", ["hello"], 0), (["a", "b"], ["a", "b"], 0), ([1, 2], [], 2), ([[1], [2, 3]], [], 3)],
)
def test_what_is_embedded_is_content_and_no_message(value: object, texts: list[str], tokens: int) -> None:
    body = json.dumps({"model": "e", "input": value}).encode()
    request = read(body, {})
    assert prompt_texts(request.content) == (texts, tokens)
    assert (request.model, request.input_bytes, request.stream) == ("e", len(body), False)


def test_no_output_is_held() -> None:
    assert first_hold(read(b'{"model":"e","input":"x"}', {}), 4096, True)[1] == 0


def test_a_governed_key_may_stand_once() -> None:
    with pytest.raises(UnreadableError, match="'model' stands twice"):
        read(b'{"model":"a","input":"x","model":"b"}', {})


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 8, "total_tokens": 8}, 8),
        ({"prompt_tokens": 8, "completion_tokens": 0, "total_tokens": 8, "prompt_audio_seconds": None}, 8),
        ({"total_tokens": 8}, 8),
        ({"input_tokens": 8, "output_tokens": 0}, 8),
        ({"prompt_tokens": 0, "total_tokens": 0}, None),
        ({}, None),
        (None, None),
        ("8", None),
    ],
)
def test_usage_as_servers_report_it(usage: Any, tokens: int | None) -> None:
    heard = listener()
    data = [{"object": "embedding", "index": 0, "embedding": [0.5, -1]}]
    heard.body(json.dumps({"object": "list", "data": data, "model": "e-1", "usage": usage}).encode())
    reading = heard.reading()
    assert reading.usage == (None if tokens is None else Usage(input_text=tokens))
    assert (reading.complete, reading.final, reading.served.model) == (True, tokens is not None, "e-1")


def test_an_answer_that_is_no_json_is_not_whole() -> None:
    heard = listener()
    heard.body(b'{"data":[')
    assert not heard.reading().complete
