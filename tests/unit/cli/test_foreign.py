from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import respx
from typer.testing import CliRunner

from proxy.__main__ import app
from proxy.cli.foreign import FORMS
from proxy.web import openapi

URL = "http://outlay.example.com:4142"
PAGE = httpx.Response(200, html="<html>Sign in</html>")


@pytest.fixture
def server() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=URL) as router:
        yield router


def outlay(*words: str) -> tuple[int, str, str]:
    environ = {"OUTLAY_URL": URL, "OUTLAY_KEY": "outlay_x", "XDG_CONFIG_HOME": "/nonexistent"}
    done = CliRunner(env=environ).invoke(app, words, catch_exceptions=False)
    return done.exit_code, done.stdout, " ".join(done.stderr.split())


@pytest.mark.parametrize(
    "words",
    [
        ("report", "spend"),
        ("report", "spend", "--json"),
        ("report", "spend", "--format", "csv", "--out", "{}"),
        ("report", "waste", "--format", "svg", "--out", "{}"),
        ("months",),
        ("months", "close", "2026-10"),
        ("export", "csv", "--month", "2026-10", "--out", "{}"),
        ("budget", "list"),
        ("policy", "explain", "call_1"),
        ("policy", "replay", "--policies", "policies"),
        ("deployments", "explain", "3"),
        ("deployments", "import", "events.jsonl"),
    ],
)
def test_a_page_of_something_else_is_no_report_and_no_file(
    server: respx.MockRouter, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    CliRunner().invoke(app, ["init", "policies"], catch_exceptions=False)
    Path("events.jsonl").write_text('{"kind": "change"}\n')
    server.route().mock(PAGE)
    code, shown, why = outlay(*(each.format(tmp_path / "file") for each in words))
    assert (code, shown) == (2, "")
    assert f"{URL} doesn't answer as an outlay control plane does: text/html" in why
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("status", [401, 404])
def test_the_gateways_port_is_told_from_the_control_planes(server: respx.MockRouter, status: int) -> None:
    error = {
        "message": "outlay forwards no GET",
        "type": "invalid_request_error",
        "param": None,
        "code": "unknown_path",
    }
    server.route().respond(status, json={"error": error})
    code, _, why = outlay("report", "spend")
    assert code == 2
    assert f"{URL} is outlay's gateway, where calls go. Ask the control plane" in why


def test_a_key_that_is_not_taken_is_told_with_the_command_that_mends_it(server: respx.MockRouter) -> None:
    server.route().respond(401, json={"error": {"type": "invalid_key", "message": "No valid outlay key came"}})
    code, _, why = outlay("report", "spend")
    assert code == 2
    assert f"{URL} does not take this key" in why
    assert f"`outlay login {URL}`" in why


def test_who_does_not_answer_is_named(server: respx.MockRouter) -> None:
    server.route().mock(side_effect=httpx.ConnectError("Connection refused"))
    assert f"no answer from {URL}: Connection refused" in outlay("months")[2]


def test_the_forms_are_those_of_the_control_plane() -> None:
    assert dict(FORMS) == {"json": "application/json", **openapi._MEDIA}
