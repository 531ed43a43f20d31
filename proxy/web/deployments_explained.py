"""A deployment explained: the whole story of one, counted or not."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from proxy.ledger.deployment_story import deployment_story
from proxy.model.service import Services
from proxy.outcomes.people import Named
from proxy.web.control_answers import json_answer
from proxy.web.control_auth import Authentication
from proxy.web.control_reading import Desk


@dataclass(frozen=True, slots=True)
class DeploymentsExplained:
    desk: Desk
    authentication: Authentication
    services: Callable[[], Services]
    aliases: Callable[[], Named]

    async def explain(self, request: Request) -> Response:
        """GET /v1/deployments/{id}, for finance and admins: its rulings name who wrote and who reviewed.

        Raises InvalidKeyError, ForbiddenError, UnknownDeploymentError, and what Desk raises.
        """
        self.authentication.sees_all(request)
        text, services, now_us = request.path_params["id"], self.services(), self.authentication.now_us()
        return json_answer(
            await self.desk.read(lambda store, _: deployment_story(store, text, services, self.aliases(), now_us))
        )
