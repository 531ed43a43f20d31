"""Gemini's streams when they end early: at the cap, cut by the provider, left by the client."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import respx

from proxy.adapters.counters_memory import MemoryCounters
from proxy.model.call import Hold
from proxy.model.entry import Extended, Outcome
from proxy.policy.charge import Balance, Shortfall
from tests.fakes.counters import a_budget, a_charge
from tests.flow.world import World

BODY = {"contents": [{"parts": [{"text": "hello"}]}], "generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}
PATH = "/v1beta/models/gemini-2.5-flash:streamGenerateContent"
EVENTS = "text/event-stream"
JSON = "application/json; charset=UTF-8"


class Once(MemoryCounters):
    """The first hold fits, and so many extensions."""

    def __init__(self, extensions: int) -> None:
        super().__init__(10)
        self.left = extensions

    def extend(self, call_id: str, hold: Hold) -> Shortfall | None:
        self.left -= 1
        budget = a_budget(limit=1)
        return None if self.left >= 0 else Shortfall(a_charge(budget), Balance(1, 0, 1, 0), 1, waiting_helps=False)


def piece(words: int, finish: str = "") -> bytes:
    candidate: dict[str, Any] = {"content": {"parts": [{"text": " word" * words}], "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    usage = {"promptTokenCount": 7, "candidatesTokenCount": words, "totalTokenCount": 7 + words}
    return json.dumps({"candidates": [candidate], "usageMetadata": usage}).encode()


class Stream(httpx.AsyncByteStream):
    def __init__(self, pieces: list[bytes], cut: bool) -> None:
        self._pieces = pieces
        self._cut = cut

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for each in self._pieces:
            yield each
        if self._cut:
            raise httpx.RemoteProtocolError("peer closed connection")


def answered(router: respx.MockRouter, kind: str, pieces: list[bytes], *, cut: bool = False) -> None:
    router.route(url__startswith="https://gemini.test").mock(
        side_effect=lambda _: httpx.Response(200, headers={"content-type": kind}, stream=Stream(pieces, cut))
    )


def wired(kind: str, pieces: list[bytes]) -> list[bytes]:
    """Each piece broken in two, as networks do."""
    framed = [b"data: " + each + b"\r\n\r\n" for each in pieces]
    if kind == JSON:
        framed = [(b",\r\n" if number else b"[") + each + b"\n" for number, each in enumerate(pieces)]
    return [half for each in framed for half in (each[:20], each[20:])]


def capped(router: respx.MockRouter, extensions: int) -> World:
    world = World(router)
    object.__setattr__(world.app.admission, "counters", Once(extensions))
    object.__setattr__(world.app.plane, "counters", Once(extensions))
    return world


@pytest.mark.parametrize("extensions", [0, 1, 3])
async def test_an_array_at_its_cap_is_still_an_array_with_an_error_at_its_end(
    router: respx.MockRouter, extensions: int
) -> None:
    world = capped(router, extensions)
    answered(router, JSON, wired(JSON, [piece(200) for _ in range(12)]))
    response = await world.call("POST", PATH, json=BODY)
    *pieces, error = response.json()
    assert (error["error"]["status"], error["error"]["code"]) == ("FAILED_PRECONDITION", 400)
    (entry,) = world.settled
    assert entry.outcome is Outcome.CAPPED
    assert 0 < len(pieces) < 12
    assert (entry.usage.input_text, entry.estimated) == (7, True)
    assert len([each for each in world.journal.entries if isinstance(each, Extended)]) == extensions


async def test_events_at_their_cap_end_in_an_error_event(router: respx.MockRouter) -> None:
    world = capped(router, 1)
    answered(router, EVENTS, [b"data: " + piece(200) + b"\r\n\r\n" for _ in range(12)])
    response = await world.call("POST", PATH + "?alt=sse", json=BODY)
    blocks = [each for each in response.text.split("\r\n\r\n") if each]
    assert json.loads(blocks[-1].removeprefix("data: "))["error"]["status"] == "FAILED_PRECONDITION"
    assert world.settled[0].outcome is Outcome.CAPPED


@pytest.mark.parametrize("kind", [EVENTS, JSON])
async def test_a_cut_stream_stays_cut_and_what_passed_is_counted(router: respx.MockRouter, kind: str) -> None:
    world = World(router)
    answered(router, kind, wired(kind, [piece(3), piece(5)]), cut=True)
    with pytest.raises(AssertionError):  # httpx's ASGI transport, of an answer that was never ended
        await world.call("POST", PATH + ("?alt=sse" if kind == EVENTS else ""), json=BODY)
    (entry,) = world.settled
    assert (entry.outcome, entry.estimated) == (Outcome.CUT, True)
    assert (entry.usage.input_text, entry.usage.output_text) == (7, 8)


@pytest.mark.parametrize("kind", [EVENTS, JSON])
async def test_a_stream_cut_after_its_finish_reason_is_what_was_reported(router: respx.MockRouter, kind: str) -> None:
    world = World(router)
    answered(router, kind, wired(kind, [piece(3), piece(8, "STOP")]), cut=True)
    with pytest.raises(AssertionError):
        await world.call("POST", PATH, json=BODY)
    (entry,) = world.settled
    assert (entry.usage.output_text, entry.estimated) == (8, False)
