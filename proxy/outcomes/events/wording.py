"""Wording: names of work items, people, sessions and commits that stand in titles, branches and messages."""

import re
from collections.abc import Iterable
from typing import Final

from proxy.outcomes.events.tree import named

TEXT_CHARS_MAX: Final = 64 * 1024
"""As much of a text is searched: GitHub's own limit of a body."""
LINE_CHARS_MAX: Final = 500
"""As much of a title, or of a line that names work items."""
MESSAGE_CHARS: Final = 2000
"""Of a commit's message at its beginning, and as many at its end, where trailers stand."""
NAMES_MAX: Final = 20
LIST_CHARS_MAX: Final = 1900
"""Of names joined by blanks: the journal keeps 2,000 characters of a field."""

_TICKET: Final = re.compile(r"(?<![A-Za-z0-9_-])([A-Z][A-Z0-9]{1,9}-[1-9][0-9]{0,6})(?![A-Za-z0-9_]|-[0-9])")
_NO_TICKETS: Final = frozenset(
    {"UTF", "SHA", "ISO", "RFC", "CVE", "HTTP", "TLS", "MD", "AES", "RSA", "GPT", "BASE", "UTC", "PEP", "CWE", "IEEE"}
)
"""What looks like a ticket and is a standard."""
_ISSUE: Final = re.compile(r"(?<![\w/&#])(?:([\w.-]{1,100}/[\w./-]{1,150}))?#([1-9][0-9]{0,8})\b")
_LINK: Final = re.compile(r"https?://([\w.-]{1,100}/[\w./-]{1,150}?)/(?:-/)?(?:issues|work_items)/([1-9][0-9]{0,8})\b")
_WORDS: Final = re.compile(r"[a-z]+")
_BELONG: Final = frozenset(
    (
        *("close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved"),
        *("ref", "refs", "references", "relate", "relates", "related", "part", "implement", "implements"),
        *("issue", "issues", "ticket", "tickets", "story", "task", "item", "items"),
    )
)
"""In a description a line with one of these says what the change belongs to; others only mention."""
_TRAILER: Final = re.compile(r"^[ \t]*([A-Za-z][A-Za-z-]{1,40}):[ \t]+(\S.{0,300})$", re.M)
_EMAIL: Final = re.compile(r"<([^<>\s]+)>")
_REVERTED: Final = re.compile(r"[Tt]his reverts commit ([0-9a-fA-F]{7,64})\b")
_REVERTS: Final = re.compile(
    r"^[ \t]*[Rr]everts (?:merge request )?([\w.-]{1,100}/[\w./-]{1,150})?[#!]([1-9][0-9]{0,8})\b", re.M
)
_BOTS: Final = frozenset(("dependabot", "dependabot-preview", "renovate", "renovate-bot", "greenkeeper", "snyk-bot"))


def work_items(repository: str, title: str, description: str = "") -> tuple[str, ...]:
    """'PAY-12' as it is; '#12' and 'owner/name#12' with the repository: 'host/owner/name#12'."""
    lines = (line[:LINE_CHARS_MAX] for line in description[:TEXT_CHARS_MAX].splitlines())
    said = [title[:LINE_CHARS_MAX], *(line for line in lines if _belongs(line))]
    return joined(item for text in said for item in _items(repository, text))


def _belongs(line: str) -> bool:
    return ("#" in line or "-" in line or "/" in line) and not _BELONG.isdisjoint(_WORDS.findall(line.lower()))


def message(text: str) -> str:
    """As much of a commit's message as is searched: a push may bring two thousand."""
    return text if len(text) <= 2 * MESSAGE_CHARS else f"{text[:MESSAGE_CHARS]}\n{text[-MESSAGE_CHARS:]}"


def _items(repository: str, text: str) -> Iterable[str]:
    yield from (item for item in _TICKET.findall(text) if item.partition("-")[0] not in _NO_TICKETS)
    host = repository.partition("/")[0]
    for elsewhere, number in _ISSUE.findall(text):
        yield f"{host}/{elsewhere.lower()}#{number}" if elsewhere else f"{repository}#{number}"
    for place, number in _LINK.findall(text):
        yield f"{place.lower()}#{number}"


def branch_items(branch: str) -> tuple[str, ...]:
    """Tickets in the name of a branch, however they are written there ('feature/pay-12-refunds')."""
    words = re.findall(r"(?:^|/)([A-Za-z][A-Za-z0-9]{1,9}-[1-9][0-9]{0,6})(?![A-Za-z0-9.])", branch)
    items = [word.upper() for word in words]
    return joined(item for item in items if item.partition("-")[0] not in _NO_TICKETS | _BRANCH_WORDS)


_BRANCH_WORDS: Final = frozenset(
    ("PATCH", "RELEASE", "FIX", "VERSION", "V", "PR", "ISSUE", "GH", "SPRINT", "PHASE", "STEP")
)
"""'alice-patch-1', 'release-2' name no ticket."""


def trailers(text: str, name: str) -> tuple[str, ...]:
    """Values of the lines 'Name: value'."""
    found = _TRAILER.findall(text[:TEXT_CHARS_MAX])
    return tuple(value.strip() for key, value in found if key.lower() == name.lower())


def coauthors(text: str) -> tuple[str, ...]:
    """E-mail addresses, or names where there is none, of 'Co-authored-by:'."""
    given = trailers(text, "Co-authored-by")
    return joined(email[1] if (email := _EMAIL.search(value)) else value for value in given)


def sessions(text: str) -> tuple[str, ...]:
    return joined(trailers(text, "AI-Session"))


def sponsor(text: str) -> str:
    """Who answers for a bot's change."""
    return next(iter(joined(value.removeprefix("@") for value in trailers(text, "Sponsored-by"))), "")


def reverted_commits(text: str) -> tuple[str, ...]:
    return joined(sha.lower() for sha in _REVERTED.findall(text[:TEXT_CHARS_MAX]))


def reverted_change(text: str, path: str) -> str:
    """Number of the change of this repository (its `path` on the host) that a description says it reverts, or a
    commit; '' for none."""
    for place, number in _REVERTS.findall(text[:TEXT_CHARS_MAX]):
        if not place or place.lower() == path.lower():
            return str(number)
    return next(iter(reverted_commits(text)), "")


def is_bot(login: str, kind: str = "") -> bool:
    """`kind`: as GitHub says it, 'User' or 'Bot'."""
    low = login.lower()
    return (
        kind == "Bot" or low.endswith("[bot]") or low in _BOTS or bool(re.fullmatch(r"(project|group)_\d+_bot.*", low))
    )


def joined(names: Iterable[str]) -> tuple[str, ...]:
    """Names as they may stand in a list: each once, without blanks, no more than fit."""
    found: dict[str, None] = {}
    chars = 0
    for each in map(named, names):
        if each and each not in found and len(found) < NAMES_MAX and chars + len(each) < LIST_CHARS_MAX:
            found[each] = None
            chars += len(each) + 1
    return tuple(found)
