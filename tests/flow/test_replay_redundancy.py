"""Redundancy rules on past calls: by what was found then, whatever was done about it."""

from dataclasses import replace
from pathlib import Path

import pytest
import respx

from proxy.model.entry import Settled
from tests.flow.test_budgets import COST_PICO
from tests.flow.test_replay import a_day, did, replay

CALLS = 12


def rules(*said: str) -> dict[str, str]:
    text = "".join(f"  - {{{rule}}}\n" for rule in said)
    return {"redundancy.yaml": f"redundancy:\n{text}"}


def refusing(more: str = "") -> dict[str, str]:
    return rules("name: again, classes: [exact_repeat], action: refuse" + more)


async def test_what_was_let_pass_is_refused_and_what_was_refused_is_let_pass(
    respx_mock: respx.MockRouter, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    observed = await a_day(respx_mock, {}, [{"temperature": 0}] * CALLS)
    flagged = sum(int(entry.found.get("flagged", 0)) for entry in observed.settled)
    assert 0 < flagged < CALLS
    result = replay(observed, tmp_path / "a", refusing())
    assert did(result) == {("again", "refuse"): flagged}
    assert (result.refused, result.refused_pico) == (flagged, flagged * COST_PICO)
    assert result.spent_pico == (CALLS - flagged) * COST_PICO
    refused = await a_day(respx_mock, refusing(), [{"temperature": 0}] * CALLS)
    assert len(refused.refused) == flagged
    assert did(replay(refused, tmp_path / "b", refusing())) == {("again", "refuse"): flagged}
    assert replay(refused, tmp_path / "b", {}).passed_again == flagged


async def test_another_threshold_window_scope_or_class_is_tried_on_what_was_found(
    respx_mock: respx.MockRouter, tmp_path: Path
) -> None:
    world = await a_day(respx_mock, {}, [{"temperature": 0}] * CALLS)
    scores = [int(entry.found.get("score", 0)) for entry in world.settled]
    assert max(scores) > 5_000
    for threshold in (2.5, 3.6, 5):
        found = did(replay(world, tmp_path, refusing(f", threshold: {{exact_repeat: {threshold}}}")))
        assert found == {("again", "refuse"): sum(score >= threshold * 1000 for score in scores)}
    for more in (", window: 10s", ", applies_to: {project: search}"):
        assert did(replay(world, tmp_path, refusing(more))) == {}
    assert did(replay(world, tmp_path, rules("name: again, classes: [tool_loop], action: refuse"))) == {}


@pytest.mark.parametrize(
    ("said", "done"),
    [
        ("action: warn", "warn"),
        ("action: justify, justifications_per_day: 2", "justify"),
        ("action: refuse, mode: shadow", "shadow: refuse"),
        ("action: observe", ""),
    ],
)
async def test_each_action_has_its_own_row(respx_mock: respx.MockRouter, tmp_path: Path, said: str, done: str) -> None:
    world = await a_day(respx_mock, {}, [{"temperature": 0}] * CALLS)
    flagged = sum(int(entry.found.get("flagged", 0)) for entry in world.settled)
    result = replay(world, tmp_path, rules(f"name: again, classes: [exact_repeat], {said}"))
    assert did(result) == ({("again", done): flagged} if done else {})
    kept = flagged if done == "justify" else 0
    assert result.spent_pico == (CALLS - kept) * COST_PICO


async def test_justifications_of_then_count_up_to_the_days_number(respx_mock: respx.MockRouter, tmp_path: Path) -> None:
    asking = rules("name: again, classes: [exact_repeat], action: justify, justifications_per_day: 2")
    world = await a_day(respx_mock, {}, [{"temperature": 0}] * CALLS)
    flagged = sum(int(entry.found.get("flagged", 0)) for entry in world.settled)
    for place, entry in enumerate(world.journal.entries):
        if isinstance(entry, Settled):
            world.journal.entries[place] = replace(entry, call=replace(entry.call, justification="a reason"))
    assert did(replay(world, tmp_path, asking)) == {("again", "justify"): flagged - 2}


async def test_a_throttle_lets_so_many_a_minute_pass(respx_mock: respx.MockRouter, tmp_path: Path) -> None:
    world = await a_day(respx_mock, {}, [{"temperature": 0}] * CALLS)
    flagged = sum(int(entry.found.get("flagged", 0)) for entry in world.settled)
    asking = rules("name: again, classes: [exact_repeat], action: throttle, requests_per_minute: 1")
    found = did(replay(world, tmp_path, asking))
    # 20 s apart: every third one passes, or every fourth.
    assert flagged * 2 // 3 <= found["again", "throttle"] <= -(-flagged * 3 // 4)
