"""The way out: TLS trust, and proxies of the environment."""

import asyncio
import base64
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.ports.upstream import Fault, UpstreamError
from tests.contract.conftest import Connect
from tests.contract.upstream_calls import CANARY, call, exchanged
from tests.servers.certificates import Certificate
from tests.servers.raw_provider import Line, answering, ok, provider

CREDENTIAL = b"Basic " + base64.b64encode(f"alice:{CANARY}".encode())


async def test_a_certificate_with_its_authority_given_is_trusted(connect: Connect, tls: Certificate) -> None:
    async with provider(answering(ok(b"secret")), tls=tls.server()) as running:
        assert await exchanged(connect(tls=tls.trusting()), call(running.url)) == b"secret"


FROM_ENVIRONMENT = """
import asyncio, sys
from proxy.adapters.transport_aiohttp import AiohttpTransport
from proxy.adapters.upstream_httpx import HttpxUpstream
from tests.contract.upstream_calls import call, exchanged

async def main():
    transport = AiohttpTransport()
    print((await exchanged(HttpxUpstream(transport), call(sys.argv[1]))).decode())
    await transport.aclose()

asyncio.run(main())
"""


async def test_the_machines_own_authorities_are_trusted_and_ssl_cert_file_says_which(tls: Certificate) -> None:
    async with provider(answering(ok(b"secret")), tls=tls.server()) as running:
        told = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", FROM_ENVIRONMENT, running.url],
            env={"SSL_CERT_FILE": str(tls.pem)},
            cwd=Path(__file__).parents[2],
            check=True,
            capture_output=True,
            text=True,
        )
    assert told.stdout == "secret\n"


async def test_a_plain_proxy_gets_absolute_urls_and_its_credential(connect: Connect) -> None:
    """It is asked by name: whether the name can be looked up here doesn't matter. Its connections are kept too."""
    async with provider(answering(ok(b"one"), ok(b"two"))) as proxy:
        upstream = connect(proxies={"http": f"http://alice:{CANARY}@127.0.0.1:{proxy.port}"})
        assert await exchanged(upstream, call("http://provider.test:80", b"/v1/x?a=%2F")) == b"one"
        assert await exchanged(upstream, call("http://provider.test", b"/../y", headers=[(b"x", b"y")])) == b"two"
    first, second = proxy.seen
    assert first.head.startswith(b"POST http://provider.test/v1/x?a=%2F HTTP/1.1\r\nHost: provider.test\r\n")
    assert first.lines.count(b"Proxy-Authorization: " + CREDENTIAL) == 1
    assert second.head.startswith(b"POST http://provider.test/../y HTTP/1.1\r\nHost: provider.test\r\n")
    assert proxy.connections == 1


class Tunnel:
    """A CONNECT proxy: whatever name is asked for, it leads to one port of this machine."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.heads: list[bytes] = []

    async def __call__(self, line: Line) -> None:
        head = await line.head()
        assert head is not None
        self.heads.append(head)
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        await line.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(_pumped(line.reader, writer), _pumped(reader, line.writer))
        finally:
            writer.transport.abort()


async def _pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def test_a_tunnel_leads_to_tls_with_the_provider_itself(connect: Connect, tls: Certificate) -> None:
    async with provider(answering(ok(b"one"), ok(b"two")), tls=tls.server()) as running:
        tunnel = Tunnel(running.port)
        async with provider(tunnel) as proxy:
            proxies = {"https": f"http://alice:{CANARY}@127.0.0.1:{proxy.port}"}
            upstream = connect(proxies=proxies, tls=tls.trusting())
            secret = [(b"x-api-key", CANARY.encode())]
            assert await exchanged(upstream, call("https://provider.test", headers=secret)) == b"one"
            assert await exchanged(upstream, call("https://provider.test:443", headers=secret)) == b"two"
    assert running.seen[0].head.startswith(b"POST /v1/messages HTTP/1.1\r\nHost: provider.test\r\nx-api-key")
    assert b"proxy-authorization" not in running.seen[0].head.lower()
    assert (proxy.connections, running.connections) == (1, 1)
    assert tunnel.heads[0].startswith(b"CONNECT provider.test:443 HTTP/1.1\r\n")
    assert b"Proxy-Authorization: " + CREDENTIAL + b"\r\n" in tunnel.heads[0]
    assert b"x-api-key" not in tunnel.heads[0]


async def test_a_tunnel_to_somebody_else_is_a_tls_fault(connect: Connect, tls: Certificate) -> None:
    async with provider(answering(ok()), tls=tls.server()) as running, provider(Tunnel(running.port)) as proxy:
        upstream = connect(proxies={"all": f"http://127.0.0.1:{proxy.port}"}, tls=tls.trusting())
        with pytest.raises(UpstreamError) as caught:
            await exchanged(upstream, call("https://other.test"))
    assert caught.value.fault is Fault.TLS
    assert not running.seen


@pytest.mark.parametrize("answer", [b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", b""])
async def test_a_proxy_that_opens_no_tunnel_has_sent_nothing(connect: Connect, answer: bytes) -> None:
    async def script(line: Line) -> None:
        await line.head()
        if answer:
            await line.send(answer)
        line.close()

    async with provider(script) as proxy:
        upstream = connect(proxies={"https": f"http://alice:{CANARY}@127.0.0.1:{proxy.port}"})
        with pytest.raises(UpstreamError) as caught:
            await exchanged(upstream, call("https://provider.test"))
    assert caught.value.fault is Fault.CONNECT
    assert CANARY not in str(caught.value)


async def test_a_proxy_that_can_not_be_reached_has_sent_nothing(connect: Connect) -> None:
    async with provider(answering()) as gone:
        pass
    upstream = connect(proxies={"http": f"http://alice:{CANARY}@127.0.0.1:{gone.port}"})
    with pytest.raises(UpstreamError) as caught:
        await exchanged(upstream, call("http://provider.test"))
    assert caught.value.fault is Fault.CONNECT
    assert CANARY not in str(caught.value)


async def test_this_machine_is_reached_without_a_proxy(connect: Connect) -> None:
    async with provider(answering(ok(b"direct"))) as running:
        upstream = connect(proxies={"all": "http://proxy.test:1"})
        assert await exchanged(upstream, call(running.url)) == b"direct"
