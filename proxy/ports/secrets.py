"""Provider credentials as the gateway needs them."""

from typing import Protocol

from proxy.policy.types import Provider


class Secrets(Protocol):
    def secret(self, provider: Provider) -> str | None:
        """The credential to send to this provider: '' where it needs none, None where one is configured but absent."""
        ...
