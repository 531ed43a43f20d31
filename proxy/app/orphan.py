"""A plane whose supervisor is gone stops: two supervisors must never run planes on one folder unseen."""

import asyncio
import os
import signal
from typing import Final

CHECK_S: Final = 1.0


async def stop_with(supervisor_pid: int) -> None:
    """Watch the supervisor; when this process is no longer its child, stop gracefully. 0: nobody to watch."""
    while supervisor_pid:
        await asyncio.sleep(CHECK_S)
        if os.getppid() != supervisor_pid:
            os.kill(os.getpid(), signal.SIGTERM)
            return
