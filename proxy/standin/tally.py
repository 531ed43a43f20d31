"""Tally: the stand-in's own count of what it answered, and what it received with each call."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import islice
from typing import Any, Final

from proxy.model.usage import KINDS, Usage
from proxy.standin.hurry import Hurry

CALLS_KEPT: Final = 20_000
"""Calls that are listed one by one; the counts go on beyond it."""


class Ended(StrEnum):
    """How a call ended."""

    COMPLETE = "complete"
    ERROR = "error"
    """Answered with an error status, or a stream ended by an error event."""
    CUT = "cut"
    """The stand-in closed the connection, as asked."""
    HANGUP = "hangup"
    """The client went away."""


@dataclass(frozen=True, slots=True)
class Received:
    """What came in with a call. Of header values only the digests are kept: some are credentials."""

    method: str
    path: str
    target: bytes
    """SHA-256 of path and query as they stood on the wire."""
    body: bytes
    """SHA-256 of the body as it stood on the wire."""
    body_bytes: int
    headers: tuple[tuple[str, bytes], ...]
    """Lower-case name and SHA-256 of the value, in the order received."""


@dataclass(frozen=True, slots=True)
class Counted:
    """One call that has ended."""

    request_id: str
    marker: str
    operation: str
    model: str
    status: int
    """0: the client went away before there was one."""
    ended: Ended
    usage: Usage
    received: Received


class Tally:
    """Counts calls and tokens by model. Every call that is begun is ended exactly once."""

    def __init__(self, calls_kept: int = CALLS_KEPT) -> None:
        self._models: dict[str, Counter[str]] = {}
        self._calls: deque[Counted] = deque(maxlen=calls_kept)
        self._ended = 0
        self._open = 0
        self.hurry = Hurry()

    def begin(self) -> None:
        self._open += 1

    def end(self, call: Counted) -> None:
        self._open -= 1
        self._ended += 1
        self._calls.append(call)
        counts = self._models.setdefault(call.model, Counter())
        counts["calls"] += 1
        counts[call.ended.value] += 1
        counts.update(asdict(call.usage))

    def reset(self) -> None:
        """Forget all that has ended; calls in flight are counted when they end."""
        self._models.clear()
        self._calls.clear()
        self._ended = 0

    def counts(self) -> dict[str, Any]:
        """Calls and tokens by model, and in total."""
        columns = ("calls", *(ended.value for ended in Ended), *KINDS)
        total = sum(self._models.values(), Counter())
        return {
            "open": self._open,
            "models": {model: _row(columns, counts) for model, counts in sorted(self._models.items())},
            "total": _row(columns, total),
        }

    def calls(self, after: int, limit: int) -> dict[str, Any]:
        """Calls number `after` + 1 and following, in the order they ended; `next` continues the list."""
        first = self._ended - len(self._calls)
        skip = max(0, after - first)
        rows = [_call(call) for call in islice(self._calls, skip, skip + limit)]
        return {"calls": rows, "next": first + skip + len(rows), "forgotten": first, "open": self._open}


def _row(columns: Iterable[str], counts: Mapping[str, int]) -> dict[str, int]:
    return {column: counts.get(column, 0) for column in columns}


def _call(call: Counted) -> dict[str, Any]:
    received = call.received
    return {
        "request_id": call.request_id,
        "marker": call.marker,
        "operation": call.operation,
        "model": call.model,
        "status": call.status,
        "ended": call.ended.value,
        "usage": {kind: count for kind, count in asdict(call.usage).items() if count},
        "method": received.method,
        "path": received.path,
        "target_sha256": received.target.hex(),
        "body_sha256": received.body.hex(),
        "body_bytes": received.body_bytes,
        "headers": [[name, digest.hex()] for name, digest in received.headers],
    }
