"""Responses over a websocket: which messages are calls, and what each consumed."""

import json
from typing import Any

import pytest

from proxy.dialects.dialect import UnreadableError
from proxy.dialects.openai_responses_socket import RESPONSES, WARM_UP, ResponsesConversation
from proxy.dialects.socket import TURNS_MAX, Turn
from proxy.model.decision import Reason, Refusal
from proxy.model.usage import Usage


def event(kind: str, **fields: Any) -> bytes:
    return json.dumps({"type": kind, **fields}).encode()


def create(**fields: Any) -> bytes:
    return event("response.create", **{"model": "gpt-5.1", "input": "hello", **fields})


def usage(prompt: int, output: int) -> dict[str, int]:
    return {"input_tokens": prompt, "output_tokens": output, "total_tokens": prompt + output}


def response(id_: str, **fields: Any) -> dict[str, Any]:
    return {"response": {"id": id_, "model": "gpt-5.1-2026", "output": [], **fields}}


def asked(conversation: ResponsesConversation, **fields: Any) -> Turn:
    turn = conversation.asked(create(**fields))
    assert turn is not None
    return turn


def test_a_request_is_a_turn_that_ends_with_its_usage() -> None:
    conversation = ResponsesConversation({b"session-id": b"s1"})
    turn = asked(conversation, max_output_tokens=50)
    assert (turn.operation, turn.request.model, turn.request.stream) == (RESPONSES, "gpt-5.1", True)
    assert (turn.request.output_tokens_max, turn.request.session) == (50, "s1")
    assert conversation.heard(event("response.created", **response("r1"))).grown is turn
    assert conversation.heard(event("response.output_text.delta", delta="two words", output_index=0)).grown is turn
    assert turn.output_bytes == len("two words")
    heard = conversation.heard(event("response.completed", **response("r1", usage=usage(9, 3))))
    assert (heard.begun, heard.ended) == ((), (turn,))
    reading = turn.reading()
    assert (reading.usage, reading.final, reading.complete) == (Usage(input_text=9, output_text=3), True, True)
    assert reading.served.model == "gpt-5.1-2026"


def test_turns_that_follow_one_another_keep_their_own_counts() -> None:
    conversation = ResponsesConversation({})
    first, second = asked(conversation), asked(conversation)
    conversation.heard(event("response.created", **response("r1")))
    assert conversation.heard(event("response.completed", **response("r1", usage=usage(1, 1)))).ended == (first,)
    conversation.heard(event("response.created", **response("r2")))
    assert conversation.heard(event("response.incomplete", **response("r2", usage=usage(2, 2)))).ended == (second,)
    assert (first.reading().usage, second.reading().usage) == (
        Usage(input_text=1, output_text=1),
        Usage(input_text=2, output_text=2),
    )


def test_a_response_that_nobody_asked_for_here_is_a_call_all_the_same() -> None:
    conversation = ResponsesConversation({})
    heard = conversation.heard(event("response.created", **response("r1")))
    (turn,) = heard.begun
    assert (turn.request.model, turn.operation) == ("gpt-5.1-2026", RESPONSES)
    alone = ResponsesConversation({}).heard(event("response.completed", **response("r9", usage=usage(4, 2))))
    assert alone.begun == alone.ended
    assert alone.ended[0].reading().usage == Usage(input_text=4, output_text=2)


@pytest.mark.parametrize("reported", [None, usage(0, 0)])
def test_a_warm_up_that_reports_nothing_costs_nothing_and_is_no_estimate(reported: object) -> None:
    conversation = ResponsesConversation({})
    turn = asked(conversation, generate=False)
    assert turn.operation is WARM_UP
    assert (turn.reading().usage, turn.reading().final) == (Usage(), True)
    conversation.heard(event("response.completed", **response("r1", usage=reported)))
    assert (turn.reading().usage, turn.reading().final) == (Usage(), True)


def test_a_warm_up_that_reports_usage_costs_it() -> None:
    conversation = ResponsesConversation({})
    turn = asked(conversation, generate=False)
    conversation.heard(event("response.completed", **response("r1", usage=usage(7, 0))))
    assert turn.reading().usage == Usage(input_text=7)


def test_an_error_answers_what_waits_and_leaves_what_runs() -> None:
    conversation = ResponsesConversation({})
    running = asked(conversation)
    conversation.heard(event("response.created", **response("r1")))
    waiting = asked(conversation)
    heard = conversation.heard(event("error", status=404, error={"code": "previous_response_not_found"}))
    assert (heard.ended, waiting.status, waiting.reading().failed) == ((waiting,), 404, True)
    assert conversation.heard(event("response.completed", **response("r1", usage=usage(1, 1)))).ended == (running,)


def test_an_error_ends_the_response_that_runs_where_none_waits() -> None:
    conversation = ResponsesConversation({})
    turn = asked(conversation)
    conversation.heard(event("response.created", **response("r1")))
    assert conversation.heard(event("error", code="server_error", message="x")).ended == (turn,)
    assert (turn.status, turn.reading().failed, turn.reading().usage) == (200, True, None)
    assert conversation.heard(event("error", code="server_error", message="x")).ended == ()


def test_a_refused_turn_takes_no_answer() -> None:
    conversation = ResponsesConversation({})
    refused, kept = asked(conversation), asked(conversation)
    conversation.withdraw(refused)
    assert conversation.heard(event("response.created", **response("r1"))).grown is kept


@pytest.mark.parametrize(
    "message",
    [
        b"no json",
        b"[]",
        b'{"type":"session.update","type":"response.create","model":"m"}',
        b'{"type":"response.create","model":"a","model":"b"}',
        b'{"type":7}',
    ],
)
def test_what_can_be_read_in_two_ways_is_not_passed_on(message: bytes) -> None:
    with pytest.raises(UnreadableError):
        ResponsesConversation({}).asked(message)


def test_other_events_of_the_client_pass() -> None:
    assert ResponsesConversation({}).asked(event("response.processed", response_id="r1")) is None


@pytest.mark.parametrize("message", [b"", b"\xff", b"[]", b'{"type":5}', b'{"type":"response.created","response":7}'])
def test_whatever_the_provider_says_is_heard_without_a_fault(message: bytes) -> None:
    assert ResponsesConversation({}).heard(message).ended == ()


def test_turns_at_once_are_bounded() -> None:
    conversation = ResponsesConversation({})
    for _ in range(TURNS_MAX):
        conversation.asked(create())
    with pytest.raises(UnreadableError, match="running"):
        conversation.asked(create())


def test_codex_states_its_repository_in_the_body_of_each_turn() -> None:
    place = {"associated_remote_urls": {"origin": "git@github.com:acme/checkout.git"}, "latest_git_commit_hash": "abc"}
    metadata = {"x-codex-turn-metadata": json.dumps({"workspaces": {"/w": place}})}
    turn = asked(ResponsesConversation({}), client_metadata=metadata)
    assert (turn.request.repository, turn.request.commit) == ("github.com/acme/checkout", "abc")


def test_a_refusal_has_the_status_that_stops_codex() -> None:
    refusal = Refusal(400, Reason.POLICY, "no room")
    told = json.loads(ResponsesConversation({}).error(refusal, b'{"error":{"message":"no room","code":"c"}}', None))
    assert told == {
        "type": "error",
        "status": 400,
        "error": {"message": "no room", "code": "c"},
        "headers": {"x-should-retry": "false"},
    }
    busy = Refusal(503, Reason.OVERLOADED, "busy", retry_after_s=1, retryable=True)
    assert json.loads(ResponsesConversation({}).error(busy, b"{}", None))["headers"] == {"retry-after": "1"}


def test_a_warm_up_that_puts_something_out_after_all_is_counted() -> None:
    conversation = ResponsesConversation({})
    turn = asked(conversation, generate=False)
    conversation.heard(event("response.created", **response("r1")))
    conversation.heard(event("response.output_text.delta", delta="words", output_index=0))
    reading = turn.reading()
    assert (reading.usage, reading.final, list(reading.texts)) == (None, False, ["words"])


def test_metadata_that_can_t_be_read_is_the_client_s_fault() -> None:
    message = b'{"type":"response.create","model":"m","client_metadata":{"a":1e999}}'
    with pytest.raises(UnreadableError):
        ResponsesConversation({}).asked(message)
