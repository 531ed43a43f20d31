"""What the detector says of calls stands on their lines, and never touches the calls."""

from typing import Any

import httpx
import pytest
import respx

from proxy.journal.codec import encode
from proxy.model.entry import Attributed
from proxy.redundancy.detector import Detector
from tests.flow.world import World

URL = "https://api.openai.test/v1/chat/completions"
PROMPT = "Please summarise the canary-prompt repository for the weekly meeting, as you did before."
REPLY = "The canary-reply repository holds a proxy."
MINUTE_US = 60_000_000


def chat(*said: str, **more: Any) -> dict[str, Any]:
    roles = ("user", "assistant")
    messages = [{"role": roles[at % 2], "content": text} for at, text in enumerate(said)]
    return {"model": "gpt-4o", "messages": messages} | more


@pytest.fixture
def world(respx_mock: respx.MockRouter) -> World:
    message = {"role": "assistant", "content": REPLY}
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    answer = {"id": "c", "object": "chat.completion", "model": "gpt-4o", "usage": usage}
    answer["choices"] = [{"index": 0, "message": message, "finish_reason": "stop"}]
    respx_mock.post(URL).mock(side_effect=lambda _: httpx.Response(200, json=answer))
    return World(respx_mock)


async def say(world: World, body: dict[str, Any], **headers: str) -> httpx.Response:
    answer = await world.call("POST", "/v1/chat/completions", json=body, headers=headers)
    world.clock.advance(MINUTE_US)
    return answer


async def test_the_same_again_and_again_is_found_with_what_it_repeats(world: World) -> None:
    for _ in range(8):
        assert (await say(world, chat(PROMPT))).status_code == 200
    first, *_, last = world.settled
    assert (first.found, first.repeats) == ({}, ())
    assert last.found["class"] == "exact_repeat"
    assert last.found["flagged"] == 1
    assert int(last.found["score"]) >= 3000
    assert last.found["age_us"] == pytest.approx(MINUTE_US, abs=1000)
    assert set(last.repeats) <= {entry.call.id for entry in world.settled[:-1]} != set()


async def test_a_conversation_that_grows_repeats_nothing(world: World) -> None:
    said = ["Where is the meter?"]
    for turn in range(8):
        await say(world, chat(*said))
        said += [REPLY, f"And what of file number {turn}, which is called {'abcdefgh'[turn] * 3}.py?"]
    assert [entry.found for entry in world.settled] == [{}] * 8


async def test_what_is_sent_again_after_a_failure_is_no_waste(world: World, respx_mock: respx.MockRouter) -> None:
    respx_mock.post(URL).mock(side_effect=lambda _: httpx.Response(503, json={"error": {"message": "busy"}}))
    for _ in range(8):
        await say(world, chat(PROMPT))
    assert not any(entry.found.get("flagged") for entry in world.settled)
    assert world.settled[-1].found.get("exempted") == "retry"


async def test_no_text_is_kept(world: World) -> None:
    for _ in range(8):
        await say(world, chat(PROMPT))
    lines = b"".join(encode(entry) for entry in world.journal.entries)
    assert world.settled[-1].found
    assert b"canary" not in lines


async def test_calls_of_before_are_named_once_a_run_is_clear(world: World) -> None:
    for _ in range(10):
        await say(world, chat(PROMPT))
    named = [id_ for entry in world.journal.entries if isinstance(entry, Attributed) for id_ in entry.call_ids]
    flagged = [entry for entry in world.settled if entry.found.get("flagged")]
    assert named
    assert set(named) | {entry.call.id for entry in flagged} >= {entry.call.id for entry in world.settled[1:]}
    campaigns = {entry.campaign for entry in world.journal.entries if isinstance(entry, Attributed)}
    assert campaigns == {entry.found["campaign"] for entry in flagged}


class Broken(Detector):
    __slots__ = ()

    def decide(self, sight: object) -> Any:
        raise ZeroDivisionError


async def test_a_fault_of_the_detector_touches_no_call(world: World) -> None:
    world.watching._detector = Broken(b"k")
    answer = await say(world, chat(PROMPT))
    assert answer.status_code == 200
    assert (world.settled[0].found, world.watching.faults) == ({}, 1)


async def test_a_free_call_is_not_looked_at(world: World, respx_mock: respx.MockRouter) -> None:
    respx_mock.get("https://api.openai.test/v1/models").mock(return_value=httpx.Response(200, json={"data": []}))
    await world.call("GET", "/v1/models")
    assert world.watching.looked_at == 0
