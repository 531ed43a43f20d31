"""The translation process puts its confinement on before it takes a call, and ends with whoever started it."""

import subprocess
import sys
from pathlib import Path

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
        timeout=60,
        check=False,
    )
    assert (ended.stdout, ended.returncode) == ("confined\n", 0), ended.stderr
