"""httpx without its command line: the import of that alone pulls in rich, click and pygments, 6.3 MiB (measured).

Whoever needs httpx in the gateway takes it from here. Where httpx was imported before, nothing changes.
"""

import sys

sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None: importing it raises, and httpx copes

import httpx  # noqa: E402

__all__ = ["httpx"]
