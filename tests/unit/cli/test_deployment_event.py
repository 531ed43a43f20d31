"""One step tells one event, signed anew at each attempt, and gives up where another attempt won't help."""

import json
from collections.abc import Callable

import httpx
import pytest

from proxy.cli.deployment_event import PAUSES_S, Answer, deployment_event, send
from proxy.model.told import DeploymentTold
from proxy.outcomes.events import generic
from proxy.outcomes.events.delivery import parsed
from proxy.outcomes.events.signing import Verified

SHA = "ab" * 20
SECRET = "a secret of alice's"
NOW_US = 1_790_000_000_000_000
AT = "2026-11-21T10:00:00+00:00"
FACTS = {"service": "checkout", "environment": "production", "state": "success", "sha": SHA, "digest": ""}
TOLD = {"told": 1, "quarantine": []}


def sent(answer: Callable[[httpx.Request], httpx.Response]) -> tuple[Answer, list[httpx.Request], list[float]]:
    asked: list[httpx.Request] = []
    pauses: list[float] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer(request)

    with httpx.Client(transport=httpx.MockTransport(handle), base_url="http://ledger") as client:
        event = deployment_event(FACTS, "gitlab/9", AT)
        found = send(client, event, SECRET, "ci", lambda: NOW_US + len(asked) * 1_000_000, pauses.append)
    return found, asked, pauses


def test_the_ledger_takes_what_is_told() -> None:
    answer, (request,), _ = sent(lambda _: httpx.Response(200, json=TOLD))
    assert answer == Answer(TOLD)
    assert request.url.params["source"] == "ci"
    body = request.content
    assert isinstance(generic.verify(body, dict(request.headers), [SECRET], NOW_US), Verified)
    ((at_us, fact),) = generic.translate(parsed(body), "")
    assert at_us == 1_795_255_200_000_000
    assert fact == DeploymentTold(
        "", json.loads(body)["deployment"], "production", "success", service="checkout", sha=SHA
    )


def test_the_same_step_tells_the_same_and_states_of_one_run_are_of_one_deployment() -> None:
    first, again = (deployment_event(FACTS, "gitlab/9", at) for at in (AT, "2026-11-21T11:00:00+00:00"))
    assert first["event_id"] == again["event_id"]
    failed = deployment_event({**FACTS, "state": "failure"}, "gitlab/9", AT)
    assert failed["event_id"] != first["event_id"]
    assert failed["deployment"] == first["deployment"]
    other = deployment_event(FACTS, "gitlab/10", AT)
    assert (other["event_id"], other["deployment"]) != (first["event_id"], first["deployment"])
    assert deployment_event({**FACTS, "deployment": "d1"}, "gitlab/9", AT)["deployment"] == "d1"


def test_what_may_yet_succeed_is_tried_again_with_a_new_signature() -> None:
    answers = iter([httpx.Response(503), httpx.Response(200, json=TOLD)])
    answer, asked, pauses = sent(lambda _: next(answers))
    assert answer.document == TOLD
    assert pauses == list(PAUSES_S[:1])
    assert len({request.headers["x-outlay-signature"] for request in asked}) == 2
    assert len({request.content for request in asked}) == 1


def test_it_gives_up_where_nobody_answers() -> None:
    def nobody(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    answer, asked, pauses = sent(nobody)
    assert answer == Answer(None, "no answer from http://ledger: refused")
    assert (len(asked), pauses) == (3, list(PAUSES_S))


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (httpx.Response(401, json={"error": {"message": "another secret"}}), "another secret"),
        (httpx.Response(404, text="<html>"), "http://ledger/v1/events/generic?source=ci answered 404; is it"),
        (httpx.Response(200, text="<html>"), "http://ledger/v1/events/generic?source=ci answered 200; is it"),
    ],
)
def test_a_refusal_is_final(response: httpx.Response, why: str) -> None:
    answer, asked, _ = sent(lambda _: response)
    assert answer.document is None
    assert answer.why.startswith(why)
    assert len(asked) == 1
