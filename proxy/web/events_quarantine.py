"""GET /v1/events/quarantine: what arrives and scores nothing, and what to add to services.yaml."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from proxy.ledger.told_places import Unregistered, unregistered_places
from proxy.model.service import EventSource, Services, SourceKind
from proxy.outcomes.unheard import Place
from proxy.web.control_answers import json_answer
from proxy.web.control_auth import Authentication
from proxy.web.control_reading import Desk
from proxy.web.events import Refused


@dataclass(frozen=True, slots=True)
class EventsQuarantine:
    desk: Desk
    authentication: Authentication
    services: Callable[[], Services]
    secret: Callable[[EventSource], Sequence[str]]
    refused: Mapping[SourceKind, Refused]
    """Of the process that takes deliveries, since its start."""

    async def show(self, request: Request) -> Response:
        """For finance and admins; no person is named. Raises InvalidKeyError, ForbiddenError, and what Desk raises."""
        self.authentication.sees_all(request)
        services = self.services()
        found = await self.desk.read(lambda store, timeout_s: unregistered_places(store, services, timeout_s))
        return json_answer(
            {
                "rows": [_row(each, self.authentication.now_us()) for each in found],
                "sources": [self._source(each) for each in services.sources.values()],
                "refused": [_refused(kind, each) for kind, each in sorted(self.refused.items())],
            }
        )

    def _source(self, source: EventSource) -> dict[str, object]:
        secrets = {"secrets": len(source.secrets), "secrets_readable": len(self.secret(source))}
        return {"name": source.name, "kind": source.kind, **secrets}


def _row(each: Unregistered, now_us: int) -> dict[str, object]:
    return {
        "source": each.place.source,
        "repository": each.place.repository,
        "service": each.place.service,
        "environments": each.place.environments,
        "kinds": each.place.kinds,
        "why": each.why,
        "things": each.things,
        "deployments": each.deployments,
        "first": _iso(each.first_us),
        "last": _iso(each.last_us),
        "add": each.add or _yaml(each.place, each.why, now_us),
    }


def _refused(kind: str, each: Refused) -> dict[str, object]:
    return {"kind": kind, "deliveries": each.count, "last": _iso(each.last_us), "why": each.why}


def _iso(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="seconds")


def _yaml(each: Place, why: str, now_us: int) -> str:
    """What to add to services.yaml, for somebody to look at first. Texts as JSON, which is YAML of one line."""
    if why.startswith("services.yaml has no source"):
        return (
            f"sources:\n  {json.dumps(each.source)}:\n"
            "    kind: github  # or gitlab, argocd, cdevents, generic\n"
            "    secrets: [{env: OUTLAY_EVENTS_SECRET}]\n"
        )
    name = each.service.rpartition("/")[2] or each.repository.rpartition("/")[2]
    repositories = json.dumps([each.repository] if each.repository else ["github.com/OWNER/NAME"])
    names = f"    names: {json.dumps([each.service])}\n" if each.service else ""
    return (
        f"services:\n  {json.dumps(name)}:\n"
        f"    repositories: {repositories}\n"
        f"    environments: {json.dumps(list(each.environments) or ['production'])}  # those that are production\n"
        f"{names}    registered: {_iso(now_us)[:10]}\n"
    )
