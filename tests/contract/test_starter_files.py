"""Starter files: written where nobody has policies yet, never over anybody's own."""

import json
import re
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from proxy.adapters.policy_files import PolicyFolder
from proxy.adapters.starter_files import write_schemas, write_starter
from proxy.cli.policy import app
from proxy.policy.load import FILES
from proxy.policy.schema import editor_line


def test_a_new_folder_gets_files_that_load_as_they_are(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "policies"
    assert write_starter(place) == sorted(FILES)
    folder = PolicyFolder(place, place / "keys.yaml", tmp_path / "data")
    assert folder.load_now() == ()
    assert "openai" in folder.current.providers
    assert stat.S_IMODE((place / "keys.yaml").stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["access.yaml", "budgets.yaml", "providers.yml"])
def test_a_folder_with_any_policy_file_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    assert write_starter(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_other_files_in_the_folder_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("ours")
    assert write_starter(tmp_path)
    assert (tmp_path / "README.md").read_text() == "ours"


def test_each_file_finds_its_schema_beside_it(tmp_path: Path) -> None:
    for name in write_starter(tmp_path):
        text = (tmp_path / name).read_text()
        assert text.startswith(editor_line(name))
        place = tmp_path / text.partition("\n")[0].partition("$schema=")[2]
        assert json.loads(place.read_text())["title"] == name
    folder = PolicyFolder(tmp_path, tmp_path / "keys.yaml", tmp_path / "data")
    assert folder.load_now() == ()


def test_the_schemas_in_the_repository_are_those_of_the_loader(tmp_path: Path) -> None:
    kept = Path(__file__).parents[2] / "policies" / ".schema"
    write_schemas(tmp_path)
    assert {path.name: path.read_text() for path in kept.iterdir()} == {
        path.name: path.read_text() for path in tmp_path.iterdir()
    }
    assert len(list(kept.iterdir())) == len(FILES)


@pytest.mark.parametrize("name", ["budgets.yaml", "models.yaml", "cases.yaml", "notify.yaml", "services.yaml"])
def test_its_example_takes_effect_once_its_comment_signs_are_gone(tmp_path: Path, name: str) -> None:
    write_starter(tmp_path)
    for each in {"budgets.yaml", "models.yaml", name}:  # the cases are about their examples
        text = (tmp_path / each).read_text()
        (tmp_path / each).write_text(text.replace("\n#  ", "\n  "))
    folder = PolicyFolder(tmp_path, tmp_path / "keys.yaml", tmp_path / "data")
    assert folder.load_now() == ()
    rules, told = folder.current.rules, folder.current.targets
    assert {
        "budgets.yaml": len(rules.budgets),
        "models.yaml": len(rules.models),
        "cases.yaml": len(rules.cases),
        "notify.yaml": len(told),
        "services.yaml": len(folder.current.services.services),
    }[name]


_INDENTED = re.compile(r"^  # (?=- |  |[\w-]+:( |$))", re.MULTILINE)
"""The comment sign of an indented example: behind it stands an entry or a setting, not a sentence."""


def test_the_starter_without_its_comment_signs_passes_every_check_and_its_own_cases(tmp_path: Path) -> None:
    for name in write_starter(tmp_path):
        text = (tmp_path / name).read_text()
        text = re.sub(r"^#(?=  (- |  |[\w./-]+:( |$)))", "", text, flags=re.MULTILINE)
        (tmp_path / name).write_text(_INDENTED.sub("  ", text))
    found = CliRunner().invoke(app, ["check", str(tmp_path), "--strict"])
    assert found.exit_code == 0, found.output
    assert "2 people, 2 service accounts, 1 project" in found.output
    assert "1 budget, 1 limit, 2 model rules, 4 redundancy rules, 1 evaluation, 2 cases" in found.output
    assert "1 service, 1 source, 1 mirror" in found.output
