"""The gateways of this machine, asked over their sockets in the data folder."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import httpx
import msgspec

from proxy.ledger.conditions import Difference, GatewayState
from proxy.ports.local_socket import socket_address

PREFIX: Final = "gateway-"
SUFFIX: Final = ".sock"
GATEWAYS_MAX: Final = 64
PASSING: Final = "passing"
"""What a gateway says of its journal that can't be written, while calls pass."""
WAIT_S: Final = 0.2
TEXT_BYTES_MAX: Final = 1024 * 1024


async def gateway_metrics(data: Path) -> dict[str, str | None]:
    """Each gateway's metrics by node, as it exposes them; None of one that did not give them within 0.2 s."""
    texts = await _answers(data, "/metrics", (200,))
    return {node: text if text is None else text.decode(errors="replace") for node, text in texts.items()}


async def gateway_states(data: Path, wait_s: float = WAIT_S) -> list[GatewayState]:
    """What each gateway says of itself; those that don't answer in that time are left out."""
    answers = await _answers(data, "/readyz", (200, 503), wait_s)
    return [state for node, body in answers.items() if body is not None and (state := _state(node, body)) is not None]


class _Difference(msgspec.Struct):
    at_us: int
    accounts: int
    usd: str
    budgets: list[str]


class _Details(msgspec.Struct):
    """What counts of the gateway's own details, which may be of another version than this program."""

    ready: bool
    journal: str = ""
    providers: dict[str, bool] = {}
    counter_difference: _Difference | None = None
    policy_mistakes: list[str] = []
    budgets_waiting: list[str] = []
    budgets_withheld: list[str] = []


_DETAILS: Final = msgspec.json.Decoder(_Details)


def _state(node: str, body: bytes) -> GatewayState | None:
    try:
        details = _DETAILS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    found = details.counter_difference
    difference = Difference(found.at_us, found.accounts, found.usd, tuple(found.budgets)) if found else None
    return GatewayState(
        node,
        details.ready,
        details.providers,
        difference,
        mistakes=len(details.policy_mistakes),
        waiting=tuple(details.budgets_waiting),
        withheld=tuple(details.budgets_withheld),
        passing=details.journal == PASSING,
    )


async def _answers(
    data: Path, path: str, statuses: tuple[int, ...], wait_s: float = WAIT_S
) -> Mapping[str, bytes | None]:
    """By node; None of one that gave none of these statuses in time."""
    sockets = await asyncio.to_thread(_sockets, data)
    bodies = await asyncio.gather(*(_answer(socket, path, statuses, wait_s) for socket in sockets))
    nodes = [socket.name.removeprefix(PREFIX).removesuffix(SUFFIX) for socket in sockets]
    return dict(zip(nodes, bodies, strict=True))


def _sockets(data: Path) -> list[Path]:
    return sorted(data.glob(f"{PREFIX}*{SUFFIX}"))[:GATEWAYS_MAX]


async def _answer(socket: Path, path: str, statuses: tuple[int, ...], wait_s: float) -> bytes | None:
    try:
        async with asyncio.timeout(wait_s):
            transport = httpx.AsyncHTTPTransport(uds=socket_address(socket), verify=False)
            async with httpx.AsyncClient(transport=transport, trust_env=False, timeout=wait_s) as client:
                answer = await client.get(f"http://gateway{path}")
    except (httpx.HTTPError, OSError, TimeoutError):
        return None
    return answer.content if answer.status_code in statuses and len(answer.content) <= TEXT_BYTES_MAX else None
