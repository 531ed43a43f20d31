"""Standing: what is the same for all calls that begin with the same head and ask for the same model: who pays, where
they go, which rules and accounts are theirs.

All of that follows from headers, key, model and the rules in force. Whoever keeps a head for the calls of a connection
keeps a `Head` with it, and lets both go once other rules are in force or the key has ended: so what stands here is
never out of date, and never another caller's. What ends with a window is asked again at its end.
"""

from collections.abc import Mapping
from typing import Final

from proxy.gateway.headers import client_product, narrowing, retry_count, trace
from proxy.gateway.rules import Rules
from proxy.model.call import Call, Request
from proxy.model.identity import Identity, Project
from proxy.policy.evaluate import evaluated
from proxy.policy.match import Counted, Matches, facts_of
from proxy.policy.operations import FREE
from proxy.policy.types import Provider
from proxy.policy.verdict import Asked, Verdict

STANDINGS_MAX: Final = 16
"""Of one head: callers choose the names of models."""


class Standing:
    """Of calls for one model, by one key, to one provider."""

    __slots__ = ("_counted", "_facts", "_matches", "goes", "pays", "provider", "rules")

    def __init__(
        self, rules: Rules, identity: Identity, project: Project, provider: Provider, goes: tuple[str, str, str]
    ) -> None:
        """`goes`: dialect, operation, model."""
        dialect, operation, model = goes
        self.rules: Final = rules
        self.provider: Final = provider
        self.goes: Final = (dialect, operation, provider.name, provider.account or provider.name, model)
        """The fields of a Call from `dialect` to `model`."""
        self.pays: Final = (
            *(identity.key_id, identity.owner, identity.owner_kind, project.team or identity.team),
            *(project.name, project.cost_center, project.purpose, rules.policies.version),
        )
        """Those from `key_id` to `policy`."""
        self._facts: dict[str, str] = {}
        self._matches: Matches | None = None
        self._counted: Counted | None = None

    def verdict(self, call: Call, asked: Asked, instead: str) -> Verdict:
        """As `evaluate`, of a call that stands so."""
        rules, matches = self.rules, self._matches
        if matches is None:
            self._facts = facts_of(call)
            matches = self._matches = rules.matcher.matching(self._facts)
        counted, at_us = self._counted, call.opened_us
        if counted is None or not counted.since_us <= at_us < counted.until_us:
            counted = self._counted = matches.counting(self._facts, at_us, rules.matcher.windows)
        charges = () if call.operation in FREE else counted.charges
        return evaluated(rules.policies, matches, call, asked, instead, charges=charges, throttles=counted.throttles)


class Head:
    """What headers say of a call, whoever sends it."""

    __slots__ = ("_identity", "_standings", "client", "retry", "stated", "trace")

    def __init__(self, headers: Mapping[bytes, bytes]) -> None:
        self.stated: Final = narrowing(headers)
        self.client: Final = client_product(headers)
        self.retry: Final = retry_count(headers)
        self.trace: Final = trace(headers)
        self._identity: Identity | None = None
        self._standings: dict[tuple[str, str], Standing] = {}

    def standing(self, rules: Rules, identity: Identity, request: Request) -> Standing | None:
        """None: it is the first such call."""
        found = self._standings.get((request.model, request.repository))
        return found if found is not None and found.rules is rules and self._identity is identity else None

    def keep(self, identity: Identity, request: Request, standing: Standing) -> None:
        if self._identity is not identity or len(self._standings) >= STANDINGS_MAX:
            self._standings.clear()
        self._identity = identity
        self._standings[request.model, request.repository] = standing
