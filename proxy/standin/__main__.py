"""`python -m proxy.standin`: the stand-in provider as a process."""

import argparse
import os
import signal
import sys
import threading
import time

from proxy.standin import HOST_DEFAULT, PORT_DEFAULT
from proxy.standin.server import serve


def main() -> None:
    """The first line on standard output is the base URL."""
    parser = argparse.ArgumentParser(
        prog="python -m proxy.standin", description="A fake LLM provider; it asks no model."
    )
    parser.add_argument("--host", default=HOST_DEFAULT)
    parser.add_argument("--port", type=int, default=PORT_DEFAULT, help="0 takes a free one")
    parser.add_argument("--parent", type=int, default=0, help="stop when this process is no longer the parent")
    given = parser.parse_args()
    if given.parent:
        threading.Thread(target=_stop_with, args=(given.parent,), daemon=True).start()
    serve(given.host, given.port, _announce)


def _stop_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


def _announce(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
