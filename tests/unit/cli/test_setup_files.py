"""Settings files of a user: set up, edited, set up again, undone."""

import json
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.cli.setup_files import BACKUP, SetupFileError, SetupFiles
from proxy.cli.tools.json_text import parsed
from proxy.cli.tools.place import Place, ToolError
from proxy.cli.tools.places import SETUPS, Wish, set_up

KEY = "outlay_secret"
MODELS = ("gpt-x", "claude-x", "gemini-x")

CLAUDE = '{\n  "model": "x",\n  "env": {"ANTHROPIC_API_KEY": "sk-mine", "A": "1"}\n}'
BEFORE = {
    ".claude/settings.json": CLAUDE,
    ".codex/config.toml": '# mine\nmodel_provider = "azure"\n[model_providers.azure]\nname = "A"\n',
    ".gemini/.env": "GEMINI_API_KEY=mine\n",
    ".gemini/settings.json": '{"security": {"auth": {"selectedType": "oauth-personal"}}, "ui": {}}',
    ".config/opencode/opencode.json": '{\n  // mine\n  "model": "a/b",\n}\n',
    ".aider.conf.yml": "set-env:\n  - A=1\n",
    ".aider.model.settings.yml": "- name: x\n",
    ".continue/config.yaml": "name: x\nversion: 1.0.0\nschema: v1\nmodels:\n  - name: a\n    model: c\n",
}
EDIT = {
    ".json": ("{", '{"added": 1, '),
    ".toml": ("", "\n[added]\n"),
    ".yml": ("", "added: 1\n"),
    ".yaml": ("", "added: 1\n"),
}


class Home:
    """A user's folder."""

    def __init__(self, folder):
        self.folder = folder
        self.config = folder / ".config" / "outlay"
        self.files = SetupFiles(self.config)

    def fill(self, texts):
        for name, text in texts.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())

    def set_up(self, tool, **place):
        wish = Wish(Place("http://gateway", KEY, **place), self.folder, self.config / "key", self.config, {}, MODELS)
        changes = [self.files.plan(tool, file) for file in set_up(tool, wish, self.files.base).files]
        self.files.write(changes)
        return changes

    def undo(self, tool):
        changes = list(self.files.undoing(tool))
        self.files.write(changes)
        return changes

    def texts(self):
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_bytes().decode() for path in paths}


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@pytest.mark.parametrize("tool", SETUPS)
@pytest.mark.parametrize("own_login", [False, True])
@pytest.mark.parametrize("before", [{}, BEFORE], ids=["nothing there", "settings there"])
def test_an_undo_leaves_every_byte_as_it_was(home, tool, own_login, before):
    home.fill(before)
    changes = home.set_up(tool, own_login=own_login)
    assert all(change.before != change.after for change in changes)
    home.undo(tool)
    assert home.texts() == before
    assert home.undo(tool) == []


@pytest.mark.parametrize("tool", SETUPS)
def test_a_second_set_up_changes_nothing_and_is_undone_as_one(home, tool):
    home.fill(BEFORE)
    home.set_up(tool)
    once = home.texts()
    assert all(change.before == change.after for change in home.set_up(tool))
    assert home.texts() == once
    home.set_up(tool, provider="other")
    home.undo(tool)
    assert home.texts() == BEFORE


@pytest.mark.parametrize("tool", ["claude", "codex", "opencode", "aider", "continue"])
def test_edits_made_in_between_are_kept(home, tool):
    home.fill(BEFORE)
    edited = {}
    for change in home.set_up(tool):
        old, new = EDIT.get(change.path.suffix, ("", "ADDED=1\n"))
        text = change.path.read_text()
        text = text.replace(old, new, 1) if old else text + new
        change.path.write_text(text)
        edited[str(change.path.relative_to(home.folder))] = (old, new)
    home.set_up(tool, provider="other")
    home.undo(tool)
    after = home.texts()
    for name, before in BEFORE.items():
        old, new = edited.get(name, ("", ""))
        wanted = before.replace(old, new, 1) if old else before + new
        if name.endswith(".json"):
            assert parsed(after[name]) == parsed(wanted)
        else:
            assert after[name] == wanted


def test_files_with_a_key_are_for_their_owner_alone_and_modes_stay(home):
    home.fill(BEFORE)
    codex = home.folder / ".codex/config.toml"
    codex.chmod(0o640)
    for tool in SETUPS:
        for change in home.set_up(tool):
            mode = stat.S_IMODE(change.path.stat().st_mode)
            assert (KEY in change.path.read_text()) <= (mode == 0o600), change.path
            backup = change.path.with_name(change.path.name + BACKUP)
            assert not backup.exists() or stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert stat.S_IMODE(codex.stat().st_mode) == 0o640


def test_keys_are_referred_to_where_a_tool_can_read_a_file(home):
    for tool in ("claude", "codex", "opencode", "sdk"):
        for change in home.set_up(tool):
            assert KEY not in change.path.read_text()
            assert str(home.config / "key") in change.path.read_text()


def test_a_link_stays_a_link(home):
    real = home.folder / "dotfiles.json"
    real.write_text("{}")
    (home.folder / ".claude").mkdir()
    link = home.folder / ".claude/settings.json"
    link.symlink_to(real)
    home.set_up("claude")
    assert link.is_symlink()
    assert "apiKeyHelper" in real.read_text()
    home.undo("claude")
    assert real.read_text() == "{}"


@pytest.mark.parametrize(
    ("tool", "name", "text", "line"),
    [
        ("claude", ".claude/settings.json", '{\n  "env": {\n', 3),
        ("claude", ".claude/settings.json", '{"env": 1}', 1),
        ("codex", ".codex/config.toml", "a = 1\nb\n", 2),
        ("gemini", ".gemini/settings.json", "{,}", 1),
        ("aider", ".aider.conf.yml", "a: 1\n b: 2\n", 2),
        ("opencode", ".config/opencode/opencode.json", "\xff", 1),
    ],
)
def test_a_broken_file_is_named_and_nothing_is_written(home, tool, name, text, line):
    home.fill({name: ""})
    (home.folder / name).write_bytes(text.encode("latin-1"))
    with pytest.raises((SetupFileError, Exception)) as raised:
        home.set_up(tool)
    assert str(raised.value).startswith((f"{home.folder / name}:{line}:", f"line {line}:"))
    assert [path for path in home.folder.rglob("*") if path.is_file()] == [home.folder / name]


def test_a_value_changed_by_somebody_is_theirs_and_the_backup_stays(home):
    home.fill({".claude/settings.json": CLAUDE})
    home.set_up("claude")
    path = home.folder / ".claude/settings.json"
    path.write_text(path.read_text().replace("http://gateway", "http://mine"))
    (change,) = home.undo("claude")
    assert change.kept == ("env.ANTHROPIC_BASE_URL",)
    left = json.loads(path.read_text())
    assert left["env"] == {"ANTHROPIC_API_KEY": "sk-mine", "A": "1", "ANTHROPIC_BASE_URL": "http://mine"}
    assert path.with_name(path.name + BACKUP).read_text() == CLAUDE


def test_what_a_tool_cant_be_told_is_said(home):
    wish = Wish(Place("http://gateway", KEY), home.folder, home.config / "key", home.config, {"ANTHROPIC_API_KEY": "x"})
    with pytest.raises(ToolError, match="--model"):
        set_up("continue", wish, home.files.base)
    assert "unset" in set_up("claude", wish, home.files.base).words[0]
    steps = set_up("cursor", wish, home.files.base)
    assert steps.files == ()
    assert any("http://gateway/v1" in line for line in steps.words)


NAMES = st.text(st.characters(codec="utf-8"), max_size=5)
TABLES = st.dictionaries(NAMES, st.none() | st.integers() | NAMES | st.lists(NAMES, max_size=2), max_size=4)
JSONS = st.builds(
    lambda table, env, indent: json.dumps({**table, **({} if env is None else {"env": env})}, indent=indent),
    TABLES,
    st.none() | TABLES,
    st.sampled_from([None, 2, 4, "\t"]),
)


@settings(max_examples=40)
@given(text=JSONS, end=st.sampled_from(["", "\n", "\r\n\n"]))
def test_any_valid_settings_come_back_to_the_byte(home, text, end):
    home.fill({".claude/settings.json": text + end})
    home.set_up("claude")
    home.undo("claude")
    assert home.texts() == {".claude/settings.json": text + end}
