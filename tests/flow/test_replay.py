"""Replays of calls that a real gateway decided: the same policies say the same again, others say what they would."""

import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import respx
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.app.replaying import calls_in, replayed
from proxy.ledger.replay_facts import history_of, write_facts
from proxy.model.entry import Refused, Settled
from proxy.policy.load import load
from proxy.policy.types import PolicySet
from proxy.replay.result import Result
from tests.flow.ledger_world import a_store
from tests.flow.ledger_world import load as loaded
from tests.flow.test_budgets import CHAT, COST_PICO, URL, Body
from tests.flow.world import POLICIES, World

NEVER = 2**62


def answer(request: httpx.Request) -> httpx.Response:
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    model = json.loads(request.content)["model"]
    return httpx.Response(200, stream=Body({"id": "c", "model": model, "choices": [], "usage": usage}))


async def a_day(router: respx.MockRouter, files: dict[str, str], bodies: list[dict[str, object]]) -> World:
    """Calls one after the other, 20 s apart."""
    router.post(URL).mock(side_effect=answer)
    world = World(router, files)
    for body in bodies:
        await world.call("POST", "/v1/chat/completions", json=CHAT | body)
        world.clock.advance(20_000_000)
    return world


def replay(world: World, folder: Path, files: dict[str, str], *, since_us: int = 0) -> Result:
    """The world's journal, loaded by the loader, and replayed."""
    policies = policies_of(files)
    facts = folder / "facts.parquet"
    with a_store(folder) as store:
        if not store.read("SELECT count(*) FROM calls")[0][0]:
            loaded(store, [entry for entry in world.journal.entries if isinstance(entry, Settled | Refused)])
        history = history_of(policies.rules.budgets, since_us)
        write_facts(store, facts, since_us=since_us, until_us=NEVER, history=history, timeout_s=30)
    done: list[int] = []
    result = replayed(policies, facts, since_us=since_us, until_us=NEVER, progress=done.append)
    assert done[-1] == calls_in(facts, policies) == result.calls
    assert result.spent_pico == result.unruled_pico - saved(result), "each rule's part adds up to the whole"
    return result


def saved(result: Result) -> int:
    """By what rules do; in shadow mode they do nothing."""
    return sum(count.saved_pico for group, count in result.counts.items() if not group.did.startswith("shadow: "))


def policies_of(files: dict[str, str]) -> PolicySet:
    policies = load({**POLICIES, **files, "keys.yaml": "keys: []\n"})
    assert isinstance(policies, PolicySet), policies
    return policies


def budgets(*rules: str) -> dict[str, str]:
    return {"budgets.yaml": "budgets:\n" + "".join(f"  - {{{rule}}}\n" for rule in rules)}


def models(*rules: str) -> dict[str, str]:
    return {"models.yaml": "models:\n" + "".join(f"  - {{{rule}}}\n" for rule in rules)}


def did(result: Result) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for group, count in result.counts.items():
        found[group.rule, group.did] = found.get((group.rule, group.did), 0) + count.calls
    return found


async def test_the_same_policies_refuse_the_same_calls_again_and_stricter_ones_more(respx_mock, tmp_path):
    files = {**budgets("name: day, limit: 0.02 USD, window: day"), **models("name: no-mini, deny: [gpt-4o-mini]")}
    world = await a_day(respx_mock, files, [{}] * 8 + [{"model": "gpt-4o-mini"}] * 2)
    refused = len(world.refused)
    assert 3 < refused < 10
    same = replay(world, tmp_path, files)
    assert did(same) == {("day", "refuse"): refused - 2, ("no-mini", "refuse"): 2}
    assert (same.calls, same.refused, same.passed_again) == (10, refused, 0)
    assert same.cost_pico == sum(each.cost.total_pico for each in world.settled) == COST_PICO * (10 - refused)
    assert replay(world, tmp_path, files) == same
    stricter = replay(world, tmp_path, {**files, **budgets("name: day, limit: 0.01 USD, window: day")})
    assert stricter.refused > refused
    assert stricter.refused_pico > 0


async def test_what_was_refused_passes_at_its_expected_cost_under_laxer_policies(respx_mock, tmp_path):
    world = await a_day(respx_mock, models("name: no-4o, deny: [gpt-4o]"), [{}] * 3)
    result = replay(world, tmp_path, {})
    assert (result.refused, result.passed_again, result.cost_pico) == (0, 3, 0)
    assert 0 < result.passed_again_pico < 3 * COST_PICO
    (entry, *_) = world.refused
    assert result.passed_again_pico // 3 <= entry.ask["hold_pico"]


async def test_a_downgrade_costs_the_recorded_usage_at_the_other_model_and_back(respx_mock, tmp_path):
    world = await a_day(respx_mock, {}, [{}] * 3)
    rule = "name: smaller, downgrade: {to: gpt-4o-mini}"
    result = replay(world, tmp_path, models(rule))
    ((group, count),) = result.counts.items()
    assert (group.rule, group.did, group.project, count.calls) == ("smaller", "downgrade", "checkout", 3)
    small = 1000 * 150_000 + 100 * 600_000
    assert (count.cost_pico, count.saved_pico) == (3 * COST_PICO, 3 * (COST_PICO - small))


async def test_refusing_what_is_downgraded_today_saves_what_the_downgraded_call_cost(respx_mock, tmp_path):
    rule = models("name: smaller, downgrade: {to: gpt-4o-mini}")
    world = await a_day(respx_mock, rule, [{}] * 3)
    recorded = sum(each.cost.total_pico for each in world.settled)
    today = replay(world, tmp_path, rule)
    then = replay(world, tmp_path, models("name: no-4o, deny: [gpt-4o]"))
    assert (today.spent_pico, then.spent_pico) == (recorded, 0)
    assert today.unruled_pico == then.unruled_pico == 3 * COST_PICO
    assert saved(then) - saved(today) == recorded


async def test_what_is_refused_after_a_downgrade_is_saved_once(respx_mock, tmp_path):
    world = await a_day(respx_mock, {}, [{}] * 3)
    both = {**models("name: smaller, downgrade: {to: gpt-4o-mini}"), **budgets("name: no, limit: 0 USD, window: day")}
    result = replay(world, tmp_path, both)
    assert did(result) == {("no", "refuse"): 3}
    assert (result.unruled_pico, result.spent_pico) == (3 * COST_PICO, 0)


async def test_calls_refused_then_are_made_to_fit_and_still_add_up(respx_mock, tmp_path):
    world = await a_day(respx_mock, models("name: no-4o, deny: [gpt-4o]"), [{"max_tokens": 9000}] * 4)
    small = "name: b, limit: 0.001 USD, window: day"
    result = replay(world, tmp_path, {**models("name: smaller, downgrade: {to: gpt-4o-mini}"), **budgets(small)})
    assert (result.refused_then, result.cost_pico) == (4, 0)
    assert 0 < result.spent_pico < result.unruled_pico


async def test_rules_in_shadow_mode_are_counted_and_change_nothing(respx_mock, tmp_path):
    world = await a_day(respx_mock, {}, [{}] * 3)
    result = replay(
        world,
        tmp_path,
        {
            **models("name: no-4o, deny: [gpt-4o], mode: shadow"),
            **budgets("name: tiny, limit: 0, window: day, mode: shadow".replace("limit: 0", "limit: 0 USD")),
        },
    )
    assert did(result) == {("no-4o", "shadow: refuse"): 3, ("tiny", "shadow: refuse"): 3}
    assert result.refused == 0


async def test_rate_limits_throttle_in_a_replay_too(respx_mock, tmp_path):
    world = await a_day(respx_mock, {}, [{}] * 3)
    limit = {"budgets.yaml": "limits:\n  - {name: one, requests_per_minute: 1}\n"}
    assert did(replay(world, tmp_path, limit)) == {("one", "throttle"): 2}


async def test_what_was_spent_before_counts_in_windows_that_reach_back(respx_mock, tmp_path):
    world = await a_day(respx_mock, {}, [{}] * 6)
    since_us = world.settled[3].call.opened_us
    for window in ("month", "total", "1h", "30d"):
        files = budgets(f"name: b, limit: 0.012 USD, window: {window}")
        assert replay(world, tmp_path, files, since_us=since_us).refused == 3, window
    assert replay(world, tmp_path, budgets("name: b, limit: 10 USD, window: month"), since_us=since_us).refused == 0


@pytest.mark.parametrize("on_cap", ["", ", on_cap: finish, reserve: 20%"])
async def test_a_stream_that_outgrows_what_is_left_is_cut_to_it_reserve_included(respx_mock, tmp_path, on_cap):
    world = await a_day(respx_mock, {}, [{}])
    (settled,) = world.settled
    small = {**settled.ask, "hold_pico": 10**6, "hold_input": 1, "hold_output": 1}
    call = replace(settled.call, stream=True)
    world.journal.entries[:] = [replace(settled, call=call, ask=small, settled_us=call.opened_us + 5)]
    result = replay(world, tmp_path, budgets(f"name: b, limit: 0.001 USD, window: day{on_cap}"))
    ((group, count),) = result.counts.items()
    assert (group.did, count.saved_pico) == ("cut", COST_PICO - 10**9)


@settings(max_examples=8)
@given(
    limit=st.integers(1, 40),
    per_minute=st.integers(1, 3),
    output=st.lists(st.sampled_from([None, 100, 3000, 9000]), min_size=1, max_size=8),
)
async def test_sequential_calls_are_refused_by_the_same_rules_again(limit, per_minute, output, tmp_path_factory):
    files = {
        "budgets.yaml": f"budgets:\n  - {{name: day, limit: 0.{limit:03} USD, window: day}}\n"
        f"limits:\n  - {{name: rate, tokens_per_minute: {per_minute * 600}}}\n",
        **models("name: short, output_tokens_max: 8000", "name: dear, cost_max: 0.08 USD"),
    }
    with respx.MockRouter(assert_all_called=False) as router:
        world = await a_day(router, files, [{"max_tokens": tokens} if tokens else {} for tokens in output])
    result = replay(world, tmp_path_factory.mktemp("replay"), files)
    assert result.refused == len(world.refused)
    assert result.passed_again == 0
    assert result.cost_pico == sum(each.cost.total_pico for each in world.settled)


async def test_a_call_that_went_to_a_cheaper_model_costs_its_own_where_nothing_sends_it_there(respx_mock, tmp_path):
    rule = "name: b, limit: 0.008 USD, window: day, downgrade: {to: gpt-4o-mini}"
    world = await a_day(respx_mock, budgets(rule), [{}] * 3)
    sent = [each.ask.get("sent") for each in world.settled]
    assert sent == [None, "gpt-4o-mini", "gpt-4o-mini"]
    recorded = sum(each.cost.total_pico for each in world.settled)
    free = replay(world, tmp_path, budgets("name: other, limit: 0.014 USD, window: day"))
    assert (free.cost_pico, free.refused) == (recorded, 0)
    # The second comes to what its own model costs, so that the third, by its hold, has no room.
    assert replay(world, tmp_path, budgets("name: other, limit: 0.0135 USD, window: day")).refused == 1
    again = replay(world, tmp_path, budgets(rule))
    assert did(again) == {("b", "downgrade"): 2}
    small = 1000 * 150_000 + 100 * 600_000
    assert [count.saved_pico for count in again.counts.values()] == [2 * (COST_PICO - small)]


async def test_the_models_of_other_budgets_are_tried_where_the_first_smaller_one_does_not_fit(respx_mock, tmp_path):
    world = await a_day(respx_mock, {}, [{"max_tokens": 4000}])
    first = "name: first, limit: 0.002 USD, window: day, downgrade: {to: gpt-4o-mini}"
    other = "name: other, limit: 900 USD, window: day, downgrade: {to: gpt-4.1-nano}"
    result = replay(world, tmp_path, budgets(first, other))
    assert did(result) == {("first", "downgrade"): 1, ("other", "downgrade"): 1}
    assert did(replay(world, tmp_path, budgets(first))) != did(result), "no other is named"
