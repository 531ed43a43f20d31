"""TokenCounter by tiktoken, in a child process that starts when first needed and ends when idle."""

import asyncio
import re
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec
import structlog

from proxy.ports.tokens import Count

log = structlog.get_logger("outlay.tokens")

WORKER: Final = Path(__file__).with_name("tokens_worker.py")
TEXT_BYTES_MAX: Final = 8 * 1024 * 1024
"""Of one count; about two million tokens, twice the longest prompt that any model takes."""
WAITING_MAX: Final = 64
TIMEOUT_S: Final = 10.0
"""For its turn, and again for the count itself; the first count starts the process and loads an encoding (0.5 s)."""
IDLE_S: Final = 60.0
CLOSE_S: Final = 1.0
BYTES_PER_TOKEN: Final = 3
"""Of the guess that stands in for a count. English prose has about four, code about three, so it errs upward."""

_LENGTH: Final = struct.Struct(">I")
_ANSWER_BYTES_MAX: Final = 9
_CL100K: Final = re.compile(r"(?:ft:)?(?:gpt-3\.5|gpt-35|gpt-4(?![o.\d])|text-embedding-|davinci-002|babbage-002)")


class TiktokenCounter:
    """Counts are queued: one at a time, first come first served, at most WAITING_MAX waiting.

    Texts go to the child through a pipe and nowhere else. What can't be counted (too much, too slow, too many waiting,
    the child gone) is guessed: a token for every three bytes.
    """

    def __init__(
        self,
        tokenizers: Path | None = None,
        timeout_s: float = TIMEOUT_S,
        idle_s: float = IDLE_S,
        worker: Path = WORKER,
    ) -> None:
        """`tokenizers`: folder of tiktoken's cached encodings; default: the one that litellm brings along."""
        self._tokenizers = tokenizers or bundled_tokenizers()
        self._timeout_s = timeout_s
        self._idle_s = idle_s
        self._worker = worker
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._child: asyncio.subprocess.Process | None = None

    async def count(self, model: str, texts: Sequence[str]) -> Count:
        """Tokens of the texts together. Never raises, and never blocks the event loop."""
        encoded = [text.encode("utf-8", "replace") for text in texts if text]
        size = sum(map(len, encoded))
        if not size:
            return Count(0)
        guess = Count(-(-size // BYTES_PER_TOKEN), guessed=True)
        if size > TEXT_BYTES_MAX or self._waiting >= WAITING_MAX:
            return guess
        question = msgspec.msgpack.encode((encoding_of(model), encoded))
        self._waiting += 1
        try:
            return Count(await self._in_turn(_LENGTH.pack(len(question)) + question))
        except (OSError, TimeoutError, EOFError, msgspec.DecodeError) as error:
            log.warning("tokens guessed, not counted", cause=type(error).__name__)
            return guess
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """End the child. A later count starts another."""
        async with self._turn:
            child, self._child = self._child, None
            if child is not None:
                await _end(child, CLOSE_S)

    async def _in_turn(self, frame: bytes) -> int:
        async with asyncio.timeout(self._timeout_s):
            await self._turn.acquire()
        try:
            return await self._answer(frame)
        finally:
            self._turn.release()

    async def _answer(self, frame: bytes) -> int:
        reused = self._child is not None
        try:
            return await self._exchange(frame)
        except (OSError, EOFError):
            if not reused:
                raise
        return await self._exchange(frame)  # the child had gone idle and ended: ask a new one

    async def _exchange(self, frame: bytes) -> int:
        """Ask, and read the answer. Whatever comes between ends the child: it must not answer the next question."""
        try:
            async with asyncio.timeout(self._timeout_s):
                source, sink = await self._streams()
                if sink.is_closing():
                    raise BrokenPipeError  # uvloop lets nobody write there: a RuntimeError, which nobody expects
                sink.write(frame)
                await sink.drain()
                size = _LENGTH.unpack(await source.readexactly(_LENGTH.size))[0]
                return msgspec.msgpack.decode(await source.readexactly(min(size, _ANSWER_BYTES_MAX)), type=int)
        except BaseException:  # a cancelled caller too
            child, self._child = self._child, None
            if child is not None:
                await asyncio.shield(_end(child, patience_s=0))
            raise

    async def _streams(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._child is None:
            self._child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # imports come from where ours do, not from the script's folder
                str(self._worker),
                str(self._idle_s),
                str(int(self._timeout_s) + 1),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={"TIKTOKEN_CACHE_DIR": str(self._tokenizers)},  # no provider credential goes along
                start_new_session=True,  # Ctrl-C is for the gateway, which still has calls to settle
            )
        if self._child.stdout is None or self._child.stdin is None:
            raise BrokenPipeError
        return self._child.stdout, self._child.stdin


async def _end(child: asyncio.subprocess.Process, patience_s: float) -> None:
    """Close its stdin, which an idle child takes as the sign to go. Kill it when it doesn't."""
    if child.stdin is not None:
        child.stdin.close()
    try:
        async with asyncio.timeout(patience_s):
            await child.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()


def encoding_of(model: str) -> str:
    """The tokenizer of a model, or the nearest known one.

    GPT-3.5, GPT-4 and the embeddings have cl100k_base; what came after GPT-4 has o200k_base. Anthropic publishes no
    tokenizer for its current models, so Claude, as everything else, is counted with o200k_base.
    """
    return "cl100k_base" if _CL100K.match(model) else "o200k_base"


def bundled_tokenizers() -> Path:
    """litellm's copy of tiktoken's encodings, so that nothing is downloaded. litellm itself is not imported."""
    spec = find_spec("litellm")
    folder = spec.submodule_search_locations[0] if spec and spec.submodule_search_locations else ""
    return Path(folder, "litellm_core_utils", "tokenizers")
