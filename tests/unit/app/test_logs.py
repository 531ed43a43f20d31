"""What a log line holds, as a process of its own writes it."""

import subprocess
import sys

import pytest

SCRIPT = """
import logging
import structlog
from proxy.app.logs import configure
from proxy.settings import Settings

configure(Settings(log_level="debug", log_format="{form}"), "gateway")

def fail():
    prompt = "canary-7f3a" + "-of-a-prompt"
    raise ValueError("a fault of our own")

for log in (structlog.get_logger("outlay.test"), logging.getLogger("uvicorn.error")):
    try:
        fail()
    except ValueError:
        log.exception("it failed")
"""


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_traceback_tells_where_and_shows_no_values(form: str) -> None:
    script = SCRIPT.replace("{form}", form)
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    assert said.stderr.count("a fault of our own") == 2
    assert "in fail" in said.stderr
    assert "canary-7f3a-of-a-prompt" not in said.stderr
    assert said.stdout == ""
