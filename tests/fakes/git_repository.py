"""A real git repository in a temporary folder, with a remote's refs, for tests of mirrors.

    repository = GitRepository(tmp_path / "pay")
    base = repository.commit({"pay.py": "a = 1\\n"})
    repository.branch("topic")
    head = repository.commit({"pay.py": "a = 2\\n"}, "More")
    repository.pull("7", head)
    merge = repository.merge("topic")

Times are fixed, so that the same steps make the same commits.
"""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

CONFIG = ("-c", "core.hooksPath=/dev/null", "-c", "commit.gpgsign=false", "-c", "init.defaultBranch=main")
START_S = 1_790_000_000
DAY_S = 86_400


class GitRepository:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.at_s = START_S
        folder.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")

    @property
    def url(self) -> str:
        return f"file://{self.folder}"

    def git(self, *arguments: str, author: str = "alice@acme.example", given: bytes = b"") -> str:
        environ = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Alice", "GIT_AUTHOR_EMAIL": author, "GIT_COMMITTER_NAME": "Alice",
            "GIT_COMMITTER_EMAIL": author, "GIT_AUTHOR_DATE": f"{self.at_s} +0000",
            "GIT_COMMITTER_DATE": f"{self.at_s} +0000", "GIT_MERGE_AUTOEDIT": "no", "GIT_EDITOR": "true",
        }  # fmt: skip
        done = subprocess.run(
            ["git", *CONFIG, *arguments], cwd=self.folder, env=environ, input=given, capture_output=True, check=False
        )
        assert done.returncode == 0, (arguments, done.stderr.decode())
        return done.stdout.decode("utf-8", "replace").strip()

    def write(self, files: Mapping[str, str | bytes | None]) -> None:
        """None: the file is removed."""
        for name, content in files.items():
            path = self.folder / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(
        self, files: Mapping[str, str | bytes | None], message: str = "Work", *, author: str = "alice@acme.example"
    ) -> str:
        self.write(files)
        self.at_s += 60
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message, author=author)
        return self.head()

    def head(self, of: str = "HEAD") -> str:
        return self.git("rev-parse", of)

    def branch(self, name: str, start: str = "main") -> None:
        self.git("checkout", "-q", "-b", name, start)

    def checkout(self, name: str) -> None:
        self.git("checkout", "-q", name)

    def pull(self, number: str, head: str) -> None:
        """The tip of a pull request, as GitHub keeps it."""
        self.git("update-ref", f"refs/pull/{number}/head", head)

    def merge(self, branch: str, into: str = "main", message: str = "Merge") -> str:
        self.checkout(into)
        self.at_s += 60
        self.git("merge", "-q", "--no-ff", "-m", message, branch)
        return self.head()

    def squash(self, branch: str, message: str, into: str = "main") -> str:
        self.checkout(into)
        self.at_s += 60
        self.git("merge", "-q", "--squash", branch)
        self.git("commit", "-q", "-m", message)
        return self.head()

    def rebase(self, branch: str, into: str = "main") -> str:
        """Its commits anew on top of the other branch, which moves to them."""
        self.at_s += 60
        self.git("checkout", "-q", "--detach", branch)
        self.git("rebase", "-q", into)
        tip = self.head()
        self.checkout(into)
        self.git("merge", "-q", "--ff-only", tip)
        return tip

    def forward(self, branch: str, into: str = "main") -> str:
        self.checkout(into)
        self.git("merge", "-q", "--ff-only", branch)
        return self.head()
