"""A standard stream that is closed leads nowhere: else the next file or socket that is opened gets its number, and what
is said ends up in it.

Imported first, before anything is opened.
"""

import os
import sys
from contextlib import suppress


def _make_whole(number: int) -> None:
    with suppress(OSError):
        os.fstat(number)
        return
    os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it has the lowest number that is free


for _number in range(3):
    _make_whole(_number)
sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115  # for as long as the process runs
sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115  # the same
