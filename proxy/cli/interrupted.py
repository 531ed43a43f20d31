"""Ctrl-C while a command is still being imported ends it at once and in silence, rather than with a traceback.

Imported first. From `heed` on, an interrupt is a KeyboardInterrupt again, which the commands know how to end on.
"""

import signal

_usual = signal.signal(signal.SIGINT, signal.SIG_DFL) if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN else None


def heed() -> None:
    if _usual is not None:
        signal.signal(signal.SIGINT, _usual)
