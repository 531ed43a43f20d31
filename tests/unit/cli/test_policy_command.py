"""`outlay policy schema` for editors, and the cases that `outlay policy check` tries."""

import json
from pathlib import Path

from typer.testing import CliRunner

from proxy.adapters.starter_files import write_starter
from proxy.cli.policy import app
from proxy.policy.load import FILES

CASES = """
cases:
  - {name: a known price, call: {model: stand-in-small}, expect: allow}
  - {name: an unknown one, call: {model: nobody-sells-this}, expect: EXPECTED}
"""


def run(*words: str) -> tuple[int, str, str]:
    return invoke("schema", *words)


def invoke(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, words)
    return result.exit_code, result.stdout, result.stderr


def folder(path: Path, expected: str) -> str:
    write_starter(path)
    prices = (path / "prices.yaml").read_text().replace("unpriced: hold_ceiling", "unpriced: refuse")
    (path / "prices.yaml").write_text(prices)
    (path / "cases.yaml").write_text(CASES.replace("EXPECTED", expected))
    return str(path)


def test_cases_that_hold_are_counted(tmp_path: Path) -> None:
    code, printed, _ = invoke("check", folder(tmp_path, "refuse"))
    assert code == 0
    assert "2 cases" in printed


def test_a_case_that_fails_is_told_with_the_refusals_own_words(tmp_path: Path) -> None:
    code, printed, said = invoke("check", folder(tmp_path, "allow"))
    assert code == 1
    assert "cases.yaml:4:5: the case 'an unknown one' expects allow, and gets refuse" in said
    assert "no known price" in said
    assert "fails 1 case:" in printed


def test_warnings_count_as_mistakes_where_that_is_asked_for(tmp_path: Path) -> None:
    place = folder(tmp_path, "refuse")
    assert invoke("check", place, "--strict")[0] == 1, "the case's model is nobody's"
    (tmp_path / "cases.yaml").write_text("")
    assert invoke("check", place, "--strict")[0] == 0
    (tmp_path / "models.yaml").write_text("models: [{name: small, deny: [gpt-5-minni, stand-in-large]}]")
    for words, expected in (((), 0), (("--strict",), 1)):
        code, printed, _ = invoke("check", place, *words)
        assert code == expected
        assert "models.yaml:1:31: rule 'small': no price list knows the model 'gpt-5-minni'" in printed
        assert "did you mean 'gpt-5-mini'?  (a warning)" in printed
        assert "stand-in-large" not in printed


def test_failed_cases_in_json(tmp_path: Path) -> None:
    code, printed, _ = invoke("check", folder(tmp_path, "allow"), "--json")
    document = json.loads(printed)
    assert (code, document["ok"], document["cases"], len(document["failed_cases"])) == (1, False, 2, 1)


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
