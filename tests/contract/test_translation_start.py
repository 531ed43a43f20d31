"""The translation process puts its confinement on before it takes a call, and ends with whoever started it."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import uvloop

from proxy.adapters.translation_frames import Kind
from proxy.adapters.translation_process import Session

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import socket, sys
from proxy.adapters import translation_worker

def heard(event, arguments):
    if event == "sys.addaudithook":
        print("confined", flush=True)

sys.addaudithook(heard)
ours, theirs = socket.socketpair()
ours.close()
translation_worker.main(str(theirs.detach()))
"""


def test_it_is_confined_and_ends_when_nobody_is_there() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", CODE],
        env={"PYTHONPATH": str(ROOT), "LITELLM_MODE": "PRODUCTION", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (ended.stdout, ended.returncode) == ("confined\n", 0), ended.stderr


def test_words_to_a_process_that_is_gone_are_an_error_of_the_connection_in_the_gateways_own_event_loop() -> None:
    """uvloop itself raises a RuntimeError, which nobody takes for a fault of the process."""

    async def said() -> None:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        session = Session(reader, writer, fresh=False)
        theirs.close()
        with pytest.raises(EOFError):
            await session.hear(10)
        writer.transport.abort()
        for _ in range(10):
            await asyncio.sleep(0)
            with pytest.raises(ConnectionError):
                await session.say(Kind.CALL)

    uvloop.run(said())
