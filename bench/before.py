"""Whether the gateway got dearer: this version beside an older one, in one run: `python -m bench.before REVISION`.

Both are started from their own checkout with the same policies, in front of one provider of a few lines. Rounds are
interleaved; each counts the CPU (user and system) of the gateway process per call, and the ratio is taken within a
round, so it holds on any machine. Three kinds of call, 16 in flight: a small one answered whole, an agent's of 70 KB, a
stream of 100 chunks. Memory is that of a gateway that has just become ready. About two minutes.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from tests.servers.processes import ALICE_KEY, Deployment, base_environ

ROOT: Final = Path(__file__).resolve().parents[1]
IN_FLIGHT: Final = 16
ROUNDS: Final = 7
CALLS: Final = {"small": 1500, "agent": 600, "stream": 200}
"""Calls of one kind in one round."""
CHUNKS: Final = 100
TICK_US: Final = 1e6 / os.sysconf("SC_CLK_TCK")

_ANSWER: Final = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-4o",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "word " * 120}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 350, "completion_tokens": 120, "total_tokens": 470},
    }
).encode()
_EVENT: Final = b'data: {"id":"chatcmpl-1","model":"gpt-4o","choices":[{"index":0,"delta":{"content":" word"}}]}\n\n'
_LAST: Final = (
    b'data: {"id":"chatcmpl-1","model":"gpt-4o","choices":[],'
    b'"usage":{"prompt_tokens":350,"completion_tokens":100,"total_tokens":450}}\n\ndata: [DONE]\n\n'
)


def body(kind: str) -> bytes:
    text = "x" * (68_000 if kind == "agent" else 1_300)
    message = {"model": "gpt-4o", "messages": [{"role": "user", "content": text}]}
    stream = {"stream": True, "stream_options": {"include_usage": True}} if kind == "stream" else {}
    return json.dumps(message | stream).encode()


async def _provide(ready: Connection) -> None:
    """A provider that answers at once, so that it is never what is measured."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
                content = await reader.readexactly(length)
                if b'"stream": true' in content:
                    writer.write(
                        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
                    )
                    for _ in range(CHUNKS):
                        writer.write(b"%x\r\n%b\r\n" % (len(_EVENT), _EVENT))
                        await writer.drain()
                        await asyncio.sleep(0)
                    writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(_LAST), _LAST))
                else:
                    head_ = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
                    writer.write(head_ % len(_ANSWER) + _ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    ready.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def _provider_process(ready: Connection) -> None:
    asyncio.run(_provide(ready))


async def call_all(port: int, kind: str, count: int) -> None:
    """`count` calls over IN_FLIGHT connections that are kept."""
    content = body(kind)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {ALICE_KEY}\r\n"
        f"content-type: application/json\r\nuser-agent: OpenAI/Python 2.54.0\r\ncontent-length: {len(content)}\r\n\r\n"
    ).encode()

    async def client(calls: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(calls):
            writer.write(head + content)
            answer = await reader.readuntil(b"\r\n\r\n")
            if not answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(answer.decode("latin-1"))
            lowered = answer.lower()
            if b"content-length:" in lowered:
                await reader.readexactly(int(lowered.partition(b"content-length:")[2].partition(b"\r\n")[0]))
            else:
                await reader.readuntil(b"\r\n0\r\n\r\n")
        writer.close()

    await asyncio.gather(*(client(count // IN_FLIGHT) for _ in range(IN_FLIGHT)))


@dataclass
class Version:
    name: str
    deployment: Deployment

    def cpu_us(self) -> float:
        fields = Path(f"/proc/{self.deployment.gateway.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICK_US

    def memory_mib(self) -> float:
        status = Path(f"/proc/{self.deployment.gateway.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def round(self, kind: str) -> float:
        """CPU microseconds a call."""
        before = self.cpu_us()
        asyncio.run(call_all(self.deployment.port, kind, CALLS[kind]))
        return (self.cpu_us() - before) / CALLS[kind]


@contextmanager
def version(name: str, root: Path, folder: Path, upstream: str) -> Iterator[Version]:
    """A gateway of the checkout at `root`, ready."""
    folder.mkdir()
    deployment = Deployment(folder, upstream)
    # Both checkouts read this file, so it says what both understand.
    (folder / "policies/providers.yaml").write_text(
        f'providers:\n  openai: {{dialect: openai, base_url: "{upstream}", api_key: none}}\n'
    )
    deployment.gateway.environ = {**deployment.gateway.environ, **base_environ(), "PYTHONPATH": str(root)}
    try:
        deployment.start_gateway()
        yield Version(name, deployment)
    finally:
        deployment.stop()


@contextmanager
def checkout(revision: str, folder: Path) -> Iterator[Path]:
    subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(folder), revision], cwd=ROOT, check=True)
    try:
        yield folder
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", str(folder)], cwd=ROOT, check=True)


def _line(kind: str, before: list[float], now: list[float]) -> str:
    ratios = [each / other for each, other in zip(now, before, strict=True)]
    middle = statistics.median
    return (
        f"{kind:>7}: {middle(before):6.0f} us before, {middle(now):6.0f} us now; "
        f"ratio {middle(ratios):.2f} ({len(ratios)} rounds: {min(ratios):.2f} to {max(ratios):.2f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("revision", help="the version to compare with, as git names it")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    provider = multiprocessing.Process(target=_provider_process, args=(theirs,), daemon=True)
    provider.start()
    upstream = f"http://127.0.0.1:{ours.recv()}"
    with tempfile.TemporaryDirectory(prefix="outlay-bench-") as folder, ExitStack() as stack:
        old_root = stack.enter_context(checkout(asked.revision, Path(folder, "checkout")))
        versions = [
            stack.enter_context(version("before", old_root, Path(folder, "before"), upstream)),
            stack.enter_context(version("now", ROOT, Path(folder, "now"), upstream)),
        ]
        time.sleep(1)
        memory = {each.name: each.memory_mib() for each in versions}
        print(f"memory when ready: {memory['before']:.1f} MiB before, {memory['now']:.1f} MiB now", flush=True)
        for kind in CALLS:
            for each in versions:
                each.round(kind)
            seen: dict[str, list[float]] = {each.name: [] for each in versions}
            for number in range(asked.rounds):
                for each in versions if number % 2 else reversed(versions):
                    seen[each.name].append(each.round(kind))
            print(_line(kind, seen["before"], seen["now"]), flush=True)
    provider.kill()


if __name__ == "__main__":
    sys.exit(main())
