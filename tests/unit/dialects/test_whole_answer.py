"""What is heard of an answer that is one JSON object."""

from typing import Any

import msgspec
import pytest

from proxy.dialects import gemini_caches, gemini_embeddings, gemini_images, openai_embeddings
from proxy.dialects.whole_answer import WholeListener
from proxy.model.usage import Usage

LISTENERS = {
    "openai embeddings": (openai_embeddings.listener, b'{"usage":{"prompt_tokens":3}}', Usage(input_text=3)),
    "gemini embeddings": (gemini_embeddings.listener, b'{"usageMetadata":{"promptTokenCount":3}}', Usage(input_text=3)),
    "gemini caches": (gemini_caches.listener, b'{"usageMetadata":{"totalTokenCount":3}}', Usage(cache_write_5m=3)),
    "gemini images": (
        gemini_images.listener,
        b'{"predictions":[{"bytesBase64Encoded":"AAAA"},{"raiFilteredReason":"kept back"}]}',
        Usage(output_images=1),
    ),
}


@pytest.fixture(params=LISTENERS)
def kind(request: pytest.FixtureRequest) -> Any:
    return LISTENERS[request.param]


def heard(listener: WholeListener[Any], data: bytes, *, event: bool = False) -> tuple[Usage | None, bool, bool, bool]:
    if event:
        assert listener.event(data) is False, "nothing of such an answer is hidden"
    else:
        listener.body(data)
    reading = listener.reading()
    return reading.usage, reading.final, reading.complete, reading.failed


def test_usage_is_what_the_answer_reports(kind: Any) -> None:
    listener, answer, usage = kind
    assert heard(listener(), answer) == heard(listener(), answer, event=True) == (usage, True, True, False)


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b'"text"'])
def test_what_is_no_object_says_nothing(kind: Any, data: bytes) -> None:
    assert heard(kind[0](), data) == (None, False, False, False)


def test_an_error_is_whole_and_failed(kind: Any) -> None:
    assert heard(kind[0](), b'{"error":{"message":"no"}}') == (None, False, True, True)


def test_the_model_that_served_is_the_one_the_answer_names() -> None:
    listener = openai_embeddings.listener()
    assert listener.reading().served.model == ""
    listener.body(msgspec.json.encode({"model": "text-embedding-3-small"}))
    assert listener.reading().served.model == "text-embedding-3-small"
