"""Where tools find the gateway, by what the control plane says of it."""

import json

import pytest
import typer

from proxy.cli.login_file import Login, write_login
from proxy.cli.run import check_gemini
from proxy.cli.target import Target, gateway_of, target, whoami
from proxy.cli.tools.place import ToolError
from proxy.settings import Settings

KEY = "outlay_k"


@pytest.mark.parametrize(
    ("control", "said", "gateway"),
    [
        ("https://o.example:4142", {}, "https://o.example:4141"),
        ("https://o.example", {"gateway": "", "gateway_port": 8443}, "https://o.example:8443"),
        ("https://o.example:4142", {"gateway": "https://llm.example/", "gateway_port": 1}, "https://llm.example"),
        ("http://[::1]:4142", {"gateway_port": "x"}, "http://[::1]:4141"),
    ],
)
def test_the_gateway_is_where_the_server_says_else_beside_it(control, said, gateway):
    assert gateway_of(control, said) == gateway


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "outlay"


def test_a_remembered_login_names_gateway_and_key(config):
    write_login(config, Login("https://o:4142", KEY, "https://llm"))
    assert target(Settings()) == Target("https://llm", "https://o:4142", KEY)
    assert target(Settings(public_url="https://mine/", key="other")) == Target(
        "https://mine", "https://o:4142", "other"
    )


def test_a_login_from_before_gateways_were_remembered_still_works(config):
    config.mkdir()
    (config / "login.json").write_text(json.dumps({"url": "https://o:4142", "key": KEY}))
    assert target(Settings()) == Target("https://o:4141", "https://o:4142", KEY)


def test_without_a_login_it_is_this_machines_server_and_the_key_must_be_named(config):
    assert target(Settings(port=1, ledger_port=2, key=KEY)) == Target("http://127.0.0.1:1", "http://127.0.0.1:2", KEY)
    with pytest.raises(typer.Exit) as raised:
        target(Settings())
    assert raised.value.exit_code == 2


def test_a_server_that_says_nothing_is_no_reason_to_stop():
    assert whoami("http://127.0.0.1:1", KEY) is None
    with pytest.raises(typer.Exit) as raised:
        whoami("http://127.0.0.1:1", "schlüssel")
    assert raised.value.exit_code == 1


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ('{"security": {"auth": {"selectedType": "oauth-personal"}}}', "past outlay"),
        ("{}", "no login"),
        ("{", "no login"),
        (None, "no login"),
    ],
)
def test_gemini_cli_is_only_started_where_its_login_lets_it_call_outlay(tmp_path, settings, why):
    path = tmp_path / "settings.json"
    if settings is not None:
        path.write_text(settings)
    with pytest.raises(ToolError, match=why):
        check_gemini(path)
    path.write_text('{"security": {"auth": {"selectedType": "gemini-api-key" /* mine */}}}')
    check_gemini(path)
