"""The supervisor and its planes, with processes that do nothing but hand over."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from proxy.app.supervisor import Plane, Supervisor
from proxy.settings import Settings

GATEWAY = """
import os, signal, socket, sys, time
folder = sys.argv[1]
talk = socket.socket(fileno=int(os.environ["OUTLAY_HANDOVER_FD"]))
number = len(os.listdir(folder)) + 1
def told(*_):
    if number > 1:
        sys.exit()
    talk.sendall(b"c")  # the door is closed; a last call goes on
signal.signal(signal.SIGTERM, told)
signal.signal(signal.SIGUSR1, lambda *_: sys.exit())
talk.sendall(b"l")
talk.recv(1)
with open(os.path.join(folder, str(number)), "x") as mark:
    mark.write(str(os.getpid()))
if number == 2:
    os._exit(1)
time.sleep(120)
"""


def left(mark: Path) -> int:
    """The process that has left this mark; 0: none yet."""
    return int(mark.read_text() or 0) if mark.exists() else 0


def runs(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


async def there(mark: Path) -> int:
    async with asyncio.timeout(60):
        while not left(mark):
            await asyncio.sleep(0.01)
    return left(mark)


async def test_a_new_gateway_that_dies_is_started_again_while_the_old_one_still_ends_its_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gateway_of_test.py").write_text(GATEWAY)
    marks = tmp_path / "marks"
    marks.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    plane = Plane("gateway-0", "gateway_of_test", Settings(data=tmp_path), (str(marks),), renewable=True)
    supervisor = Supervisor([plane], stop_s=1)
    running = asyncio.create_task(supervisor.run(lambda: None))
    old = await there(marks / "1")
    os.kill(os.getpid(), signal.SIGUSR2)
    await there(marks / "3")
    assert runs(old)
    os.kill(old, signal.SIGUSR1)
    supervisor.stop()
    assert await running == 0
    if plane.talk is not None:
        plane.talk.close()


async def test_a_plane_that_cannot_be_started_is_started_as_soon_as_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plane_of_test.py").write_text("import sys, time; open(sys.argv[1], 'w').write('1'); time.sleep(120)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    plane = Plane("gateway-0", "plane_of_test", Settings(data=tmp_path), (str(tmp_path / "mark"),))
    supervisor = Supervisor([plane], stop_s=1)
    with monkeypatch.context() as without:
        without.setattr(sys, "executable", str(tmp_path / "none"))  # as with no files, memory or processes left
        running = asyncio.create_task(supervisor.run(lambda: None))
        async with asyncio.timeout(60):
            while not plane.failures:
                await asyncio.sleep(0.01)
    await there(tmp_path / "mark")
    supervisor.stop()
    assert await running == 0
