"""The reserve: disk space set aside, so that calls in flight can still be settled when the disk is full."""

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

RESERVE_FILE: Final = "reserve"
HEADROOM_FILE: Final = "headroom"
HEADROOM_BYTES: Final = 1024 * 1024
"""What must be free beyond the reserve before calls are admitted again; else one freed block would do, and no more."""

NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class Reserve:
    def __init__(self, folder: Path, size: int) -> None:
        self._path = folder / RESERVE_FILE
        self._headroom = folder / HEADROOM_FILE
        self._size = size

    @property
    def held(self) -> bool:
        try:
            return self._path.stat().st_size >= self._size
        except OSError:
            return False

    def restore(self) -> None:
        """Set the space aside, and prove that there is room beyond it. Raises OSError."""
        if not self.held:
            _allocate(self._path, self._size)
        try:
            _allocate(self._headroom, min(HEADROOM_BYTES, self._size))
        finally:
            with suppress(OSError):
                self._headroom.unlink()

    def release(self) -> bool:
        """Give the space back to whoever writes next. False: there was none."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True


def _allocate(path: Path, size: int) -> None:
    """Make a file whose blocks are really taken, or none. Raises OSError."""
    room = os.statvfs(path.parent)
    if room.f_bavail * room.f_frsize < size:  # asked first: a try would take what settlements are drawing on
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, size)
        elif os.write(descriptor, bytes(size)) != size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError:
        with suppress(OSError):
            path.unlink()
        raise
    finally:
        os.close(descriptor)
