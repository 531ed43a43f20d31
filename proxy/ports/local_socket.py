"""The address of a Unix socket in the data folder: what is bound to and connected to."""

import errno
import os
from pathlib import Path
from typing import Final

ADDRESS_BYTES_MAX: Final = 103
"""Of what Unix systems let an address have: 104 bytes with its end on macOS and the BSDs, 108 on Linux."""


class SocketPathError(OSError):
    """Says how long the path may be."""


def socket_address(socket: Path) -> str:
    """The path from the current folder where that is shorter: an address has room for a hundred characters only, and
    folders lie deep. Raises SocketPathError where both are too long."""
    whole = str(socket)
    if len(os.fsencode(whole)) <= ADDRESS_BYTES_MAX:
        return whole
    near = os.path.relpath(whole)
    if len(os.fsencode(near)) <= ADDRESS_BYTES_MAX:
        return near
    said = (
        f"a socket's path has at most {ADDRESS_BYTES_MAX} bytes, and {whole} is longer: put the data folder elsewhere"
    )
    raise SocketPathError(errno.ENAMETOOLONG, f"{said}, or start outlay beside it")
