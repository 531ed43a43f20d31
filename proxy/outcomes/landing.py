"""Landing: how a merged change came into its branch, and so which commits are its own and what it changed."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from proxy.outcomes.commits import Commit

OWN_MAX: Final = 250
"""Commits of one change that are read."""
FORWARD_MAX: Final = 50
"""Commits that one change may have brought without any trace of its own."""

_SQUASHED: Final = re.compile(r"\((?:[#!])([1-9][0-9]{0,8})\)\s*$")
_MERGED: Final = re.compile(r"^Merge pull request #([1-9][0-9]{0,8}) ")
_MERGED_BELOW: Final = re.compile(r"^See merge request (?:[\w./-]{1,200})?!([1-9][0-9]{0,8})\s*$", re.M)
_PICKED: Final = re.compile(r"^\(cherry picked from commit ([0-9a-f]{40}(?:[0-9a-f]{24})?)\)\s*$", re.M)

How = Literal["merged", "squashed", "rebased", "forwarded"]


@dataclass(frozen=True, slots=True)
class Landed:
    how: How
    base: str
    """Commit, to compare with; '' : what stands before the first commit."""
    tip: str
    commits: tuple[str, ...]
    """By which the change is known: as it landed, and as it was proposed."""


def rebased(line: Sequence[Commit], patches: Mapping[str, str], own: Iterable[str]) -> tuple[Commit, ...]:
    """Of the commits behind a merge, itself first, those that repeat the commits of the change."""
    proposed = {patches[sha] for sha in own if sha in patches}
    found: list[Commit] = []
    for commit in line:
        patch = patches.get(commit.sha)
        if patch is None or patch not in proposed:
            break
        proposed.discard(patch)
        found.append(commit)
    return tuple(found)


def forwarded(line: Sequence[Commit], others: Collection[str]) -> tuple[Commit, ...]:
    """Of the commits behind a tip that the branch was simply moved to, those that came with it: as far as the same
    author goes on, and nobody else's change is reached. Nothing else tells where it began."""
    found: list[Commit] = []
    for commit in line[:FORWARD_MAX]:
        if found and (commit.author != found[0].author or commit.sha in others or len(commit.parents) != 1):
            break
        found.append(commit)
    return tuple(found)


def number_of(commit: Commit) -> str:
    """Of the pull or merge request that the message says it came from; '' for none."""
    found = _MERGED.search(commit.subject) or _SQUASHED.search(commit.subject) or _MERGED_BELOW.search(commit.message)
    return found[1] if found else ""


def picked_from(commit: Commit) -> tuple[str, ...]:
    """Commits that it says to be a copy of."""
    return tuple(_PICKED.findall(commit.message))
