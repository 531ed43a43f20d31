"""What the doctor says of backups and of erasing that was cut off."""

import json

import pytest

from proxy.adapters.clock import SystemClock
from proxy.adapters.journal_segments import DAY_US
from proxy.app.backing_up import BACKED_UP_FILE
from proxy.app.erasing import PENDING_FILE
from proxy.cli.doctor_backups import backups
from proxy.settings import Settings


def found(tmp_path, days_ago=None, **settings):
    if days_ago is not None:
        at_us = SystemClock().now_us() - int(days_ago * DAY_US)
        (tmp_path / BACKED_UP_FILE).write_text(json.dumps({"at_us": at_us, "segments": {}}))
    return [(each.state, each.what) for each in backups(Settings(data=tmp_path, **settings))]


def test_without_a_backup_nothing_is_said_as_long_as_everything_is_kept(tmp_path):
    assert found(tmp_path) == found(tmp_path / "none") == []


def test_facts_that_are_dropped_without_a_backup_are_wrong(tmp_path):
    assert found(tmp_path, journal_days=30.0) == [("wrong", "old facts are dropped, and there is no backup")]


@pytest.mark.parametrize(("days", "settings", "state"), [(40, {}, "ok"), (40, {"calls_days": 99.0}, "note"),
                                                         (1, {"calls_days": 99.0}, "ok")])  # fmt: skip
def test_an_old_backup_is_worth_a_word_where_facts_are_dropped(tmp_path, days, settings, state):
    assert found(tmp_path, days, **settings) == [(state, f"last backup {days:.1f} days ago")]


def test_a_record_that_cant_be_read_is_named(tmp_path):
    (tmp_path / BACKED_UP_FILE).write_text("{")
    [(state, what)] = found(tmp_path)
    assert (state, "can't be read" in what) == ("wrong", True)


def test_erasing_that_was_cut_off_is_wrong(tmp_path):
    (tmp_path / PENDING_FILE).write_text("{}")
    assert found(tmp_path) == [("wrong", "erasing a person was cut off: the name is still in places")]
