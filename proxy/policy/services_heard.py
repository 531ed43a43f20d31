"""Services heard: who tells of each service's changes and reviews, by which its deployments count at all."""

from collections.abc import Collection, Mapping
from typing import Final

from proxy.model.service import EventSource, Service
from proxy.policy.document import Word
from proxy.policy.mistakes import Mistakes, shown

SHOWN_MAX: Final = 3
_CODE_HOST: Final = "sources: {acme-github: {kind: github, secrets: [{env: GITHUB_WEBHOOK_SECRET}]}}"


def check_heard(
    services: Mapping[str, Service], keys: Mapping[str, Word], sources: Mapping[str, EventSource], mistakes: Mistakes
) -> None:
    """A warning for each service of whose changes nobody may tell, or several may whom nothing tells apart."""
    for service in services.values() if sources else ():
        may = [each for each in sources.values() if service.hears(each.name) and _names(each, service)]
        telling = [each.name for each in may if each.tells_changes]
        about = f"service {shown(service.name)}: "
        if not telling:
            said, example = _nobody([each.name for each in may if each.kind == "cdevents"])
            mistakes.warn(keys[service.name], about + said, example)
        elif len(telling) > 1 and not service.sources:
            names = ", ".join(telling[:SHOWN_MAX]) + (" …" if len(telling) > SHOWN_MAX else "")
            said = f"each of {names} may tell of its changes and reviews, so whoever has the secret of one can approve"
            mistakes.warn(keys[service.name], about + said, f"sources: [{telling[0]}]")


def _names(source: EventSource, service: Service) -> bool:
    return any(map(source.may_name, service.repositories))


def _nobody(bridges: Collection[str]) -> tuple[str, str]:
    said = "no source may tell of its changes and reviews, so nothing of it will count"
    if not bridges:
        return said, _CODE_HOST
    first = next(iter(bridges))
    return f"{said}; {first} may where it says so", f"sources: {{{first}: {{changes: true}}}}"
