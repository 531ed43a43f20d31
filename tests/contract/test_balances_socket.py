"""Balances over a Unix socket: asked of a real ledger, and of things that are none."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from proxy.adapters.balances_socket import ANSWER_BYTES_MAX, SocketBalances
from proxy.adapters.store_duckdb import DuckStore
from proxy.ledger.balances import balances
from proxy.policy.charge import Account
from proxy.policy.rules import Unit
from proxy.ports.balances import BEGINNING, AskedBudget, BalancesUnavailableError, Place, Standing
from proxy.web.balances import BODY_BYTES_MAX, BalancesEndpoint
from proxy.web.control_errors import HANDLED, on_error
from proxy.web.control_reading import Desk
from proxy.web.server import server, unix_socket
from tests.fakes.journal import FakeJournal
from tests.flow.ledger_world import a_store, load, spent

WHOLE = {"since_us": 0, "until_us": 2**63 - 1, "count_refused": False, "unit": Unit.USD}


@pytest.fixture
def store(tmp_path):
    with a_store(tmp_path) as store:
        load(
            store, [spent("call_1"), spent("call_2", owner="bob"), spent("call_3", tags={"Ünï": "\u2028 'x'"})], "mine"
        )
        yield store


@asynccontextmanager
async def serving(store: DuckStore, socket) -> AsyncIterator[None]:
    """The endpoint behind the server that the ledger uses."""
    endpoint = BalancesEndpoint(Desk(store, FakeJournal(), lambda: 0))
    app = Starlette(
        routes=[Route("/v1/balances", endpoint.answer, methods=["POST"])],
        exception_handlers=dict.fromkeys(HANDLED, on_error),
    )
    running: uvicorn.Server = server(app, stop_s=1)
    task = asyncio.create_task(running.serve([unix_socket(socket)]))
    while not running.started:
        await asyncio.sleep(0)
    try:
        yield
    finally:
        running.stop()
        await task


@asynccontextmanager
async def saying(socket, *pieces: bytes) -> AsyncIterator[None]:
    """Something that says these bytes to whoever asks, and then hangs up; without any, it says nothing at all."""

    talks = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.current_task())
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            if not pieces:
                await reader.read()
        writer.close()

    async with await asyncio.start_unix_server(talk, socket):
        yield
        await asyncio.wait(talks)


async def test_the_answer_is_the_ledgers(store, tmp_path):
    asked = [
        AskedBudget("all", {}, (), **WHOLE),
        AskedBudget("users", {"team": ("pay*",)}, ("user", "tags.Ünï"), **WHOLE),
        AskedBudget("none", {"team": ("x",)}, ("user",), **WHOLE),
    ]
    async with serving(store, tmp_path / "l.sock"):
        known = await SocketBalances(tmp_path / "l.sock").known(asked, "mine", BEGINNING)
    assert known == balances(store, asked, "mine", BEGINNING, 5)
    assert known.accounts[Account("all", (), 0)] == Standing(330_000_990, 330_000_990)
    assert Account("users", ("alice", "\u2028 'x'"), 0) in known.accounts
    assert len(known.loaded) == 1


async def test_where_the_ledger_is_not_the_state_is_said_and_nothing_is_made_up(tmp_path):
    with pytest.raises(BalancesUnavailableError, match="can't be asked"):
        await SocketBalances(tmp_path / "nobody.sock").known([], "mine", BEGINNING)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (ANSWER_BYTES_MAX + 1),
        b'HTTP/1.1 200 OK\r\ncontent-length: 55\r\n\r\n{"accounts": [["x", [], 0, "twelve", "0"]],"loaded": []}',
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 10_000,
        b"\x00\xff",
        random.Random(3).randbytes(10_000),
    ],
    ids=["busy", "no answer", "cut", "no length", "too long", "no number", "endless head", "bytes", "noise"],
)
async def test_an_answer_that_is_none_is_no_balance(tmp_path, said):
    async with saying(tmp_path / "l.sock", said):
        with pytest.raises(BalancesUnavailableError):
            await SocketBalances(tmp_path / "l.sock").known([], "mine", BEGINNING)


async def test_a_ledger_that_hangs_is_not_waited_for_long(tmp_path):
    async with saying(tmp_path / "l.sock"):
        with pytest.raises(BalancesUnavailableError, match="within"):
            await SocketBalances(tmp_path / "l.sock", wait_s=0.05).known([], "mine", BEGINNING)


@pytest.mark.parametrize(
    "budget",
    [
        AskedBudget("x", {"owner_kind": ("person",)}, (), **WHOLE),
        AskedBudget("x", {}, ("session'; DROP TABLE calls; --",), **WHOLE),
    ],
)
async def test_what_no_budget_can_ask_about_is_refused_and_runs_nothing(store, tmp_path, budget):
    async with serving(store, tmp_path / "l.sock"):
        with pytest.raises(BalancesUnavailableError, match="422"):
            await SocketBalances(tmp_path / "l.sock").known([budget], "mine", Place(1, 1, 0))
    assert store.read("SELECT count(*) FROM calls") == [(3,)]


async def test_a_question_that_is_none_or_too_long_is_a_400(store, tmp_path):
    async with serving(store, tmp_path / "l.sock"):
        with pytest.raises(BalancesUnavailableError, match="400"):
            await SocketBalances(tmp_path / "l.sock").known([], "x" * BODY_BYTES_MAX, BEGINNING)
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "l.sock"))
        writer.write(b"POST /v1/balances HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}")
        assert b" 400 " in await reader.read()
        writer.close()
