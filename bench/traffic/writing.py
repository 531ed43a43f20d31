"""Calls onto disk, in order of time.

Patterns make their calls one after the other, each over hours or days; what stands in the files is in order of time. So
the calls go to a spool file first, and only where each lies is held in memory.
"""

import gzip
import json
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Final

from .calls import Call, request, response

GRACE_CALLS: Final = 3
"""So many calls of a campaign nobody can know yet."""
LEVEL: Final = 5


class Spool:
    """Keeps calls on disk until they are written. A context manager: the file goes with it."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed by __exit__
        self._at_s, self._base = array("d"), array("l")
        self._from, self._lengths = array("q"), array("l")
        self._labels: list[tuple[str, str, str | None]] = []
        self._bytes = 0

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._labels)

    def add(self, call: Call, label: str, pattern: str, campaign: str | None) -> None:
        """A call's base must be there before it."""
        row = json.dumps([request(call), response(call)], separators=(",", ":"), ensure_ascii=False).encode()
        call.serial = len(self._labels)
        self._file.write(row)
        self._at_s.append(call.at_s)
        self._base.append(-1 if call.base is None else call.base.serial)
        self._from.append(self._bytes)
        self._lengths.append(len(row))
        self._labels.append((label, pattern, campaign))
        self._bytes += len(row)

    def write(self, prefix: Path, texts: dict[str, str]) -> None:
        """PREFIX.calls.jsonl.gz, PREFIX.labels.jsonl.gz, PREFIX.texts.json.gz: the same bytes for the same calls."""
        order = sorted(range(len(self)), key=lambda serial: (self._at_s[serial], serial))
        ids = array("l", [0]) * len(order)
        for number, serial in enumerate(order):
            ids[serial] = number
        campaigns: Counter[str] = Counter()
        with _packed(prefix, "calls.jsonl.gz") as calls, _packed(prefix, "labels.jsonl.gz") as labels:
            for number, serial in enumerate(order):
                calls.write(_line({"id": f"c{number:06d}"} | self._row(serial, ids)))
                label, pattern, campaign = self._labels[serial]
                if campaign is not None:
                    campaigns[campaign] += 1
                    label = "grace" if campaigns[campaign] <= GRACE_CALLS else label
                labels.write(_line({"id": f"c{number:06d}", "label": label, "pattern": pattern, "campaign": campaign}))
        with _packed(prefix, "texts.json.gz") as packed:
            packed.write(json.dumps(texts, ensure_ascii=False).encode())

    def _row(self, serial: int, ids: "array[int]") -> dict[str, object]:
        self._file.seek(self._from[serial])
        asked, answered = json.loads(self._file.read(self._lengths[serial]))
        base = self._base[serial]
        return {"request": asked | {"base": None if base < 0 else f"c{ids[base]:06d}"}, "response": answered}


def _line(row: dict[str, object]) -> bytes:
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


@contextmanager
def _packed(prefix: Path, suffix: str) -> Iterator[gzip.GzipFile]:
    """A file without its name and time in its head: they would make its bytes differ."""
    with prefix.with_name(f"{prefix.name}.{suffix}").open("wb") as raw:
        with gzip.GzipFile("", "wb", LEVEL, raw, mtime=0) as packed:
            yield packed
