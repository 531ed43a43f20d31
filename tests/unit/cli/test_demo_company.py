from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.adapters.clock_played import awaited, played
from proxy.cli.demo.company import ACCESS_YAML, DAYS, MEMBERS, plan
from proxy.cli.demo.folder import MARKER, make
from proxy.policy.load import load
from proxy.policy.types import PolicySet

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_the_plan_is_the_same_for_the_same_days():
    assert plan(NOW) == plan(NOW)


@settings(max_examples=6)  # a plan of two weeks has hundreds of calls
@given(st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)))
def test_every_call_lies_in_the_two_weeks_in_order_and_everybody_makes_some(until):
    calls = plan(until)
    assert all(until - timedelta(days=DAYS) <= call.at < until for call in calls)
    assert [call.at for call in calls] == sorted(call.at for call in calls)
    assert {call.who for call in calls} == {member.name for member in MEMBERS}


def test_what_costs_without_need_is_in_it():
    calls = plan(NOW)
    same = Counter((call.who, str(call.body)) for call in calls)
    assert same.most_common(1)[0][1] >= DAYS * 11
    assert any(call.hang_up for call in calls)
    assert any("x-standin-status" in call.headers for call in calls)


def test_the_files_of_the_folder_are_policies_without_a_mistake(tmp_path):
    folder, keys = make(tmp_path / "demo", "http://127.0.0.1:4140")
    files = {path.name: path.read_bytes() for path in folder.policies.glob("*.yaml")}
    assert isinstance(load(files), PolicySet)
    assert len(set(keys.values())) == len(MEMBERS)
    assert ACCESS_YAML.encode() == files["access.yaml"]


def test_a_folder_is_made_anew_but_never_in_the_place_of_other_things(tmp_path, capsys):
    first, _ = make(tmp_path / "demo", "http://127.0.0.1:4140")
    (first.path / "data").mkdir()
    second, _ = make(tmp_path / "demo", "http://127.0.0.1:4140")
    assert not second.data.exists()
    (second.path / MARKER).unlink()
    with pytest.raises(BaseException, match="2"):
        make(tmp_path / "demo", "http://127.0.0.1:4140")
    assert "holds other things than a demo" in capsys.readouterr().err
    assert (second.policies / "access.yaml").exists()


@given(
    st.floats(0, 1e9), st.floats(1e9, 2e9), st.floats(1, 1000), st.lists(st.floats(-10, 2000), min_size=2, max_size=20)
)
def test_the_played_clock_begins_and_ends_without_a_jump_and_never_goes_back(begin, start, play, offsets):
    walls = iter(sorted(start + offset for offset in offsets))
    now = played(begin, start, play, lambda: next(walls))
    shown = [now() for _ in offsets]
    assert shown == sorted(shown)
    assert all(begin <= each for each in shown)
    assert played(begin, start, play, lambda: start)() == begin
    assert played(begin, start, play, lambda: start + play)() == start + play
    assert played(begin, start, play, lambda: start + play + 5)() == start + play + 5


def test_the_play_begins_when_everybody_is_there(tmp_path):
    started = tmp_path / "started"
    now = awaited(1000.0, started, 10.0, lambda: 5005.0)
    assert (now(), now()) == (1000.0, 1000.0)
    started.write_text("")
    assert now() == 1000.0
    started.write_text("5000.0")
    assert now() == played(1000.0, 5000.0, 10.0, lambda: 5005.0)() == 3005.0
    started.unlink()
    assert now() == 3005.0
