"""Reachable: whether a port of this machine takes connections."""

import asyncio
import socket
from typing import Final

LOOPBACK: Final = "127.0.0.1"
READY_WAIT_S: Final = 30.0
ALL: Final = {"0.0.0.0": LOOPBACK, "": LOOPBACK, "::": "::1"}  # noqa: S104  # compared, not bound


async def wait_until_open(host: str, port: int, wait_s: float = READY_WAIT_S) -> bool:
    """Wait for a port to take connections. False: it doesn't within the time."""
    deadline = asyncio.get_running_loop().time() + wait_s
    while not await asyncio.to_thread(is_open, host, port):
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(0.1)
    return True


def is_open(host: str, port: int) -> bool:
    try:
        with socket.create_connection((ALL.get(host, host), port), 0.5):
            return True
    except OSError:
        return False
