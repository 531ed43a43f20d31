"""The gateways of this machine, asked over their sockets in the data folder."""

import asyncio
from pathlib import Path
from typing import Final

import httpx

PREFIX: Final = "gateway-"
SUFFIX: Final = ".sock"
GATEWAYS_MAX: Final = 64
WAIT_S: Final = 0.2
TEXT_BYTES_MAX: Final = 1024 * 1024


async def gateway_metrics(data: Path) -> dict[str, str | None]:
    """Each gateway's metrics by node, as it exposes them; None of one that did not give them within 0.2 s."""
    sockets = await asyncio.to_thread(_sockets, data)
    texts = await asyncio.gather(*map(_metrics, sockets))
    nodes = [socket.name.removeprefix(PREFIX).removesuffix(SUFFIX) for socket in sockets]
    return dict(zip(nodes, texts, strict=True))


def _sockets(data: Path) -> list[Path]:
    return sorted(data.glob(f"{PREFIX}*{SUFFIX}"))[:GATEWAYS_MAX]


async def _metrics(socket: Path) -> str | None:
    try:
        async with asyncio.timeout(WAIT_S):
            transport = httpx.AsyncHTTPTransport(uds=str(socket), verify=False)
            async with httpx.AsyncClient(transport=transport, trust_env=False, timeout=WAIT_S) as client:
                answer = await client.get("http://gateway/metrics")
    except (httpx.HTTPError, OSError, TimeoutError):
        return None
    return answer.text if answer.status_code == 200 and len(answer.content) <= TEXT_BYTES_MAX else None
