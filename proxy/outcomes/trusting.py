"""Trusting: whether a deployment has the trust that its service asks for (D1)."""

from fnmatch import fnmatchcase

from proxy.model.service import Service, Services
from proxy.model.told import Trust
from proxy.outcomes.entities import Deployment
from proxy.outcomes.verdicts import Ruling, Who

RULE = "D1"
_RANK = (Trust.CLAIMED, Trust.SIGNED, Trust.CORROBORATED)


def is_trusted(deployment: Deployment, services: Services) -> bool:
    service = services.services.get(deployment.service)
    return service is not None and bool(trust(deployment, service).holds)


def is_heard(deployment: Deployment, services: Services) -> bool:
    """What it says against others is believed: of more than may count, for nobody gains by it."""
    service = services.services.get(deployment.service)
    return (
        service is not None
        and _may_speak(deployment, service)
        and (deployment.trust != Trust.CLAIMED or service.trust == "claimed" or deployment.imported)
        and not _too_late(deployment, service)
    )


def _may_speak(deployment: Deployment, service: Service) -> bool:
    return deployment.imported or service.hears(deployment.source)


def _too_late(deployment: Deployment, service: Service) -> bool:
    """History is read once, of the time before; from then on only what is told as it happens counts."""
    return deployment.imported and deployment.at_us >= service.registered_us


def trust(deployment: Deployment, service: Service) -> Ruling:
    """A signature proves who sent it; that somebody deployed needs a second source, or a known deployer."""
    if deployment.imported:
        since = ", of a time when it was registered already" if _too_late(deployment, service) else ""
        return Ruling(RULE, not since, f"read from history{since}")
    if not _may_speak(deployment, service):
        return Ruling(RULE, False, f"source {deployment.source} may not speak of {service.name}")
    if _RANK.index(deployment.trust) < _RANK.index(Trust(service.trust)):
        return Ruling(RULE, False, f"{deployment.trust}; {service.name} asks for {service.trust}")
    if deployment.trust == Trust.CORROBORATED:
        return Ruling(RULE, True, f"told by {deployment.source}, and by another source: {', '.join(deployment.also)}")
    if may_deploy(deployment.actor, service):
        words = f"{deployment.trust}; ", Who("deployer", deployment.actor), f" may deploy {service.name}"
        return Ruling(RULE, True, words)
    who = Who("deployer", deployment.actor) if deployment.actor else "nobody that the source names"
    not_one = f", who is not among the deploy_actors of {service.name}"
    return Ruling(RULE, False, (f"{deployment.trust}, by ", who, not_one))


def may_deploy(actor: str, service: Service) -> bool:
    """Brackets stand for themselves, for machines are called 'name[bot]'. Whoever has no name is nobody known."""
    return actor != "" and any(fnmatchcase(actor, each.replace("[", "[[]")) for each in service.deploy_actors)
