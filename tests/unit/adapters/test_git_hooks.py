"""The git hook, with real git: commits of a session name it, no commit fails for it, and it goes without a trace."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from proxy.adapters.git_hooks import KEPT, NAMES, HookError, install, remove
from proxy.outcomes.events.wording import sessions

SESSION = "run-0123456789abcdef"


class Repository:
    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.environ = {
            **{"PATH": os.environ["PATH"], "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"},
            **{
                f"GIT_{who}_{what}": "alice@example.com"
                for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")
            },
        }

    def git(self, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["git", *words], cwd=self.folder, env={**self.environ, **more}, capture_output=True, text=True, check=False
        )

    def commit(self, *words: str, session: str = SESSION, **more: str) -> "subprocess.CompletedProcess[str]":
        return self.git("commit", "--allow-empty", *words, OUTLAY_SESSION=session, **more)

    def message(self) -> str:
        return self.git("log", "-1", "--format=%B").stdout.rstrip("\n")

    def count(self) -> int:
        return int(self.git("rev-list", "--count", "HEAD").stdout or 0)

    def hook(self, name: str, text: str) -> Path:
        path = self.folder / ".git/hooks" / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def editor(self, script: str) -> str:
        path = self.folder.parent / "editor"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    folder = tmp_path / "work"
    folder.mkdir()
    made = Repository(folder, home)
    assert made.git("init", "-q", "-b", "main").returncode == 0
    return made


def test_commits_of_a_session_name_it_once_and_others_nothing(repo: Repository) -> None:
    assert [each.done for each in install(repo.folder)] == ["installed", "installed"]
    assert repo.commit("-m", "One\n\nWhy.").returncode == 0
    assert repo.message() == f"One\n\nWhy.\n\nAI-Session: {SESSION}"
    assert sessions(repo.message()) == (SESSION,)
    assert repo.commit("--amend", "--no-edit").returncode == 0
    assert repo.message().count("AI-Session") == 1
    assert repo.commit("--amend", "--no-edit", session="run-other").returncode == 0
    assert sessions(repo.message()) == (SESSION, "run-other")
    assert repo.commit("-m", "Two", session="").returncode == 0
    assert repo.message() == "Two"
    assert repo.commit("-m", "Three", "--no-verify").returncode == 0
    assert sessions(repo.message()) == (SESSION,)


def test_beside_other_trailers(repo: Repository) -> None:
    install(repo.folder)
    repo.commit("-m", "One", "-m", "Co-authored-by: bob <bob@example.com>")
    assert repo.message() == f"One\n\nCo-authored-by: bob <bob@example.com>\nAI-Session: {SESSION}"


def test_what_is_written_in_an_editor_names_it_and_an_empty_message_is_no_commit(repo: Repository) -> None:
    install(repo.folder)
    repo.commit("-m", "One")
    (repo.folder / "file").write_text("text\n")
    repo.git("add", "file")
    for verbose in ((), ("-v",)):
        assert repo.commit(*verbose, GIT_EDITOR=repo.editor("true")).returncode == 1
        assert repo.count() == 1
    ran = repo.commit("-v", GIT_EDITOR=repo.editor("sed -i '1s/^/Written/' \"$1\""))
    assert (ran.returncode, repo.message()) == (0, f"Written\n\nAI-Session: {SESSION}")


def test_in_work_trees_too(repo: Repository) -> None:
    repo.commit("-m", "One")
    assert repo.git("worktree", "add", "-q", "../other", "-b", "topic").returncode == 0
    other = Repository(repo.folder.parent / "other", repo.folder.parent / "home")
    install(other.folder)
    for each in (other, repo):
        assert each.commit("-m", "Two").returncode == 0
        assert sessions(each.message()) == (SESSION,)


def test_commits_that_are_only_moved_are_not_of_the_session(repo: Repository) -> None:
    repo.git("commit", "--allow-empty", "-m", "Root")
    repo.git("checkout", "-q", "-b", "topic")
    repo.git("commit", "--allow-empty", "-m", "Of bob")
    repo.git("checkout", "-q", "main")
    repo.git("commit", "--allow-empty", "-m", "Other")
    install(repo.folder)
    assert repo.git("cherry-pick", "--allow-empty", "topic", OUTLAY_SESSION=SESSION).returncode == 0
    assert repo.message() == "Of bob"
    repo.git("reset", "-q", "--hard", "HEAD~1")
    repo.git("checkout", "-q", "topic")
    assert repo.git("rebase", "-q", "--keep-empty", "-f", "main", OUTLAY_SESSION=SESSION).returncode == 0
    assert repo.message() == "Of bob"


@pytest.mark.parametrize("session", ["$(touch hacked)", "a b", "x\ny", "-", "a;b"])
def test_an_odd_session_neither_fails_a_commit_nor_runs(repo: Repository, session: str) -> None:
    install(repo.folder)
    assert repo.commit("-m", "One", session=session).returncode == 0
    assert not (repo.folder / "hacked").exists()
    assert repo.message() in ("One", "One\n\nAI-Session: -")


def test_no_commit_fails_where_the_hook_cannot_work(repo: Repository) -> None:
    install(repo.folder)
    tools = repo.folder.parent / "tools"
    tools.mkdir()
    real = shutil.which("git")
    (tools / "git").write_text(f'#!/bin/sh\ncase $1 in interpret-trailers) exit 1;; *) exec {real} "$@";; esac\n')
    (tools / "git").chmod(0o755)
    # Git puts its own folder of commands before the hook's PATH.
    assert repo.commit("-m", "One", GIT_EXEC_PATH=str(tools)).returncode == 0
    assert repo.message() == "One"
    assert repo.count() == 1


def test_a_hook_that_is_there_runs_first_and_comes_back(repo: Repository) -> None:
    own = '#!/bin/sh\necho "$(basename $0) $2" >> "$1"\n[ ! -e refuse ]\n'
    path = repo.hook(NAMES[0], own)
    assert [each.kept for each in install(repo.folder)] == [True, False]
    assert [each.done for each in install(repo.folder)] == ["there already", "there already"]
    assert repo.commit("-m", "One").returncode == 0
    assert repo.message() == f"One\n\nprepare-commit-msg message\n\nAI-Session: {SESSION}".replace("One\n\np", "One\np")
    (repo.folder / "refuse").touch()
    assert repo.commit("-m", "Two").returncode != 0
    assert [each.done for each in remove(repo.folder)] == ["removed", "removed"]
    assert path.read_text() == own
    assert os.access(path, os.X_OK)
    assert not (path.parent / KEPT).exists()
    assert not (path.parent / NAMES[1]).exists()
    assert [each.done for each in remove(repo.folder)] == ["not there", "not there"]
    assert path.read_text() == own


def test_a_hook_that_took_our_place_stays(repo: Repository) -> None:
    repo.hook(NAMES[0], "#!/bin/sh\n")
    install(repo.folder)
    newer = repo.hook(NAMES[0], "#!/bin/sh\n# newer\n")
    with pytest.raises(HookError, match=r"Nothing was changed\. Add to it: case"):
        install(repo.folder)
    remove(repo.folder)
    assert newer.read_text() == "#!/bin/sh\n# newer\n"


def test_hooks_that_others_share_are_left_alone_and_the_line_works(repo: Repository) -> None:
    shared = repo.folder.parent / "shared"
    shared.mkdir()
    repo.git("config", "core.hooksPath", str(shared))
    with pytest.raises(HookError, match=r"core\.hooksPath") as told:
        install(repo.folder)
    assert not list(shared.iterdir())
    (shared / NAMES[0]).write_text(f"#!/bin/sh\n{str(told.value).partition('Add to its prepare-commit-msg: ')[2]}\n")
    (shared / NAMES[0]).chmod(0o755)
    assert repo.commit("-m", "One").returncode == 0
    assert sessions(repo.message()) == (SESSION,)


def test_a_rehearsal_changes_nothing_and_outside_of_a_repository_it_says_so(repo: Repository, tmp_path: Path) -> None:
    before = sorted((repo.folder / ".git/hooks").iterdir())
    assert [each.done for each in install(repo.folder, dry_run=True)] == ["installed", "installed"]
    assert sorted((repo.folder / ".git/hooks").iterdir()) == before
    with pytest.raises(HookError, match="is in no git repository"):
        install(tmp_path)
