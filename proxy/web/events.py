"""POST /v1/events/{kind}: what sources tell of deployments, answered once it is on disk.

Verified on the raw bytes before anything is parsed; whoever has no secret leaves nothing behind but a count. What a
known source says of a repository or service that services.yaml doesn't name, or doesn't let it tell of, is kept, and
scores nothing until it does.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import Response

from proxy.model.service import EventSource, Services, SourceKind
from proxy.model.told import Told
from proxy.outcomes.events.delivery import Delivery, UnreadableError
from proxy.outcomes.events.receiving import BODY_BYTES_MAX, Sender, received
from proxy.outcomes.events.signing import Unverified
from proxy.outcomes.quarantine import quarantined
from proxy.outcomes.unheard import place_of, unheard
from proxy.ports.journal import Journal, JournalUnavailableError
from proxy.web.body_room import BodyRoom, NoRoomError
from proxy.web.control_answers import json_answer
from proxy.web.control_errors import error
from proxy.web.request_body import ClientGoneError, TooLargeError, TooSlowError, declared_length, read_whole

log = structlog.get_logger("outlay.events")

BODY_S_MAX: Final = 10.0
"""GitHub gives up after ten seconds."""
BODIES_BYTES_MAX: Final = 100 * 1024 * 1024
"""Of all deliveries that are being read."""
RECENT_MAX: Final = 20_000
"""Deliveries that are known again without looking. Older ones are written again, and the loader passes over them."""
IDS_SHOWN_MAX: Final = 100
LOGGED_US: Final = 60_000_000
"""Anybody can be refused: it is logged once a minute of silence at most."""
DOCS: Final = "docs/outcomes.md says how a source is registered and signs."
KINDS: Final[Mapping[str, SourceKind]] = {kind: kind for kind in BODY_BYTES_MAX}
PATHS: Final = tuple(f"/v1/events/{kind}" for kind in KINDS)


@dataclass(slots=True)
class Refused:
    """Deliveries of one kind that nobody known has signed, since the start."""

    count: int = 0
    last_us: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Taken:
    source: str
    delivery: str
    ids: tuple[str, ...]
    quarantine: tuple[str, ...]
    """Why what of it scores nothing, each reason once."""


@dataclass(slots=True)
class Events:
    journal: Journal
    services: Callable[[], Services]
    """In force now."""
    secret: Callable[[EventSource], Sequence[str]]
    """A source's secrets as they are now; those that can't be read are left out."""
    now_us: Callable[[], int]
    counted: Callable[[str, str, str], None]
    """Called with kind, name of the source ('' where none is known) and result of each delivery."""
    refused: dict[SourceKind, Refused] = field(default_factory=dict)
    _room: BodyRoom = field(default_factory=lambda: BodyRoom(BODIES_BYTES_MAX))
    _recent: "OrderedDict[tuple[str, str], _Taken]" = field(default_factory=OrderedDict)

    async def take(self, request: Request) -> Response:
        """POST /v1/events/{kind}?source=NAME. Without a name all sources of the kind are tried.

        Raises JournalUnavailableError: nothing is on record, and the source may send it again.
        """
        kind = KINDS.get(request.path_params["kind"])
        if kind is None:
            return error(404, "unknown_path", f"Nothing takes such events. There are POST {', '.join(PATHS)}.")
        services, asked = self.services(), request.query_params.get("source", "")
        sources = [each for each in services.sources.values() if each.kind == kind and asked in ("", each.name)]
        if not sources:
            # Before the body: nobody who may send one is there.
            return self._unverified(kind, f"services.yaml has no such source of kind {kind}")
        share = self._room.share()
        try:
            body = await _body(request, BODY_BYTES_MAX[kind], share.take)
            return await self._received(kind, sources, services, body, dict(request.headers))
        except TooLargeError:
            self.counted(kind, "", "too_large")
            return error(413, "too_large", f"A delivery to /v1/events/{kind} has at most {BODY_BYTES_MAX[kind]} bytes.")
        except (TooSlowError, ClientGoneError):
            self.counted(kind, "", "cut")
            return error(408, "too_slow", f"The body did not come whole within {BODY_S_MAX:.0f} s. Send it again.")
        except NoRoomError:
            self.counted(kind, "", "busy")
            return error(503, "busy", "Too many deliveries at once. Send it again shortly.", {"retry-after": "2"})
        finally:
            share.leave()

    async def _received(
        self,
        kind: SourceKind,
        sources: Sequence[EventSource],
        services: Services,
        body: bytes,
        headers: Mapping[str, str],
    ) -> Response:
        senders = [Sender(each, self.secret(each)) for each in sources]
        now_us = self.now_us()
        try:
            # Large bodies take some time to hash and parse: not on the event loop.
            found = await asyncio.to_thread(received, kind, senders, body, headers, now_us)
        except UnreadableError as unreadable:
            self.counted(kind, "", "unreadable")
            return error(400, "unreadable", f"The delivery is signed, but {unreadable}. {DOCS}")
        if isinstance(found, Unverified):
            return self._unverified(kind, found.why)
        return await self._told(kind, found, services, now_us)

    def _unverified(self, kind: SourceKind, why: str) -> Response:
        self.counted(kind, "", "refused")
        refused, now_us = self.refused.setdefault(kind, Refused()), self.now_us()
        if now_us - refused.last_us > LOGGED_US:
            log.warning("delivery refused", kind=kind, why=why, refused=refused.count + 1)
        refused.count, refused.last_us, refused.why = refused.count + 1, now_us, why
        return error(401, "unverified", f"Nothing of this delivery was kept: {why}. {DOCS}")

    async def _told(self, kind: SourceKind, found: Delivery, services: Services, now_us: int) -> Response:
        known = self._recent.get((found.source, found.id))
        if known is not None:
            self.counted(kind, found.source, "duplicate")
            return _answer(replace(known, quarantine=()), 200, duplicate=True)
        lines = [_judged(line, services) for line in found.lines(now_us)]
        await self._append(lines, kind, found.source)
        reasons = tuple(sorted({_held(line, services) for line in lines} - {""}))
        taken = _Taken(found.source, found.name or found.id, tuple(line.id for line in lines), reasons)
        self._remember((found.source, found.id), taken)
        self.counted(kind, found.source, "quarantined" if reasons else "told" if lines else "nothing")
        return _answer(taken, 202 if reasons else 200, duplicate=False)

    async def _append(self, lines: Sequence[Told], kind: SourceKind, source: str) -> None:
        if not lines:
            return
        try:
            for line in lines:
                self.journal.append(line)
            await self.journal.flushed()
        except JournalUnavailableError:
            self.counted(kind, source, "not_on_record")
            raise

    def _remember(self, key: tuple[str, str], taken: _Taken) -> None:
        """Only what is on disk."""
        self._recent[key] = taken
        if len(self._recent) > RECENT_MAX:
            self._recent.popitem(last=False)


def _judged(line: Told, services: Services) -> Told:
    return replace(line, quarantine=quarantined(line, services))


def _held(line: Told, services: Services) -> str:
    """Why it scores nothing as things are; '' where it may."""
    found = None if line.quarantine else unheard(place_of(line), services)
    return found.why if found else line.quarantine


async def _body(request: Request, bytes_max: int, take: Callable[[int], None]) -> bytes:
    length = declared_length({b"content-length": request.headers.get("content-length", "").encode()})
    return await read_whole(request.receive, length, bytes_max, take, BODY_S_MAX)


def _answer(taken: _Taken, status: int, *, duplicate: bool) -> Response:
    document: dict[str, object] = {
        "source": taken.source,
        "delivery": taken.delivery,
        "duplicate": duplicate,
        "told": len(taken.ids),
        "ids": taken.ids[:IDS_SHOWN_MAX],
        "quarantine": taken.quarantine,
    }
    if not taken.ids:
        document["message"] = "Taken. It tells nothing of deployments, changes or incidents."
    elif taken.quarantine:
        document["message"] = (
            "Kept, and it scores nothing yet: services.yaml doesn't name it, or not who may tell of it. "
            "GET /v1/events/quarantine has what to add."
        )
    return json_answer(document, status)
