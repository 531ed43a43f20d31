"""An answer that was kept is given again to the same call, where a rule says so: the same bytes, at no cost."""

import asyncio
import json
from typing import Any, Final

import httpx
import pytest
import respx

from proxy.journal.codec import encode
from proxy.model.entry import Outcome, Settled
from proxy.model.usage import NO_USAGE
from proxy.policy.keys import digest
from tests.fakes.asgi_caller import AsgiCaller
from tests.flow.world import KEY, POLICIES, World

URL: Final = "https://api.openai.test/v1/chat/completions"
PATH: Final = "/v1/chat/completions"
ANTHROPIC: Final = "https://api.anthropic.test/v1/messages"
BOB_KEY: Final = "outlay_bob"
KEYS: Final = POLICIES["keys.yaml"] + (
    f'  - {{id: k_bob, hash: "{digest(BOB_KEY.encode())}", user: bob, projects: [checkout, search]}}\n'
    f'  - {{id: k_more, hash: "{digest(b"outlay_more")}", user: alice, projects: [search]}}\n'
)
RULE: Final = "redundancy: [{name: again, action: serve}]\n"
HEADERS: Final = {
    "content-type": "application/json; charset=utf-8",
    "x-request-id": "req_1",
    "set-cookie": "a=b",
    "x-ratelimit-remaining-requests": "9",
}
USAGE: Final = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
SECOND_US: Final = 1_000_000


class Provider:
    """Answers each call in its turn, so that no two answers are the same."""

    def __init__(self, router: respx.MockRouter) -> None:
        self.calls = 0
        self.status = 200
        self.more: dict[str, Any] = {}
        self.headers = dict(HEADERS)
        self.cut = False
        router.post(URL).mock(side_effect=self.answer)
        router.post("https://api.openai.test/v1/responses").mock(side_effect=self.responses)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        said = json.loads(request.content)
        if self.status != 200:
            return httpx.Response(self.status, json={"error": {"message": "busy"}})
        if said.get("stream"):
            return httpx.Response(200, content=self.events(said), headers={"content-type": "text/event-stream"})
        message = {"role": "assistant", "content": f"canary-reply {self.calls}"}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        answer = {"id": f"c{self.calls}", "object": "chat.completion", "model": said["model"], "choices": choices}
        return httpx.Response(200, json={**answer, "usage": USAGE, **self.more}, headers=self.headers)

    def events(self, said: dict[str, Any]) -> bytes:
        chunk = {"id": f"c{self.calls}", "object": "chat.completion.chunk", "model": said["model"]}
        events = [{**chunk, "choices": [{"index": 0, "delta": {"content": f"canary {n} "}}]} for n in range(5)]
        events.append({**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        events.append({**chunk, "choices": [], "usage": USAGE})
        passed = events[:3] if self.cut else events
        data = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in passed)
        return data if self.cut else data + b"data: [DONE]\n\n"

    def responses(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
        part = {"type": "output_text", "text": "canary"}
        output = [{"type": "message", "role": "assistant", "content": [part]}]
        answer = {"id": f"r{self.calls}", "object": "response", "status": "completed", "model": "gpt-4o"}
        return httpx.Response(200, json={**answer, "output": output, "usage": usage})


@pytest.fixture
def provider(respx_mock: respx.MockRouter) -> Provider:
    return Provider(respx_mock)


def a_world(router: respx.MockRouter, cache: str = "ttl: 60s", rules: str = RULE, **files: str) -> World:
    yaml = f"{rules}cache: {{{cache}}}\n"
    return World(router, {"redundancy.yaml": yaml, "keys.yaml": KEYS, **{f"{k}.yaml": v for k, v in files.items()}})


@pytest.fixture
def world(respx_mock: respx.MockRouter, provider: Provider) -> World:
    return a_world(respx_mock)


def chat(text: str = "What is a canary-prompt?", **more: Any) -> dict[str, Any]:
    return {"model": "gpt-4o", "messages": [{"role": "user", "content": text}]} | more


async def say(world: World, body: dict[str, Any], path: str = PATH, **given: Any) -> httpx.Response:
    answer = await world.call("POST", path, json=body, **given)
    world.clock.advance(SECOND_US)
    return answer


def served(answer: httpx.Response) -> bool:
    return answer.headers.get("x-outlay-served") == "cache"


async def test_the_same_call_is_given_the_same_bytes_and_costs_nothing(world: World, provider: Provider) -> None:
    first = await say(world, chat())
    again = await say(world, chat())
    assert provider.calls == 1
    assert (again.status_code, again.content) == (200, first.content)
    paid, free = world.settled
    assert paid.cost.total_pico > 0
    assert (free.cost.total_pico, free.usage, free.estimated) == (0, NO_USAGE, False)
    assert (free.outcome, free.status, free.served.request_id) == (Outcome.OK, 200, "")
    assert free.found["action"] == "served"
    assert free.found["class"] == "exact_repeat"
    assert free.found["saved_pico"] == paid.cost.total_pico
    assert free.repeats == (paid.call.id,)
    assert "again" in free.matched


async def test_its_headers_say_whose_answer_it_is_and_how_old(world: World) -> None:
    first = await say(world, chat())
    world.clock.advance(9 * SECOND_US)
    again = await say(world, chat())
    assert not served(first)
    assert "x-outlay-repeats" not in first.headers
    assert again.headers["x-outlay-served"] == "cache"
    assert again.headers["x-outlay-repeats"] == first.headers["x-outlay-call-id"]
    assert again.headers["x-outlay-call-id"] == world.settled[1].call.id
    assert again.headers["age"] == "10"
    assert again.headers["content-type"] == HEADERS["content-type"]
    assert not {"x-request-id", "set-cookie", "x-ratelimit-remaining-requests"} & again.headers.keys()


@pytest.mark.parametrize("usage", [{}, {"stream_options": {"include_usage": True}}])
async def test_a_stream_is_given_again_as_one(world: World, provider: Provider, usage: dict[str, Any]) -> None:
    first = await say(world, chat(stream=True, **usage))
    again = await say(world, chat(stream=True, **usage))
    assert provider.calls == 1
    assert again.content == first.content
    assert again.content.endswith(b"data: [DONE]\n\n")
    assert again.headers["content-type"] == "text/event-stream"
    assert again.headers.get("x-outlay-edited") == first.headers.get("x-outlay-edited")
    assert [entry.call.stream for entry in world.settled] == [True, True]


@pytest.mark.parametrize(
    "other",
    [
        chat(stream=True),
        chat("What is a canary prompt?"),
        chat("What is a canary-prompt? "),
        chat(model="gpt-4o-mini"),
        chat(temperature=0),
        chat(max_tokens=1),
        chat(metadata={"a": "b"}),
    ],
)
async def test_another_call_is_given_an_answer_of_its_own(
    world: World, provider: Provider, other: dict[str, Any]
) -> None:
    await say(world, chat())
    assert not served(await say(world, other))
    assert provider.calls == 2


async def test_what_only_names_the_caller_makes_no_other_call(world: World, provider: Provider) -> None:
    await say(
        world, chat(user="one"), headers={"x-stainless-retry-count": "0", "traceparent": "00-1", "user-agent": "a"}
    )
    body = json.dumps({"messages": chat()["messages"], "user": "two", "model": "gpt-4o"}, separators=(",", ":"))
    first = json.dumps(chat(user="one"), separators=(",", ":"))
    assert body != first
    headers = {"x-stainless-retry-count": "1", "user-agent": "b", "content-type": "application/json"}
    assert served(await world.call("POST", PATH, content=body, headers=headers))
    assert provider.calls == 1


@pytest.mark.parametrize("name", ["openai-beta", "accept-encoding", "openai-project"])
async def test_a_header_that_could_change_the_answer_makes_another_call(world: World, name: str) -> None:
    await say(world, chat(), headers={name: "identity"})
    assert not served(await say(world, chat(), headers={name: "gzip"}))
    assert served(await say(world, chat(), headers={name: "gzip"}))


@pytest.mark.parametrize(
    ("scope", "other_key", "project", "is_served"),
    [
        ("key", BOB_KEY, "checkout", False),
        ("key", "outlay_more", "search", False),
        ("user", "outlay_more", "search", True),
        ("user", BOB_KEY, "checkout", False),
        ("project", BOB_KEY, "checkout", True),
        ("project", BOB_KEY, "search", False),
        ("team", BOB_KEY, "checkout", True),
        ("team", BOB_KEY, "search", False),
        ("organisation", BOB_KEY, "search", True),
    ],
)
async def test_nobody_is_given_an_answer_beyond_the_scope(
    respx_mock: respx.MockRouter, provider: Provider, scope: str, other_key: str, project: str, is_served: bool
) -> None:
    world = a_world(respx_mock, f"scope: {scope}")
    await say(world, chat())
    answer = await say(world, chat(), key=other_key, headers={"x-outlay-project": project})
    assert (served(answer), provider.calls) == (is_served, 1 if is_served else 2)


async def test_without_a_scope_answers_stay_with_their_key(world: World, provider: Provider) -> None:
    await say(world, chat())
    assert not served(await say(world, chat(), key=BOB_KEY))


async def test_own_credentials_are_never_shared(respx_mock: respx.MockRouter, provider: Provider) -> None:
    world = a_world(respx_mock, "scope: organisation")
    for own, is_served in (("Bearer sk-one", False), ("Bearer sk-two", False), ("Bearer sk-one", True)):
        headers = {"authorization": own, "x-outlay-key": "outlay_alice"}
        assert served(await say(world, chat(), headers=headers)) is is_served


async def test_no_answer_is_given_after_its_time(world: World, provider: Provider) -> None:
    await say(world, chat())
    world.clock.advance(59 * SECOND_US)
    assert served(await say(world, chat()))
    assert not served(await say(world, chat()))
    assert served(await say(world, chat()))
    assert provider.calls == 2


@pytest.mark.parametrize(
    ("wish", "is_served", "next_is"),
    [
        ("no-cache", False, True),
        ("no-store", False, True),
        ("max-age=0", False, True),
        ("max-age=5", True, True),
        ("max-age=3", False, True),
        ("max-stale=9, Max-Age=x", False, True),
        ("only-if-new", True, True),
    ],
)
async def test_a_caller_may_ask_for_a_new_answer(
    world: World, provider: Provider, wish: str, is_served: bool, next_is: bool
) -> None:
    await say(world, chat())
    world.clock.advance(3 * SECOND_US)
    answer = await say(world, chat(), headers={"cache-control": wish})
    assert (served(answer), provider.calls) == (is_served, 1 if is_served else 2)
    last = await say(world, chat())
    assert served(last) is next_is
    newest = 0 if wish == "no-store" or is_served else 1
    assert last.headers["x-outlay-repeats"] == world.settled[newest].call.id


async def test_an_answer_to_a_call_that_must_not_be_stored_is_not_kept(world: World, provider: Provider) -> None:
    await say(world, chat(), headers={"cache-control": "no-store"})
    assert (len(world.sharing.answers), served(await say(world, chat()))) == (0, False)


@pytest.mark.parametrize("status", [400, 429, 500, 503])
async def test_an_error_is_not_kept(world: World, provider: Provider, status: int) -> None:
    provider.status = status
    await say(world, chat())
    provider.status = 200
    answer = await say(world, chat())
    assert (answer.status_code, served(answer)) == (200, False)


async def test_half_a_stream_is_not_kept(world: World, provider: Provider) -> None:
    provider.cut = True
    await say(world, chat(stream=True))
    assert world.settled[0].outcome is Outcome.CUT
    assert len(world.sharing.answers) == 0


async def test_an_answer_without_usage_is_not_kept(world: World, provider: Provider) -> None:
    provider.more = {"usage": None}
    await say(world, chat())
    assert len(world.sharing.answers) == 0


@pytest.mark.parametrize(
    "body",
    [
        chat(store=True),
        chat(web_search_options={"search_context_size": "low"}),
        chat(tools=[{"type": "web_search"}]),
        chat(model="gpt-4o-search-preview"),
        chat(audio={"voice": "alloy"}, modalities=["text", "audio"]),
        chat() | {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f_1"}}]}]},
        chat()
        | {
            "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.test/b"}}]}]
        },
    ],
)
async def test_what_depends_on_more_than_the_call_is_not_kept(world: World, body: dict[str, Any]) -> None:
    await say(world, body)
    assert len(world.sharing.answers) == 0


@pytest.mark.parametrize(
    ("more", "kept"),
    [
        ({}, 0),
        ({"store": True}, 0),
        ({"store": None}, 0),
        ({"store": False}, 1),
        ({"store": False, "previous_response_id": "r0"}, 0),
        ({"store": False, "previous_response_id": None}, 1),
        ({"store": False, "conversation": "c1"}, 0),
        ({"store": False, "prompt": {"id": "p1"}}, 0),
        ({"store": False, "background": True}, 0),
        ({"store": False, "tools": [{"type": "function", "name": "f", "parameters": {}}]}, 1),
        ({"store": False, "tools": [{"type": "file_search", "vector_store_ids": ["v1"]}]}, 0),
        ({"store": False, "input": [{"type": "item_reference", "id": "i1"}]}, 0),
    ],
)
async def test_responses_are_kept_only_where_the_provider_keeps_nothing(
    world: World, more: dict[str, Any], kept: int
) -> None:
    answer = await say(world, {"model": "gpt-4o", "input": "hello", **more}, "/v1/responses")
    assert answer.status_code == 200
    assert len(world.sharing.answers) == kept


async def test_a_long_answer_is_not_kept_and_the_oldest_make_room(
    respx_mock: respx.MockRouter, provider: Provider
) -> None:
    world = a_world(respx_mock, "size_max: 4kB, answer_size_max: 1kB")
    for text in ("one", "two", "three"):
        await say(world, chat(text))
    assert len(world.sharing.answers) == 3
    assert world.sharing.answers.bytes <= 4000
    assert served(await say(world, chat("one")))
    provider.more = {"padding": "x" * 900}
    await say(world, chat("long"))
    assert len(world.sharing.answers) == 3
    provider.more = {"padding": "x" * 400}
    await say(world, chat("four"))
    assert served(await say(world, chat("one")))
    assert not served(await say(world, chat("two")))


async def test_a_budget_that_is_spent_lets_a_kept_answer_pass(respx_mock: respx.MockRouter, provider: Provider) -> None:
    budgets = "budgets: [{name: cap, limit: 0.05 USD, window: month}]\n"
    world = a_world(respx_mock, "ttl: 1d", budgets=budgets)
    assert (await say(world, chat("one", max_tokens=100))).status_code == 200
    statuses = [(await say(world, chat(f"no. {n}", max_tokens=100))).status_code for n in range(30)]
    assert statuses[-1] == 400
    spent = sum(entry.cost.total_pico for entry in world.settled)
    again = await say(world, chat("one", max_tokens=100))
    assert (again.status_code, served(again)) == (200, True)
    assert sum(entry.cost.total_pico for entry in world.settled) == spent
    assert world.counters.in_flight == 0


async def test_a_budget_of_calls_counts_it(respx_mock: respx.MockRouter, provider: Provider) -> None:
    world = a_world(respx_mock, budgets="budgets: [{name: few, limit: 3 calls, window: month}]\n")
    assert [(await say(world, chat())).status_code for _ in range(5)] == [200, 200, 200, 400, 400]
    assert provider.calls == 1


async def test_a_refusing_rule_goes_before(respx_mock: respx.MockRouter, provider: Provider) -> None:
    rules = (
        "redundancy:\n  - {name: again, action: serve}\n"
        "  - {name: enough, action: refuse, classes: [exact_repeat], threshold: 2}\n"
    )
    world = a_world(respx_mock, "ttl: 1d", rules)
    answers = [
        await say(world, chat("Please summarise the whole repository for the weekly meeting.")) for _ in range(8)
    ]
    assert served(answers[1])
    assert answers[-1].status_code == 400


async def test_an_evaluation_gets_answers_of_its_own(respx_mock: respx.MockRouter, provider: Provider) -> None:
    rules = RULE + "evaluations: [{name: nightly, keys: [k_alice], commit_header: x-commit, cap: 100 calls}]\n"
    world = a_world(respx_mock, rules=rules)
    for commit in "ab":
        assert not served(await say(world, chat(), headers={"x-commit": commit * 40}))
    assert provider.calls == 2


async def test_who_no_rule_is_for_is_neither_served_nor_kept(respx_mock: respx.MockRouter, provider: Provider) -> None:
    rule = "redundancy: [{name: again, action: serve, applies_to: {project: search}}]\n"
    world = a_world(respx_mock, "scope: key", rule)
    for _ in range(2):
        assert not served(await say(world, chat()))
    assert len(world.sharing.answers) == 0


async def test_shadow_says_what_would_have_been_served_and_keeps_no_text(
    respx_mock: respx.MockRouter, provider: Provider
) -> None:
    world = a_world(respx_mock, rules="redundancy: [{name: again, action: serve, mode: shadow}]\n")
    answers = [await say(world, chat()) for _ in range(3)]
    assert provider.calls == 3
    assert not any(served(answer) for answer in answers)
    assert [entry.shadow for entry in world.settled] == [(), ("again: serve",), ("again: serve",)]
    assert not any("action" in entry.found or "saved_pico" in entry.found for entry in world.settled)
    assert all(entry.cost.total_pico for entry in world.settled)
    [kept] = world.sharing.answers._answers.values()
    assert (kept.body, kept.bytes > len(answers[0].content)) == (None, True)


async def test_other_rules_forget_what_was_kept(world: World) -> None:
    await say(world, chat())
    rules = world.app.rules()
    world.sharing.reload(rules)
    assert len(world.sharing.answers) == 1
    other = World(world.router, {"redundancy.yaml": RULE + "cache: {ttl: 2h}"})
    world.sharing.reload(other.app.rules())
    assert len(world.sharing.answers) == 0


async def test_no_text_is_on_record(world: World) -> None:
    for _ in range(2):
        await say(world, chat())
    lines = b"".join(encode(entry) for entry in world.journal.entries)
    assert b"canary" not in lines


async def test_a_call_that_a_rule_sends_elsewhere_is_kept_as_it_was_sent(
    respx_mock: respx.MockRouter, provider: Provider
) -> None:
    models = "models: [{name: small, downgrade: {to: gpt-4o-mini}, applies_to: {tags: {kind: small}}}]\n"
    world = a_world(respx_mock, models=models)
    small = {"x-outlay-tags": "kind=small"}
    first = await say(world, chat())
    less = await say(world, chat(), headers=small)
    assert not served(less)
    again = await say(world, chat(), headers=small)
    assert served(again)
    assert again.json()["model"] == "gpt-4o-mini"
    assert again.headers["x-outlay-edited"] == less.headers["x-outlay-edited"]
    assert (await say(world, chat())).content == first.content


async def test_every_call_is_settled_once(world: World) -> None:
    for _ in range(4):
        await say(world, chat())
    assert len({entry.call.id for entry in world.settled}) == len(world.settled) == 4
    assert sum(isinstance(entry, Settled) for entry in world.journal.entries) == 4
    assert world.counters.in_flight == 0


async def test_a_stop_settles_a_call_whose_kept_answer_is_on_its_way(world: World, provider: Provider) -> None:
    bearer = {"authorization": f"Bearer {KEY}"}
    await AsgiCaller(world.app, PATH, chat(), bearer).done()
    caller = AsgiCaller(world.app, PATH, chat(), bearer)
    caller.reading.clear()
    while not world.counters.in_flight:
        await asyncio.sleep(0)
    caller.task.cancel()
    caller.reading.set()
    await asyncio.gather(caller.task, return_exceptions=True)
    assert world.counters.in_flight == 0
    _, free = world.settled
    assert provider.calls == 1
    assert (free.outcome, free.cost.total_pico, free.usage) == (Outcome.CUT, 0, NO_USAGE)
