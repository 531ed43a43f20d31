"""POST /v1/events/import: the past, brought in by an admin. What can't be read is named, and the rest is kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from proxy.ledger.people import ForbiddenError, Viewer
from proxy.model.entry import Act
from proxy.model.identity import Role
from proxy.outcomes.events.delivery import UnreadableError
from proxy.outcomes.events.importing import imported
from proxy.outcomes.quarantine import quarantined
from proxy.web.control_answers import json_answer
from proxy.web.control_errors import error
from proxy.web.events import Events
from proxy.web.request_body import ClientGoneError, TooLargeError, TooSlowError, declared_length, read_whole

BODY_BYTES_MAX: Final = 4 * 1024 * 1024
BODY_S_MAX: Final = 30.0
EVENTS_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class EventsImport:
    events: Events
    """Whose journal, services and clock it has."""
    viewer: Callable[[Request], Viewer]

    async def take(self, request: Request) -> Response:
        """Raises InvalidKeyError, ForbiddenError, JournalUnavailableError."""
        viewer = self.viewer(request)
        if viewer.role is not Role.ADMIN:
            raise ForbiddenError("The past is brought in by admins.")
        documents = await _documents(request)
        if isinstance(documents, Response):
            return documents
        told, bad = self._told(documents)
        if told:
            now_us = self.events.now_us()
            details = {"told": str(len(told)), "bad": str(len(bad)), **viewer.author}
            self.events.journal.append(
                Act(f"import-{token_hex(8)}", now_us, viewer.name, "events_imported", "", "", details)
            )
            await self.events.journal.flushed()
        return json_answer({"told": len(told), "ids": told, "bad": bad})

    def _told(self, documents: Sequence[Any]) -> tuple[list[str], list[dict[str, Any]]]:
        """Ids of what went to the journal; what didn't, by its place, with the reason."""
        now_us, services = self.events.now_us(), self.events.services()
        ids: list[str] = []
        bad: list[dict[str, Any]] = []
        for at, document in enumerate(documents):
            try:
                lines = imported(document).lines(now_us)
            except UnreadableError as unreadable:
                bad.append({"at": at, "why": str(unreadable)})
                continue
            for line in lines:
                self.events.journal.append(replace(line, quarantine=quarantined(line, services)))
                ids.append(line.id)
        return ids, bad


async def _documents(request: Request) -> Sequence[Any] | Response:
    length = declared_length({b"content-length": request.headers.get("content-length", "").encode()})
    try:
        body = await read_whole(request.receive, length, BODY_BYTES_MAX, lambda _: None, BODY_S_MAX)
        said = msgspec.json.decode(body)
    except TooLargeError:
        return error(413, "too_large", f"An import has at most {BODY_BYTES_MAX} bytes at once. Send it in parts.")
    except (TooSlowError, ClientGoneError):
        return error(408, "too_slow", f"The body did not come whole within {BODY_S_MAX:.0f} s. Send it again.")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = None
    documents = said.get("events") if isinstance(said, dict) else None
    if not isinstance(documents, list) or len(documents) > EVENTS_MAX:
        return error(400, "unreadable", f'An import is {{"events": […]}} with at most {EVENTS_MAX} documents.')
    return documents
