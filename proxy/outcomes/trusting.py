"""Trusting: whether a deployment has the trust that its service asks for (D1)."""

from fnmatch import fnmatchcase

from proxy.model.service import Service, Services
from proxy.model.told import Trust
from proxy.outcomes.entities import Deployment
from proxy.outcomes.verdicts import Ruling

RULE = "D1"
_RANK = (Trust.CLAIMED, Trust.SIGNED, Trust.CORROBORATED)


def is_trusted(deployment: Deployment, services: Services) -> bool:
    service = services.services.get(deployment.service)
    return service is not None and bool(trust(deployment, service).holds)


def trust(deployment: Deployment, service: Service) -> Ruling:
    """A signature proves who sent it; that somebody deployed needs a second source, or a known deployer."""
    if service.sources and deployment.source not in service.sources:
        return Ruling(RULE, False, f"source {deployment.source} may not speak of {service.name}")
    if _RANK.index(deployment.trust) < _RANK.index(Trust(service.trust)):
        return Ruling(RULE, False, f"{deployment.trust}; {service.name} asks for {service.trust}")
    if deployment.trust == Trust.CORROBORATED:
        return Ruling(RULE, True, f"told by {deployment.source}, and by another source: {', '.join(deployment.also)}")
    if any(fnmatchcase(deployment.actor, each) for each in service.deploy_actors):
        return Ruling(RULE, True, f"{deployment.trust}; {deployment.actor} may deploy {service.name}")
    who = deployment.actor or "nobody that the source names"
    return Ruling(RULE, False, f"{deployment.trust}, by {who}, who is not among the deploy_actors of {service.name}")
