"""A gateway's counters over restarts, changes of rules and a ledger that comes and goes: real journals and database.

What every test holds them to is a sum over all that stands in the journals.
"""

import random
from dataclasses import dataclass, field, replace

import pytest

from proxy.adapters.counters_file import counters_file, read
from proxy.adapters.counters_memory import MemoryCounters
from proxy.adapters.journal_file import FileJournal
from proxy.adapters.journal_segments import FileSegments
from proxy.app.balancing import Balancing
from proxy.finance.pricebook import PriceBook
from proxy.gateway.rules import Rules
from proxy.ledger.balances import balances
from proxy.ledger.loader import Loader
from proxy.model.call import Hold
from proxy.model.decision import Refusal
from proxy.model.entry import Cost, Opened, Refused
from proxy.model.usage import Usage
from proxy.policy.match import facts_of, instance
from proxy.policy.rules import Budget, RuleSet, Scope, Unit, Window
from proxy.policy.types import PolicySet
from proxy.policy.windows import bounds, buckets
from proxy.ports.balances import BalancesUnavailableError
from proxy.ports.counters import Reserved, Spent
from tests.fakes import facts
from tests.fakes.clock import FakeClock
from tests.flow.ledger_world import a_store

NOON_US = 1_793_620_800_000_000
"""2026-11-02 12:00 UTC."""
HOUR_US = 3_600_000_000
MONTH = Window("month", "Europe/Berlin")
DAY = Window("day", "Asia/Kathmandu")
ROLLING = Window("rolling", "UTC", 6 * 3600)


def a_budget(name="all", **given):
    plain = {
        "where": "budgets.yaml:1",
        "scope": Scope(),
        "mode": "enforce",
        "contact": "",
        "per": (),
        "unit": Unit.USD,
        "limit": 10**15,
        "window": MONTH,
        "warn_at": (),
        "action": "refuse",
        "downgrade_to": "",
        "on_cap": "cut",
        "reserve": 0,
        "count_refused": False,
    }
    return Budget(name=name, **(plain | given))


BUDGETS = (
    a_budget("all"),
    a_budget("users", per=("user",)),
    a_budget("tokens", scope=Scope({"team": ("pay*",)}), unit=Unit.TOKENS, window=DAY),
    a_budget("calls", per=("model", "tags.ticket"), unit=Unit.CALLS, count_refused=True, window=Window("total")),
    a_budget("rolling", scope=Scope({"user": ("alice",)}), window=ROLLING),
    a_budget("rolling-calls", per=("team",), unit=Unit.CALLS, window=replace(ROLLING, length_s=1800)),
)


class LedgerInProcess:
    """Fulfils ports.balances.Balances: the ledger's own query, unless it is down."""

    def __init__(self, store):
        self.store = store
        self.down = False

    async def known(self, budgets, node, since):
        if self.down:
            raise BalancesUnavailableError("down")
        return balances(self.store, budgets, node, since, 30)


@dataclass
class World:
    """A data folder with one gateway that can be killed, another node that only writes, and a ledger."""

    data: object
    store: object
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOON_US))
    lines: list = field(default_factory=list)
    """Every line that closes a call: node, entry."""
    numbers: int = 0
    accounts_max: int = 20_000

    def __post_init__(self):
        self.ledger = LedgerInProcess(self.store)
        self.loader = Loader(self.store, FileSegments(self.data / "journal"), self.clock.now_us)
        self.other = FileJournal(self.data / "journal", "other", self.clock)
        self.other.open()
        self.rules = None

    def start(self, *budgets):
        """A new process of the gateway; what the one before left open is settled at its hold."""
        self.journal = FileJournal(self.data / "journal", "mine", self.clock, segment_bytes_max=20_000)
        self.lines += [("mine", entry) for entry in self.journal.open().settled]
        self.counters = MemoryCounters(1000, self.accounts_max)
        self.balancing = Balancing(
            balances=self.ledger,
            counters=self.counters,
            journal=self.journal,
            data=self.data,
            node="mine",
            now_us=self.clock.now_us,
            put_in_force=self.put_in_force,
        )
        self.balancing.start(a_rules(*budgets))

    def put_in_force(self, rules):
        self.rules = rules
        self.counters.reload(rules.charges_of)

    def kill(self):
        """As a kill leaves it: calls stay open, nothing is saved."""
        self.journal.close()

    def stop(self):
        self.balancing.stop()
        self.journal.close()

    async def swap(self, *budgets):
        await self.balancing.swap(a_rules(*budgets))

    def call(self, cost=7, tokens=100, *, refused=False, left_open=False, **given):
        """One call through the gateway, as admission and settlement do it."""
        self.numbers += 1
        call = facts.a_call(f"call_{self.numbers}", opened_us=self.clock.now_us(), **given)
        charges = self.rules.charges_of(call)
        if refused:
            entry = Refused(call, 400, "refused_by_policy", "x", "No.", tuple(charge.budget.name for charge in charges))
            self.journal.append(entry)
            self.counters.count(call.opened_us, Spent(0, 0), [each for each in charges if each.budget.count_refused])
            self.lines.append(("mine", entry))
            return
        hold = Hold(cost * 3, tokens, tokens)
        assert isinstance(self.counters.reserve(call, hold, charges), Reserved)
        self.journal.append(Opened(call, hold))
        if not left_open:
            entry = a_settlement(call, cost, tokens)
            self.journal.append(entry)
            self.counters.settle(call.id, Spent(cost, tokens))
            self.lines.append(("mine", entry))

    def asked(self, cost=7, **given):
        """What the counters say of a call, which then isn't sent."""
        call = facts.a_call("asked", opened_us=self.clock.now_us(), **given)
        found = self.counters.reserve(call, Hold(cost, cost, 0), self.rules.charges_of(call))
        self.counters.settle("asked", Spent(0, 0, 0))
        return found

    def call_elsewhere(self, cost=5, tokens=10, **given):
        self.numbers += 1
        call = facts.a_call(f"call_{self.numbers}", opened_us=self.clock.now_us(), **given)
        entry = a_settlement(call, cost, tokens)
        self.other.append(Opened(call, Hold(cost, tokens, 0)))
        self.other.append(entry)
        self.lines.append(("other", entry))

    def load(self):
        for journal in (self.journal, self.other):
            journal.flush()
        self.loader.catch_up()

    def by_hand(self, budget, *nodes):
        """What lines of these nodes add to the budget's accounts, in its window now."""
        sums = {}
        for node, entry in self.lines:
            seen = facts_of(entry.call)
            if node not in nodes or not a_rules(budget).charges_of(entry.call):
                continue
            at_us = entry.call.opened_us
            if budget.window.kind == "rolling":
                start = 0 if at_us >= buckets(budget.window, self.clock.now_us()).first_us else -1
            else:
                start = bounds(budget.window, at_us)[0]
            if start == (0 if budget.window.kind == "rolling" else bounds(budget.window, self.clock.now_us())[0]):
                key = instance(budget.per, seen)
                sums[key] = sums.get(key, 0) + amount(budget, entry)
        return {key: value for key, value in sums.items() if value}

    def by_user(self):
        """What the counters say, by the user that the budget is for."""
        return {budget.scope.conditions["user"][0]: spent for budget, _, spent in self.counters.standings()}

    def counted(self, budget):
        """What the counters say of the budget's accounts, in its window now."""
        sums = {}
        for known, account, spent in self.counters.standings():
            current = (
                account.start_us >= buckets(budget.window, self.clock.now_us()).first_us
                if budget.window.kind == "rolling"
                else account.start_us == bounds(budget.window, self.clock.now_us())[0]
            )
            if known.name == budget.name and current:
                sums[account.instance] = sums.get(account.instance, 0) + spent
        return {key: value for key, value in sums.items() if value}


def a_rules(*budgets):
    return Rules(PolicySet("v1", rules=RuleSet(budgets=budgets)), PriceBook.__new__(PriceBook))


def a_settlement(call, cost, tokens):
    usage = Usage(input_text=tokens - 1, output_text=1)
    return replace(facts.a_settled(), call=call, usage=usage, cost=Cost(cost, {"input_text": cost}, "list:x"))


def amount(budget, entry):
    if isinstance(entry, Refused):
        return int(budget.count_refused)
    if budget.unit is Unit.USD:
        return entry.cost.total_pico
    return entry.usage.input_tokens + entry.usage.output_tokens if budget.unit is Unit.TOKENS else 1


@pytest.fixture
def world(tmp_path):
    with a_store(tmp_path) as store:
        world = World(tmp_path, store)
        yield world
        world.kill()
        world.other.close()


async def test_a_new_budget_counts_what_was_spent_before_it(world):
    world.start()
    world.call(7)
    world.load()
    world.call(8)
    world.call_elsewhere(5)
    await world.swap(a_budget())
    world.call(100)
    assert world.counted(a_budget()) == {(): 7 + 8 + 100}
    world.load()
    found = await world.balancing.compare()
    assert [(each.delta, each.fault) for each in found] == [(5, 0)]
    assert world.counted(a_budget()) == {(): 7 + 8 + 100 + 5}
    assert await world.balancing.compare() == []


async def test_a_raised_limit_goes_on_from_what_was_spent(world):
    world.start()
    await world.swap(a_budget(limit=50, per=("user",)))
    world.call(7)
    world.ledger.down = True
    await world.swap(a_budget(limit=1000, per=("user",)))
    assert world.balancing.waiting == ()
    assert world.counted(a_budget()) == {("alice",): 7}
    (charge,) = world.rules.charges_of(facts.a_call(opened_us=NOON_US))
    assert world.counters.balance(charge, NOON_US).left == 1000 - 7


async def test_a_budget_that_changes_what_it_counts_starts_from_facts_again(world):
    world.start()
    world.call(7, owner="alice")
    world.call(9, owner="bob")
    world.load()
    await world.swap(a_budget(scope=Scope({"user": ("alice",)})))
    await world.swap(a_budget(scope=Scope({"user": ("bob",)})))
    assert world.by_user() == {"alice": 7, "bob": 9}
    world.call(1, owner="bob")
    world.call(1, owner="alice")
    await world.swap(a_budget(scope=Scope({"user": ("alice",)})))
    assert world.by_user() == {"alice": 8, "bob": 10}


async def test_while_nobody_knows_what_was_spent_the_old_rules_stay_and_that_shows(world):
    old, new = a_budget("old"), a_budget("new")
    world.start()
    await world.swap(old)
    world.ledger.down = True
    await world.swap(old, new)
    assert world.rules.policies.rules.budgets == (old,)
    assert world.balancing.waiting == ("new",)
    assert not world.balancing.answering
    world.call(3)
    await world.swap(old)
    assert world.balancing.waiting == ()
    await world.swap(old, new)
    world.ledger.down = False
    await world.swap(old, new)
    assert (world.balancing.waiting, world.rules.policies.rules.budgets) == ((), (old, new))
    assert world.counted(new) == world.counted(old) == {(): 3}


async def test_a_start_needs_no_ledger(world):
    world.start()
    await world.swap(*BUDGETS)
    world.call(7)
    world.call_elsewhere(5)
    world.load()
    await world.balancing.compare()
    await world.balancing.save()
    file = counters_file(world.data, "mine")
    assert file.stat().st_mode & 0o777 == 0o600
    world.ledger.down = True
    for _ in range(2):
        world.call(11)
        world.call(1, left_open=True)
        world.kill()
        world.start(*BUDGETS)
        assert world.balancing.waiting == ()
    assert world.counted(BUDGETS[0]) == {(): 7 + 5 + 2 * (11 + 3)}
    world.stop()
    assert read(file).accounts
    world.start(*BUDGETS)
    assert world.counted(BUDGETS[0]) == {(): 7 + 5 + 2 * (11 + 3)}


@pytest.mark.parametrize("content", [b"", b"{}", b'{"v":2,"place":[1,1,1],"meanings":[],"accounts":[]}', b"\x00" * 50])
async def test_a_snapshot_that_cannot_be_used_is_no_balance(world, content):
    world.start()
    await world.swap(a_budget())
    world.call(7)
    world.load()
    world.kill()
    counters_file(world.data, "mine").write_bytes(content)
    # Of the other node nobody knows whether all that it wrote is on disk.
    world.start(a_budget())
    assert world.balancing.waiting == world.balancing.withheld == ("all",)
    assert isinstance(world.asked(), Refusal)
    await world.balancing.tick()
    assert world.balancing.waiting == world.balancing.withheld == ()
    world.call(2)
    assert world.counted(a_budget()) == {(): 9}


async def test_counters_that_are_wrong_are_set_right_and_it_is_told(world):
    world.start()
    await world.swap(a_budget())
    world.call(7)
    world.load()
    world.counters.count(NOON_US, Spent(3 * 10**11, 0), world.rules.charges_of(facts.a_call(opened_us=NOON_US)))
    await world.balancing.compare()
    assert world.balancing.difference_usd == 0.3
    assert world.balancing.faults == 1
    last = world.balancing.last_fault
    assert last is not None
    assert (last["accounts"], last["usd"], last["budgets"]) == (1, "0.30", [a_budget().name])
    assert world.counted(a_budget()) == {(): 7}
    await world.balancing.compare()
    assert (world.balancing.difference_usd, world.counted(a_budget())) == (0, {(): 7})


@pytest.mark.parametrize("seed", range(20, 26))
async def test_whatever_happens_counters_say_what_the_journals_say(world, seed):
    dice = random.Random(seed)
    in_force = list(dice.sample(BUDGETS, 3))
    world.start()
    await world.swap(*in_force)

    def somebody():
        return {
            "owner": dice.choice(("alice", "bob")),
            "team": dice.choice(("payments", "search")),
            "model": dice.choice(("gpt-5.1", "claude-sonnet-5")),
            "tags": dice.choice(({}, {"ticket": "PAY-1"})),
        }

    for _ in range(60):
        step = dice.randrange(12)
        if step < 4:
            world.call(dice.randrange(100), dice.randrange(1, 50), left_open=dice.random() < 0.2, **somebody())
        elif step == 4:
            world.call(refused=True, **somebody())
        elif step == 5:
            world.call_elsewhere(dice.randrange(100), dice.randrange(1, 50), **somebody())
        elif step == 6:
            world.clock.advance(dice.choice((1_000_000, 600_000_000, HOUR_US, 13 * HOUR_US)))
        elif step == 7:
            world.load()
        elif step == 8:
            world.ledger.down = not world.ledger.down
        elif step == 9:
            await world.balancing.save()
        elif step == 10:
            if dice.random() < 0.5:
                world.stop()
            else:
                world.kill()
            world.start(*in_force)
        elif not world.ledger.down:
            in_force = [replace(each, limit=dice.randrange(10**14, 10**15)) for each in dice.sample(BUDGETS, 3)]
            await world.swap(*in_force)
        for budget in world.rules.policies.rules.budgets:
            least, most = world.by_hand(budget, "mine"), world.by_hand(budget, "mine", "other")
            counted = world.counted(budget)
            for key in least | most | counted:
                assert least.get(key, 0) <= counted.get(key, 0) <= most[key]
    world.ledger.down = False
    await world.balancing._try()
    world.load()
    await world.balancing.compare()
    assert world.balancing.waiting == ()
    assert {each.name for each in world.rules.policies.rules.budgets} == {each.name for each in in_force}
    assert world.balancing.faults == 0
    for budget in in_force:
        assert world.counted(budget) == world.by_hand(budget, "mine", "other")


@pytest.mark.parametrize("window", [MONTH, ROLLING], ids=["calendar", "rolling"])
async def test_accounts_that_share_a_place_are_compared_as_one(world, window):
    world.accounts_max = 3
    each = a_budget(per=("user",), window=window)
    world.start()
    await world.swap(each)
    for number in range(6):
        world.call(10 + number, owner=f"user-{number}")
        world.call_elsewhere(3, owner=f"user-{number}")
    assert len(world.counted(each)) == 4
    for _ in range(2):
        world.load()
        first = await world.balancing.compare()
        assert {found.fault for found in first} <= {0}
        assert await world.balancing.compare() == []
        assert sum(world.counted(each).values()) == sum(world.by_hand(each, "mine", "other").values())
        world.call(1, owner="user-0")
        world.call(1, owner="user-5")
        world.call(1, owner="user-9")
        world.kill()
        world.start(each)
        world.call(2, owner="user-1")
        world.call(2, owner="user-4")
    counters_file(world.data, "mine").unlink(missing_ok=True)
    world.load()
    world.counters.count(NOON_US, Spent(5, 0), world.rules.charges_of(facts.a_call(opened_us=NOON_US, owner="user-5")))
    assert [each.fault for each in await world.balancing.compare() if each.fault] == [-5]
    assert await world.balancing.compare() == []


async def test_counters_are_compared_at_the_first_tick_after_a_start(world):
    world.start()
    await world.swap(a_budget())
    world.call(7)
    world.stop()
    world.start(a_budget())
    world.load()
    world.counters.count(NOON_US, Spent(5, 0), world.rules.charges_of(facts.a_call(opened_us=NOON_US)))
    await world.balancing.tick()
    assert (world.balancing.faults, world.counted(a_budget())) == (1, {(): 7})
    assert world.balancing.compared_us == NOON_US
