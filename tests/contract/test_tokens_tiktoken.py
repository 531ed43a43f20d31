"""Counting tokens in a child process: exact, bounded, and gone when it should be."""

import asyncio
import os
import select
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import tiktoken
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from proxy.adapters import tokens_worker
from proxy.adapters.tokens_tiktoken import (
    TEXT_BYTES_MAX,
    WAITING_MAX,
    TiktokenCounter,
    bundled_tokenizers,
    encoding_of,
)
from proxy.ports.tokens import Count, TokenCounter

DEAF = "import sys; sys.stdin.buffer.read()"
DEAD = "raise SystemExit(1)"
LIAR = "import sys; sys.stdin.buffer.read(4); sys.stdout.buffer.write(b'\\0\\0\\0\\1\\xc1'); sys.stdout.flush()"
SLOW_ONCE = """
import struct, sys
while head := sys.stdin.buffer.read(4):
    question = sys.stdin.buffer.read(struct.unpack(">I", head)[0])
    if b"slow" in question:
        sys.stdin.buffer.read()
    sys.stdout.buffer.write(b"\\0\\0\\0\\1\\x2a")
    sys.stdout.flush()
"""
"""Answers 42 to everything, and nothing once it was asked something slow."""


@pytest_asyncio.fixture
async def counter() -> AsyncIterator[TiktokenCounter]:
    made = TiktokenCounter(timeout_s=60)
    yield made
    await made.close()


@pytest.fixture(scope="module")
def o200k() -> tiktoken.Encoding:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(bundled_tokenizers()))
        return tiktoken.get_encoding("o200k_base")


def guess(tokens: int) -> Count:
    return Count(tokens, guessed=True)


def scripted(tmp_path: Path, script: str, timeout_s: float = 60) -> TiktokenCounter:
    worker = tmp_path / "worker.py"
    worker.write_text(script)
    return TiktokenCounter(timeout_s=timeout_s, worker=worker)


async def started(counter: TiktokenCounter) -> asyncio.subprocess.Process:
    while counter._child is None:  # it sets no event, and needs none but here
        await asyncio.sleep(0)
    return counter._child


async def test_texts_are_counted_by_the_models_tokenizer(counter: TiktokenCounter, o200k: tiktoken.Encoding) -> None:
    port: TokenCounter = counter
    texts = ["hello world", "", "naïve 東京 🙂 <|endoftext|>"]
    assert await port.count("gpt-5", texts) == Count(sum(len(o200k.encode_ordinary(text)) for text in texts))
    assert await port.count("gpt-4", ["東京"]) == Count(3)  # one token in o200k_base, three in cl100k_base
    assert await port.count("gpt-5", ["東京"]) == Count(1)


async def test_special_tokens_are_ordinary_text(counter: TiktokenCounter) -> None:
    assert await counter.count("gpt-5", ["<|endoftext|>"]) == Count(7)


async def test_lone_surrogates_are_counted(counter: TiktokenCounter) -> None:
    assert await counter.count("gpt-5", ["\ud800 x"]) == Count(2)


async def test_questions_at_once_get_their_own_answers(counter: TiktokenCounter) -> None:
    counts = await asyncio.gather(*(counter.count("gpt-5", [" a" * many]) for many in range(1, 40)))
    assert counts == [Count(each) for each in range(1, 40)]


async def test_the_loop_runs_on_while_a_long_text_is_counted(counter: TiktokenCounter) -> None:
    await counter.count("gpt-5", ["warm"])
    counting = asyncio.create_task(counter.count("gpt-5", [" word" * 500_000]))
    turns = 0
    while not counting.done():
        turns += 1
        await asyncio.sleep(0.001)
    assert await counting == Count(500_000)
    assert turns > 10


async def test_one_word_of_megabytes_is_counted_in_time(counter: TiktokenCounter) -> None:
    counted = await counter.count("gpt-5", ["a" * 2_000_000])
    assert counted.tokens == pytest.approx(250_000, rel=0.001)
    assert not counted.guessed


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-3.5-turbo", "cl100k_base"),
        ("gpt-35-turbo", "cl100k_base"),
        ("gpt-4", "cl100k_base"),
        ("gpt-4-turbo-2024-04-09", "cl100k_base"),
        ("ft:gpt-3.5-turbo-0125:org::id", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
        ("gpt-4o", "o200k_base"),
        ("gpt-4.1-mini", "o200k_base"),
        ("ft:gpt-4o-2024-08-06:org::id", "o200k_base"),
        ("gpt-5", "o200k_base"),
        ("o3", "o200k_base"),
        ("claude-sonnet-4-5", "o200k_base"),
        ("", "o200k_base"),
    ],
)
def test_a_model_has_its_tokenizer_or_the_nearest(model: str, encoding: str) -> None:
    assert encoding_of(model) == encoding


async def test_nothing_is_nothing_and_starts_no_process(counter: TiktokenCounter) -> None:
    assert await counter.count("gpt-5", []) == Count(0)
    assert await counter.count("gpt-5", ["", ""]) == Count(0)
    assert counter._child is None


async def test_too_much_is_guessed_and_starts_no_process(counter: TiktokenCounter) -> None:
    assert await counter.count("gpt-5", ["é" * (TEXT_BYTES_MAX // 2), "x"]) == guess(TEXT_BYTES_MAX // 3 + 1)
    assert counter._child is None


@pytest.mark.parametrize(("script", "timeout_s"), [(DEAD, 60), (LIAR, 60), (DEAF, 0.2), ("import nothing_here", 60)])
async def test_a_child_that_fails_is_ended_and_its_count_guessed(tmp_path: Path, script: str, timeout_s: float) -> None:
    counter = scripted(tmp_path, script, timeout_s)
    assert await counter.count("gpt-5", ["1234567", "é"]) == guess(3)
    assert counter._child is None


async def test_missing_tokenizers_make_a_guess_not_a_download(tmp_path: Path) -> None:
    counter = TiktokenCounter(tokenizers=tmp_path, timeout_s=60)
    assert await counter.count("gpt-5", ["hello world!"]) == guess(4)
    assert counter._child is None


async def test_a_caller_that_gives_up_leaves_no_answer_to_the_next(tmp_path: Path) -> None:
    counter = scripted(tmp_path, SLOW_ONCE)
    given_up = asyncio.create_task(counter.count("gpt-5", ["slow"]))
    first = await started(counter)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert await counter.count("gpt-5", ["quick"]) == Count(42)
    assert counter._child is not first
    await counter.close()


async def test_those_who_wait_are_bounded(tmp_path: Path) -> None:
    counter = scripted(tmp_path, SLOW_ONCE)
    waiting = [asyncio.create_task(counter.count("gpt-5", ["slow"])) for _ in range(WAITING_MAX)]
    await started(counter)
    async with asyncio.timeout(30):
        assert await counter.count("gpt-5", ["123456"]) == guess(2)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert await counter.count("gpt-5", ["quick"]) == Count(42)
    await counter.close()


async def test_an_idle_child_ends_and_another_one_takes_its_place() -> None:
    counter = TiktokenCounter(timeout_s=60, idle_s=0.01)
    assert await counter.count("gpt-5", ["hello world"]) == Count(2)
    first = await started(counter)
    assert await first.wait() == 0
    assert await counter.count("gpt-5", ["hello world"]) == Count(2)
    await counter.close()


def test_an_idle_child_that_ended_costs_no_count_in_the_gateways_own_event_loop() -> None:
    """uvloop raises another error than asyncio where one writes to a child that has gone."""

    async def counted() -> list[Count]:
        counter = TiktokenCounter(timeout_s=60, idle_s=0.01)
        first = await counter.count("gpt-5", ["hello world"])
        child = await started(counter)
        assert child.stdin is not None
        await child.wait()
        while not child.stdin.is_closing():
            await asyncio.sleep(0)
        second = await counter.count("gpt-5", ["hello world"])
        await counter.close()
        return [first, second]

    assert uvloop.run(counted()) == [Count(2), Count(2)]


async def test_closing_ends_the_child_and_may_be_repeated(counter: TiktokenCounter) -> None:
    await counter.count("gpt-5", ["hello"])
    child = await started(counter)
    await counter.close()
    await counter.close()
    assert child.returncode == 0


async def test_the_child_is_its_own_session_without_secrets_or_core_dumps(counter: TiktokenCounter) -> None:
    await counter.count("gpt-5", ["hello"])
    pid = (await started(counter)).pid
    assert os.getsid(pid) == pid
    process = Path("/proc", str(pid))
    assert process.joinpath("environ").read_text() == f"TIKTOKEN_CACHE_DIR={bundled_tokenizers()}\0"
    limits = process.joinpath("limits").read_text().splitlines()
    assert next(line for line in limits if line.startswith("Max core file size")).split()[4:6] == ["0", "0"]


GATEWAY = """
import asyncio, os, signal, sys
from proxy.adapters.tokens_tiktoken import TiktokenCounter
from proxy.ports.tokens import Count
async def main():
    counter = TiktokenCounter(timeout_s=60)
    assert await counter.count("gpt-5", ["hello world"]) == Count(2)
    assert "tiktoken" not in sys.modules and "litellm" not in sys.modules
    print(counter._child.pid, flush=True)
    sys.stdin.read()
asyncio.run(main())
"""


def test_the_child_ends_with_a_killed_gateway_which_itself_stays_free_of_tiktoken() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", GATEWAY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as gateway:
        assert gateway.stdout is not None
        child = os.pidfd_open(int(gateway.stdout.readline()))
        gateway.kill()
    try:
        assert select.select([child], [], [], 30)[0] == [child]  # readable: it has ended
    finally:
        os.close(child)


@given(st.text(max_size=300))
def test_a_text_of_one_chunk_is_counted_as_it_is(o200k: tiktoken.Encoding, text: str) -> None:
    assert tokens_worker.tokens(o200k, text) == len(o200k.encode_ordinary(text))


def test_cutting_prose_into_chunks_changes_no_count(o200k: tiktoken.Encoding) -> None:
    prose = "The quick brown fox jumps over the lazy dog; 東京 isn't far.\n" * 5000
    assert len(prose) > 4 * tokens_worker.CHUNK_CHARS_MAX
    assert tokens_worker.tokens(o200k, prose) == len(o200k.encode_ordinary(prose))
