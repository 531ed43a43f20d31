"""The standard streams of a command that is started without them, as some services are."""

import os
import subprocess
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from proxy.cli import streams

LOOK = """
import os, sys
import proxy.__main__
print("said to nobody")
print("said to nobody", file=sys.stderr)
own = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
streams = [os.path.samestat(os.fstat(number), os.stat(os.devnull)) for number in range(3)]
os.write(own, f"{own > 2} {streams} {all(map(os.get_inheritable, range(3)))}".encode())
"""


def test_streams_that_are_closed_lead_nowhere_and_no_file_takes_their_place(tmp_path: Path) -> None:
    found = tmp_path / "found"
    without = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", LOOK, str(found)]
    assert subprocess.run(without, env=dict(os.environ), timeout=300, check=False).returncode == 0
    assert found.read_text() == "True [True, True, True] True"


@pytest.mark.parametrize(
    ("encoding", "errors"), [("latin-1", "strict"), ("ascii", "surrogateescape"), ("utf-8", "strict")]
)
def test_a_character_that_the_terminal_lacks_is_a_question_mark(encoding: str, errors: str) -> None:
    out = TextIOWrapper(BytesIO(), encoding, errors)
    streams.forgive(out)
    out.write("\udce9 ok")  # of a file's name that is no UTF-8; every encoding lacks it
    out.flush()
    assert out.buffer.getvalue() == b"? ok"  # type: ignore[attr-defined]
