"""A ledger over a real journal and a real database in a folder, at a time that the test says, asked over HTTP."""

import asyncio
from datetime import UTC, datetime

import httpx

from proxy.adapters.clock import SystemClock
from proxy.adapters.journal_file import FileJournal
from proxy.app.ledger_wiring import JOURNAL_FOLDER, NODE, Ledger
from proxy.app.opening import open_store
from proxy.model.entry import Act
from proxy.policy.types import PolicySet
from proxy.settings import Settings
from proxy.web.control_auth import as_operator


def at_us(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


class MonthWorld:
    """Asked as the local operator. `folder` may have the data of an earlier one."""

    def __init__(self, folder, now="2026-11-10", policies=None):
        self.settings = Settings(data=folder, policies=folder / "policies")
        self.now = now
        self.clock = SystemClock(wall_ns=lambda: at_us(self.now) * 1000, monotonic_ns=lambda: 0)
        self.policies = policies or PolicySet("v1")
        self.journal = FileJournal(folder / JOURNAL_FOLDER, NODE, SystemClock())
        self.journal.open()
        self._open()

    def _open(self):
        self.store = open_store(self.settings.data, 1)
        self.ledger = Ledger(self.settings, self.store, self.journal, lambda: self.policies, clock=self.clock)
        self.app = self.ledger.application()
        self.ledger.loader.catch_up()

    def tell(self, *lines, node="gateway"):
        """Lines of a gateway's journal, loaded."""
        journal = FileJournal(self.settings.data / JOURNAL_FOLDER, node, SystemClock())
        journal.open()
        for line in lines:
            journal.append(line)
        journal.close()
        self.ledger.loader.catch_up()

    def rebuilt(self):
        """The database is lost, and made again from the journal."""
        self.store.close()
        for path in self.settings.data.glob("outlay.duckdb*"):
            path.unlink()
        self._open()

    def reopened(self):
        self.store.close()
        self._open()

    def close(self):
        self.store.close()
        self.journal.close()

    def ask(self, path, method="GET", body=None, headers=None, local=True, **parameters):
        async def asked():
            app = as_operator(self.app) if local else self.app
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://ledger", headers=headers) as client:
                return await client.request(method, path, params=parameters, json=body)

        return asyncio.run(asked())

    def close_month(self, month, reason=""):
        """The answer; what was put on record is loaded."""
        answer = self.ask(f"/v1/months/{month}/close", "POST", {"reason": reason})
        asyncio.run(self.journal.flushed())
        self.ledger.loader.catch_up()
        return answer

    def statement(self, month, form="json"):
        answer = self.ask(f"/v1/months/{month}", format=form)
        assert answer.status_code == 200, answer.text
        return answer.content

    def months(self):
        return {row["month"]: row for row in self.ask("/v1/months").json()["rows"]}

    def acts(self, kind):
        columns = "id, at_us, actor, kind, subject, reason, details"
        return [
            Act(*row) for row in self.store.read(f"SELECT {columns} FROM acts WHERE kind = '{kind}' ORDER BY at_us")
        ]
