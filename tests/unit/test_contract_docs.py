"""docs/contract.md names everything that users and scripts rely on."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import typer

from proxy.__main__ import app
from proxy.dialects import anthropic, gemini, openai, openai_files, openai_operations
from proxy.model.decision import Reason
from proxy.settings import PREFIX, Settings
from proxy.web.control_errors import PATHS

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = (ROOT / "docs/contract.md").read_text()
INTERNAL = {"supervisor_pid", "listen_fd", "handover_fd", "predecessor"}
"""Set by `outlay serve` for its own processes."""


def commands(command: object, path: str = "outlay") -> Iterator[str]:
    """The words of each command; a group of commands is none."""
    members = getattr(command, "commands", None)
    if members is None:
        yield path
        return
    for name, member in members.items():
        yield from commands(member, f"{path} {name}")


@pytest.mark.parametrize("name", [field.name for field in fields(Settings) if field.name not in INTERNAL])
def test_every_setting_is_in_the_contract(name: str) -> None:
    assert f"`{PREFIX}{name.upper()}`" in CONTRACT


def test_every_variable_in_the_contract_is_a_setting() -> None:
    known = {f"{PREFIX}{field.name.upper()}" for field in fields(Settings)}
    assert set(re.findall(rf"`({PREFIX}[A-Z_]+)`", CONTRACT)) <= known


def test_the_commands_in_the_contract_are_those_there_are() -> None:
    said = re.findall(r"`(outlay [a-z -]+)`", CONTRACT.partition("## Commands")[2].partition("\n| exit")[0])
    assert sorted(said) == sorted(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("path", PATHS)
def test_every_path_of_the_control_plane_is_in_the_contract(path: str) -> None:
    assert f"`GET {path}`" in CONTRACT


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_in_the_contract(reason: Reason) -> None:
    assert f"`{reason}`" in CONTRACT


@pytest.mark.parametrize(
    "places",
    [
        {("POST", f"/v1{path}") for path in openai_operations.POSTED},
        {(method, f"/v1{path}") for method, path in openai_files.PLACES},
        set(anthropic._PLACES),
    ],
    ids=["openai", "openai files", "anthropic"],
)
def test_every_path_that_is_forwarded_is_in_the_contract_and_the_other_way_round(places: set[tuple[str, str]]) -> None:
    table = CONTRACT.partition("## The caller's key")[0]
    said = {(method, path) for method, path in re.findall(r"`(GET|POST|DELETE) (/v1[^`]*)`", table)}
    assert places <= said
    speakers = (openai.OpenAI(), anthropic.Anthropic(), gemini.Gemini())
    for method, path in said:
        plain = path.replace("{id}", "x").replace("{model}", "x")
        assert any(speaker.operation(method, plain) for speaker in speakers), (method, path)


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *sorted(p.name for p in (ROOT / "docs").glob("*.md"))]
)
def test_every_link_leads_somewhere(page: str) -> None:
    path = ROOT / page if (ROOT / page).exists() else ROOT / "docs" / page
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text()):
        assert target.startswith("http") or (path.parent / target).exists(), f"{page}: {target}"


@pytest.mark.parametrize("page", ["README.md", *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))])
def test_no_page_names_a_command_that_is_not_there(page: str) -> None:
    known = {words.split()[1] for words in commands(typer.main.get_command(app))}
    text = (ROOT / page).read_text()
    blocks = "\n".join(re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S))
    said = re.findall(r"^(?:\$ )?outlay ([a-z][a-z-]+)", blocks, re.M) + re.findall(r"`outlay ([a-z][a-z-]+)", text)
    assert set(said) <= known
