"""Settings name the variable that can't be used, and what would be right."""

import pytest

from proxy.settings import Settings, SettingsError


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("OUTLAY_PORT", "99999"),
        ("OUTLAY_LEDGER_PORT", "-1"),
        ("OUTLAY_PORT", "http"),
        ("OUTLAY_LOG_LEVEL", "loud"),
        ("OUTLAY_LOG_FORMAT", "xml"),
        ("OUTLAY_METRICS_ACCESS", "everyone"),
        ("OUTLAY_WORKERS", "0"),
        ("OUTLAY_NODE", "../elsewhere"),
        ("OUTLAY_DRAIN_S", "a minute"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.load({name: text})


def test_case_does_not_count_in_words() -> None:
    settings = Settings.load({"OUTLAY_LOG_LEVEL": "WARNING", "OUTLAY_METRICS_ACCESS": "Key"})
    assert (settings.log_level, settings.metrics_access) == ("warning", "key")


def test_children_see_the_very_settings() -> None:
    settings = Settings.load({"OUTLAY_PORT": "1", "OUTLAY_DATA": "/d", "OUTLAY_LOG_FORMAT": "json"}, ledger_port=2)
    assert Settings.load(settings.environ()) == Settings.load(Settings.load(settings.environ()).environ())
    assert Settings.load(settings.environ()).ledger_port == 2
