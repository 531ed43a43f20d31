"""The commit of a work tree, read from git's own files as git itself writes them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from proxy.adapters.git_head import WorkTree, commit_of, work_tree

GIT = shutil.which("git")


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=alice", "-c", "user.email=alice@example.com", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        [str(GIT), *identity, *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    if GIT is None:
        pytest.skip("git is not installed")
    folder = tmp_path / "repository"
    (folder / "policies").mkdir(parents=True)
    (folder / "policies" / "access.yaml").write_text("people: {}\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "Begin")
    return folder


def test_a_branch_a_packed_branch_and_a_bare_commit(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    assert commit_of(repository / "policies") == head
    git(repository, "pack-refs", "--all")
    assert commit_of(repository / "policies") == head
    git(repository, "checkout", "-q", "--detach")
    assert commit_of(repository) == head


def test_a_second_work_tree_has_its_own_head(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "-q", "-b", "next", str(tmp_path / "tree"))
    (tmp_path / "tree" / "new").write_text("x")
    git(tmp_path / "tree", "add", ".")
    git(tmp_path / "tree", "commit", "-q", "-m", "Next")
    assert commit_of(tmp_path / "tree" / "policies") == git(tmp_path / "tree", "rev-parse", "HEAD")
    assert commit_of(repository) == git(repository, "rev-parse", "main") != commit_of(tmp_path / "tree")


@pytest.mark.parametrize("head", ["", "ref: refs/heads/none\n", "ref: ../../secret\n", "ref: refs/../../x\n", "zzz\n"])
def test_a_head_that_leads_nowhere_is_no_commit(tmp_path: Path, head: str) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text(head)
    assert commit_of(tmp_path) == ""


def test_a_broken_git_folder_is_no_commit(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: nowhere\n")
    assert commit_of(tmp_path) == ""


def test_branch_and_remote_are_read_from_gits_own_files(tmp_path):
    git = tmp_path / ".git"
    git.mkdir()
    (git / "HEAD").write_text("ref: refs/heads/feature/x\n")
    (git / "config").write_text(
        '[core]\n\tbare = false\n[remote "fork"]\n\turl = git@x:a/b\n'
        '[remote "origin"]\n\turl = git@github.com:Acme/Checkout.git\n\tfetch = +refs\n[branch "main"]\n\turl = no\n'
    )
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert work_tree(below) == WorkTree("", "feature/x", "git@github.com:Acme/Checkout.git")
    (git / "config").write_text('[remote "fork"]\n\turl = https://x/a/b\n')
    (git / "HEAD").write_text("0" * 40)
    assert work_tree(below) == WorkTree("0" * 40, "", "https://x/a/b")


def test_a_folder_in_no_work_tree_says_nothing(tmp_path):
    assert work_tree(tmp_path) == WorkTree()
