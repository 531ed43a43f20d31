"""The control plane's application over a database, asked over HTTP as one of its users."""

from collections.abc import Mapping

import httpx

from proxy.app.ledger_wiring import Ledger
from proxy.model.identity import OwnerKind, Role
from proxy.policy.keys import digest
from proxy.policy.types import Key, Mistake, PolicySet
from proxy.settings import Settings
from proxy.web.control_auth import as_operator
from tests.fakes.journal import FakeJournal

KEYS = {
    "alice": (OwnerKind.PERSON, Role.DEVELOPER),
    "bob": (OwnerKind.PERSON, Role.FINANCE),
    "admin": (OwnerKind.SERVICE, Role.ADMIN),
}
MARCH = {"since": "2026-12-01", "until": "2027-12-01"}


def secret(name):
    return f"outlay_key_of_{name}"


class World:
    """A ledger application over a loaded database, asked as one of its users."""

    def __init__(self, folder, store, **settings):
        keys = {
            digest(secret(name).encode()): Key(f"k_{name}", digest(secret(name).encode()), name, kind, (), role)
            for name, (kind, role) in KEYS.items()
        }
        self.policies = PolicySet("v1", keys=keys)
        self.mistakes: tuple[Mistake, ...] = ()
        self.journal = FakeJournal()
        self.store = store
        self.ledger = Ledger(
            Settings(data=folder, **settings), store, self.journal, lambda: self.policies, lambda: self.mistakes
        )
        self.application = self.ledger.application()

    async def get(
        self, path, as_="", headers: Mapping[str, str] | None = None, local=False, method="GET", **parameters
    ):
        app = as_operator(self.application) if local else self.application
        given = {**({"authorization": f"Bearer {secret(as_)}"} if as_ else {}), **(headers or {})}
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://ledger", headers=given) as client:
            return await client.request(method, path, params=parameters)

    async def spend(self, as_, **parameters):
        return await self.get("/v1/reports/spend", as_, **{**MARCH, **parameters})
