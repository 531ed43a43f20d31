"""Real SDKs, real processes: the same call is answered once by the provider, and the ledger says what that saved."""

import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

import anthropic
import httpx
import openai
import pytest

from tests.servers.processes import ADMIN_KEY, ALICE_KEY, BOB_KEY, Deployment, StandIn, fetch, until

RULES: Final = """redundancy:
  - {name: again, action: serve, applies_to: {tags: {kind: serve}}}
  - {name: twins, action: coalesce, applies_to: {tags: {kind: twins}}}
cache: {ttl: 1h}
"""
LOADED_S: Final = 60.0
CANARY: Final = "canary5e1d"
SAID: Final[Any] = [{"role": "user", "content": f"hello {CANARY}"}]
CHAT: Final[dict[str, Any]] = {"model": "gpt-4o", "messages": SAID, "max_tokens": 100, "temperature": 0}
RESPONSES: Final[dict[str, Any]] = {
    "model": "gpt-4o",
    "input": f"hello {CANARY}",
    "store": False,
    "temperature": 0,
    "max_output_tokens": 100,
}
MESSAGES: Final[dict[str, Any]] = {
    "model": "claude-opus-4-8",
    "messages": SAID,
    "max_tokens": 100,
    "extra_body": {"temperature": 0},
}
Told = tuple[list[Any], Any]
"""What an SDK made of the answer, and its headers."""


@pytest.fixture(scope="module")
def sharing(tmp_path_factory: pytest.TempPathFactory, provider: StandIn) -> Iterator[Deployment]:
    made = Deployment(tmp_path_factory.mktemp("sharing"), provider.url)
    (made.folder / "policies" / "redundancy.yaml").write_text(RULES)
    try:
        made.start_server()
        yield made
    finally:
        made.stop()


@pytest.fixture
def marker() -> str:
    """Names the calls of one test to the stand-in."""
    return uuid.uuid4().hex[:16]


def told(marker: str, kind: str, **more: str) -> dict[str, str]:
    standin = {f"x-standin-{name.replace('_', '-')}": value for name, value in more.items()}
    return {"x-outlay-tags": f"kind={kind}", "x-standin-marker": marker, **standin}


def _read(raw: Any, *, stream: bool) -> Told:
    parsed = raw.parse()
    return [event.to_dict() for event in parsed] if stream else [parsed.to_dict()], raw.headers


def by_chat(url: str, headers: dict[str, str], *, stream: bool, key: str = ALICE_KEY) -> Told:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as sdk:
        create: Any = sdk.chat.completions.with_raw_response.create
        return _read(create(**CHAT, stream=stream, extra_headers=headers), stream=stream)


def by_responses(url: str, headers: dict[str, str], *, stream: bool, key: str = ALICE_KEY) -> Told:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as sdk:
        create: Any = sdk.responses.with_raw_response.create
        return _read(create(**RESPONSES, stream=stream, extra_headers=headers), stream=stream)


def by_messages(url: str, headers: dict[str, str], *, stream: bool, key: str = ALICE_KEY) -> Told:
    with anthropic.Anthropic(base_url=url, api_key=key, max_retries=0) as sdk:
        create: Any = sdk.messages.with_raw_response.create
        return _read(create(**MESSAGES, stream=stream, extra_headers=headers), stream=stream)


Ask = Callable[..., Told]
ASKS: Final = (by_chat, by_responses, by_messages)


def asked(provider: StandIn, marker: str) -> int:
    """How often the provider was called with it."""
    provider.counts()
    return sum(call["marker"] == marker for call in provider.calls())


def explained(sharing: Deployment, call_id: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def there() -> bool:
        url = f"{sharing.ledger_url}/v1/calls/{call_id}?reason=test"
        try:
            found.update(fetch(url, ADMIN_KEY))
        except OSError:
            return False
        return bool(found["state"] != "in_flight")

    until("the ledger has the call", there, sharing.server, LOADED_S)
    return found


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("ask", ASKS)
def test_an_sdk_is_given_the_answer_that_is_there(
    sharing: Deployment, provider: StandIn, ask: Ask, marker: str, stream: bool
) -> None:
    headers = told(marker, "serve", tokens="20")
    first, then = ask(sharing.url, headers, stream=stream)
    again, now = ask(sharing.url, headers, stream=stream)
    assert again == first
    assert ("x-outlay-served" in then, now["x-outlay-served"]) == (False, "cache")
    assert now["x-outlay-repeats"] == then["x-outlay-call-id"]
    assert int(now["age"]) >= 0
    assert asked(provider, marker) == 1
    newer, fresh = ask(sharing.url, {**headers, "cache-control": "no-cache"}, stream=stream)
    assert "x-outlay-served" not in fresh
    assert asked(provider, marker) == 2
    _, last = ask(sharing.url, headers, stream=stream)
    assert last["x-outlay-repeats"] == fresh["x-outlay-call-id"]
    assert newer


@pytest.mark.parametrize("ask", ASKS)
def test_bob_is_never_given_an_answer_of_alice(sharing: Deployment, provider: StandIn, ask: Ask, marker: str) -> None:
    headers = told(marker, "serve", tokens="5")
    ask(sharing.url, headers, stream=False)
    _, lines = ask(sharing.url, headers, stream=False, key=BOB_KEY)
    assert "x-outlay-served" not in lines
    assert asked(provider, marker) == 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("ask", ASKS)
def test_twins_of_an_sdk_share_one_call(
    sharing: Deployment, provider: StandIn, ask: Ask, marker: str, stream: bool
) -> None:
    headers = told(marker, "twins", tokens="20", delay_ms="600000")
    with ThreadPoolExecutor(5) as pool, followed(sharing, provider, marker, 4):
        answering = [pool.submit(ask, sharing.url, headers, stream=stream) for _ in range(5)]
    answers = [each.result() for each in answering]
    assert asked(provider, marker) == 1
    assert all(said == answers[0][0] for said, _ in answers)
    shared = [lines for _, lines in answers if lines.get("x-outlay-served") == "coalesced"]
    [leader] = [lines["x-outlay-call-id"] for _, lines in answers if "x-outlay-served" not in lines]
    assert [lines["x-outlay-repeats"] for lines in shared] == [leader] * 4


def test_a_leader_s_hang_up_breaks_no_follower(sharing: Deployment, provider: StandIn, marker: str) -> None:
    headers = told(marker, "twins", tokens="60", chunk_ms="600000")
    with openai.OpenAI(base_url=f"{sharing.url}/v1", api_key=ALICE_KEY) as sdk, ThreadPoolExecutor(1) as pool:
        leader = sdk.chat.completions.create(**CHAT, stream=True, extra_headers=headers)
        assert next(iter(leader))
        with followed(sharing, provider, marker, 1):
            following = pool.submit(by_chat, sharing.url, headers, stream=True)
        leader.close()
        events, lines = following.result(60)
    assert lines["x-outlay-served"] == "coalesced"
    finish = [choice["finish_reason"] for event in events for choice in event["choices"] if choice["finish_reason"]]
    assert finish == ["stop"]
    assert asked(provider, marker) == 1
    assert explained(sharing, lines["x-outlay-repeats"])["decision"]["outcome"] == "ok"


@contextmanager
def followed(sharing: Deployment, provider: StandIn, marker: str, many: int) -> Iterator[None]:
    """The provider goes on with the call of this name once so many that begin in the block follow it."""
    before = metric(sharing, "outlay_gateway_calls_coalesced")
    try:
        yield
        until("they follow", lambda: metric(sharing, "outlay_gateway_calls_coalesced") == before + many, sharing.server)
    finally:
        provider.hurry(marker)


def metric(sharing: Deployment, name: str) -> float:
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(next(sharing.data.glob("gateway-*.sock"))))) as client:
        lines = client.get("http://gateway/metrics").text.splitlines()
    return next(float(line.split(" ")[1]) for line in lines if line.startswith(f"{name} "))


def test_the_ledger_has_each_call_and_the_provider_s_tokens_once(
    sharing: Deployment, provider: StandIn, marker: str
) -> None:
    settle(sharing)
    before = sharing.report("model")["total"]
    calls = {call["marker"]: 0 for call in provider.calls()}
    assert marker not in calls
    serve, twins = told(marker, "serve", tokens="9"), told(marker, "twins", tokens="9", delay_ms="600000")
    for _ in range(4):
        by_chat(sharing.url, serve, stream=True)
    with ThreadPoolExecutor(3) as pool, followed(sharing, provider, marker, 2):
        answering = [pool.submit(by_chat, sharing.url, twins, stream=False) for _ in range(3)]
    assert all(each.result() for each in answering)
    until(
        "the ledger has them",
        lambda: sharing.report("model")["total"]["calls"] == before["calls"] + 7,
        sharing.server,
        LOADED_S,
    )
    after = sharing.report("model")["total"]
    billed = [call for call in provider.calls() if call["marker"] == marker]
    assert len(billed) == 2
    assert after["calls"] - before["calls"] == 7
    for column, kind in (("input_tokens", "input_text"), ("output_tokens", "output_text")):
        assert after[column] - before[column] == sum(call["usage"][kind] for call in billed) > 0


def test_a_call_explained_names_whose_answer_it_was_and_what_that_saved(sharing: Deployment, marker: str) -> None:
    headers = told(marker, "serve", tokens="9")
    _, first = by_chat(sharing.url, headers, stream=False)
    _, again = by_chat(sharing.url, headers, stream=False)
    paid = explained(sharing, first["x-outlay-call-id"])
    free = explained(sharing, again["x-outlay-call-id"])
    document = json.dumps(free)
    assert first["x-outlay-call-id"] in document
    assert "served" in document
    assert '"cost_usd": "0' in document
    assert paid


def test_no_text_of_what_is_kept_is_on_a_disk(sharing: Deployment, marker: str) -> None:
    for _ in range(2):
        by_chat(sharing.url, told(marker, "serve", tokens="9"), stream=True)
    assert metric(sharing, "outlay_gateway_answers_kept") > 0
    assert metric(sharing, "outlay_gateway_answers_hits") > 0
    settle(sharing)
    for path in sharing.folder.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path


def test_other_rules_forget_what_is_kept(sharing: Deployment, provider: StandIn, marker: str) -> None:
    headers = told(marker, "serve", tokens="9")
    by_chat(sharing.url, headers, stream=False)
    assert metric(sharing, "outlay_gateway_answers_kept") > 0
    (sharing.folder / "policies" / "redundancy.yaml").write_text("redundancy: []\n")
    until("answers are forgotten", lambda: metric(sharing, "outlay_gateway_answers_kept") == 0, sharing.server)
    _, lines = by_chat(sharing.url, headers, stream=False)
    assert "x-outlay-served" not in lines
    assert asked(provider, marker) == 2


def settle(sharing: Deployment) -> None:
    """The ledger has every call of before."""
    last = {"calls": -1}

    def still() -> bool:
        nonlocal last
        before, last = last, sharing.report("model")["total"]
        return bool(before == last)

    until("nothing more comes", still, sharing.server, LOADED_S)
