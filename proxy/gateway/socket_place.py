"""Where a websocket goes, decided before its first call: the provider, and the credential to open it with."""

from dataclasses import dataclass
from typing import Final

from proxy.gateway.admission import Incoming, no_credential
from proxy.gateway.headers import narrowing
from proxy.gateway.rules import Rules
from proxy.model.decision import Reason, Refusal
from proxy.model.identity import Identity
from proxy.policy.identify import choose_project
from proxy.policy.providers import choose_provider
from proxy.policy.types import Provider
from proxy.ports.secrets import Secrets

UPGRADE_REQUIRED: Final = 426
"""What makes Codex go on over SSE at once; after other refusals it knocks several times more."""


@dataclass(frozen=True, slots=True)
class Place:
    provider: Provider
    credential: str
    """The provider credential to send; '' where none is put in."""


def place(rules: Rules, incoming: Incoming, identity: Identity, secrets: Secrets, model: str) -> Place | Refusal:
    """`model`: named when the socket is opened, else ''."""
    stated = narrowing(incoming.headers)
    project = choose_project(identity, stated.project, stated.repository)
    if isinstance(project, Refusal):
        return project
    provider = choose_provider(rules.policies, incoming.dialect.name, model, incoming.prefix, project.name)
    if isinstance(provider, Refusal):
        return provider
    if not provider.websockets:
        return no_websocket(f"The provider '{provider.name}' has `websockets: false` ({provider.where}).")
    credential = "" if incoming.own_credential else secrets.secret(provider)
    return no_credential(provider) if credential is None else Place(provider, credential)


def no_websocket(why: str) -> Refusal:
    return Refusal(
        UPGRADE_REQUIRED, Reason.WEBSOCKET, f"{why} What has a path over plain HTTP and SSE works the same there."
    )
