"""What slow clients do to others: callers call on, alone and beside attackers, through a gateway of their own.

    python -m bench.overload [--attackers 1000] [--seconds 8] [--callers 8] [--keep]

The attacks: *writers*, half of which drip the headers of a request and half its body, a byte a second;
*readers*, each of which asks for an answer of 2 MiB and takes nothing of it; and *knockers*, more connections than the
gateway takes (its limit is set low for that). Printed: the callers' success, their median and worst hundredth beside
those without attackers, in the same run, and the gateway's memory. In the end one stream of --events events. Exit code
1 where a caller's call failed, an event of the stream is missing, or it took memory.
"""

import argparse
import asyncio
import contextlib
import math
import resource
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.deployed import arguments_of, in_a_folder
from bench.long_stream import passed
from bench.process_figures import memory_mib
from tests.servers.processes import ALICE_KEY, LOOPBACK, deployment
from tests.servers.raw_provider import Line, ok, provider

KIB: Final = 1024
LONG_BYTES: Final = 2 * KIB * KIB
ANSWER: Final = b'{"model":"gpt-4o-mini","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}'
JSON: Final = b"content-type: application/json\r\n"
PIECE: Final = bytes(64 * KIB)
HEAD: Final = b"POST /v1/chat/completions HTTP/1.1\r\nhost: outlay\r\nauthorization: Bearer %b\r\n" % ALICE_KEY.encode()
SMALL: Final = b'{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}'
LONG: Final = b'{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "at length"}]}'
DRIP_S: Final = 1.0
CONNECT_S: Final = 60.0
CALL_S: Final = 30.0
STREAM_S: Final = 600.0
STREAM_MIB_MAX: Final = 32
PAUSE_S: Final = 0.005
"""Between a caller's calls."""
STANDING_S: Final = 0.2
STANDING: Final = 10
STANDING_POLLS: Final = 300
ROOM: Final = 64
"""Connections that the gateway takes beside those of the attackers, where knockers come."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the callers saw."""

    waited_s: list[float]
    failed: list[str]

    def at(self, share: float) -> float:
        """Milliseconds."""
        ordered = sorted(self.waited_s) or [math.inf]
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


class Provider:
    """Gives short answers, and long ones to whoever wants to hear at length."""

    def __init__(self) -> None:
        self.sent_bytes = 0
        """Of long answers."""

    async def answering(self, line: Line) -> None:
        while (asked := await line.request()) is not None:
            line.seen.clear()
            if b"at length" not in asked.body:
                await line.send(ok(ANSWER, JSON))
                continue
            await line.send(b"HTTP/1.1 200 OK\r\n%bcontent-length: %d\r\n\r\n" % (JSON, LONG_BYTES))
            for _ in range(LONG_BYTES // len(PIECE)):
                await line.send(PIECE)
                self.sent_bytes += len(PIECE)


async def calling(port: int, seconds: float, callers: int) -> Seen:
    """Call after call, each caller on a connection of its own that it keeps."""
    seen = Seen([], [])
    until_s = time.monotonic() + seconds

    async def caller() -> None:
        while time.monotonic() < until_s:
            async with connected(port) as (reader, writer):
                kept = True
                while kept and time.monotonic() < until_s:
                    kept = await called(reader, writer, seen)
                    await asyncio.sleep(PAUSE_S)

    await asyncio.gather(*(caller() for _ in range(callers)))
    return seen


async def called(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> bool:
    """One call. True: the connection may be used again."""
    begun_s = time.monotonic()
    try:
        async with asyncio.timeout(CALL_S):
            writer.write(HEAD + b"content-length: %d\r\n\r\n%b" % (len(SMALL), SMALL))
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            body = await reader.readexactly(length)
    except (OSError, EOFError, TimeoutError) as error:
        seen.failed.append(type(error).__name__)
        return False
    if not head.startswith(b"HTTP/1.1 200") or body != ANSWER:
        seen.failed.append(head.split(b"\r\n")[0].decode())
    seen.waited_s.append(time.monotonic() - begun_s)
    return b"connection: close" not in head


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def attack(kind: str, port: int, count: int) -> None:
    """Until this process is ended. Says when all of it is there, and then how many are left, on stdout."""
    here, all_in = 0, asyncio.Event()

    async def one(number: int) -> None:
        nonlocal here
        async with connected(port) as (reader, writer):
            here += 1
            if here == count:
                all_in.set()
            with contextlib.suppress(OSError, EOFError):
                if kind == "writers":
                    await dripping(writer, headers=number % 2 == 0)
                elif kind == "readers":
                    writer.write(HEAD + b"content-length: %d\r\n\r\n%b" % (len(LONG), LONG))
                    writer.transport.pause_reading()  # type: ignore[attr-defined]  # a read transport has it
                    await asyncio.sleep(3600)
                else:
                    await reader.read()
        here -= 1

    tasks = [asyncio.create_task(one(number)) for number in range(count)]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CONNECT_S):
            await all_in.wait()
    sys.stdout.write(f"{here}\n")
    sys.stdout.flush()
    await asyncio.gather(*tasks)


async def dripping(writer: asyncio.StreamWriter, *, headers: bool) -> None:
    writer.write(HEAD if headers else HEAD + b"content-length: 100000\r\n\r\n{")
    while not writer.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(DRIP_S)


async def standing(provider: "Provider") -> None:
    """Wait until the attack stands: of the long answers, what passes has passed."""
    before, same = -1, 0
    for _ in range(STANDING_POLLS):
        same = same + 1 if provider.sent_bytes == before else 0
        if same == STANDING:
            return
        before = provider.sent_bytes
        await asyncio.sleep(STANDING_S)


@contextlib.asynccontextmanager
async def attacked(kind: str, port: int, count: int) -> AsyncIterator[int]:
    """How many attackers there are."""
    asked = ("-m", "bench.overload", "--attack", kind, "--port", str(port), "--attackers", str(count))
    process = await asyncio.create_subprocess_exec(sys.executable, *asked, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline() or 0)
    finally:
        process.kill()
        await process.wait()


async def drill(folder: Path, attackers: int, seconds: float, callers: int) -> int:
    """The exit code."""
    failed = 0
    print(f"{attackers} attackers, {callers} callers, {seconds:.0f} s each")
    print(f"{'':10}{'calls':>8}{'failed':>8}{'p50 ms':>9}{'p99 ms':>9}{'x p50':>7}{'x p99':>7}{'MiB':>7}")
    answers = Provider()
    async with provider(answers.answering) as upstream:
        for kind in ("writers", "readers", "knockers"):
            limit = {"connections_max": str(attackers + ROOM)} if kind == "knockers" else {}
            with deployment(folder / kind, upstream.url, ledger=False, **limit) as outlay:
                await calling(outlay.port, min(1.0, seconds), callers)
                alone = await calling(outlay.port, seconds, callers)
                shown("alone", alone, alone, memory_mib(outlay.gateway.pid, "VmHWM"))
                count = attackers + (2 * ROOM if kind == "knockers" else 0)
                async with attacked(kind, outlay.port, count) as there:
                    await standing(answers)
                    beside = await calling(outlay.port, seconds, callers)
                shown(kind, beside, alone, memory_mib(outlay.gateway.pid, "VmHWM"))
                # Knockers fill the port: callers who come later are told so, and that is what is tried there.
                refused = [why for why in beside.failed if kind != "knockers" or " 503 " not in why]
                failed += len(alone.failed) + len(refused)
                if there < count:
                    print(f"  only {there} of {count} got in")
                for why in sorted(set(alone.failed + beside.failed)):
                    print(f"  {why}: {(alone.failed + beside.failed).count(why)}")
    return 1 if failed else 0


async def streamed(folder: Path, events: int) -> int:
    """The exit code."""
    begun_s = time.monotonic()
    found = await passed(folder / "stream", events, STREAM_S)
    print(
        f"a stream of {events:,} events: {found.events:,} passed in {time.monotonic() - begun_s:.0f} s, "
        f"{'whole' if found.whole else 'NOT WHOLE'}; {found.settled[0]:,} tokens settled"
        f"{', ESTIMATED' if found.settled[1] else ''}; {found.more_mib:.0f} MiB more than before"
    )
    even = found.more_mib < STREAM_MIB_MAX
    return 0 if found.whole and even and found.events == events and found.settled == (events, False) else 1


async def drilled(folder: Path, asked: argparse.Namespace) -> int:
    code = await drill(folder, asked.attackers, asked.seconds, asked.callers)
    return max(code, await streamed(folder, asked.events))


def shown(name: str, seen: Seen, alone: Seen, memory: float) -> None:
    at = [seen.at(0.5), seen.at(0.99)]
    times = [at[0] / alone.at(0.5), at[1] / alone.at(0.99)]
    print(
        f"{name:10}{len(seen.waited_s):8}{len(seen.failed):8}{at[0]:9.2f}{at[1]:9.2f}{times[0]:7.2f}{times[1]:7.2f}{memory:7.0f}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--attackers", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--events", type=int, default=1_000_000, help="of one long stream")
    parser.add_argument("--attack", default="", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    asked = arguments_of(parser)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if soft < hard else soft, hard))
    if asked.attack:
        asyncio.run(attack(asked.attack, asked.port, asked.attackers))
        return 0
    return in_a_folder(
        "overload",
        lambda folder: asyncio.run(drilled(folder, asked)),
        keep=asked.keep,
    )


if __name__ == "__main__":
    sys.exit(main())
