"""Realtime sessions: responses and transcriptions as calls, in the words of the protocol and of its beta."""

import base64
import json
from typing import Any

import pytest

from proxy.dialects.openai_realtime import RealtimeConversation
from proxy.dialects.realtime_turns import RESPONSE, TRANSCRIPTION
from proxy.dialects.socket import Turn
from proxy.model.decision import Reason, Refusal
from proxy.model.usage import Usage

SECOND = base64.b64encode(bytes(48_000)).decode()
"""A second of audio at 24 kHz, 16 bits."""


def event(kind: str, **fields: Any) -> bytes:
    return json.dumps({"type": kind, **fields}).encode()


def session(**fields: Any) -> RealtimeConversation:
    conversation = RealtimeConversation("gpt-realtime", {})
    conversation.heard(event("session.created", session={"model": "gpt-realtime", **fields}))
    return conversation


def asked(conversation: RealtimeConversation, **fields: Any) -> Turn:
    turn = conversation.asked(event("response.create", **fields))
    assert turn is not None
    return turn


def done(id_: str, prompt: int, output: int, **fields: Any) -> bytes:
    usage = {"input_tokens": prompt, "output_tokens": output}
    return event("response.done", response={"id": id_, "status": "completed", "usage": usage, **fields})


def created(id_: str) -> bytes:
    return event("response.created", response={"id": id_, "status": "in_progress"})


def test_a_response_that_is_asked_for_ends_with_its_usage() -> None:
    conversation = session()
    turn = asked(conversation, response={"max_output_tokens": 77})
    assert (turn.operation, turn.request.model, turn.request.output_tokens_max) == (RESPONSE, "gpt-realtime", 77)
    assert conversation.heard(created("r1")).begun == ()
    assert conversation.heard(done("r1", 10, 4)).ended == (turn,)
    assert (turn.reading().usage, turn.reading().final) == (Usage(input_text=10, output_text=4), True)


@pytest.mark.parametrize("limit", ["inf", None])
def test_no_limit_is_none(limit: object) -> None:
    assert asked(session(), response={"max_output_tokens": limit}).request.output_tokens_max is None
    assert asked(session(max_response_output_tokens=99)).request.output_tokens_max == 99


def test_a_response_that_the_provider_begins_by_itself_is_a_call() -> None:
    conversation = session()
    (turn,) = conversation.heard(created("r1")).begun
    assert conversation.heard(done("r1", 10, 4)).ended == (turn,)
    alone = conversation.heard(done("r2", 5, 5))
    assert alone.begun == alone.ended != ()


@pytest.mark.parametrize(
    ("audio", "text"),
    [
        ("response.output_audio.delta", "response.output_audio_transcript.delta"),
        ("response.audio.delta", "response.audio_transcript.delta"),
    ],
)
def test_a_response_that_breaks_off_is_what_was_heard_of_it(audio: str, text: str) -> None:
    conversation = session()
    turn = asked(conversation)
    conversation.heard(created("r1"))
    conversation.heard(event(text, response_id="r1", delta="two words"))
    assert conversation.heard(event(audio, response_id="r1", delta=SECOND)).grown is turn
    reading = turn.reading()
    assert reading.usage is not None
    assert (reading.usage.output_audio, reading.final, reading.complete) == (20, False, False)
    assert list(reading.texts) == ["two words"]
    assert turn.output_bytes == 20 + len("two words")


def test_audio_is_measured_in_its_own_format() -> None:
    conversation = session(output_audio_format="g711_ulaw", audio={"input": {"format": {"type": "audio/pcmu"}}})
    eight_thousand = base64.b64encode(bytes(8_000)).decode()
    conversation.asked(event("input_audio_buffer.append", audio=eight_thousand))
    turn = asked(conversation)
    assert turn.request.guessed == Usage(input_audio=10)
    conversation.heard(created("r1"))
    conversation.heard(event("response.audio.delta", response_id="r1", delta=eight_thousand))
    assert turn.output_bytes == 20


def test_the_next_response_is_held_for_what_the_last_one_read_and_wrote() -> None:
    conversation = session()
    conversation.asked(event("conversation.item.create", item={"role": "user"}))
    asked(conversation)
    conversation.heard(created("r1"))
    conversation.heard(done("r1", 1000, 200))
    conversation.asked(event("input_audio_buffer.append", audio=SECOND))
    request = asked(conversation).request
    assert request.input_tokens_unseen == 1200
    assert request.guessed == Usage(input_audio=10)
    assert request.input_bytes == len(event("response.create"))


def test_audio_is_counted_once_before_and_after_it_is_committed() -> None:
    conversation = session()
    conversation.asked(event("input_audio_buffer.append", audio=SECOND))
    conversation.heard(event("input_audio_buffer.committed", item_id="i1"))
    assert asked(conversation).request.guessed == Usage(input_audio=10)
    conversation.asked(event("input_audio_buffer.append", audio=SECOND))
    conversation.asked(event("input_audio_buffer.clear"))
    assert asked(conversation).request.guessed == Usage(input_audio=10)


@pytest.mark.parametrize(
    "said",
    [
        {"audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}}},
        {"input_audio_transcription": {"model": "gpt-4o-transcribe"}},
    ],
)
def test_a_transcription_is_a_call_of_its_own_model(said: dict[str, Any]) -> None:
    conversation = session(**said)
    conversation.asked(event("input_audio_buffer.append", audio=SECOND))
    (turn,) = conversation.heard(event("input_audio_buffer.committed", item_id="i1")).begun
    assert (turn.operation, turn.request.model) == (TRANSCRIPTION, "gpt-4o-transcribe")
    assert turn.request.guessed == Usage(input_audio=10)
    kind = "conversation.item.input_audio_transcription"
    assert conversation.heard(event(f"{kind}.delta", item_id="i1", delta="hel")).grown is turn
    usage = {"type": "tokens", "input_tokens": 11, "output_tokens": 3, "input_token_details": {"audio_tokens": 11}}
    assert conversation.heard(event(f"{kind}.completed", item_id="i1", transcript="hello", usage=usage)).ended == (
        turn,
    )
    assert turn.reading().usage == Usage(input_audio=11, output_text=3)


def test_a_transcriber_that_sells_by_time_is_taken_at_the_audio_s_length() -> None:
    conversation = session(input_audio_transcription={"model": "whisper-1"})
    conversation.asked(event("input_audio_buffer.append", audio=SECOND))
    (turn,) = conversation.heard(event("input_audio_buffer.committed", item_id="i1")).begun
    assert (turn.reading().usage, turn.reading().final) == (Usage(input_audio_ms=1000), False)


def test_a_transcription_that_failed_costs_nothing() -> None:
    conversation = session(input_audio_transcription={"model": "whisper-1"})
    (turn,) = conversation.heard(event("input_audio_buffer.committed", item_id="i1")).begun
    conversation.heard(event("conversation.item.input_audio_transcription.failed", item_id="i1", error={}))
    assert (turn.status, turn.reading().failed) == (400, True)


def test_without_a_transcriber_a_commit_is_no_call() -> None:
    assert session().heard(event("input_audio_buffer.committed", item_id="i1")).begun == ()


def test_an_error_ends_the_response_it_names_and_no_other() -> None:
    conversation = session()
    turn = asked(conversation, event_id="e1")
    assert conversation.heard(event("error", error={"event_id": "e7", "message": "x"})).ended == ()
    assert conversation.heard(event("error", error={"event_id": None, "message": "x"})).ended == ()
    assert conversation.heard(event("error", error={"event_id": "e1", "message": "x"})).ended == (turn,)
    assert turn.status == 400
    unnamed = asked(conversation)
    assert conversation.heard(event("error", error={"message": "active response"})).ended == (unnamed,)


@pytest.mark.parametrize(
    "message", [b"", b"\xff", b"[]", b'{"type":"session.created","session":[]}', b'{"type":"response.done"}', b"7"]
)
def test_whatever_the_provider_says_is_heard_without_a_fault(message: bytes) -> None:
    assert session().heard(message).ended == ()


def test_a_refusal_names_the_event_that_is_refused() -> None:
    conversation = session()
    turn = asked(conversation, event_id="e1")
    told = json.loads(conversation.error(Refusal(400, Reason.POLICY, "no"), b'{"error":{"message":"no"}}', turn))
    assert told["type"] == "error"
    assert told["error"] == {"message": "no", "event_id": "e1"}


def usage(**details: Any) -> dict[str, Any]:
    return {"usage": {"input_tokens": 10, "output_tokens": 4, **details}}


def test_a_response_that_reads_only_what_it_names_tells_nothing_of_the_session() -> None:
    conversation = session()
    conversation.asked(event("conversation.item.create", item={"text": "x" * 50_000}))
    for aside in ({"conversation": "none"}, {"input": []}):
        asked(conversation, response=aside)
        conversation.heard(created("r1"))
        conversation.heard(done("r1", 10, 4))
    request = asked(conversation).request
    assert request.input_bytes > 50_000
    assert request.input_tokens_unseen == 4


def test_what_comes_while_a_response_runs_is_held_for_the_next_one() -> None:
    conversation = session()
    asked(conversation)
    conversation.heard(created("r1"))
    conversation.asked(event("conversation.item.create", item={"text": "x" * 50_000}))
    conversation.heard(done("r1", 10, 4))
    assert asked(conversation).request.input_bytes > 50_000


def test_a_session_s_audio_is_held_as_audio() -> None:
    conversation = session()
    asked(conversation)
    conversation.heard(created("r1"))
    details = {"input_token_details": {"audio_tokens": 7}, "output_token_details": {"audio_tokens": 3}}
    conversation.heard(event("response.done", response={"id": "r1", "status": "completed", **usage(**details)}))
    request = asked(conversation).request
    assert (request.input_tokens_unseen, request.guessed) == (4, Usage(input_audio=10))


@pytest.mark.parametrize(
    ("told", "response", "spoken"),
    [
        ({}, {}, True),
        ({"output_modalities": ["text"]}, {}, False),
        ({"modalities": ["text"]}, {}, False),
        ({"modalities": ["audio", "text"]}, {}, True),
        ({"output_modalities": ["text"]}, {"output_modalities": ["audio"]}, True),
        ({"output_modalities": ["audio"]}, {"output_modalities": ["text"]}, False),
        ({}, {"modalities": ["text"], "output_modalities": ["audio"]}, True),
        ({}, {"modalities": []}, True),
    ],
)
def test_a_response_may_be_spoken_unless_session_or_call_want_text(
    told: dict[str, Any], response: dict[str, Any], spoken: bool
) -> None:
    assert asked(session(**told), response=response).request.spoken is spoken


def test_what_the_session_said_bounds_nothing_while_a_change_is_on_its_way() -> None:
    text = {"output_modalities": ["text"], "max_output_tokens": 5}
    conversation = session(**text)
    conversation.asked(event("session.update", session={"output_modalities": ["audio"], "max_output_tokens": "inf"}))
    request = asked(conversation).request
    assert (request.spoken, request.output_tokens_max) == (True, None)
    conversation.heard(event("session.updated", session=text))
    request = asked(conversation).request
    assert (request.spoken, request.output_tokens_max) == (False, 5)


def test_a_response_is_priced_as_the_model_that_the_session_told_by_then() -> None:
    conversation = session()
    turn = asked(conversation)
    conversation.heard(event("session.updated", session={"model": "gpt-realtime-2"}))
    conversation.heard(created("r1"))
    assert turn.reading().served.model == "gpt-realtime-2"
