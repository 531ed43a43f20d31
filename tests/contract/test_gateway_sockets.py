"""What gateways say of themselves, as the ledger reads it over their sockets."""

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from proxy.adapters.gateway_sockets import gateway_metrics, gateway_states
from proxy.ledger.conditions import Difference, GatewayState

DIFFERENCE = {"at_us": 5, "accounts": 2, "usd": "0.05", "budgets": ["all"]}


@pytest.fixture
def data() -> Iterator[Path]:
    """A short path: those of sockets are limited."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@asynccontextmanager
async def answering(socket: Path, body: bytes, status: int = 200) -> AsyncIterator[None]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 %d X\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % (status, len(body))
        writer.write(head + body)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(answer, socket)
    async with server:
        yield


async def test_each_gateway_says_how_it_is(data: Path) -> None:
    ill = {"ready": False, "providers": {"openai": False}, "counter_difference": DIFFERENCE, "of_later": 7}
    ill |= {"policy_mistakes": ["a", "b"], "budgets_waiting": ["new"], "budgets_withheld": ["all", "each"]}
    async with (
        answering(data / "gateway-a.sock", json.dumps(ill).encode(), 503),
        answering(data / "gateway-b.sock", b'{"ready": true}'),
        answering(data / "gateway-c.sock", b'{"ready": true, "journal": "passing"}'),
    ):
        assert await gateway_states(data) == [
            GatewayState(
                "a",
                accepting=False,
                providers={"openai": False},
                difference=Difference(5, 2, "0.05", ("all",)),
                mistakes=2,
                waiting=("new",),
                withheld=("all", "each"),
            ),
            GatewayState("b"),
            GatewayState("c", passing=True),
        ]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"ready": 3}', b"\xff", b'{"ready": true, "providers": [1]}'])
async def test_one_that_says_nothing_of_use_is_left_out(data: Path, body: bytes) -> None:
    async with answering(data / "gateway-a.sock", body):
        assert await gateway_states(data) == []


async def test_a_socket_that_nobody_answers_on_is_left_out_and_stands_without_metrics(data: Path) -> None:
    (data / "gateway-gone.sock").touch()
    async with answering(data / "gateway-a.sock", b"outlay_x 1\n"):
        assert await gateway_metrics(data) == {"a": "outlay_x 1\n", "gone": None}
        assert await gateway_states(data) == []
