"""PoliciesInForce: the policy folder's set as the control plane uses it."""

from collections.abc import Mapping
from dataclasses import replace

from proxy.adapters import admin_key
from proxy.adapters.policy_files import PolicyFolder
from proxy.policy.types import Key, PolicySet
from proxy.settings import Settings


class PoliciesInForce:
    """The policy folder's set with the admin key among its keys."""

    def __init__(self, settings: Settings) -> None:
        self.folder = PolicyFolder(settings.policies, settings.keys_file, settings.data)
        self._admin, _ = admin_key.ensure(settings.data, settings.admin_key)
        self._current: PolicySet

    def use(self, policies: PolicySet) -> None:
        keys: Mapping[str, Key] = {**policies.keys, self._admin.hash: self._admin}
        self._current = replace(policies, keys=keys)

    @property
    def current(self) -> PolicySet:
        return self._current
