"""Hurry: which calls, by their markers, wait no longer where their headers asked for pauses."""

import asyncio
from typing import Final

MARKERS_MAX: Final = 1000
"""Markers that are known at a time; the one that was named first gives way."""


class Hurry:
    """Told before a call comes, or while it waits: a client that waits for a fact needn't guess how long that takes."""

    def __init__(self) -> None:
        self._told: dict[str, asyncio.Event] = {}

    def of(self, marker: str) -> asyncio.Event | None:
        """Set once calls with this marker are told to hurry; None: those without a marker never are."""
        if not marker:
            return None
        if marker not in self._told and len(self._told) >= MARKERS_MAX:
            del self._told[next(iter(self._told))]
        return self._told.setdefault(marker, asyncio.Event())

    def up(self, marker: str) -> None:
        """Calls with this marker pause no more."""
        if told := self.of(marker):
            told.set()
