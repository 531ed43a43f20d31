"""What a replay of policies is run on, for admins: the policies in force, and the facts of past calls as a file.

The replay itself runs where it is asked for. A file of facts holds everybody's calls, without a word of what they said;
that it was taken is on record before it is given, for everybody to see.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO, Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from proxy.ledger.kept import check_since
from proxy.ledger.people import EVERYBODY, ForbiddenError, Viewer
from proxy.ledger.replay_facts import History, write_facts
from proxy.ledger.selection import ParameterError
from proxy.ledger.statements import statement
from proxy.model.identity import Role
from proxy.ports.store import Store
from proxy.web.control_answers import json_answer
from proxy.web.control_auth import Authentication
from proxy.web.control_reading import Desk
from proxy.web.reports import iso

EXPORTS_AT_ONCE: Final = 1
EXPORT_S: Final = 600.0
"""The longest that one may take to write."""
ROW_BYTES: Final = 256
"""An allowance for one call in the file, whose columns are compressed."""
FREE_BYTES_MIN: Final = 1 << 30
"""What an export leaves free of the disk, where the journal stands too."""
CHUNK_BYTES: Final = 1 << 20
MEDIA_TYPE: Final = "application/vnd.apache.parquet"
REASON: Final = "policies tried on past calls"
_TIMES: Final = ("since_us", "until_us", "minutes_since_us", "quarters_since_us")


class InForce(NamedTuple):
    version: str
    commit: str
    files: Mapping[str, str]
    """Name -> text, keys.yaml not among them."""


class Span(NamedTuple):
    first_us: int
    newest_us: int
    """Admission of the first call and the newest; 0: there are none."""
    calls: int
    """In the time asked for."""


@dataclass(frozen=True, slots=True)
class ReplayFacts:
    desk: Desk
    """A place of its own: no report waits behind an export."""
    authentication: Authentication
    in_force: Callable[[], InForce | None]

    async def about(self, request: Request) -> Response:
        """GET /v1/replay: the policies in force, and from when to when there are facts."""
        self._admin(request)
        for name in request.query_params:
            raise ParameterError(name[:80], "there are no parameters")
        span = await self.desk.read(lambda store, timeout_s: _span(store, 0, 0, timeout_s))
        found = await asyncio.to_thread(self.in_force)
        return json_answer(
            {
                "in_force": found and found._asdict(),
                "first": iso(span.first_us),
                "newest": iso(span.newest_us),
            }
        )

    async def facts(self, request: Request) -> Response:
        """GET /v1/replay/facts?since_us=&until_us=&minutes_since_us=&quarters_since_us=: a Parquet file."""
        viewer = self._admin(request)
        since_us, until_us, minutes_us, quarters_us = _times(request)
        history = History(minutes_us, quarters_us)
        file, rows = await self.desk.read(
            lambda store, timeout_s: _exported(store, since_us, until_us, history, timeout_s)
        )
        try:
            await self.desk.record(viewer, [EVERYBODY], REASON, _details(since_us, until_us))
        except BaseException:
            file.close()
            raise
        size = os.fstat(file.fileno()).st_size
        headers = {"x-outlay-rows": str(rows), "content-length": str(size), "cache-control": "no-store"}
        return StreamingResponse(_chunks(file), headers=headers, media_type=MEDIA_TYPE)

    def _admin(self, request: Request) -> Viewer:
        viewer = self.authentication.viewer(request)
        if viewer.role is not Role.ADMIN:
            raise ForbiddenError(
                "A replay needs an admin key, because it reads the facts of everybody's calls. Ask an admin to run it, "
                "or `outlay login` with an admin key."
            )
        return viewer


def _times(request: Request) -> tuple[int, ...]:
    given = dict(request.query_params)
    for name in given:
        if name not in _TIMES:
            raise ParameterError(name[:80], f"there are {', '.join(_TIMES)}")
    for name in _TIMES:
        text = given.get(name, "")
        if not (text.isascii() and text.isdecimal() and int(text[:20]) < 2**63):
            raise ParameterError(name, "microseconds since the epoch")
    return tuple(int(given[name]) for name in _TIMES)


def _details(since_us: int, until_us: int) -> dict[str, str]:
    return {"report": "replay", "since": iso(since_us) or "", "until": iso(until_us) or ""}


def _span(store: Store, since_us: int, until_us: int, timeout_s: float) -> Span:
    ((first, newest, calls),) = store.read(
        statement("facts_span"), {"since_us": since_us, "until_us": until_us}, timeout_s
    )
    return Span(first or 0, newest or 0, calls)


def _exported(store: Store, since_us: int, until_us: int, history: History, timeout_s: float) -> tuple[BinaryIO, int]:
    """The facts in a file that has no name any more, so that it is gone once it is closed; and how many there are."""
    check_since(store, since_us, timeout_s, "since_us")
    folder = store.path.parent / "scratch"
    folder.mkdir(mode=0o700, exist_ok=True)
    for left in folder.glob("replay-*.parquet"):
        # Of a process that was killed: there is one export at a time.
        left.unlink(missing_ok=True)
    _check_room(folder, _span(store, since_us, until_us, timeout_s).calls)
    file = folder / f"replay-{token_hex(4)}.parquet"
    try:
        rows = write_facts(store, file, since_us=since_us, until_us=until_us, history=history, timeout_s=timeout_s)
        return file.open("rb"), rows
    finally:
        file.unlink(missing_ok=True)


def _check_room(folder: Path, calls: int) -> None:
    needed = calls * ROW_BYTES + FREE_BYTES_MIN
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ParameterError(
            "since_us",
            f"the facts of {calls:,} calls may need {needed >> 20:,} MiB of the ledger's disk, which has "
            f"{free >> 20:,} MiB free; replay a shorter time",
        )


async def _chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    with file:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk
