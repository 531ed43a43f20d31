"""A deployment explained: the whole story of one, counted or not. For a reason it names who had a part in it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from proxy.ledger.deployment_story import UnknownDeploymentError, deployment_story
from proxy.ledger.people import ForbiddenError
from proxy.model.identity import OwnerKind
from proxy.model.service import Services
from proxy.outcomes.explaining import Story
from proxy.outcomes.people import Named
from proxy.ports.store import Store
from proxy.web.control_answers import json_answer
from proxy.web.control_auth import Authentication
from proxy.web.control_reading import Desk, reason_alone

_NOT_YOURS: Final = "A deployment is explained to finance and admins, and to whoever had a part in it."


@dataclass(frozen=True, slots=True)
class DeploymentsExplained:
    desk: Desk
    authentication: Authentication
    services: Callable[[], Services]
    aliases: Callable[[], Named]

    async def explain(self, request: Request) -> Response:
        """GET /v1/deployments/{id}?reason=

        Raises InvalidKeyError, ForbiddenError, ParameterError, UnknownDeploymentError, and what Desk raises.
        """
        viewer, reason = self.authentication.viewer(request), reason_alone(request)
        if reason and not viewer.sees_all:
            raise ForbiddenError("A reason names others for finance and admin keys only.")
        text, services, now_us = request.path_params["id"], self.services(), self.authentication.now_us()
        reader = viewer.name if viewer.kind is OwnerKind.PERSON else ""

        def read(store: Store, _: float) -> Story:
            return deployment_story(store, text, services, self.aliases(), now_us, reader=reader, openly=bool(reason))

        try:
            story = await self.desk.read(read)
        except UnknownDeploymentError:
            # Who may not see it doesn't learn whether it is there, either.
            if not viewer.sees_all:
                raise ForbiddenError(_NOT_YOURS) from None
            raise
        if not (viewer.sees_all or reader in story.took_part):
            raise ForbiddenError(_NOT_YOURS)
        if reason:
            details = {"report": "deployment", "filters": f"deployment={story.document['deployment']['id']}"}
            await self.desk.record(viewer, sorted(story.persons), reason, details)
        return json_answer(story.document)
