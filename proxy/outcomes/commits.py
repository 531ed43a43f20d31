"""Commits: what a repository's own history says, as it is read from a mirror. Messages stay where they are read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Commit:
    sha: str
    tree: str
    parents: tuple[str, ...]
    author: str
    """E-mail address, as the author gave it."""
    at_us: int
    """When it was committed, by the committer's clock."""
    message: str

    @property
    def subject(self) -> str:
        return self.message.partition("\n")[0]


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """One file of a diff, before its content is looked at."""

    before: str
    """Path; the same as `after` but where it was renamed."""
    after: str
    status: str
    """As git names it: 'A', 'D', 'M', 'R', 'T' …"""
    mode: str
    """Of the new file, of the old one where there is none: '100644', '120000' for a link, '160000' for a submodule."""
    same: bool
    """True: not a byte of its content is another."""


@dataclass(frozen=True, slots=True)
class Ref:
    name: str
    """'refs/tags/v1.2'."""
    sha: str
    """Of the commit, for annotated tags too."""
    at_us: int
    """When the tag was made, or the commit where it is no annotated one."""


def is_commit(text: str) -> bool:
    """Whether it is the whole name of a commit, so that git can take it for nothing else."""
    return len(text) in (40, 64) and all(each in "0123456789abcdef" for each in text)
