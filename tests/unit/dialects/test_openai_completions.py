"""The older completions: requests read, answers heard as in chat."""

import json
from typing import Any

import pytest

from proxy.dialects.dialect import Reading, UnreadableError
from proxy.dialects.openai_chat import ChatListener, ask_usage
from proxy.dialects.openai_completions import read
from proxy.dialects.prompt import prompt_texts
from proxy.model.usage import Usage


def asked(**more: Any) -> bytes:
    return json.dumps({"model": "m", "prompt": "Once", **more}).encode()


@pytest.mark.parametrize(
    ("more", "choices"),
    [
        ({}, 1),
        ({"n": 3}, 3),
        ({"n": 2, "best_of": 5}, 5),
        ({"prompt": ["a", "b"], "n": 2}, 4),
        ({"prompt": [1, 2, 3]}, 1),
        ({"prompt": [[1, 2], [3]]}, 2),
        ({"prompt": []}, 1),
    ],
)
def test_every_answer_that_is_made_counts(more: dict[str, Any], choices: int) -> None:
    assert read(asked(**more), {}).choices == choices


def test_a_stream_is_asked_for_its_usage() -> None:
    body = asked(stream=True)
    request = read(body, {})
    assert (request.stream, request.usage_asked, request.input_bytes) == (True, False, len(body))
    splice = ask_usage(body)
    assert splice is not None
    assert read(splice.body, {}).usage_asked


@pytest.mark.parametrize("name", ["model", "best_of", "prompt", "MODEL"])
def test_a_governed_key_may_stand_once(name: str) -> None:
    body = f'{{"model":"m","prompt":"x","best_of":1,"{name}":1}}'.encode()
    with pytest.raises(UnreadableError, match="stands twice"):
        read(body, {})


@pytest.mark.parametrize(
    ("more", "texts", "tokens"),
    [
        ({}, ["Once"], 0),
        ({"suffix": "end"}, ["Once", "end"], 0),
        ({"prompt": ["a", "b"]}, ["a", "b"], 0),
        ({"prompt": [7, 8, 9]}, [], 3),
        ({"prompt": [[7, 8], [9]]}, [], 3),
    ],
)
def test_prompts_are_counted_as_they_are(more: dict[str, Any], texts: list[str], tokens: int) -> None:
    assert prompt_texts(read(asked(**more), {}).content) == (texts, tokens)


def heard(*events: dict[str, Any] | str) -> Reading:
    listener = ChatListener()
    for event in events:
        listener.event((event if isinstance(event, str) else json.dumps(event)).encode())
    return listener.reading()


def test_text_that_passed_is_kept_by_choice() -> None:
    def choice(index: int, text: str, finish: str | None = None) -> dict[str, Any]:
        return {"choices": [{"index": index, "text": text, "finish_reason": finish, "logprobs": None}]}

    reading = heard(
        choice(0, "Gr"), choice(1, "b"), choice(0, "üße"), choice(0, "", "stop"), choice(1, "", "stop"), "[DONE]"
    )
    assert (reading.texts, reading.output_bytes, reading.complete) == (("Grüße", "b"), 8, True)


def test_usage_of_a_whole_answer() -> None:
    listener = ChatListener()
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    listener.body(json.dumps({"model": "m-1", "choices": [{"index": 0, "text": "x"}], "usage": usage}).encode())
    reading = listener.reading()
    assert (reading.usage, reading.final, reading.served.model) == (Usage(input_text=5, output_text=7), True, "m-1")
