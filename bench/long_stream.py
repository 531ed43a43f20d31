"""A stream of very many events through a gateway: whether all pass, what they take of memory, what is settled."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from bench.deployed import journal_lines
from bench.process_figures import memory_mib
from proxy.model.entry import Settled
from tests.servers.processes import ALICE_KEY, deployment
from tests.servers.raw_provider import Line, provider

EVENT: Final = b'data: {"choices":[{"index":0,"delta":{"content":" a"}}]}\n\n'
MARK: Final = b'" a"'
BLOCK: Final = 500
"""Events in one chunk of HTTP."""
ASKED: Final = (
    b'{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "stream": true, '
    b'"stream_options": {"include_usage": true}}'
)
LAST: Final = b"data: [DONE]\n\n"
READ_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Passed:
    events: int
    """That the caller got."""
    whole: bool
    """To the last line."""
    more_mib: float
    """By how much the gateway's memory at its highest is above that before."""
    settled: tuple[int, bool]
    """Output tokens on record, and whether they are an estimate."""


async def passed(folder: Path, events: int, wait_s: float) -> Passed:
    """Raises TimeoutError."""

    async def script(line: Line) -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for left in range(events, 0, -BLOCK):
            await line.send(_chunk(EVENT * min(BLOCK, left)))
        usage = b'{"prompt_tokens":3,"completion_tokens":%d}' % events
        await line.send(_chunk(b'data: {"choices":[],"usage":%b}\n\n' % usage + LAST) + b"0\r\n\r\n")
        await line.hung_up()

    async with provider(script) as upstream:
        with deployment(folder, upstream.url, ledger=False) as outlay:
            before = memory_mib(outlay.gateway.pid, "VmHWM")
            async with asyncio.timeout(wait_s):
                got, whole = await _got(outlay.url)
            more = memory_mib(outlay.gateway.pid, "VmHWM") - before
            await asyncio.to_thread(outlay.gateway.stop)
    (settled,) = (line for line in journal_lines(folder / "data") if isinstance(line, Settled))
    return Passed(got, whole, more, (settled.usage.output_text, settled.estimated))


async def _got(url: str) -> tuple[int, bool]:
    """Events, and whether the end came."""
    headers = {"authorization": f"Bearer {ALICE_KEY}", "content-type": "application/json"}
    events, end = 0, b""
    async with aiohttp.ClientSession(read_bufsize=READ_BYTES) as session:
        async with session.post(f"{url}/v1/chat/completions", data=ASKED, headers=headers) as answer:
            async for data in answer.content.iter_any():
                # A mark may be split between two reads, and is counted with the second.
                known = end[-len(MARK) + 1 :] + data
                events += known.count(MARK)
                end = (end + data)[-len(LAST) :]
    return events, end == LAST


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
