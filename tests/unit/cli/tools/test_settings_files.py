"""Golden files of each tool: before, after, and after the undo."""

import json
import tomllib
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from proxy.cli.tools.json_text import BrokenError
from proxy.cli.tools.marked_lines import BEGIN, END, lines_of, marked, unmarked
from proxy.cli.tools.settings_files import (
    JsonFile,
    codex_toml,
    env_lines,
    reverted,
    yaml_entries,
    yaml_settings,
)

TABLE = {"name": "OpenAI", "base_url": "http://g/v1", "auth": {"command": "cat", "args": ["/k"]}}
HEAD = {"name": "outlay", "version": "1.0.0", "schema": "v1"}
ENTRIES = [{"name": "m", "model": "m"}]
ENV = {"GEMINI_API_KEY": "outlay_k", "GOOGLE_GEMINI_BASE_URL": "http://g"}

LINES = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=12), max_size=8).map("\n".join)


@given(LINES, st.booleans(), st.data())
def test_marks_are_undone_to_the_byte(text, ended, data):
    text += "\n" * ended
    count = len(lines_of(text))
    off = data.draw(st.sets(st.integers(0, max(count - 1, 0))))
    places = data.draw(st.sets(st.integers(0, count)))
    after = marked(text, [(place, ["a = 1", "  b"]) for place in places], off)
    assert unmarked(after) == text
    assert after.count(END) == len(places)


@given(LINES, LINES)
def test_what_was_added_behind_the_marks_stays(text, more):
    after = marked(text + "\n", [(len(lines_of(text + "\n")), ["a = 1"])])
    assert unmarked(after + more) == text + "\n" + more


def test_a_block_that_lost_its_end_takes_nothing_with_it():
    assert unmarked(f"a\n{BEGIN}\nb\nc\n") == "a\nb\nc\n"


CODEX = {
    "nothing": "",
    "top settings": 'model = "gpt-5"\n\n# mine\napproval_policy = "never"\n',
    "another provider": '# c\nmodel_provider = "azure" # why\n[model_providers.azure]\nname = "A"\n[tui]\nx = 1',
    "outlay by hand": (
        'model_provider="outlay"\n[model_providers.outlay]\nname = "old"\n[model_providers.outlay.h]\na = 1\n[z]\n'
    ),
    "windows": 'model = "x"\r\n[a]\r\nb = 1\r\n',
    "arrays of tables": "[[hooks]]\na = 1\n[[hooks]]\na = 2\n",
}


@pytest.mark.parametrize("before", CODEX.values(), ids=CODEX)
def test_codex_gets_its_provider_and_keeps_all_else(before):
    after = codex_toml(TABLE)(before)
    said = tomllib.loads(after.replace("\r\n", "\n"))
    assert said["model_provider"] == "outlay"
    assert said["model_providers"]["outlay"] == TABLE
    kept = {
        name: value for name, value in tomllib.loads(before.replace("\r\n", "\n")).items() if "provider" not in name
    }
    assert kept.items() <= said.items()
    assert unmarked(after) == before


@pytest.mark.parametrize("before", ['model_providers = {outlay = {name = "x"}}\n', '"model_provider" = """\nx"""\n'])
def test_what_cant_be_edited_safely_is_left_alone(before):
    with pytest.raises(BrokenError, match="by hand"):
        codex_toml(TABLE)(before)


AIDER = {
    "nothing": "",
    "settings": "# c\nmodel: sonnet\n\n# more\ndark-mode: true\n",
    "a list": "set-env:\n  - A=1\n  - B=2\n# behind\nread: [x, y]",
    "a list in one line": "set-env: [A=1]\nmodel: x\n",
    "one word": "set-env: A=1\n",
    "nothing in it": "set-env:\nmodel: x\n",
}


@pytest.mark.parametrize("before", AIDER.values(), ids=AIDER)
def test_aider_gets_variables_beside_those_it_has(before):
    after = yaml_settings({}, {"set-env": ["C=3"]})(before)
    was, said = yaml.safe_load(before) or {}, yaml.safe_load(after)
    there = was.pop("set-env", None) or []
    assert said.pop("set-env") == [*([there] if isinstance(there, str) else there), "C=3"]
    assert said == was
    assert unmarked(after) == before


CONTINUE = {
    "nothing": "",
    "entries": "name: x\nversion: 1.0.0\nschema: v1\nmodels:\n  # c\n  - name: a\n    model: b\nrules: []\n",
    "entries at the margin": "name: x\nmodels:\n- name: a\n  model: b",
    "none": "name: x\nmodels: []\nrules: []\n",
    "no list": "name: x\n",
}


@pytest.mark.parametrize("before", CONTINUE.values(), ids=CONTINUE)
def test_continue_gets_models_before_those_it_has(before):
    after = yaml_entries("models", ENTRIES, HEAD)(before)
    was, said = yaml.safe_load(before) or {}, yaml.safe_load(after)
    assert said["models"] == [*ENTRIES, *(was.get("models") or [])]
    assert {**HEAD, **was, "models": 0} == {**said, "models": 0}
    assert unmarked(after) == before


@pytest.mark.parametrize(
    ("edit", "text", "line"),
    [
        (codex_toml(TABLE), "a = 1\nb = \n", 2),
        (codex_toml(TABLE), "[x]\na = 1\na = 2\n", 3),
        (yaml_settings({"a": 1}, {}), "a: 1\n  b: 2\n", 2),
        (yaml_settings({"a": 1}, {}), "- a\n", 1),
        (yaml_settings({"a": 1}, {}), "{b: 1}\n", 1),
        (yaml_settings({"a": 1}, {}), "a: 2026-13-45\n", 1),
        (yaml_entries("models", ENTRIES, HEAD), "name: x\nmodels: [{a: 1}]\n", 2),
    ],
)
def test_a_broken_file_is_named_by_its_line(edit, text, line):
    with pytest.raises(BrokenError) as raised:
        edit(text)
    assert raised.value.line == line


ENV_FILES = {
    "nothing": ("", ["GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL"]),
    "others": ("# c\nA=1", ["A", "GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL"]),
    "the same": ("export GEMINI_API_KEY = mine\nGEMINI_API_KEY_2=x\n", ["GEMINI_API_KEY_2", *ENV]),
}


@pytest.mark.parametrize(("before", "names"), ENV_FILES.values(), ids=ENV_FILES)
def test_variables_take_the_place_of_those_of_the_same_name(before, names):
    after = env_lines(ENV)(before)
    in_force = [line for line in after.splitlines() if line and not line.startswith("#")]
    assert [line.removeprefix("export ").partition("=")[0].strip() for line in in_force] == names
    assert unmarked(after) == before


SETTINGS = Path("settings.json")
CHANGES = ((("env", "BASE"), "http://g"), (("env", "OLD_KEY"), None), (("helper",), "cat k"))
JSON_FILES = {
    "nothing": ("", {"env": {"BASE": "http://g"}, "helper": "cat k"}),
    "settings": (
        '{\n  "model": "x",\n  "env": {"OLD_KEY": "mine", "A": "1"},\n  "helper": "old"\n}\n',
        {"model": "x", "env": {"A": "1", "BASE": "http://g"}, "helper": "cat k"},
    ),
}


@pytest.mark.parametrize(("before", "wanted"), JSON_FILES.values(), ids=JSON_FILES)
def test_json_settings_are_set_and_undone_around_edits(before, wanted):
    file = JsonFile(SETTINGS, CHANGES)
    after = file.applied(before)
    assert json.loads(after) == wanted
    edited = after.replace("{", '{\n  "mine": true, ', 1)
    undone = reverted(edited, before, file.wrote)
    assert json.loads(undone.text) == {"mine": True, **json.loads(before or "{}")}
    assert undone.kept == ()


def test_a_setting_that_somebody_changed_since_is_theirs():
    file = JsonFile(SETTINGS, CHANGES)
    edited = file.applied("").replace("cat k", "mine")
    undone = reverted(edited, "", file.wrote)
    assert json.loads(undone.text) == {"helper": "mine"}
    assert undone.kept == ("helper",)
