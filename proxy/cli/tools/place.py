"""Place: where a tool's calls go, with which key, and what they say about where they come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

KEY_VARIABLE: Final = "OUTLAY_KEY"
"""The variable by which tools that can refer to one find the key."""
SESSION_VARIABLE: Final = "OUTLAY_SESSION"
"""The variable by which the git hook finds the session."""
KEY_HEADER: Final = "x-outlay-key"
VALUE_CHARS_MAX: Final = 200


class ToolError(Exception):
    """A tool can't be pointed at outlay as it stands; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where calls come from, '' for what isn't known. The gateway consumes these headers."""

    repository: str = ""
    branch: str = ""
    commit: str = ""
    project: str = ""
    session: str = ""
    """Of one `outlay run`: commits made in it name it."""

    def headers(self) -> dict[str, str]:
        said = {
            "x-outlay-project": self.project,
            "x-outlay-repo": self.repository,
            "x-outlay-branch": self.branch,
            "x-outlay-commit": self.commit,
            "x-outlay-session": self.session,
        }
        return {name: value[:VALUE_CHARS_MAX] for name, value in said.items() if _is_plain(value)}


@dataclass(frozen=True, slots=True)
class Place:
    """A gateway as one user's tools see it."""

    gateway: str
    """Its root, without a trailing slash."""
    key: str
    own_login: bool = False
    """The tool keeps its own provider credential, and the outlay key travels beside it."""
    provider: str = ""
    """A provider by name, for calls that shall not go to the default one of their dialect."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the origin; without the key."""

    @property
    def root(self) -> str:
        return f"{self.gateway}/{self.provider}" if self.provider else self.gateway

    @property
    def v1(self) -> str:
        return f"{self.root}/v1"

    def all_headers(self) -> dict[str, str]:
        """With the key, where it travels in a header of its own."""
        return {**self.headers, **({KEY_HEADER: self.key} if self.own_login else {})}


def _is_plain(value: str) -> bool:
    """Other text makes some clients refuse the whole header, or fold it into another one."""
    return bool(value) and value.isascii() and value.isprintable()
