"""Mirror wiring: mirroring for a ledger, with the credentials and the environment that it has."""

from collections.abc import Callable

from proxy.adapters.provider_secrets import ProviderSecrets
from proxy.app.mirroring import FOLDER, Mirroring
from proxy.ledger.mirror_questions import MirrorQuestions
from proxy.model.service import Mirror, Services
from proxy.policy.types import Secret
from proxy.ports.journal import Journal
from proxy.ports.store import Store
from proxy.settings import Settings, secret_from_environ, whole_environ


def mirroring(
    settings: Settings, store: Store, journal: Journal, services: Callable[[], Services], now_us: Callable[[], int]
) -> Mirroring:
    """Relative paths of tokens and keys start from the policy folder."""
    secrets = ProviderSecrets(settings.policies, secret_from_environ)

    def secret(entry: Mirror) -> str:
        source, name = entry.credential
        return secrets.value(Secret(source, name)) or "" if source in ("env", "file") else ""

    return Mirroring(
        ask=MirrorQuestions(store, services).ask,
        journal=journal,
        services=services,
        mirrors=(settings.data / FOLDER).resolve(),
        keys_from=settings.policies.resolve(),
        secret=secret,
        environ=whole_environ(),
        now_us=now_us,
    )
