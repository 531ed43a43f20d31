"""Increases of budgets over HTTP: who may ask, who may grant, what gateways are told, and what is on record."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from proxy.adapters.grants_file import GrantsFile, write_grants
from proxy.app.granting import keep
from proxy.app.ledger_wiring import Ledger
from proxy.ledger.grant_book import GrantBook
from proxy.model.entry import Act
from proxy.model.identity import OwnerKind, Role
from proxy.policy.access_yaml import read_access
from proxy.policy.grants import Grant
from proxy.policy.keys import digest
from proxy.policy.mistakes import Mistakes
from proxy.policy.rules import RuleSet, Scope, Unit
from proxy.policy.types import Key, PolicySet
from proxy.settings import Settings
from proxy.web.budget_increases import BudgetIncreases
from proxy.web.control_auth import Authentication, as_operator
from proxy.web.control_errors import HANDLED, on_error
from tests.fakes.clock import FakeClock
from tests.fakes.journal import FakeJournal
from tests.flow.ledger_world import a_store, load
from tests.unit.policy.test_grants import BUDGET

DAY_US = 86_400_000_000
USD = 10**12
ACCESS = """
people: {alice: {team: payments, aliases: [alice@example.com]}, bob: {team: search}}
projects: {checkout: {team: payments}}
"""
KEYS = {
    "alice": (OwnerKind.PERSON, Role.DEVELOPER, ("checkout",)),
    "bob": (OwnerKind.PERSON, Role.DEVELOPER, ("search",)),
    "finance": (OwnerKind.PERSON, Role.FINANCE, ()),
    "admin": (OwnerKind.PERSON, Role.ADMIN, ()),
}
BUDGETS = (
    replace(BUDGET, name="each", per=("user",), limit=100 * USD),
    replace(BUDGET, name="team/payments", per=(), limit=100 * USD, scope=Scope({"team": ("pay*",)})),
    replace(BUDGET, name="tokens", per=(), unit=Unit.TOKENS, limit=1000),
    replace(BUDGET, name="models", per=("model",), limit=100 * USD),
    replace(BUDGET, name="ban", per=(), limit=0),
)
ASKED = {"amount": "50", "until": "7d", "reason": "a release"}


class World:
    def __init__(self, folder: Path, store: Any) -> None:
        self.folder, self.store = folder, store
        self.clock = FakeClock()
        self.journal = FakeJournal()
        self.fail = False
        keys = {}
        for name, (kind, role, projects) in KEYS.items():
            hashed = digest(f"outlay_{name}".encode())
            keys[hashed] = Key(f"k_{name}", hashed, name, kind, projects, role)
        access = read_access(ACCESS, Mistakes("access.yaml"))
        self.policies = PolicySet("v1", keys=keys, access=access, rules=RuleSet(budgets=BUDGETS))
        self.file = GrantsFile(folder)
        self.start()

    def start(self) -> None:
        self.book = GrantBook(self.store, self.journal, self.publish, self.clock.now_us)
        served = BudgetIncreases(Authentication(lambda: self.policies, self.clock.now_us), self.book)
        self.application = Starlette(
            routes=[Route(path, endpoint, methods=[method]) for method, path, endpoint in served.routes()],
            exception_handlers=dict.fromkeys(HANDLED, on_error),
        )

    def restart(self) -> None:
        load(self.store, self.journal.of(Act))
        self.start()

    def publish(self, grants: Any) -> None:
        if self.fail:
            raise OSError("no space")
        write_grants(self.folder, grants)

    async def ask(self, as_: str, method: str, path: str, **given: Any) -> httpx.Response:
        app = self.application if as_ else as_operator(self.application)
        headers = {"authorization": f"Bearer outlay_{as_}"} if as_ else {}
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://ledger", headers=headers) as client:
            return await client.request(method, path, **given)

    async def post(self, as_: str, path: str, **changed: Any) -> httpx.Response:
        return await self.ask(as_, "POST", f"/v1/budgets/{path}", json={**ASKED, **changed})

    async def rows(self, as_: str, **parameters: str) -> list[dict[str, Any]]:
        answer = await self.ask(as_, "GET", "/v1/budgets/increases", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()["rows"]

    def extra(self, name: str, *instance: str) -> int:
        self.file.look()
        budget = next(each for each in BUDGETS if each.name == name)
        return self.file.current.granted(budget, instance, self.clock.now_us())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_store(tmp_path) as store:
        yield World(tmp_path, store)


async def test_a_grant_is_in_force_when_it_is_answered_and_over_at_its_end(world: World) -> None:
    answer = await world.post("admin", "each/grants", instance=["alice"])
    assert answer.status_code == 201
    assert answer.json()["state"] == "in force"
    assert answer.json()["amount"] == "50.00 USD"
    assert (world.extra("each", "alice"), world.extra("each", "bob")) == (50 * USD, 0)
    world.clock.advance(7 * DAY_US)
    assert world.extra("each", "alice") == 0


async def test_it_is_on_record_before_it_is_answered(world: World) -> None:
    await world.post("admin", "each/grants", instance=["alice"])
    (act,) = world.journal.of(Act)
    assert (act.kind, act.actor, act.subject, act.reason) == ("budget_granted", "admin", "each", "a release")
    world.journal.break_()
    answer = await world.post("admin", "each/grants", instance=["bob"])
    assert answer.json()["error"]["type"] == "not_on_record"
    assert world.extra("each", "bob") == 0


async def test_a_restart_keeps_grants_and_writes_what_could_not_be_written(world: World) -> None:
    world.fail = True
    answer = await world.post("admin", "each/grants", instance=["alice"])
    assert answer.json()["state"] == "on record"
    assert world.extra("each", "alice") == 0
    world.fail = False
    world.restart()
    assert await world.book.keep()
    assert world.extra("each", "alice") == 50 * USD


async def test_a_revoked_grant_ends_at_once(world: World) -> None:
    id_ = (await world.post("admin", "each/grants", instance=["alice"])).json()["id"]
    path = f"/v1/budgets/each/grants/{id_}"
    assert (await world.ask("alice", "DELETE", path, params={"reason": "no"})).status_code == 403
    assert (await world.ask("admin", "DELETE", path)).json()["error"]["type"] == "bad_parameter"
    assert (await world.ask("admin", "DELETE", path, params={"reason": "typed wrong"})).json()["state"] == "revoked"
    assert world.extra("each", "alice") == 0
    world.restart()
    await world.book.keep()
    assert world.extra("each", "alice") == 0
    (row,) = await world.rows("admin")
    assert (row["state"], row["revoked_by"], row["revoked_because"]) == ("revoked", "admin", "typed wrong")


async def test_a_request_changes_nothing_until_an_admin_grants_it(world: World) -> None:
    asked = await world.post("alice", "each/requests")
    assert asked.status_code == 201
    assert asked.json()["instance"] == ["alice"]
    assert world.extra("each", "alice") == 0
    (row,) = await world.rows("admin")
    assert (row["kind"], row["actor"], row["state"]) == ("request", "alice", "open")
    granted = await world.post("admin", "each/grants", request=row["id"], amount="20 USD")
    assert granted.status_code == 201
    assert world.extra("each", "alice") == 20 * USD
    assert {each["kind"]: each["state"] for each in await world.rows("alice")} == {
        "grant": "in force",
        "request": "granted",
    }


async def test_a_request_is_granted_once_and_to_whom_it_is_of(world: World) -> None:
    id_ = (await world.post("alice", "each/requests")).json()["id"]
    other = await world.post("admin", "each/grants", request=id_, instance=["bob"])
    assert (other.status_code, other.json()["error"]["type"]) == (400, "bad_parameter")
    assert (await world.post("admin", "each/grants", request=id_, instance=["alice"])).status_code == 201
    again = await world.post("admin", "each/grants", request=id_)
    assert again.status_code == 400
    assert f"{id_} is granted already" in again.json()["error"]["message"]
    assert world.extra("each", "alice") == 50 * USD


@pytest.mark.parametrize("as_", ["alice", "finance"])
async def test_only_admins_grant(world: World, as_: str) -> None:
    answer = await world.post(as_, "each/grants", instance=["alice"])
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "forbidden")
    assert not world.journal.entries


async def test_the_local_operator_is_an_admin(world: World) -> None:
    assert (await world.post("", "team/payments/grants")).status_code == 201
    assert world.extra("team/payments") == 50 * USD


async def test_a_budget_can_be_asked_for_by_those_it_is_for(world: World) -> None:
    assert (await world.post("alice", "team/payments/requests")).status_code == 201
    answer = await world.post("bob", "team/payments/requests")
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "unknown_budget")
    assert (await world.post("admin", "eech/grants")).json()["error"]["message"].endswith("did you mean 'each'?")


async def test_nobody_asks_in_anothers_name(world: World) -> None:
    answer = await world.post("bob", "each/requests", instance=["alice"])
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "forbidden")


async def test_a_grant_for_a_name_that_nobody_has_is_asked_about(world: World) -> None:
    answer = await world.post("admin", "each/grants", instance=["bobb"])
    assert answer.status_code == 400
    assert "no file of the folder knows the user 'bobb': did you mean 'bob'?" in answer.text
    assert "--unknown" in answer.text
    answer = await world.post("admin", "each/grants", instance=["user=bob"])
    assert (answer.status_code, "the value alone, 'bob', not 'user=bob'" in answer.text) == (400, True)
    assert (await world.post("admin", "each/grants", instance=["bobb"], unknown=True)).status_code == 201
    assert world.extra("each", "bobb") == 50 * USD


async def test_an_alias_names_the_person(world: World) -> None:
    await world.post("admin", "each/grants", instance=["alice@example.com"])
    assert world.extra("each", "alice") == 50 * USD


@pytest.mark.parametrize(
    ("path", "changed", "wrong"),
    [
        ("each/grants", {}, "instance"),
        ("tokens/grants", {"instance": ["alice"]}, "instance"),
        ("models/requests", {}, "instance"),
        ("models/grants", {"instance": ["x" * 201]}, "instance"),
        ("tokens/grants", {"amount": "50 USD"}, "amount"),
        ("tokens/grants", {"amount": "0"}, "amount"),
        ("tokens/grants", {"amount": "-5"}, "amount"),
        ("tokens/grants", {"amount": "0.5 tokens"}, "amount"),
        ("ban/grants", {"amount": "5"}, "amount"),
        ("tokens/grants", {"until": "1999-01-01"}, "until"),
        ("tokens/grants", {"until": "9999-01-01"}, "until"),
        ("tokens/grants", {"until": "soon"}, "until"),
        ("tokens/grants", {"until": "999999999d"}, "until"),
        ("tokens/grants", {"reason": " "}, "reason"),
        ("tokens/grants", {"reason": "x" * 501}, "reason"),
        ("tokens/grants", {"reason": "two\nlines"}, "reason"),
        ("tokens/grants", {"reasons": "x"}, "body"),
        ("tokens/grants", {"reason": "x" * 20_000}, "body"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_happens(
    world: World, path: str, changed: dict[str, Any], wrong: str
) -> None:
    answer = await world.post("admin", path, **changed)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "bad_parameter")
    assert wrong in answer.json()["error"]["message"]
    assert not world.journal.entries


async def test_an_amount_is_in_the_budgets_unit(world: World) -> None:
    await world.post("admin", "tokens/grants", amount="1.5k tokens")
    assert world.extra("tokens") == 1500


async def test_others_see_that_somebody_asked_and_not_who(world: World) -> None:
    await world.post("alice", "each/requests")
    assert await world.rows("bob") == []
    (row,) = await world.rows("finance")
    assert (row["actor"], row["instance"]) == ("(other people)", ["(other people)"])


async def test_what_is_over_is_shown_where_all_is_asked_for(world: World) -> None:
    await world.post("admin", "each/grants", instance=["alice"])
    world.clock.advance(8 * DAY_US)
    world.restart()
    assert await world.rows("admin") == []
    assert [row["state"] for row in await world.rows("admin", all="true")] == ["expired"]


async def test_one_caller_has_so_many_open_requests(world: World) -> None:
    answers = [await world.post("alice", "each/requests") for _ in range(21)]
    assert [answer.status_code for answer in answers] == [201] * 20 + [400]


async def test_the_whole_ledger_answers_and_writes_them_into_its_data_folder(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        world = World(tmp_path, store)
        ledger = Ledger(Settings(data=tmp_path), store, world.journal, lambda: world.policies)
        world.application = ledger.application()
        assert ledger.grants.behind
        assert (await world.post("admin", "each/grants", instance=["alice"])).status_code == 201
        world.file.look()
        assert len(world.file.current) == 1
        assert not ledger.grants.behind


async def test_what_gateways_could_not_be_told_is_told_by_itself(world: World) -> None:
    world.fail = True
    await world.post("admin", "each/grants", instance=["alice"])
    world.fail = False
    task = asyncio.create_task(keep(world.book, lambda: True, look_s=0.005))
    try:
        async with asyncio.timeout(60):
            while world.book.behind:
                await asyncio.sleep(0.005)
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert world.extra("each", "alice") == 50 * USD


async def test_nothing_is_told_before_the_record_is_read(world: World) -> None:
    write_grants(world.folder, [Grant("gr_1", "each", ("alice",), Unit.USD, 5, 0, 2**60)])
    task = asyncio.create_task(keep(world.book, lambda: False, look_s=0.001))
    await asyncio.wait([task], timeout=0.05)
    task.cancel()
    await asyncio.wait([task])
    assert world.extra("each", "alice") == 5
