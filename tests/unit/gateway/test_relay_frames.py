"""Streams of binary frames through the relay: they pass untouched, end between two frames, and are cut as they were."""

from base64 import b64encode

import msgspec
import pytest
from botocore.eventstream import EventStreamBuffer
from test_relay import PICO_PER_TOKEN, Stage

from proxy.dialects.bedrock import Bedrock
from proxy.model.entry import Outcome
from proxy.ports.upstream import Fault, UpstreamError
from proxy.standin.bedrock_frames import BinaryFrames
from proxy.standin.behaviour import Behaviour
from proxy.standin.protocol import Frame
from tests.fakes.tokens import WordCounter
from tests.fakes.upstream import ScriptedAnswer, Step

HEADERS = [(b"Content-Type", b"application/vnd.amazon.eventstream")]
PATH = "/model/amazon.nova-lite-v1%3A0/"
BODY = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}


def frame(event: str, fields: object) -> bytes:
    return BinaryFrames(Behaviour()).wire(Frame(msgspec.json.encode(fields), event=event))


def delta(text: str) -> bytes:
    return frame("contentBlockDelta", {"delta": {"text": text}, "contentBlockIndex": 0})


END = [
    frame("messageStop", {"stopReason": "end_turn"}),
    frame("metadata", {"usage": {"inputTokens": 7, "outputTokens": 2, "totalTokens": 9}}),
]


def stage(steps: list[Step], limit_tokens: int | None = None) -> Stage:
    answer = ScriptedAnswer(200, HEADERS, steps)
    limit = limit_tokens * PICO_PER_TOKEN if limit_tokens else None
    tokens = WordCounter(guesses=limit is not None)
    return Stage(
        answer, dialect=Bedrock(), operation=PATH + "converse-stream", body=BODY, limit_pico=limit, tokens=tokens
    )


async def test_frames_pass_untouched_and_the_usage_is_settled() -> None:
    whole = delta("one two") + b"".join(END)
    steps: list[Step] = [whole[:50], whole[50:51], whole[51:]]
    played = stage(steps)
    entry = await played.run()
    assert played.client.body == whole
    assert (entry.outcome, entry.usage.input_text, entry.usage.output_text) == (Outcome.OK, 7, 2)
    assert not entry.estimated


@pytest.mark.parametrize("size", [1_000, 137, 61])
async def test_a_stream_at_its_cap_ends_with_an_exception_between_two_frames(size: int) -> None:
    whole = b"".join([delta("x" * 99) for _ in range(40)])
    played = stage([whole[at : at + size] for at in range(0, len(whole), size)], limit_tokens=2_100)
    entry = await played.run()
    assert entry.outcome is Outcome.CAPPED
    if played.client.aborted:
        assert size < len(delta("x" * 99))
        return
    buffer = EventStreamBuffer()
    buffer.add_data(played.client.body)
    *passed, last = buffer
    assert last.headers[":exception-type"] == "validationException"
    assert all(message.headers[":event-type"] == "contentBlockDelta" for message in passed)
    assert len(passed) < 40


async def test_a_cut_within_a_frame_stays_one_and_what_passed_is_counted() -> None:
    steps: list[Step] = [delta("one two"), delta("three")[:20], UpstreamError(Fault.CUT, "gone")]
    played = stage(steps)
    entry = await played.run()
    assert played.client.aborted
    assert played.client.body == delta("one two") + delta("three")[:20]
    assert (entry.outcome, entry.usage.output_text, entry.estimated) == (Outcome.CUT, 2, True)


async def test_damaged_frames_pass_and_are_settled_at_the_hold() -> None:
    damaged = bytearray(delta("one"))
    damaged[-1] ^= 1
    played = stage([bytes(damaged), *END])
    entry = await played.run()
    assert played.client.body == bytes(damaged) + b"".join(END)
    assert (entry.estimated, entry.usage.output_text) == (True, 1000)


async def test_counts_in_headers_are_heard() -> None:
    counts = [(b"X-Amzn-Bedrock-Input-Token-Count", b"5"), (b"X-Amzn-Bedrock-Output-Token-Count", b"0")]
    answer = ScriptedAnswer(200, [(b"Content-Type", b"application/json"), *counts], [b'{"embeddings":[[0.1]]}'])
    played = Stage(answer, dialect=Bedrock(), operation="/model/cohere.embed-english-v3/invoke", body={"texts": ["a"]})
    entry = await played.run()
    assert (entry.outcome, entry.usage.input_text, entry.estimated) == (Outcome.OK, 5, False)


async def test_an_exception_in_the_stream_is_an_error_on_record() -> None:
    piece = b64encode(msgspec.json.encode({"generation": "one two"})).decode()
    failed = frame("throttlingException", {"message": "slow down"})
    answer = ScriptedAnswer(200, HEADERS, [frame("chunk", {"bytes": piece}), failed])
    path = "/model/meta.llama3-8b-instruct-v1:0/invoke-with-response-stream"
    played = Stage(answer, dialect=Bedrock(), operation=path, body={"prompt": "a"})
    entry = await played.run()
    assert (entry.outcome, entry.usage.output_text) == (Outcome.PROVIDER_ERROR, 2)
