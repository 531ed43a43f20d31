"""A confined process reaches nothing. It can't be undone, so each case is a process of its own."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FORBIDDEN = {
    "a connection": "socket.create_connection(('127.0.0.1', 9))",
    "a name": "socket.getaddrinfo('localhost', 80)",
    "a program": "subprocess.run(['true'])",
    "a shell": "os.system('true')",
    "a file of the machine": "open('/etc/hostname')",
    "a file beside the package": "open(sys.argv[1])",
    "writing": "open(json.__file__, 'a')",
    "removing": "os.remove(sys.argv[1])",
}
BEGIN = (
    "import json, os, socket, subprocess, sys; from proxy.adapters.translation_confinement import confine; confine()\n"
)


def run(code: str, argument: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", BEGIN + code, argument],
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("code", FORBIDDEN.values(), ids=FORBIDDEN)
def test_nothing_is_reached(code: str) -> None:
    ended = run(f"try:\n    {code}\nexcept PermissionError:\n    print('held')", str(ROOT / "pyproject.toml"))
    assert (ended.stdout, ended.returncode) == ("held\n", 0), ended.stderr


def test_libraries_can_still_be_imported_and_read() -> None:
    code = "import wave, proxy.model.call; open(json.__file__).close(); a, b = socket.socketpair(); a.send(b'x')\n"
    ended = run(code + "print(b.recv(1))")
    assert ended.stdout == "b'x'\n", ended.stderr


STUCK = """
import asyncio, time
from proxy.adapters.translation_confinement import ended_when_stuck
async def main():
    task = asyncio.create_task(ended_when_stuck(2))
    await asyncio.sleep(2.5)
    print("alive", flush=True)
    while True:
        pass
asyncio.run(main())
"""


def test_a_process_whose_loop_stands_still_ends() -> None:
    ended = run(STUCK)
    assert (ended.stdout, ended.returncode) == ("alive\n", -signal.SIGALRM), ended.stderr
