"""A standard stream that is closed leads nowhere: else the next file or socket that is opened gets its number, and what
is said ends up in it. And no character that is printed ends a command.

Imported first, before anything is opened.
"""

import io
import os
import sys
from contextlib import suppress


def _make_whole(number: int) -> None:
    with suppress(OSError):
        os.fstat(number)
        return
    os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it has the lowest number that is free


def forgive(stream: object) -> None:
    """A character that the encoding of the terminal lacks (Latin-1, `LANG=C`) is a question mark, and no error. What
    programs are to read is ASCII, or written as bytes."""
    if isinstance(stream, io.TextIOWrapper) and (stream.errors == "strict" or not stream.encoding.startswith("utf")):
        stream.reconfigure(errors="replace")


for _number in range(3):
    _make_whole(_number)
sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115  # for as long as the process runs
sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115  # the same
sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115  # the same
