"""Ctrl-C while a command starts, before a real process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import os, signal, sys

class Interrupting:
    # Asked for each module before it is looked for.
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
sys.argv = ["outlay", "--version"]
from proxy.__main__ import main
main()
"""


@pytest.mark.e2e
@pytest.mark.parametrize("module", ["typer", "proxy.cli.budget", "proxy.cli.demo.command"])
def test_a_command_interrupted_while_it_is_imported_ends_in_silence(module: str) -> None:
    ended = _started(CODE.format(module=module))
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.e2e
def test_an_interrupt_before_a_command_has_begun_is_no_traceback() -> None:
    code = "import os, signal, sys; sys.argv = ['outlay', '--version']; import proxy.__main__ as outlay\n"
    code += "outlay.app = lambda: os.kill(os.getpid(), signal.SIGINT)\n"
    ended = _started(f"{code}outlay.main()")
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


@pytest.mark.e2e
def test_what_ignores_interrupts_goes_on() -> None:
    """As behind `nohup` or `&` in a script."""
    before = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    ended = _started(before + CODE.format(module="typer"))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("outlay ")


def _started(code: str) -> "subprocess.CompletedProcess[str]":
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=300, check=False
    )
