"""The ledger against a second witness: after thousands of mixed calls it equals the stand-in's own count, to the token.

Each scenario has a model name of its own, so that a difference names its cause.
"""

import asyncio
import random
from collections.abc import AsyncIterable, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import anthropic
import openai
import pytest

from proxy.standin.vocabulary import WORDS
from tests.servers.processes import ALICE_KEY, Deployment, StandIn, deployment, until
from tests.servers.spend import expected, reported

CALLS_OF_EACH: Final = 75
AT_ONCE: Final = 16
SEED: Final = 20260101
LOADED_S: Final = 60.0
"""How long the ledger may take to load the rest once the last call has ended."""


@dataclass(frozen=True, slots=True)
class Sdks:
    openai: openai.AsyncOpenAI
    anthropic: anthropic.AsyncAnthropic


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of call. `headers` are for the stand-in; random parts come from `dice`."""

    ask: Callable[["Turn"], Awaitable[None]]
    estimated: bool = False
    """True: the provider reported no usage, and the ledger must say that it counted by itself."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One call of a scenario."""

    sdks: Sdks
    model: str
    dice: random.Random

    def told(self, **headers: object) -> dict[str, str]:
        """Headers for the stand-in; the answers are short and differ in length."""
        asked = {"tokens": self.dice.randint(3, 25), **headers}
        return {f"x-standin-{name.replace('_', '-')}": str(value) for name, value in asked.items()}

    @property
    def words(self) -> str:
        return "".join(self.dice.choices(WORDS, k=self.dice.randint(1, 40))).strip()

    @property
    def chat(self) -> dict[str, Any]:
        messages: list[dict[str, str]] = [{"role": "system", "content": self.words}] if self.dice.random() < 0.5 else []
        return {"model": self.model, "messages": [*messages, {"role": "user", "content": self.words}]}

    @property
    def responses(self) -> dict[str, Any]:
        return {"model": self.model, "input": self.words}

    @property
    def messages(self) -> dict[str, Any]:
        return {"model": self.model, "max_tokens": 1000, "messages": [{"role": "user", "content": self.words}]}


async def drain(stream: AsyncIterable[Any]) -> None:
    async for _ in stream:
        pass


async def drain_to_the_break(stream: AsyncIterable[Any]) -> None:
    """Read what comes before the provider breaks off; each SDK lets another error through."""
    with pytest.raises(Exception, match=r"(?i)closed|incomplete|peer|asked to fail"):
        await drain(stream)


async def hang_up_after(stream: Any, pieces: int, said: Callable[[Any], str]) -> None:
    """Read so many pieces of text, then close the connection, as an impatient user does."""
    async for event in stream:
        pieces -= bool(said(event))
        if not pieces:
            break
    await stream.close()


def chat_text(chunk: Any) -> str:
    return (chunk.choices[0].delta.content or "") if chunk.choices else ""


def response_text(event: Any) -> str:
    return event.delta if event.type == "response.output_text.delta" else ""


def message_text(event: Any) -> str:
    return event.delta.text if event.type == "content_block_delta" else ""


USAGE: Final[dict[str, Any]] = {"stream": True, "stream_options": {"include_usage": True}}
FUNCTION: Final[dict[str, Any]] = {
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


async def chat(turn: Turn) -> None:
    await turn.sdks.openai.chat.completions.create(**turn.chat, extra_headers=turn.told())


async def chat_choices(turn: Turn) -> None:
    await turn.sdks.openai.chat.completions.create(**turn.chat, n=3, extra_headers=turn.told())


async def chat_tool(turn: Turn) -> None:
    ask = {**turn.chat, "messages": [{"role": "user", "content": f"use the tool {turn.words}"}]}
    tools: Any = [{"type": "function", "function": FUNCTION}]
    await turn.sdks.openai.chat.completions.create(**ask, tools=tools, extra_headers=turn.told())


async def chat_details(turn: Turn) -> None:
    told = turn.told(cached=turn.dice.randint(0, 5000), reasoning=turn.dice.randint(0, 900), encoding="gzip")
    await turn.sdks.openai.chat.completions.create(**turn.chat, extra_headers=told)


async def chat_without_usage(turn: Turn) -> None:
    await turn.sdks.openai.chat.completions.create(**turn.chat, extra_headers=turn.told(usage="none"))


async def chat_limited(turn: Turn) -> None:
    await turn.sdks.openai.chat.completions.create(**turn.chat, max_completion_tokens=4, extra_headers=turn.told())


async def chat_failing(turn: Turn) -> None:
    told = turn.told(status=turn.dice.choice((429, 500, 503)))
    with pytest.raises(openai.APIStatusError):
        await turn.sdks.openai.chat.completions.create(**turn.chat, extra_headers=told)


async def chat_dropped(turn: Turn) -> None:
    """A whole answer whose client did not wait is billed all the same."""
    told = turn.told(delay_ms=1500)
    with suppress(TimeoutError):
        async with asyncio.timeout(0.75):
            await turn.sdks.openai.chat.completions.create(**turn.chat, extra_headers=told)


async def chat_stream(turn: Turn) -> None:
    told = turn.told(cached=turn.dice.randint(0, 500), reasoning=turn.dice.randint(0, 90))
    await drain(await turn.sdks.openai.chat.completions.create(**turn.chat, **USAGE, extra_headers=told))


async def chat_stream_hidden(turn: Turn) -> None:
    told = turn.told(cached=turn.dice.randint(0, 500), comments=1, newline=turn.dice.choice(("lf", "crlf")))
    stream = await turn.sdks.openai.chat.completions.create(**turn.chat, stream=True, extra_headers=told)
    async for chunk in stream:
        assert chunk.choices
        assert chunk.usage is None


async def chat_stream_compressed(turn: Turn) -> None:
    told = turn.told(encoding=turn.dice.choice(("gzip", "br")))
    await drain(await turn.sdks.openai.chat.completions.create(**turn.chat, stream=True, extra_headers=told))


async def chat_stream_without_usage(turn: Turn) -> None:
    told = turn.told(usage="none")
    await drain(await turn.sdks.openai.chat.completions.create(**turn.chat, stream=True, extra_headers=told))


async def chat_stream_choices_cut(turn: Turn) -> None:
    told = turn.told(tokens=20, cut_after=turn.dice.randint(1, 39))
    stream = await turn.sdks.openai.chat.completions.create(**turn.chat, **USAGE, n=2, extra_headers=told)
    await drain_to_the_break(stream)


async def chat_stream_cut(turn: Turn) -> None:
    told = turn.told(tokens=30, cut_after=turn.dice.randint(1, 29), encoding=turn.dice.choice(("gzip", "br")))
    stream = await turn.sdks.openai.chat.completions.create(**turn.chat, stream=True, extra_headers=told)
    await drain_to_the_break(stream)


async def chat_stream_failing(turn: Turn) -> None:
    told = turn.told(tokens=30, error_event_after=turn.dice.randint(1, 29))
    stream = await turn.sdks.openai.chat.completions.create(**turn.chat, stream=True, extra_headers=told)
    await drain_to_the_break(stream)


async def chat_stream_aborted(turn: Turn) -> None:
    pieces = turn.dice.randint(1, 29)
    told = turn.told(tokens=30, stall_after=pieces)
    stream = await turn.sdks.openai.chat.completions.create(**turn.chat, stream=True, extra_headers=told)
    await hang_up_after(stream, pieces, chat_text)


async def responses(turn: Turn) -> None:
    told = turn.told(cached=turn.dice.randint(0, 500), reasoning=turn.dice.randint(0, 90))
    await turn.sdks.openai.responses.create(**turn.responses, instructions=turn.words, extra_headers=told)


async def responses_stream(turn: Turn) -> None:
    limit = turn.dice.choice((4, 1000))
    told = turn.told(cached=turn.dice.randint(0, 500), reasoning=turn.dice.randint(0, 90))
    ask = {**turn.responses, "max_output_tokens": limit}
    await drain(await turn.sdks.openai.responses.create(**ask, stream=True, extra_headers=told))


async def responses_stream_cut(turn: Turn) -> None:
    told = turn.told(tokens=30, cut_after=turn.dice.randint(1, 29))
    stream = await turn.sdks.openai.responses.create(**turn.responses, stream=True, extra_headers=told)
    await drain_to_the_break(stream)


async def responses_stream_aborted(turn: Turn) -> None:
    pieces = turn.dice.randint(1, 29)
    told = turn.told(tokens=30, stall_after=pieces)
    stream = await turn.sdks.openai.responses.create(**turn.responses, stream=True, extra_headers=told)
    await hang_up_after(stream, pieces, response_text)


async def models(turn: Turn) -> None:
    await drain(turn.sdks.openai.models.list())


async def messages(turn: Turn) -> None:
    told = turn.told(
        cached=turn.dice.randint(0, 500),
        cache_write_5m=turn.dice.randint(0, 50),
        cache_write_1h=turn.dice.randint(0, 50),
        reasoning=turn.dice.randint(0, 90),
    )
    await turn.sdks.anthropic.messages.create(**turn.messages, system=turn.words, extra_headers=told)


async def messages_tool(turn: Turn) -> None:
    ask = {**turn.messages, "messages": [{"role": "user", "content": f"use the tool {turn.words}"}]}
    tools: Any = [{"name": "weather", "input_schema": FUNCTION["parameters"]}]
    await turn.sdks.anthropic.messages.create(**ask, tools=tools, extra_headers=turn.told(encoding="br"))


async def messages_without_usage(turn: Turn) -> None:
    ask = {**turn.messages, "system": turn.words}
    await turn.sdks.anthropic.messages.create(**ask, extra_headers=turn.told(usage="none"))


async def messages_failing(turn: Turn) -> None:
    told = turn.told(status=turn.dice.choice((429, 500, 529)))
    with pytest.raises(anthropic.APIStatusError):
        await turn.sdks.anthropic.messages.create(**turn.messages, extra_headers=told)


async def messages_stream(turn: Turn) -> None:
    told = turn.told(
        cached=turn.dice.randint(0, 500),
        cache_write_5m=turn.dice.randint(0, 50),
        cache_write_1h=turn.dice.randint(0, 50),
        reasoning=turn.dice.randint(0, 90),
        comments=1,
    )
    await drain(await turn.sdks.anthropic.messages.create(**turn.messages, stream=True, extra_headers=told))


async def messages_stream_cut(turn: Turn) -> None:
    told = turn.told(tokens=30, cut_after=turn.dice.randint(1, 29), cached=turn.dice.randint(0, 500))
    stream = await turn.sdks.anthropic.messages.create(**turn.messages, stream=True, extra_headers=told)
    await drain_to_the_break(stream)


async def messages_stream_aborted(turn: Turn) -> None:
    pieces = turn.dice.randint(1, 29)
    told = turn.told(tokens=30, stall_after=pieces, cached=turn.dice.randint(0, 500))
    stream = await turn.sdks.anthropic.messages.create(**turn.messages, stream=True, extra_headers=told)
    await hang_up_after(stream, pieces, message_text)


async def count_tokens(turn: Turn) -> None:
    await turn.sdks.anthropic.messages.count_tokens(model=turn.model, messages=turn.messages["messages"])


SCENARIOS: Final = tuple(
    Scenario(ask)
    for ask in (
        *(chat, chat_choices, chat_tool, chat_details, chat_limited, chat_failing, chat_dropped),
        *(chat_stream, chat_stream_hidden, chat_stream_compressed),
        *(responses, responses_stream, models),
        *(messages, messages_tool, messages_failing, messages_stream, count_tokens),
    )
) + tuple(
    Scenario(ask, estimated=True)
    for ask in (
        *(chat_without_usage, chat_stream_without_usage, chat_stream_choices_cut, chat_stream_cut),
        *(chat_stream_failing, chat_stream_aborted, responses_stream_cut, responses_stream_aborted),
        *(messages_without_usage, messages_stream_cut, messages_stream_aborted),
    )
)


def model_of(scenario: Scenario) -> str:
    """A name of its own; no provider has such a model."""
    return f"m-{scenario.ask.__name__.replace('_', '-')}"


ESTIMATED: Final = frozenset(model_of(scenario) for scenario in SCENARIOS if scenario.estimated)


@pytest.fixture(scope="module")
def outlay(tmp_path_factory: pytest.TempPathFactory, provider: StandIn) -> Iterator[Deployment]:
    """A deployment that nothing else has called, so that its ledger holds this run alone."""
    with deployment(tmp_path_factory.mktemp("ledger"), provider.url, drain_s="20") as running:
        yield running


async def test_the_ledger_equals_the_providers_own_count_to_the_token(outlay: Deployment, provider: StandIn) -> None:
    provider.reset()
    await run(outlay.url)
    counted = provider.counts()
    calls = counted["total"]["calls"]
    assert calls >= 2000
    assert {counted["total"][how] > 100 for how in ("complete", "cut", "hangup", "error")} == {True}

    until("the ledger has loaded every call", lambda: _calls(outlay) >= calls, outlay.ledger, LOADED_S)
    report = outlay.report("model")
    assert reported(report) == expected(counted)
    assert estimated(report) == {
        model: counts["calls"] if model in ESTIMATED else 0 for model, counts in counted["models"].items()
    }


def _calls(outlay: Deployment) -> int:
    total: int = outlay.report("model")["total"]["calls"]
    return total


async def run(url: str) -> None:
    """Every scenario, shuffled together, so many at once."""
    order = [scenario for scenario in SCENARIOS for _ in range(CALLS_OF_EACH)]
    random.Random(SEED).shuffle(order)
    places = asyncio.Semaphore(AT_ONCE)
    async with (
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=ALICE_KEY, max_retries=0, timeout=300) as openai_sdk,
        anthropic.AsyncAnthropic(base_url=url, api_key=ALICE_KEY, max_retries=0, timeout=300) as anthropic_sdk,
        asyncio.TaskGroup() as tasks,
    ):
        sdks = Sdks(openai_sdk, anthropic_sdk)

        async def one(number: int, scenario: Scenario) -> None:
            async with places:
                await scenario.ask(Turn(sdks, model_of(scenario), random.Random(SEED + number)))

        for number, scenario in enumerate(order):
            tasks.create_task(one(number, scenario))


def estimated(report: dict[str, Any]) -> dict[str, int]:
    return {row["model"]: row["estimated_calls"] for row in report["rows"]}
