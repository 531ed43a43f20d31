"""What the detector says of calls stands on their lines, and never touches the calls."""

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest
import respx

from proxy.journal.codec import encode
from proxy.model.entry import Attributed
from proxy.redundancy.detector import Detector
from proxy.web.gateway_metrics import GatewayMetrics
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


RULE = """
redundancy:
  - name: no-repeats
    classes: [exact_repeat]
    action: {action}
    contact: "#ai-costs"
{more}
"""


def ruled(router: respx.MockRouter, action: str, *more: str) -> World:
    lines = "\n".join(f"    {line}" for line in more)
    return World(router, {"redundancy.yaml": RULE.format(action=action, more=lines)})


async def until_found(world: World) -> httpx.Response:
    """The first answer to a call that the rule is against."""
    for _ in range(10):
        answer = await say(world, chat(PROMPT))
        if answer.status_code != 200 or "x-outlay-warning" in answer.headers:
            return answer
    raise AssertionError("the rule did nothing")


async def test_a_warning_comes_with_the_answer(world: World) -> None:
    world = ruled(world.router, "warn")
    answer = await until_found(world)
    assert answer.headers["x-outlay-warning"] == "the same prompt was answered before (rule no-repeats)"
    assert world.settled[-1].found["action"] == "warned"


async def test_a_refusal_says_what_is_repeated_and_is_on_record(world: World, respx_mock: respx.MockRouter) -> None:
    world = ruled(world.router, "refuse")
    sent = len(respx_mock.calls)
    answer = await until_found(world)
    assert (answer.status_code, answer.headers["x-should-retry"]) == (400, "false")
    message = answer.json()["error"]["message"]
    assert "The rule 'no-repeats' (redundancy.yaml:3) is against it: the same prompt was answered before" in message
    assert "last 60 s ago. Use the answer that you have" in message
    assert "#ai-costs" in message
    [refused] = world.refused
    assert (refused.found["action"], refused.found["flagged"]) == ("refused", 1)
    assert refused.repeats == tuple(entry.call.id for entry in world.settled)[-len(refused.repeats) :]
    assert len(respx_mock.calls) - sent == len(world.settled)
    # Having been refused is no failure that makes the next one a retry.
    assert (await say(world, chat(PROMPT))).status_code == 400
    assert (await say(world, chat("Something else altogether, please."))).status_code == 200


async def test_a_justification_lets_a_repeat_pass_up_to_the_days_number(world: World) -> None:
    world = ruled(world.router, "justify", "justifications_per_day: 2")
    answer = await until_found(world)
    assert answer.status_code == 400
    assert "x-outlay-justification" in answer.json()["error"]["message"]
    assert world.refused[0].found["action"] == "justify"
    why = {"x-outlay-justification": "the meeting was moved"}
    assert [(await say(world, chat(PROMPT), **why)).status_code for _ in range(3)] == [200, 200, 400]
    assert "used up" in world.refused[-1].message
    assert world.settled[-1].call.justification == "the meeting was moved"
    world.clock.advance(24 * 60 * MINUTE_US)


async def test_a_throttle_lets_so_many_repeats_a_minute_pass(world: World) -> None:
    world = ruled(world.router, "throttle", "requests_per_minute: 1")
    for _ in range(8):
        await say(world, chat(PROMPT))
        world.clock.advance(MINUTE_US)
    assert len(world.refused) == 0
    statuses = [(await world.call("POST", "/v1/chat/completions", json=chat(PROMPT))).status_code for _ in range(3)]
    assert statuses == [200, 429, 429]
    assert world.refused[0].found["action"] == "throttled"


async def test_shadow_changes_nothing_and_is_on_record(world: World) -> None:
    world = ruled(world.router, "refuse", "mode: shadow")
    for _ in range(8):
        assert (await say(world, chat(PROMPT))).status_code == 200
    assert world.settled[-1].shadow == ("no-repeats: refuse",)
    assert "action" not in world.settled[-1].found


async def test_a_rule_for_others_does_nothing(world: World) -> None:
    world = ruled(world.router, "refuse", "applies_to: {project: search}")
    for _ in range(8):
        assert (await say(world, chat(PROMPT))).status_code == 200


EVALUATION = """
evaluations:
  - name: nightly
    keys: [k_alice]
    purpose_header: x-run-purpose
    purpose: eval
    commit_header: x-commit
    cap: 3 calls
"""


async def test_a_registered_evaluation_repeats_itself_for_each_commit_up_to_its_cap(world: World) -> None:
    world = World(world.router, {"redundancy.yaml": EVALUATION})
    for commit in "abcdefgh":
        await say(world, chat(PROMPT), **{"x-run-purpose": "eval", "x-commit": commit * 40})
    exempted = [entry.found.get("exempted") for entry in world.settled]
    assert exempted[:4] == [None, "evaluation", "evaluation", "evaluation"]
    assert set(exempted[4:]) == {None}
    assert world.settled[-1].found["flagged"] == 1


async def test_who_only_says_so_is_no_evaluation(world: World) -> None:
    for commit in "abcdefgh":
        await say(world, chat(PROMPT), **{"x-run-purpose": "eval", "x-commit": commit * 40})
    assert not any("exempted" in entry.found for entry in world.settled)
    assert world.settled[-1].found["flagged"] == 1


async def test_a_cap_holds_for_calls_at_once(world: World) -> None:
    world = World(world.router, {"redundancy.yaml": EVALUATION})
    await asyncio.gather(
        *(
            world.call(
                "POST",
                "/v1/chat/completions",
                json=chat(PROMPT),
                headers={"x-run-purpose": "eval", "x-commit": commit * 40},
            )
            for commit in "abcdefgh"
        )
    )
    assert [entry.found.get("exempted") for entry in world.settled].count("evaluation") == 3


async def test_what_is_answered_with_an_empty_word_is_known_though_usage_is_reported(world: World) -> None:
    usage = {"prompt_tokens": 2000, "completion_tokens": 2, "total_tokens": 2002}
    message = {"role": "assistant", "content": "OK."}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
    world.router.post(URL).mock(side_effect=lambda _: httpx.Response(200, json=body))
    for number in range(8):
        words = " ".join(f"{chr(97 + number)}{at * 7919 % 1009:x}lm" for at in range(900))
        await say(world, chat(f"{words}\nReply with OK"))
    assert world.settled[-1].found["class"] == "trivial_context"


RESPONSES = "https://api.openai.test/v1/responses"


async def test_what_goes_on_from_a_response_kept_at_the_provider_is_another_call_each_time(world: World) -> None:
    body = {"status": "completed", "output": [], "usage": {"input_tokens": 900, "output_tokens": 9}}
    world.router.post(RESPONSES).mock(side_effect=lambda _: httpx.Response(200, json=body))

    async def go_on(response: str) -> dict[str, int | str]:
        asked = {"model": "gpt-5", "input": "Please go on with the next one.", "previous_response_id": response}
        await world.call("POST", "/v1/responses", json=asked)
        world.clock.advance(MINUTE_US)
        return dict(world.settled[-1].found)

    for number in range(12):
        assert not (await go_on(f"resp_{number * 7919:048x}")).get("flagged")
    assert (await go_on("resp_same")) == {}
    again = [await go_on("resp_same") for _ in range(6)]
    assert again[-1]["class"] == "exact_repeat"
    assert again[-1]["flagged"] == 1


async def test_what_was_found_is_shown_in_figures_without_names(world: World) -> None:
    metrics = GatewayMetrics()
    world = ruled(world.router, "refuse")
    world.watching._turned_away = metrics.turned_away
    world.app = replace(world.app, plane=replace(world.app.plane, observe=metrics.settled))
    await until_found(world)
    world.router.post(URL).mock(side_effect=lambda _: httpx.Response(503, json={"error": {"message": "busy"}}))
    for _ in range(3):
        await say(world, chat("Another one, that fails."))
    shown = metrics.render().decode()
    assert 'outlay_gateway_redundant_calls_total{action="refused",class="exact_repeat"} 1.0' in shown
    assert 'outlay_gateway_redundancy_exempted_usd_total{kind="retry"} 0.0' in shown
    assert world.watching.look_us == world.watching.look_us_max == 0


@pytest.mark.parametrize(("moves", "flagged"), [(False, True), (True, False)])
async def test_of_a_very_long_prompt_every_part_tells(respx_mock: respx.MockRouter, moves: bool, flagged: bool) -> None:
    world = World(respx_mock, body_bytes_max=4_000_000)
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    respx_mock.post(URL).mock(side_effect=lambda _: httpx.Response(200, json={"choices": [], "usage": usage}))
    lines = [f"Depot {at * 7919} in town {at * 31} sold {at * 13} crates." for at in range(25_000)]
    for number in range(7):
        if moves:
            lines[12_000:12_020] = [f"Depot {at * number * 101} has a new hall with {at} doors." for at in range(20)]
        await say(world, chat("\n".join(lines)))
    assert bool(world.settled[-1].found.get("flagged")) is flagged
