"""A mirror of real repositories, hostile ones among them."""

import os
import stat
from pathlib import Path

import pytest

from proxy.adapters.git_access import Access, access
from proxy.adapters.git_mirror import GitMirror, folder_of
from proxy.adapters.git_process import Git, GitError, GitStoppedError, TooMuchError
from proxy.model.service import Mirror
from tests.fakes.git_repository import GitRepository

PAY = "github.com/acme/pay"
ENVIRON = {"PATH": os.environ["PATH"]}
MB = 1024 * 1024


def a_mirror(repository: GitRepository, mirrors: Path, **given: int) -> GitMirror:
    entry = Mirror(PAY, repository.url)
    folder = folder_of(mirrors, PAY, repository.url)
    return GitMirror(entry, folder, access(entry, "", mirrors, mirrors), ENVIRON, **given)


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    made = GitRepository(tmp_path / "pay")
    made.commit({"pay.py": "a = 1\n", "shop/shop.py": "b = 1\n"}, "First")
    return made


@pytest.fixture
def mirror(repository: GitRepository, tmp_path: Path) -> GitMirror:
    made = a_mirror(repository, tmp_path / "mirrors")
    made.fetch()
    return made


def test_what_is_fetched_can_be_asked_for(repository: GitRepository, mirror: GitMirror) -> None:
    first = repository.head()
    second = repository.commit({"pay.py": "a = 2\n"}, "Second\n\nAI-Session: s1")
    assert mirror.has(first)
    assert not mirror.has(second)
    assert mirror.fetched_us() > 0
    mirror.fetch()
    assert mirror.has(first, second)
    found = mirror.commits([second])[0]
    assert (found.sha, found.parents, found.author) == (second, (first,), "alice@acme.example")
    assert (found.subject, found.tree) == ("Second", repository.head("HEAD^{tree}"))
    assert "AI-Session: s1" in found.message
    assert mirror.is_ancestor(first, second)
    assert not mirror.is_ancestor(second, first)


def test_a_mirror_has_no_work_tree_and_nothing_of_hooks(mirror: GitMirror) -> None:
    assert not (mirror.folder / ".git").exists()
    assert not (mirror.folder / "hooks").exists()
    assert stat.S_IMODE(mirror.folder.stat().st_mode) == 0o700


def test_what_a_commit_brings_is_told_by_paths_with_the_merges_that_brought_it(
    repository: GitRepository, mirror: GitMirror
) -> None:
    before = repository.head()
    repository.branch("topic")
    mine = repository.commit({"shop/shop.py": "b = 2\n"})
    repository.checkout("main")
    other = repository.commit({"pay.py": "a = 2\n"})
    merge = repository.merge("topic")
    mirror.fetch()
    assert set(mirror.brought(merge, before, (), 100)[0]) == {mine, other, merge}
    assert set(mirror.brought(merge, before, ("shop/**",), 100)[0]) == {mine, merge}
    assert set(mirror.brought(merge, before, ("shop",), 100)[0]) == {mine, merge}
    assert mirror.brought(merge, before, ("docs/**",), 100) == ((), False)
    assert mirror.brought(merge, "", (), 2)[1]
    assert len(mirror.brought(merge, "", (), 100)[0]) == 4


def test_tips_of_pull_requests_are_fetched_and_what_is_kept_outlives_a_force_push(
    repository: GitRepository, mirror: GitMirror
) -> None:
    first = repository.head()
    repository.branch("topic")
    head = repository.commit({"pay.py": "a = 9\n"})
    repository.pull("7", head)
    repository.checkout("main")
    repository.git("branch", "-q", "-D", "topic")
    deployed = repository.commit({"pay.py": "a = 3\n"})
    mirror.fetch()
    assert mirror.has(head, deployed)
    mirror.keep([deployed])
    repository.git("reset", "-q", "--hard", first)
    repository.commit({"pay.py": "a = 4\n"})
    mirror.fetch()
    Git(mirror.folder, ENVIRON).run("gc", "--prune=now", "--quiet")
    assert mirror.has(deployed)


def test_a_branch_may_take_the_place_of_a_folder_of_branches(repository: GitRepository, mirror: GitMirror) -> None:
    repository.git("branch", "a/b")
    mirror.fetch()
    repository.git("branch", "-D", "a/b")
    repository.git("branch", "a")
    mirror.fetch()
    assert mirror.has(repository.head())


def test_diffs_are_told_both_ways_and_by_files(repository: GitRepository, mirror: GitMirror) -> None:
    before = repository.head()
    after = repository.commit({"pay.py": "a = 2\n", "shop/shop.py": None, "new name.py": "c = 1\n"})
    mirror.fetch()
    assert {(each.status, each.after) for each in mirror.files(before, after)} == {
        ("M", "pay.py"), ("D", "shop/shop.py"), ("A", "new name.py"),
    }  # fmt: skip
    with mirror.diff(before, after, ("pay.py",), context=3, bytes_max=MB) as chunks:
        there = b"".join(chunks)
    with mirror.diff(before, after, ("pay.py",), context=3, turned=True, bytes_max=MB) as chunks:
        back = b"".join(chunks)
    assert b"-a = 1\n+a = 2\n" in there
    assert b"-a = 2\n+a = 1\n" in back
    assert b"shop" not in there
    assert mirror.patch_id(there) != mirror.patch_id(back) != ""
    assert len(mirror.patch_id(there)) == 40
    with mirror.diff(mirror.empty_tree(before), before, context=3, bytes_max=MB) as chunks:
        assert b"new file mode" in b"".join(chunks)


def test_a_diff_that_is_too_long_is_ended(repository: GitRepository, mirror: GitMirror) -> None:
    before = repository.head()
    after = repository.commit({"big.txt": "line of text\n" * 200_000})
    mirror.fetch()
    with mirror.diff(before, after, context=3, bytes_max=MB) as chunks, pytest.raises(TooMuchError):
        for _ in chunks:
            pass


def test_nothing_of_a_hostile_repository_is_run(repository: GitRepository, mirror: GitMirror, tmp_path: Path) -> None:
    trap = tmp_path / "trapped"
    script = tmp_path / "trap.sh"
    script.write_text(f"#!/bin/sh\ntouch {trap}\ncat\n")
    script.chmod(0o700)
    before = repository.head()
    after = repository.commit(
        {
            ".gitattributes": "* diff=trap filter=trap -text\n*.py -diff\n",
            ".gitmodules": f'[submodule "x"]\n\tpath = x\n\turl = ext::sh {script}\n\tupdate = !{script}\n',
            ".gitconfig": f"[diff]\n\texternal = {script}\n",
            "pay.py": "a = 7\n",
            "-rf": "x\n", "--output=owned": "x\n", "a\nb\t\"c\".py": "x = 1\n",
            b"\xff\xfe.py".decode("utf-8", "surrogateescape"): b"x = '\xff\xfe'\n",
        },
        "Hostile \x1b[31m",
    )  # fmt: skip
    os.symlink("/etc/passwd", repository.folder / "link")
    after = repository.commit({})
    for hooks in (repository.folder / ".git" / "hooks", mirror.folder / "hooks"):
        hooks.mkdir(exist_ok=True)
        for name in ("post-checkout", "reference-transaction", "post-update", "pre-auto-gc", "proc-receive"):
            (hooks / name).write_text(script.read_text())
            (hooks / name).chmod(0o700)
    mirror.fetch()
    mirror.keep([after])
    with mirror.diff(before, after, context=3, bytes_max=MB) as chunks:
        said = b"".join(chunks)
    assert b"+a = 7" in said, "attributes of the repository hide nothing"
    assert b"root:" not in said
    assert len(mirror.files(before, after)) == 9
    assert mirror.commits([after])[0].sha == after
    assert not trap.exists()
    assert not (mirror.folder / "owned").exists()


def test_only_the_transports_that_the_address_needs_are_allowed(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="not read"):
        access(Mirror(PAY, "git://host/a"), "", tmp_path, tmp_path)
    entry = Mirror(PAY, "ext::sh -c touch% /tmp/x")
    mirror = GitMirror(entry, tmp_path / "m.git", Access(("https",)), ENVIRON)
    with pytest.raises(GitError, match=r"transport 'ext' not allowed"):
        mirror.fetch()
    plain = GitMirror(Mirror(PAY, f"file://{tmp_path}"), tmp_path / "n.git", Access(("https",)), ENVIRON)
    with pytest.raises(GitError, match=r"transport 'file' not allowed"):
        plain.fetch()


def test_a_token_stands_in_the_environment_and_in_no_message_or_file(tmp_path: Path) -> None:
    entry = Mirror(PAY, "https://127.0.0.1:1/acme/pay.git", ("env", "TOKEN"))
    given = access(entry, "s3cret-token", tmp_path, tmp_path)
    assert list(given.config) == ["http.https://127.0.0.1:1/.extraHeader"]
    assert "s3cret-token" in given.hidden
    mirror = GitMirror(entry, tmp_path / "m.git", given, ENVIRON)
    with pytest.raises(GitError) as raised:
        mirror.fetch()
    everything = b"".join(each.read_bytes() for each in mirror.folder.rglob("*") if each.is_file())
    for secret in given.hidden:
        assert secret not in str(raised.value)
        assert secret.encode() not in everything
    with pytest.raises(GitError, match="its token is not there: variable TOKEN"):
        access(entry, "", tmp_path, tmp_path)


def test_a_key_is_given_to_an_ssh_that_asks_nobody_and_reads_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "a key").write_text("key")
    entry = Mirror(PAY, "git@github.com:acme/pay.git", ("ssh_key", "a key"))
    command = access(entry, "", tmp_path, tmp_path).environ["GIT_SSH_COMMAND"]
    assert command.startswith(f"ssh -F /dev/null -i '{tmp_path}/a key' -o BatchMode=yes")
    with pytest.raises(GitError, match="its ssh key is not there: gone"):
        access(Mirror(PAY, entry.url, ("ssh_key", "gone")), "", tmp_path, tmp_path)


def test_limits_of_the_disk_are_said(repository: GitRepository, tmp_path: Path) -> None:
    repository.commit({"big.bin": os.urandom(300_000)})
    small = a_mirror(repository, tmp_path / "small", bytes_max=100_000)
    small.fetch()
    with pytest.raises(GitError, match="larger than"):
        small.fetch()
    full = a_mirror(repository, tmp_path / "full", free_bytes_min=2**62)
    with pytest.raises(GitError, match="are free on the disk"):
        full.fetch()


def test_a_repository_that_is_not_there_is_said(tmp_path: Path) -> None:
    entry = Mirror(PAY, f"file://{tmp_path}/gone")
    mirror = GitMirror(entry, tmp_path / "m.git", access(entry, "", tmp_path, tmp_path), ENVIRON)
    with pytest.raises(GitError, match="does not appear to be a git repository"):
        mirror.fetch()
    assert mirror.fetched_us() == 0
    assert not mirror.has("0" * 40)


def test_what_a_killed_git_left_behind_keeps_nobody_out(repository: GitRepository, mirror: GitMirror) -> None:
    for name in ("packed-refs.lock", "refs/heads/main.lock", "objects/pack/tmp_pack_1", "shallow.lock"):
        (mirror.folder / name).write_bytes(b"half")
    tip = repository.commit({"pay.py": "a = 2\n"})
    repository.git("branch", "gone")
    mirror.fetch()
    repository.git("branch", "-D", "gone")
    mirror.fetch()
    assert mirror.has(tip)
    assert not (mirror.folder / "objects/pack/tmp_pack_1").exists()


def test_what_runs_is_ended_by_a_stop_and_a_deadline(mirror: GitMirror) -> None:
    git = Git(mirror.folder, ENVIRON)
    with pytest.raises(GitError, match="longer than it may"):
        git.run("cat-file", "--batch", timeout_s=0.0)
    slow = ("-c", "alias.slow=!sleep 600", "slow")
    with pytest.raises(GitStoppedError):
        git.run(*slow, watch=git.stop)
    with pytest.raises(GitStoppedError):
        git.run("version")


def test_what_runs_is_ended_where_whoever_watches_it_raises(mirror: GitMirror) -> None:
    def watch() -> None:
        raise GitError("the disk is full")

    with pytest.raises(GitError, match="the disk is full"):
        Git(mirror.folder, ENVIRON).run("-c", "alias.slow=!sleep 600", "slow", watch=watch)


def test_names_of_commits_that_are_none_are_asked_for_nowhere(mirror: GitMirror) -> None:
    assert not mirror.has("--help")
    assert not mirror.has("HEAD")
    assert mirror.commits(["--all", "HEAD"]) == ()
