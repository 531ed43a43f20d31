"""`outlay policy schema`: for editors, on paper and beside the files."""

import json
from pathlib import Path

from typer.testing import CliRunner

from proxy.cli.policy import app
from proxy.policy.load import FILES


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["schema", *words])
    return result.exit_code, result.stdout, result.stderr


def test_all_schemas_are_printed_as_one() -> None:
    code, printed, _ = run()
    assert code == 0
    assert set(json.loads(printed)["$defs"]) == set(FILES)


def test_one_is_printed() -> None:
    code, printed, _ = run("--file", "budgets.yaml")
    assert code == 0
    assert {"budgets", "limits", "timezone"} == set(json.loads(printed)["properties"])


def test_they_are_written_into_a_folder(tmp_path: Path) -> None:
    assert run("--write", str(tmp_path / "deep"))[0] == 0
    assert {path.stem for path in (tmp_path / "deep").iterdir()} == {name.removesuffix(".yaml") for name in FILES}
    assert json.loads((tmp_path / "deep" / "keys.json").read_text())["title"] == "keys.yaml"


def test_a_file_that_there_is_none_of(tmp_path: Path) -> None:
    code, _, said = run("--file", "budget.yaml", "--write", str(tmp_path))
    assert (code, list(tmp_path.iterdir())) == (2, [])
    assert "did you mean 'budgets.yaml'?" in said


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, _, said = run("--write", str(tmp_path / "file"))
    assert code == 2
    assert "can't be written" in said
