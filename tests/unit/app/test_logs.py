"""What a log line holds, as a process of its own writes it."""

import fcntl
import os
import subprocess
import sys
import termios
import tty
from collections.abc import Iterator

import pytest

SCRIPT = """
import logging
import structlog
from proxy.app.logs import configure
from proxy.settings import Settings

configure(Settings(log_level="debug", log_format="{form}"), "gateway")

def fail():
    prompt = "canary-7f3a" + "-of-a-prompt"
    raise ValueError("a fault of " + "our own")

for log in (structlog.get_logger("outlay.test"), logging.getLogger("uvicorn.error")):
    try:
        fail()
    except ValueError:
        log.exception("it failed")
"""


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_traceback_tells_where_and_shows_no_values(form: str) -> None:
    script = SCRIPT.replace("{form}", form)
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=300)
    assert said.stderr.count("a fault of our own") == 2
    assert "in fail" in said.stderr
    assert "canary-7f3a-of-a-prompt" not in said.stderr
    assert said.stdout == ""


FORGED = "a\\n12:00:00 [info     ] key revoked\\r\\x1b[2J\\x9b31m\\u202e\\u2028b"
"""As a provider's error or a file's name may hold it."""
FORGING = """
import logging
import structlog
from proxy.app.logs import configure
from proxy.settings import Settings

configure(Settings(log_level="debug", log_format="{form}"), "gateway")
forged = "{forged}"
for log in (structlog.get_logger("outlay.test"), logging.getLogger("uvicorn.error")):
    try:
        raise ValueError(forged)
    except ValueError:
        log.exception("it failed")
structlog.get_logger("outlay.test").warning("provider failed", detail=forged, parts=[forged], by={forged: 1})
logging.getLogger("uvicorn.error").error(forged)
"""


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_word_of_others_forges_a_line_or_steers_a_terminal(form: str) -> None:
    script = FORGING.replace("{form}", form).replace("{forged}", FORGED)
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=300
    ).stderr
    assert "key revoked" in said
    assert not any(line.startswith("12:00:00") for line in said.splitlines())
    assert all(character.isprintable() for character in said if character != "\n")


TWICE = """
import io, logging, sys
import structlog
from proxy.app.logs import configure
from proxy.settings import Settings

log = structlog.get_logger("outlay.test")
for name in ("one", "two"):
    sys.stderr = io.StringIO()
    if name == "one":
        configure(Settings(log_format="json"), "command")
    log.warning(name)
    logging.getLogger("uvicorn.error").warning(name)
    print(sys.stderr.getvalue().count(name))
    sys.stderr.close()
"""


def test_lines_go_to_whatever_stderr_is_by_then() -> None:
    done = subprocess.run([sys.executable, "-c", TWICE], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.split() == ["2", "2"]


UNREAD = """
import sys
import structlog
from proxy.app.logs import configure
from proxy.settings import Settings

configure(Settings(log_format="json"), "gateway")
log = structlog.get_logger("outlay.test")
for number in range(3000):
    log.info("said", number=number, text="x" * 5000 * (number % 2))
print("went on", flush=True)
sys.stdin.readline()
log.info("heard again")
"""


def _pipe() -> tuple[int, int]:
    return os.pipe()


def _terminal() -> tuple[int, int]:
    theirs, ours = os.openpty()
    tty.setraw(ours, termios.TCSANOW)
    return theirs, ours


@pytest.fixture(params=[_pipe, _terminal])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """Where a log is read, and where it is written."""
    made = request.param()
    yield made
    for each in made:
        os.close(each)


def test_nobody_waits_for_a_log_that_is_not_read_and_lines_go_on_once_it_is(ends: tuple[int, int]) -> None:
    source, sink = ends
    with subprocess.Popen(
        [sys.executable, "-c", UNREAD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sink
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"went on\n"
        assert not fcntl.fcntl(sink, fcntl.F_GETFL) & os.O_NONBLOCK  # as whoever else writes there expects
        while b'"number": 0,' not in (said := os.read(source, 65536)):
            pass
        os.set_blocking(source, False)
        while said:
            try:
                said = os.read(source, 65536)
            except BlockingIOError:
                break
        os.set_blocking(source, True)
        process.stdin.write(b"\n")
        process.stdin.flush()
        heard = b""
        while not heard.endswith(b"}\n"):
            heard += os.read(source, 65536)
        assert b'"event": "heard again"' in heard.splitlines()[-1]
        assert heard.splitlines()[-1].startswith(b"{")
