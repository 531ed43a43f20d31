"""Balances over the ledger's socket: one small HTTP request at a time, by hand, so that no gateway needs a client
library in its memory for it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from proxy.policy.charge import Account
from proxy.ports.balances import AskedBudget, BalancesUnavailableError, Known, Place, Standing
from proxy.ports.local_socket import socket_address

WAIT_S: Final = 10.0
"""For the whole answer: the ledger takes about a second for a million calls, and may be busy with reports."""
ANSWER_BYTES_MAX: Final = 32 * 1024 * 1024
HEAD_BYTES_MAX: Final = 16 * 1024
_HEAD_END: Final = b"\r\n\r\n"


class _Answer(msgspec.Struct):
    accounts: list[tuple[str, tuple[str, ...], int, str, str]]
    loaded: list[tuple[int, int, int]]


_ANSWER: Final = msgspec.json.Decoder(_Answer)


class SocketBalances:
    """Fulfils ports.balances.Balances."""

    def __init__(self, socket: Path, wait_s: float = WAIT_S) -> None:
        self._socket = socket
        self._wait_s = wait_s

    async def known(self, budgets: Sequence[AskedBudget], node: str, since: Place) -> Known:
        question = msgspec.json.encode({"node": node, "since": since, "budgets": budgets})
        try:
            async with asyncio.timeout(self._wait_s):
                body = await self._asked(question)
        except TimeoutError:
            raise BalancesUnavailableError(f"the ledger did not answer within {self._wait_s:g} s") from None
        except (OSError, EOFError, asyncio.LimitOverrunError) as error:
            raise BalancesUnavailableError(f"the ledger can't be asked: {error or type(error).__name__}") from None
        try:
            return _known(_ANSWER.decode(body))
        except (msgspec.DecodeError, ValueError) as error:
            raise BalancesUnavailableError(f"the ledger's answer can't be read: {error}") from None

    async def _asked(self, question: bytes) -> bytes:
        reader, writer = await asyncio.open_unix_connection(socket_address(self._socket), limit=HEAD_BYTES_MAX)
        try:
            writer.write(
                b"POST /v1/balances HTTP/1.1\r\nhost: ledger\r\nconnection: close\r\n"
                b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(question), question)
            )
            await writer.drain()
            return await _body(reader)
        finally:
            writer.close()


async def _body(reader: asyncio.StreamReader) -> bytes:
    """The body of an answer with status 200. Raises BalancesUnavailableError, OSError, EOFError."""
    head = (await reader.readuntil(_HEAD_END)).decode("latin-1")
    status, *lines = head.split("\r\n")
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = fields.get("content-length", "")
    if not length.isdecimal() or int(length) > ANSWER_BYTES_MAX:
        raise BalancesUnavailableError(f"the ledger's answer states no length that can be taken: {length!r}")
    body = await reader.readexactly(int(length))
    if status.split(" ")[1:2] != ["200"]:
        raise BalancesUnavailableError(f"the ledger refused: {status}: {body[:500].decode(errors='replace')}")
    return body


def _known(answer: _Answer) -> Known:
    return Known(
        {
            Account(budget, instance, start_us): Standing(int(total), int(own))
            for budget, instance, start_us, total, own in answer.accounts
        },
        {(boot, number): loaded for boot, number, loaded in answer.loaded},
    )
