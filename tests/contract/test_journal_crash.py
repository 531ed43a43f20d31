"""A kill at any instant: every call that was opened is settled exactly once after the next start."""

import json
import subprocess
import sys

import pytest

POINTS_AT_LEAST = 60


def kills(*args):
    command = [sys.executable, "-m", "tests.contract.journal_crash", *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(result):
    settlements = result["settlements"]
    assert all(settlements.get(call_id) == 1 for call_id in result["opened"]), "lost or doubled"
    assert set(settlements.values()) <= {1}, "doubled"
    assert set(result["settled"]) <= set(result["as_they_were"]), "a written settlement was lost"
    assert not set(result["crashed"]) & set(result["settled"]), "settled twice"
    assert not result["rewritten"], "published bytes changed"
    assert not result["awaiting"], "recovery not finished"


@pytest.fixture(scope="module")
def killed_at_each_system_call(tmp_path_factory):
    return kills("points", tmp_path_factory.mktemp("journal"))


def test_killed_at_each_system_call_every_call_is_settled_once(killed_at_each_system_call):
    assert len(killed_at_each_system_call) >= 2 * POINTS_AT_LEAST
    for result in killed_at_each_system_call:
        check(result)


def test_the_kills_fell_before_within_and_after_the_calls(killed_at_each_system_call):
    """Else the test above would prove nothing."""
    opened = [len(result["opened"]) for result in killed_at_each_system_call]
    assert min(opened) == 0
    assert max(opened) >= 6
    assert any(result["crashed"] for result in killed_at_each_system_call)
    assert any(set(result["settlements"]) - set(result["opened"]) for result in killed_at_each_system_call)


def test_killed_at_random_moments_under_load_every_call_is_settled_once(tmp_path):
    [result] = kills("moments", tmp_path, 20)
    check(result)
    assert len(result["opened"]) > 500
