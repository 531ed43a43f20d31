"""Job results: a file of finished requests, one JSON object a line, metered as it passes.

Such files have hundreds of megabytes, so one line is held at a time and the rest are sums. A file that turns out to be
something else passes unread from there on, and says nothing.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from proxy.dialects.dialect import Job, Reading, Source
from proxy.model.usage import NO_USAGE, Served, Usage, total

LINE_BYTES_MAX: Final = 32 * 1024 * 1024
"""A longer line passes unread, and its job is marked estimated. Several generated images in base64 stay below it."""
SUMS_MAX: Final = 20_000
"""Sums kept of one file (a model, a length of prompt); what is beyond goes to the last. No real file comes near."""
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
"""Half a pair is no text to a reader of JSON; a caller can have one written, as the name of a request."""
LENGTH_STEP: Final = 1000
"""Prompts of about the same length share a sum: thresholds of price lists are whole thousands."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one line says."""

    usage: Usage | None
    """None: the request failed, and cost nothing."""
    served: Served
    proven: bool
    """Nobody but the provider writes lines like this."""


class ResultsMeter:
    """Of one file. `read` gives what a line says, None for one that is no result."""

    ended = False
    output_bytes = 0

    def __init__(self, work: str, batch: str, read: Callable[[bytes], Result | None]) -> None:
        self._work = work
        self._batch = batch
        self._read = read
        self._pieces: list[bytes] = []
        self._size = 0
        self._foreign = False
        self._proven = True
        self._known = bool(batch)
        """These are results: their path says so, or a line did. A line that can't be read is then one that is missing,
        not the sign of another kind of file, and hides nothing of the rest."""
        self._unread = False
        self._finished = False
        self._sums: dict[tuple[Served, int, bool], tuple[int, Usage]] = {}

    def feed(self, data: bytes) -> bytes:
        start = 0
        while not self._foreign:
            end = data.find(b"\n", start)
            self._keep(data[start:] if end < 0 else data[start:end])
            if end < 0:
                break
            self._line()
            start = end + 1
        return data

    def finish(self) -> bytes:
        if not self._foreign:
            self._line()
        self._finished = True
        return b""

    def reading(self) -> Reading:
        jobs = () if self._foreign else tuple(self._jobs())
        return Reading(
            None, final=False, served=Served(), complete=self._finished, failed=False, output_bytes=0, jobs=jobs
        )

    def _keep(self, piece: bytes) -> None:
        if not self._known and not self._size and piece and piece.lstrip()[:1] not in (b"{", b""):
            self._give_up()
            return
        self._size += len(piece)
        if self._size <= LINE_BYTES_MAX:
            self._pieces.append(piece)
        else:
            self._pieces = []

    def _line(self) -> None:
        pieces, size = self._pieces, self._size
        self._pieces, self._size = [], 0
        if size > LINE_BYTES_MAX:
            self._unread = True
            return
        line = b"".join(pieces).strip()
        if not line:
            return
        result = self._read(line) or self._read(_SURROGATE.sub(rb"\\ufffd", line))
        if result is None and self._known:
            self._unread = True
            return
        if result is None:
            self._give_up()
            return
        self._proven = self._proven and result.proven
        self._known = self._known or result.proven
        if result.usage is not None:
            self._add(result.served, result.usage)

    def _give_up(self) -> None:
        self._foreign = True
        self._pieces = []
        self._sums.clear()

    def _add(self, served: Served, usage: Usage) -> None:
        prompt = usage.prompt_tokens
        # Exactly at a threshold and just above it are two sums: lists differ on which side the threshold is.
        key = (served, prompt // LENGTH_STEP, prompt % LENGTH_STEP == 0)
        if key not in self._sums and len(self._sums) >= SUMS_MAX:
            key = next(reversed(self._sums))
        longest, summed = self._sums.get(key, (0, NO_USAGE))
        self._sums[key] = (max(longest, prompt), total((summed, usage)))

    def _jobs(self) -> list[Job]:
        by_served: dict[Served, list[tuple[int, Usage]]] = {}
        for (served, _, _), summed in self._sums.items():
            by_served.setdefault(served, []).append(summed)
        return [
            Job(
                work=self._work,
                source=Source.RESULTS,
                batch=self._batch,
                served=served,
                usages=tuple(usages),
                proven=self._proven,
                estimated=self._unread,
            )
            for served, usages in by_served.items()
        ]
