"""RawProvider: a provider for tests that records requests byte for byte and answers byte for byte.

It speaks HTTP/1.1 only as far as a request's end must be found. What it answers, and how rudely, is the test's script:
one coroutine, run for each connection, that reads requests and sends bytes through a Line.
"""

import asyncio
import contextlib
import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

HEAD_BYTES_MAX = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Seen:
    """One request, as it came."""

    head: bytes
    """Request line and header lines, up to and with the empty line."""
    body: bytes
    """As framed on the wire: of a chunked body with sizes and all."""

    @property
    def target(self) -> bytes:
        return self.head.split(b"\r\n", 1)[0].split(b" ")[1]

    @property
    def lines(self) -> list[bytes]:
        return self.head.split(b"\r\n")[1:-2]


@dataclass(slots=True)
class Line:
    """One connection, in the hands of the script."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    seen: list[Seen]

    async def request(self) -> Seen | None:
        """The next request whole, recorded; None: the other side hung up instead."""
        head = await self.head()
        if head is None:
            return None
        seen = Seen(head, await self.body(head))
        self.seen.append(seen)
        return seen

    async def head(self) -> bytes | None:
        """The next request up to its headers' end, its body left unread."""
        with contextlib.suppress(ConnectionError):
            with contextlib.suppress(asyncio.IncompleteReadError):
                return await self.reader.readuntil(b"\r\n\r\n")
        return None

    async def body(self, head: bytes) -> bytes:
        lowered = head.lower()
        if b"transfer-encoding: chunked" in lowered:
            return await self.reader.readuntil(b"0\r\n\r\n")
        if b"content-length: " not in lowered:
            return b""
        length = lowered.split(b"content-length: ")[1].split(b"\r\n")[0]
        return await self.reader.readexactly(int(length))

    async def send(self, data: bytes) -> None:
        """Returns once the other side keeps up (within the buffers between)."""
        self.writer.write(data)
        await self.writer.drain()

    async def hung_up(self) -> int:
        """Returns once the other side has closed or reset the connection; gives how many bytes came before that."""
        count = 0
        with contextlib.suppress(ConnectionError):
            while data := await self.reader.read(65536):
                count += len(data)
        return count

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        handle = self.writer.get_extra_info("socket").fileno()
        with socket.socket(fileno=os.dup(handle)) as twin:
            twin.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Line], Awaitable[object]]


@dataclass(slots=True)
class RawProvider:
    """A running one; see `provider`."""

    url: str
    port: int
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0


@contextlib.asynccontextmanager
async def provider(
    script: Script, *, host: str = "127.0.0.1", name: str = "", tls: ssl.SSLContext | None = None
) -> AsyncIterator[RawProvider]:
    """Serve until the block is left. `name` stands in the URL instead of the address. An error of a script fails the
    block."""
    errors: list[BaseException] = []
    tasks: set[asyncio.Task[None]] = set()
    running = RawProvider("", 0)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await script(Line(reader, writer, running.seen))
        except (ConnectionError, asyncio.CancelledError):
            pass
        except Exception as error:
            errors.append(error)
        finally:
            writer.transport.abort()
            tasks.discard(task)

    server = await asyncio.start_server(connected, host, 0, ssl=tls, limit=HEAD_BYTES_MAX, backlog=2048)
    running.port = server.sockets[0].getsockname()[1]
    shown = name or (f"[{host}]" if ":" in host else host)
    running.url = f"{'https' if tls else 'http'}://{shown}:{running.port}"
    try:
        yield running
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if errors:
        raise errors[0]


def answering(*answers: bytes) -> Script:
    """Answer each request of a connection with the next of these, then wait for the hang-up."""

    async def script(line: Line) -> None:
        for answer in answers:
            if await line.request() is None:
                return
            await line.send(answer)
        await line.hung_up()

    return script


def ok(body: bytes = b"{}", headers: bytes = b"") -> bytes:
    """A plain answer with a content-length."""
    return b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (headers, len(body), body)
