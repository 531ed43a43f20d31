"""Whole answers have room together; the usage of one that finds none is read at its end."""

import json

import pytest

from proxy.dialects.openai import OpenAI
from proxy.gateway.answer import MeteredAnswer
from proxy.gateway.answer_room import FREE_BYTES, AnswerRoom
from proxy.model.call import Request

PIECE = 16 * 1024
DIALECT = OpenAI()


def metered(room: AnswerRoom) -> MeteredAnswer:
    operation = DIALECT.operation("POST", "/v1/chat/completions")
    assert operation is not None
    meter = DIALECT.meter(operation, Request("gpt-5"), content_type=b"application/json", hide_usage=False)
    return MeteredAnswer(meter, b"", "call_1", hiding=False, room=room)


def answer(size: int) -> bytes:
    said = {"choices": [{"index": 0, "message": {"content": "x" * size}}], "model": "gpt-5"}
    return json.dumps({**said, "usage": {"prompt_tokens": 7, "completion_tokens": 3}}).encode()


def feed(into: MeteredAnswer, data: bytes) -> None:
    for start in range(0, len(data), PIECE):
        assert into.feed(data[start : start + PIECE]) == data[start : start + PIECE]


def test_a_small_answer_takes_nothing_of_it() -> None:
    room = AnswerRoom(0)
    one = metered(room)
    feed(one, answer(FREE_BYTES - 1000))
    one.finish()
    reading = one.reading()
    assert (reading.complete, room.taken) == (True, 0)


@pytest.mark.parametrize("room_bytes", [0, 300_000, 10_000_000])
def test_the_usage_is_read_whether_there_is_room_or_not_and_the_room_is_free_afterwards(room_bytes: int) -> None:
    room = AnswerRoom(room_bytes)
    some = [metered(room) for _ in range(4)]
    whole = answer(200_000)
    for one in some:
        feed(one, whole)
    assert 0 <= room.taken <= room_bytes
    assert (room.taken == 4 * (len(whole) - FREE_BYTES)) is (room_bytes == 10_000_000)
    for one in some:
        one.finish()
        usage = one.reading().usage
        assert usage is not None
        assert (usage.input_text, usage.output_text) == (7, 3)
        one.close()
        one.close()
    assert room.taken == 0
