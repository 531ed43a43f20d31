"""Which failures send a call to the next provider, which do not, and what stays on record of them."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest

from proxy.adapters.counters_memory import MemoryCounters
from proxy.dialects.openai import OpenAI
from proxy.dialects.openai_operations import CHAT
from proxy.gateway.admission import Admitted
from proxy.gateway.fallback import UNCONNECTED, Attempts, Moved
from proxy.gateway.plane import Plane
from proxy.gateway.rules import Rules
from proxy.model.call import Hold, Request
from proxy.model.entry import Cost
from proxy.model.limits import ModelLimits
from proxy.model.usage import Served, Usage
from proxy.policy.breaker import FAILURES_MAX, OPEN_US, State
from proxy.policy.rules import FAILED_STATUSES
from proxy.policy.types import PolicySet, Provider, Secret
from proxy.policy.verdict import Verdict, Weight
from proxy.ports.upstream import Fault, UpstreamError, UpstreamRequest
from tests.fakes.clock import FakeClock
from tests.fakes.facts import a_call
from tests.fakes.journal import FakeJournal
from tests.fakes.prices import by_bound
from tests.fakes.tokens import WordCounter
from tests.fakes.upstream import ScriptedAnswer

HOLD = Hold(1, 1, 1)


class NoPrices:
    """Fulfils ports.prices.Prices; nobody asks for one here."""

    def cost(self, provider: str, model: str, at_us: int, usage: Usage, served: Served) -> Cost:
        raise AssertionError

    bound = cost
    bound_of_text = by_bound

    def limits(self, provider: str, model: str) -> ModelLimits:
        raise AssertionError


Outcome = int | Fault


class ManyProviders:
    """Fulfils ports.upstream.Upstream: each provider answers with its status or fails with its fault, always."""

    def __init__(self, outcomes: Mapping[str, Outcome | asyncio.Event]) -> None:
        self.outcomes = dict(outcomes)
        self.asked: list[str] = []
        self.answers: list[ScriptedAnswer] = []

    async def send(self, request: UpstreamRequest) -> ScriptedAnswer:
        self.asked.append(request.base_url)
        outcome = self.outcomes[request.base_url]
        if isinstance(outcome, asyncio.Event):
            await outcome.wait()
            raise AssertionError
        if isinstance(outcome, Fault):
            raise UpstreamError(outcome, "")
        self.answers.append(ScriptedAnswer(outcome, [], [b"{}"]))
        return self.answers[-1]


def to(name: str) -> UpstreamRequest:
    return UpstreamRequest("POST", name, b"/", [], b"")


class Stage:
    """Calls to providers named a, b and c, in that order."""

    def __init__(self, **outcomes: Outcome | asyncio.Event) -> None:
        self.upstream = ManyProviders(outcomes)
        self.clock = FakeClock()
        self.plane = Plane(
            self.upstream, MemoryCounters(10), FakeJournal(), WordCounter(), self.clock, 5.0, lambda _: None
        )
        self.unfit: set[str] = set()

    def attempts(self, fallback: tuple[str, ...] = ("b", "c"), *, elsewhere: bool = True) -> Attempts:
        admitted = Admitted(
            call=a_call(provider="a"),
            request=Request("m"),
            hold=HOLD,
            provider=Provider("a", "openai", "a", Secret("none")),
            dialect=OpenAI(),
            operation=CHAT,
            rules=Rules(PolicySet("v"), NoPrices()),
            credential="",
            body=b"",
            edits=(),
            hide_usage=False,
            model="m",
            verdict=Verdict(Weight(HOLD, priced=True), fallback=fallback),
            opened_monotonic_us=0,
        )
        return Attempts(self.plane, admitted, to("a"), self._elsewhere if elsewhere else None)

    def _elsewhere(self, admitted: Admitted, name: str) -> Moved | None:
        if name in self.unfit:
            return None
        call = replace(admitted.call, provider=name)
        return replace(admitted, provider=replace(admitted.provider, name=name), call=call), to(name)


@pytest.mark.parametrize("failure", [*sorted(FAILED_STATUSES), *sorted(UNCONNECTED)])
async def test_after_a_failure_the_next_provider_is_asked_once_and_the_failure_is_on_record(failure: Outcome) -> None:
    stage = Stage(a=failure, b=200)
    attempts = stage.attempts()
    answer = await attempts.send()
    assert (answer.status, stage.upstream.asked) == (200, ["a", "b"])
    assert attempts.failed == (f"fallback a {failure}",)
    assert attempts.admitted.call.provider == "b"
    assert [each.closed for each in stage.upstream.answers] == ([True, False] if isinstance(failure, int) else [False])


@pytest.mark.parametrize("status", [200, 400, 401, 404, 408, 429, 501])
async def test_every_other_answer_is_the_answer(status: int) -> None:
    stage = Stage(a=status)
    attempts = stage.attempts()
    assert (await attempts.send()).status == status
    assert (stage.upstream.asked, attempts.failed) == (["a"], ())


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault not in UNCONNECTED])
async def test_what_may_have_been_billed_or_is_no_fault_of_the_provider_goes_nowhere_else(fault: Fault) -> None:
    stage = Stage(a=fault)
    with pytest.raises(UpstreamError):
        await stage.attempts().send()
    assert stage.upstream.asked == ["a"]


async def test_the_last_provider_has_the_last_word() -> None:
    stage = Stage(a=503, b=Fault.CONNECT, c=529)
    attempts = stage.attempts()
    assert (await attempts.send()).status == 529
    assert attempts.failed == ("fallback a 503", "fallback b connect")
    assert attempts.admitted.call.provider == "c"
    assert not stage.upstream.answers[-1].closed
    stage = Stage(a=503, b=Fault.DNS)
    with pytest.raises(UpstreamError):
        await stage.attempts(("b",)).send()


async def test_a_provider_that_may_not_take_the_call_is_passed_over() -> None:
    stage = Stage(a=503, c=200)
    stage.unfit = {"b"}
    attempts = stage.attempts(("a", "b", "c"))
    assert (await attempts.send()).status == 200
    assert stage.upstream.asked == ["a", "c"]


async def test_a_call_that_may_go_nowhere_else_fails_where_it_is() -> None:
    for stage, elsewhere, fallback in ((Stage(a=503), False, ("b",)), (Stage(a=503), True, ())):
        attempts = stage.attempts(fallback, elsewhere=elsewhere)
        assert (await attempts.send()).status == 503
        assert (stage.upstream.asked, attempts.failed) == (["a"], ())


async def test_a_provider_that_keeps_failing_is_left_out_until_a_trial_succeeds() -> None:
    stage = Stage(a=503, b=200)
    for _ in range(FAILURES_MAX):
        await stage.attempts().send()
    stage.upstream.asked.clear()
    attempts = stage.attempts()
    assert (await attempts.send()).status == 200
    assert (stage.upstream.asked, attempts.failed) == (["b"], ("fallback a open",))
    stage.clock.advance(OPEN_US)
    stage.upstream.outcomes["a"] = 200
    stage.upstream.asked.clear()
    for _ in range(2):
        await stage.attempts().send()
    assert stage.upstream.asked == ["a", "a"]


async def test_an_open_breaker_stops_no_call_that_has_nowhere_else_to_go() -> None:
    stage = Stage(a=503)
    for _ in range(FAILURES_MAX + 3):
        assert (await stage.attempts(()).send()).status == 503
    assert len(stage.upstream.asked) == FAILURES_MAX + 3
    stage.unfit = {"b", "c"}
    assert (await stage.attempts().send()).status == 503


async def test_a_trial_whose_client_hangs_up_leaves_the_next_call_to_try() -> None:
    stage = Stage(a=Fault.CONNECT, b=200)
    for _ in range(FAILURES_MAX):
        await stage.attempts().send()
    stage.clock.advance(OPEN_US)
    stage.upstream.outcomes["a"] = asyncio.Event()
    task = asyncio.create_task(stage.attempts().send())
    while stage.upstream.asked[-1] != "a":
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert stage.plane.breakers.state("a", stage.clock.monotonic_us()) is State.HALF_OPEN
    stage.upstream.outcomes["a"] = 200
    await stage.attempts().send()
    assert stage.upstream.asked[-1] == "a"
